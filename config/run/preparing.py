"""What must be there before the servers start: tables, static files, the demonstration shop, an admin."""

import os
from dataclasses import dataclass
from pathlib import Path

from config.run.console import say

ADMIN = "admin"
TOKEN_SECONDS = 24 * 3600
SHOP = "markethub"  # whose orders our own checkout makes
SHOP_KEY = "shop_key"


@dataclass(frozen=True)
class Credentials:
    """What a visitor signs in with.

    The password is None where somebody changed it; `member` and `token` are None in a database that has
    nobody to act as.
    """

    admin: str
    password: str | None
    member: str | None
    token: str | None
    shop_key: str


def prepare(data_dir: Path) -> Credentials:
    """Bring database and files up to date. Everything here is done once and found done the next time."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django
    from django.core.management import CommandError, call_command
    from django.db import connections

    django.setup()
    say("Migrating the database …")
    call_command("migrate", interactive=False, verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    say("Loading the demonstration shop …")
    try:
        call_command("load_demo")
    except CommandError as refusal:  # a database of somebody's own: it is served as it is
        say(str(refusal))
    password = _ensure_admin(data_dir / "admin_password")
    member, token = _token_of_a_member()
    shop_key = ensure_shop_key(data_dir / SHOP_KEY)
    connections.close_all()
    return Credentials(admin=ADMIN, password=password, member=member, token=token, shop_key=shop_key)


def _ensure_admin(kept_in: Path) -> str | None:
    from django.contrib.auth import get_user_model

    from config.embedded.secret import kept_secret

    password = kept_secret(kept_in, length=12)
    users = get_user_model().objects
    admin = users.filter(username=ADMIN).first()
    if admin is None:
        users.create_superuser(username=ADMIN, password=password)
        return password
    return password if admin.check_password(password) else None


def ensure_shop_key(kept_in: Path) -> str:
    """A key that may do all that a shop's can; another one where the last was revoked or is not of here."""
    from django.utils import timezone

    from accounts.facade import make_key, usable_key
    from accounts.scopes import known_scopes
    from config.embedded.secret import keep_secret
    from core.contracts import SYSTEM

    at = timezone.now()
    key = kept_in.read_text() if kept_in.exists() else ""
    if usable_key(key, at=at) is None:
        name = f"make run, {timezone.localtime(at):%Y-%m-%d %H:%M:%S.%f}"
        key = make_key(name=name, shop=SHOP, scopes=known_scopes(), actor=SYSTEM, at=at).key
        keep_secret(kept_in, key)
    return key


def _token_of_a_member() -> tuple[str, str] | tuple[None, None]:
    """A token of the demonstration's visitor, or else of the member with the most points."""
    from django.apps import apps
    from django.contrib.auth import get_user_model
    from django.utils import timezone

    from accounts.facade import issue_access_token
    from demo.loading import visitor

    accounts = apps.get_model("rewards", "UserPoints")._default_manager.filter(user__is_active=True)
    richest = accounts.order_by("-current_points", "user_id").values_list("user_id", flat=True)
    user_id = visitor() or richest.first()
    if user_id is None:
        return None, None
    member = get_user_model().objects.get(pk=user_id)
    token = issue_access_token(member.pk, at=timezone.now(), seconds=TOKEN_SECONDS)
    return member.get_username(), token
