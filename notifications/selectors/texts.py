"""What a message says, in its reader's language."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from notifications.contracts import Kind
from notifications.kinds import ENGLISH
from notifications.models import NotificationTemplate

TITLE_LENGTH = 100


@dataclass(frozen=True, slots=True)
class Text:
    """A title and a body, with `{fact}` where a fact goes."""

    title: str
    body: str

    def filled(self, facts: Mapping[str, str | int]) -> "Text":
        """Put the facts in; a title that they make too long is cut."""
        title = self.title.format_map(facts)
        if len(title) > TITLE_LENGTH:
            title = title[: TITLE_LENGTH - 1].rstrip() + "…"
        return Text(title, self.body.format_map(facts))


def tags(language: str) -> tuple[str, str, str]:
    """Return in which languages to look for a text for a reader of one: in its own, without the region, in
    English."""
    return language, language.partition("-")[0], ENGLISH


class Texts:
    """The templates of some kinds, read once."""

    def __init__(self, kinds: Iterable[Kind]) -> None:
        self._kinds = {kind.name: kind for kind in kinds}
        rows = NotificationTemplate.objects.filter(kind__in=self._kinds)
        self._templates = {
            (kind, language): Text(title, body)
            for kind, language, title, body in rows.values_list("kind", "language", "title", "body")
        }

    def of(self, kind: str, language: str) -> Text:
        """Return a kind's text: in `language`, else without its region, else in English, else its own."""
        for tag in tags(language):
            if found := self._templates.get((kind, tag)):
                return found
        own = self._kinds[kind]
        return Text(own.title, own.body)
