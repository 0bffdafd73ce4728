"""What other apps may know of notifications: what a message is, and who may be written to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Purpose(StrEnum):
    """Why a message is sent, which says what may hold it back."""

    TRANSACTIONAL = "transactional"
    """Something that the member did or that happened to what is theirs: never held back for the hour."""
    OPERATIONAL = "operational"
    """About the service itself."""
    MARKETING = "marketing"
    """Waits for the end of quiet hours, and is counted against the day's cap."""


class Channel(StrEnum):
    PUSH = "push"
    INBOX = "inbox"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of message, registered by the app that sends it (`notifications.facade.register_kind`).

    `facts` names every fact that its texts may use, with an example for the preview. `title` and `body` are
    the English texts until an admin writes others: `{fact}` stands for a fact. `link` is a kind of
    `core.links`, and `link_fact` the fact that is its id.
    """

    name: str
    label: str
    category: str
    purpose: Purpose
    title: str
    body: str
    facts: Mapping[str, str] = field(default_factory=dict)
    link: str = "inbox"
    link_fact: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """One message that a member shall get; `key` is its natural key: the same one is never sent twice.

    `facts` are shown as they are given, so they are already in words (dates, money) where that matters.
    """

    user_id: int
    kind: str
    key: str
    facts: Mapping[str, str | int] = field(default_factory=dict)
