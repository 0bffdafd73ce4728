"""Expected refusals: a code, a status and a sentence, raised by services and rendered in one place."""

from collections.abc import Mapping
from typing import Any, ClassVar


class DomainError(Exception):
    """A refusal that a caller can act on; subclasses live beside the function that raises them.

    `title` is the fixed sentence that the app shows, `detail` speaks of this occurrence, `facts` are
    further members of the problem answer (JSON-serialisable; never personal data), and `headers` go out
    with it.
    """

    code: ClassVar[str] = "refused"
    status: ClassVar[int] = 400
    title: ClassVar[str] = "Refused"
    headers: Mapping[str, str] = {}

    def __init__(self, detail: str | None = None, **facts: Any) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.facts = facts


class NotFound(DomainError):
    """There is no such thing, or it is not the caller's to see."""

    code, status, title = "not_found", 404, "Not found"
