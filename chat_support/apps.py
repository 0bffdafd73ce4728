"""Chat with members, and the tickets that it is about."""

from django.apps import AppConfig


class ChatSupportConfig(AppConfig):
    name = "chat_support"
    verbose_name = "Chat support"

    def ready(self) -> None:
        """Register what members are told."""
        from chat_support import messages  # noqa: F401
