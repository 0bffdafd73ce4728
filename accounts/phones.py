"""Phone numbers in their one way of writing, E.164."""

import re

import phonenumbers

# Digits and what people put between them; the library also takes letters and extensions.
_WRITTEN = re.compile(r"\+[0-9 ()./-]{7,30}\Z", re.ASCII)


class NotAPhone(ValueError):
    """It is not a number that can exist."""


def e164(text: str) -> str:
    """Return `+27821234567` for any way of writing that number with its country.

    Raises:
        NotAPhone: there is no country, or no such number in it.
    """
    written = text.strip()
    if not _WRITTEN.match(written):
        raise NotAPhone(text)
    try:
        number = phonenumbers.parse(written)
    except phonenumbers.NumberParseException:
        raise NotAPhone(text) from None
    if not phonenumbers.is_valid_number(number):
        raise NotAPhone(text)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
