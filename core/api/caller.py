"""Who is calling."""

from rest_framework.request import Request


def caller_id(request: Request) -> int:
    """Return the id of the signed-in user; for views that only signed-in users reach."""
    user_id = request.user.pk
    assert user_id is not None
    return int(user_id)
