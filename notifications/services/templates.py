"""The texts of messages."""

from notifications.models import NotificationTemplate


def ensure_template(*, kind: str, language: str, title: str, body: str) -> None:
    """Write a kind's texts in a language, unless it has some already."""
    NotificationTemplate.objects.get_or_create(
        kind=kind, language=language, defaults={"title": title, "body": body}
    )
