"""`manage.py make_api_key`."""

from datetime import timedelta
from io import StringIO

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import ApiKey
from accounts.services.keys import usable_key
from config.run.preparing import ensure_shop_key
from core.models import AuditEntry

pytestmark = pytest.mark.django_db


def run(*arguments):
    out = StringIO()
    call_command("make_api_key", *arguments, stdout=out)
    return out.getvalue()


def test_the_key_alone_is_printed_and_works():
    printed = run("Till 1", "--shop=corner", "--scope=orders:write", "--scope=members:read")
    row = usable_key(printed.strip(), at=timezone.now())
    assert (row.name, row.shop, row.scopes) == ("Till 1", "corner", ["members:read", "orders:write"])
    assert row.expires_at is None
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.action, entry.user_id) == ("command", "api_key.make", None)


def test_a_key_of_no_shop_ends_after_its_days():
    key = run("Partner", "--scope=members:read", "--days=30").strip()
    assert usable_key(key, at=timezone.now()).shop is None
    with time_machine.travel(timezone.now() + timedelta(days=29, hours=23)):
        assert usable_key(key, at=timezone.now()) is not None
    with time_machine.travel(timezone.now() + timedelta(days=30, seconds=1)):
        assert usable_key(key, at=timezone.now()) is None


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["Taken", "--scope=members:read"], "already exists"),
        (["New", "--shop=No slug!", "--scope=members:read"], "slug"),
        (["x" * 101, "--scope=members:read"], "at most 100"),
        (["New", "--scope=everything"], "invalid choice"),
        (["New"], "--scope"),
        (["New", "--scope=members:read", "--days=0"], "--days"),
    ],
)
def test_what_makes_no_key_is_said(arguments, says):
    run("Taken", "--scope=members:read")
    with pytest.raises(CommandError, match=says):
        run(*arguments)
    assert ApiKey.objects.count() == 1


def test_make_run_keeps_one_key_that_only_its_user_reads(tmp_path):
    kept = tmp_path / "shop_key"
    key = ensure_shop_key(kept)
    assert (kept.read_text(), kept.stat().st_mode & 0o777) == (key, 0o600)
    assert ensure_shop_key(kept) == key
    assert ApiKey.objects.get().shop == "markethub"


def test_make_run_makes_another_where_the_kept_key_is_not_of_this_database(tmp_path):
    kept = tmp_path / "shop_key"
    kept.write_text("mh_0123456789_of-elsewhere")
    key = ensure_shop_key(kept)
    assert kept.read_text() == key
    assert usable_key(key, at=timezone.now()) is not None
