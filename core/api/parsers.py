"""Reading JSON as RFC 8259 has it: UTF-8, finite numbers, and no depth that breaks the interpreter."""

import json
from collections.abc import Mapping
from typing import IO, Any, NoReturn

from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser


class StrictJSONParser(BaseParser):
    """Parses a JSON body; whatever cannot be read is a 400."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Read the stream whole (its size is limited by `BodyLimitMiddleware`).

        Raises:
            ParseError: the body broke off, is not UTF-8 or JSON, holds NaN or an infinity, or is too deep.
        """
        try:
            return json.loads(stream.read().decode("utf-8"), parse_float=_finite, parse_constant=_refuse)
        except OSError:
            raise ParseError("The body broke off.") from None
        except UnicodeDecodeError:
            raise ParseError("The body is not UTF-8.") from None
        except RecursionError:
            raise ParseError("The body nests too deep.") from None
        except ValueError as error:
            raise ParseError(f"The body is not JSON: {error}") from None


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError("number out of range")
    return number


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON value")
