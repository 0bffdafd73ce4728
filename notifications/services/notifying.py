"""Telling members: once per key, in their language, to the inbox and to their devices."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from accounts.facade import member_locales
from core import links
from notifications.contracts import Channel, Kind, Wish
from notifications.kinds import kind_called
from notifications.models import InboxMessage, PushNotification
from notifications.rules import is_wanted
from notifications.selectors.preferences import switched_off
from notifications.selectors.texts import Texts


class UnknownKind(ValueError):
    """No app registers such a kind of message."""


def notify(
    *, user_id: int, kind: str, facts: dict[str, str | int], key: str, at: datetime | None = None
) -> bool:
    """Tell one member; see `notify_many`. Returns whether they had not been told yet."""
    return notify_many([Wish(user_id=user_id, kind=kind, facts=facts, key=key)], at=at) == 1


@transaction.atomic
def notify_many(wishes: Sequence[Wish], *, at: datetime | None = None) -> int:
    """Write each wish into its member's inbox and queue its push, due at `at` (now, without).

    A key that the member has had is passed over, as are members who are not there or blocked. A category
    that the member has switched off for the inbox leaves a row that says so and is not shown; what holds a
    push back is asked when it is due. Returns how many were told.

    Raises:
        UnknownKind: a kind is not registered.
        KeyError: a fact is missing that a text wants.
    """
    chosen = {wish.kind: _kind(wish.kind) for wish in wishes}
    locales = member_locales(wish.user_id for wish in wishes)
    texts = Texts(chosen.values())
    return write_messages(
        [
            _message(wish, chosen[wish.kind], texts, locales[wish.user_id].language)
            for wish in sorted(wishes, key=lambda wish: (wish.user_id, wish.key))
            if wish.user_id in locales
        ],
        due=at or timezone.now(),
    )


def write_messages(messages: Sequence[InboxMessage], *, due: datetime) -> int:
    """Write messages of members who are there, in the order of their ids, and their pushes; the caller's
    transaction. Returns how many their members had not had."""
    off = switched_off({message.user_id for message in messages})
    for message in messages:
        if not is_wanted(
            message.notification_type, message.category, Channel.INBOX, off.get(message.user_id, ())
        ):
            message.withheld = InboxMessage.Withheld.PREFERENCE
    InboxMessage.objects.bulk_create(messages, ignore_conflicts=True)
    # The ids are ours: those that are there now were not there before.
    ids = [message.notification_id for message in messages]
    new = set(InboxMessage.objects.filter(notification_id__in=ids).values_list("notification_id", flat=True))
    told = [message for message in messages if message.notification_id in new]
    PushNotification.objects.bulk_create([_push(message, due) for message in told])
    return len(told)


def _kind(name: str) -> Kind:
    kind = kind_called(name)
    if kind is None:
        raise UnknownKind(f"no kind of message is called {name}")
    return kind


def _message(wish: Wish, kind: Kind, texts: Texts, language: str) -> InboxMessage:
    text = texts.of(kind.name, language).filled(wish.facts)
    return InboxMessage(
        user_id=wish.user_id,
        key=wish.key,
        kind=kind.name,
        category=kind.category,
        notification_type=kind.purpose.value,
        title=text.title,
        body=text.body,
        link=links.link(kind.link, wish.facts[kind.link_fact] if kind.link_fact else ""),
    )


def _push(message: InboxMessage, due: datetime) -> PushNotification:
    return PushNotification(
        notification_id=message.notification_id,
        user_id=message.user_id,
        campaign_id=message.campaign_id,
        kind=message.kind,
        category=message.category,
        notification_type=message.notification_type,
        title=message.title,
        message=message.body,
        payload={"kind": message.kind, "link": message.link},
        scheduled_at=due,
        due_at=due,
    )
