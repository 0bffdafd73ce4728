"""What needs no database: words of a search, facts of a product."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_APOSTROPHES = re.compile("['\u2018\u2019\u02bc`\u00b4]")
# What the SQL function catalog_words() turns into spaces, but for the two that mean something in a search.
_PUNCTUATION = re.compile("[!#-/:-@\\[-`{-~\u2010-\u2027\u00a0-\u00bf]")
_EXCLUSION = re.compile(r'(?<![^\s"])-(?=[^\s"-])')
_LAST_WORD = re.compile(r"[^\s\"]+\Z")
_SHORTEST_BEGINNING = 2

MOST_ATTRIBUTES = 30
_LONGEST_NAME = 50
_LONGEST_VALUE = 200


@dataclass(frozen=True, slots=True)
class SearchTerms:
    """A search in the syntax of `websearch_to_tsquery`: quotes, `or`, and `-` before a word.

    `beginning` is the last word where somebody may still be typing it, and `before` what stands before it.
    """

    whole: str
    before: str
    beginning: str
    excludes: bool

    @property
    def is_empty(self) -> bool:
        return not self.whole.strip('"- ')


def search_terms(text: str) -> SearchTerms:
    """Fold what somebody typed as the indexed words were: no accents, no apostrophes, no punctuation."""
    plain = unicodedata.normalize("NFKD", text)
    plain = "".join(
        " " if _is_symbol(character) else character
        for character in plain
        if not unicodedata.combining(character)
    )
    plain = _APOSTROPHES.sub("", plain)
    # A mark that survives the folding: NUL cannot be stored, so it cannot be searched for either.
    marked = _EXCLUSION.sub("\0", plain)
    whole = " ".join(_PUNCTUATION.sub(" ", marked).replace("\0", "-").split())
    excludes = "\0" in marked
    last = _LAST_WORD.search(whole)
    quoted = whole.count('"') % 2 == 1
    typing = last is not None and not text[-1:].isspace() and not quoted
    if last is None or not typing or last[0].startswith("-") or len(last[0]) < _SHORTEST_BEGINNING:
        return SearchTerms(whole, whole, "", excludes)
    return SearchTerms(whole, whole[: last.start()].strip(), last[0], excludes)


def _is_symbol(character: str) -> bool:
    """Say whether it is an emoji or another symbol: whether one is a word depends on PostgreSQL's locale."""
    return unicodedata.category(character).startswith("S")


def wrong_attributes(value: Any) -> str | None:
    """Say what is wrong with a product's attributes: a flat object of strings, numbers and truths."""
    if not isinstance(value, Mapping):
        return "Must be an object."
    if len(value) > MOST_ATTRIBUTES:
        return f"At most {MOST_ATTRIBUTES} attributes."
    for name, fact in value.items():
        if not 0 < len(name) <= _LONGEST_NAME:
            return f"A name has 1 to {_LONGEST_NAME} characters."
        if not isinstance(fact, str | int | float) or len(str(fact)) > _LONGEST_VALUE:
            return (
                f"{name} must be a text of at most {_LONGEST_VALUE} characters, a number, or true or false."
            )
    return None
