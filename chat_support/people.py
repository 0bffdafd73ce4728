"""Who somebody is to everybody in a chat: a name and a picture, and nothing to reach them by. Pure."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

SUPPORT, MEMBER = "Support", "Member"
_DIGITS_OF_A_PHONE = 6


@dataclass(frozen=True, slots=True)
class ChatUser:
    """A user as Stream is told; a picture that is empty is none."""

    id: str
    name: str
    image: str = ""

    def as_told(self) -> dict[str, Any]:
        """Return all that Stream shall know: what is told replaces what it knew.

        Agents have no role above a member's. They work in our admin, and a token of theirs opens no channels.
        """
        told = {"id": self.id, "role": "user", "name": self.name}
        return told | {"image": self.image} if self.image else told

    def fingerprint(self) -> str:
        """Tell one profile from another."""
        return hashlib.sha256(json.dumps(self.as_told(), sort_keys=True).encode()).hexdigest()[:32]


def shown_name(first_name: str, *, is_agent: bool) -> str:
    """Return the name that everybody in a chat may see: a first name, unless it is an e-mail or a phone."""
    name = " ".join(first_name.split())
    if not name or "@" in name or sum(letter.isdigit() for letter in name) >= _DIGITS_OF_A_PHONE:
        return SUPPORT if is_agent else MEMBER
    return name


def address_of(picture: str, *, site: str) -> str:
    """Return a picture's whole address, or "" where others could not reach it: it is below this site, and
    nobody has said where that is."""
    if not picture or "://" in picture:
        return picture
    return urljoin(f"{site}/", picture) if site else ""
