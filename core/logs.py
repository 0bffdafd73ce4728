"""How log lines look, and what they leave out."""

import logging
import re
from types import TracebackType

# PostgreSQL repeats the offending row or key, which may be a person's, in the DETAIL of an error.
_DETAIL = re.compile(
    r"^DETAIL: .*?(?=^CONTEXT: |^HINT: |^\n?The above exception|^\n?During handling|\Z)",
    re.DOTALL | re.MULTILINE,
)


def without_rows(text: str) -> str:
    """Take the values that PostgreSQL quotes out of an error's text."""
    return _DETAIL.sub("DETAIL: (left out)\n", text)


class PrivateFormatter(logging.Formatter):
    """Formats tracebacks without the rows that PostgreSQL quotes in them."""

    def formatException(
        self,
        ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None],
    ) -> str:
        return without_rows(super().formatException(ei))
