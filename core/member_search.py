"""Finding members through the indices there are."""

from django.contrib.auth import get_user_model
from django.db.models import Q
from django.db.models.functions import Lower

MOST_MEMBERS = 1000
LARGEST_ID = 2**63 - 1
SEARCH_HELP = "The beginning of a username or external id; a whole e-mail, phone number or member id."


def members_called(term: str) -> list[int]:
    """Return the ids of up to 1,000 members by one of their names, each of which has an index.

    By the beginning of the username or the external id, or by the whole e-mail, phone number or id. They are
    ids for an `IN`, since an OR across a join reads both tables whole.
    """
    wanted = (
        Q(username__startswith=term)
        | Q(external_id__startswith=term)
        | Q(lower_email=term.lower())
        | Q(phone=term.replace(" ", ""))
    )
    if (number := whole_number(term)) is not None:
        wanted |= Q(pk=number)
    found = get_user_model()._default_manager.alias(lower_email=Lower("email")).filter(wanted)
    return list(found.order_by().values_list("pk", flat=True)[:MOST_MEMBERS])


def whole_number(text: str) -> int | None:
    """Read an id, or None where the text can't be one."""
    if not (text.isascii() and text.isdecimal()) or len(text) > 19:
        return None
    return number if (number := int(text)) <= LARGEST_ID else None
