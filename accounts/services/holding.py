"""Keeping others from writing rows of a member's."""

from accounts.models import User


def hold_member(user_id: int) -> None:
    """Lock the member's row until the caller's transaction ends.

    It waits for whoever has written a row with a foreign key to the member and not yet committed it, and
    keeps everybody else from writing one. So whoever holds it sees all of the member's rows there are. They
    must change none of them: who holds such a row may be waiting here.
    """
    User.objects.select_for_update().filter(pk=user_id).values_list("pk", flat=True).first()
