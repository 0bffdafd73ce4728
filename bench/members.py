"""Members with points and tokens, and what they are answered."""

import http.client
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.frame import Sample
from bench.services import Services
from bench.wrk import load

CONNECTIONS = 16
YARDSTICK: Mapping[str, Any] = {
    "name": "yardstick",
    "app": "django.core.wsgi:get_wsgi_application()",
    "variables": {"DJANGO_SETTINGS_MODULE": "bench.yardstick.settings"},
}
"""How the views by hand are served (`bench.web.served`)."""
_SCRIPT = Path(__file__).parent / "members.lua"
_CHUNK = 1000


@dataclass(frozen=True, slots=True)
class Members:
    """Users with a lot of points each, in the tier that these give them, and an access token each."""

    user_ids: Sequence[int]
    tokens: Sequence[str]
    tokens_file: Path

    def load(
        self,
        url: str,
        method: str,
        body: Mapping[str, Any] | None = None,
        *,
        key: str | None = None,
        seconds: float,
    ) -> Sample:
        """Have one after another make this call, under keys that begin with `key`; return calls a second."""
        arguments = [str(self.tokens_file), method]
        arguments += [json.dumps(body)] if body is not None else []
        arguments += [key] if key is not None else []
        return load(url, _SCRIPT, arguments, connections=CONNECTIONS, seconds=seconds)


def members_with_points(services: Services, count: int, *, points: int) -> Members:
    """Make members as they are when all is posted, and have PostgreSQL know their number."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    from django.db import connection, transaction
    from django.utils import timezone

    from accounts.facade import issue_access_token
    from accounts.models import User
    from rewards.models import TierChange, UserPoints
    from rewards.services.posting import lock_accounts

    now = timezone.now()
    with transaction.atomic():
        made = User.objects.bulk_create(User(username=f"bench{n}") for n in range(count))
        user_ids = [user.pk for user in made]
        # A trigger writes the line and the lot that explain the row.
        UserPoints.objects.bulk_create(UserPoints(user_id=pk, current_points=points) for pk in user_ids)
        for first in range(0, count, _CHUNK):
            book = lock_accounts(user_ids[first : first + _CHUNK], at=now)
            book.rejudge(reason=TierChange.Reason.THRESHOLD, quietly=True)
    connection.close()
    services.statement("VACUUM ANALYZE")
    tokens = [issue_access_token(pk, at=now, seconds=24 * 3600) for pk in user_ids]
    file = services.data_dir / "tokens.txt"
    file.write_text("\n".join(tokens) + "\n")
    return Members(user_ids, tokens, file)


def answer_to(
    port: int, method: str, path: str, token: str, body: Mapping[str, Any] | None = None
) -> tuple[int, dict[str, Any]]:
    """Make one call; return its status and its JSON."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    headers = {"Authorization": f"Bearer {token}"}
    content = None if body is None else json.dumps(body)
    if content is not None:
        headers["Content-Type"] = "application/json"
    try:
        connection.request(method, path, content, headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()
