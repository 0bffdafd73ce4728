"""Telling a database that is away from a statement that is wrong."""

from django.db import DatabaseError, InterfaceError, OperationalError

# Class and codes of https://www.postgresql.org/docs/current/errcodes-appendix.html: the connection broke; the
# server shuts down, crashed, or starts.
_BROKEN_CLASS = "08"
_AWAY_CODES = frozenset({"57P01", "57P02", "57P03"})


def is_away(error: BaseException | None) -> bool:
    """Say whether an error means that the server could not be reached, or went away in the middle of it.

    Whether a COMMIT that broke off so took effect is not known.
    """
    cause = error.__cause__ if isinstance(error, DatabaseError | InterfaceError) else None
    if cause is None:
        return False
    code: str | None = getattr(cause, "pgcode", None)
    if code is None:
        # It never reached the server, or no answer came; a COPY that breaks off is a bare DatabaseError.
        return isinstance(error, OperationalError | InterfaceError) or type(error) is DatabaseError
    return code.startswith(_BROKEN_CLASS) or code in _AWAY_CODES
