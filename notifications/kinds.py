"""Which kinds of messages there are: each app registers its own at start."""

from collections.abc import Iterable
from string import Formatter

from core import links
from notifications.contracts import Kind

ENGLISH = "en"
"""What everybody gets whose own language has no text."""

_kinds: dict[str, Kind] = {}


def register_kind(kind: Kind) -> Kind:
    """Add a kind of message, in an app's `messages.py`.

    Raises:
        ValueError: there is one of that name, or its texts or its link want a fact that it does not name.
    """
    if kind.name in _kinds:
        raise ValueError(f"two kinds of messages are called {kind.name}")
    unknown = (variables(kind.title) | variables(kind.body)) - kind.facts.keys()
    if unknown or (kind.link_fact and kind.link_fact not in kind.facts):
        raise ValueError(f"{kind.name}: no such fact: {', '.join(sorted(unknown)) or kind.link_fact}")
    if links.needs_id(kind.link) != bool(kind.link_fact):
        raise ValueError(
            f"{kind.name}: a link to {kind.link} and the fact {kind.link_fact!r} don't go together"
        )
    _kinds[kind.name] = kind
    return kind


def kinds() -> tuple[Kind, ...]:
    """Return every kind, in the order of their registration."""
    return tuple(_kinds.values())


def kind_called(name: str) -> Kind | None:
    """Return the kind of that name, or None."""
    return _kinds.get(name)


def variables(text: str) -> set[str]:
    """Name the facts that a text wants.

    Raises:
        ValueError: it is not written as texts are: `{fact}`, and `{{` for a brace.
    """
    names = set()
    for _, name, form, conversion in Formatter().parse(text):
        if name is None:
            continue
        if not name.isidentifier() or form or conversion:
            raise ValueError(f"{{{name}}}: write the name of a fact and nothing else")
        names.add(name)
    return names


def text_fault(text: str, facts: Iterable[str]) -> str:
    """Say what is wrong with a text of a message that has these facts; empty when it can be filled."""
    try:
        unknown = variables(text).difference(facts)
    except ValueError as error:
        return f"This can't be read: {error}."
    if not unknown:
        return ""
    known = ", ".join(f"{{{name}}}" for name in facts) or "none"
    return f"There is no {{{min(unknown)}}} here. Facts of this message: {known}."
