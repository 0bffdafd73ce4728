"""Values that cross app boundaries."""

from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True)
class Actor:
    """Who does something: a label that stays readable, and the user's id where there is a user."""

    label: str
    user_id: int | None = None

    @classmethod
    def of(cls, user: Any) -> Self:
        """Name a signed-in user: `staff:<username>` for staff, `member:<id>` for everybody else."""
        label = f"staff:{user.get_username()}" if user.is_staff else f"member:{user.pk}"
        return cls(label, user.pk)


SYSTEM = Actor("system")
