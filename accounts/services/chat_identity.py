"""The ids by which members are known in the chat: random, so that they say nothing of us, and the same until
they are erased there."""

import secrets
from collections.abc import Iterable

from django.db import connection, transaction
from django.utils import timezone

from accounts.models import User


def ensure_chat_ids(user_ids: Iterable[int]) -> dict[int, str]:
    """Return the chat id of each of the members who are there; who has none gets one, unless they are
    blocked: who was erased stays so.

    Of two calls at once one gives the id and both return it. It locks members, so it comes in no transaction
    that has written rows of theirs: two of those would wait for each other.
    """
    wanted = set(user_ids)
    found = _chat_ids(wanted)
    missing = sorted(wanted - found.keys())
    if missing:
        _give(missing)
        found |= _chat_ids(missing)
    return found


def _chat_ids(user_ids: Iterable[int]) -> dict[int, str]:
    rows = User.objects.filter(pk__in=set(user_ids), stream_chat_user_id__isnull=False)
    return {pk: str(chat_id) for pk, chat_id in rows.values_list("pk", "stream_chat_user_id")}


@transaction.atomic(durable=True)
def _give(user_ids: list[int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH given AS (
                SELECT users.id, fresh.chat_id
                FROM unnest(%s::bigint[], %s::text[]) AS fresh (id, chat_id) JOIN users USING (id)
                WHERE users.stream_chat_user_id IS NULL AND users.is_active
                ORDER BY users.id FOR UPDATE OF users
            )
            UPDATE users SET stream_chat_user_id = given.chat_id, updated_at = now()
            FROM given WHERE users.id = given.id
            """,
            [user_ids, [f"mh-{secrets.token_hex(16)}" for _ in user_ids]],
        )


def forget_chat_id(user_id: int) -> str | None:
    """Take a member's Stream id away, in the caller's transaction; return what it was, None without one."""
    user = User.objects.select_for_update().filter(pk=user_id).only("stream_chat_user_id").first()
    if user is None or user.stream_chat_user_id is None:
        return None
    was = user.stream_chat_user_id
    User.objects.filter(pk=user_id).update(stream_chat_user_id=None, updated_at=timezone.now())
    return was
