"""Waiting until everybody has acted on what an import published, and helping."""

import time
from collections.abc import Callable

from accounts.contracts import MEMBER_JOINED
from core import outbox
from core.models import OutboxMessage
from orders.contracts import ORDER_DELIVERED, ORDER_RETURNED
from orders.imports.models import ImportFile
from orders.imports.patience import Patience

STALLED_SECONDS = 120.0
"""How long to wait while nothing gets delivered: messages that failed rest longer and longer."""

_HELP_SECONDS = 1.0
_PAUSE_SECONDS = 0.1
_OURS = (MEMBER_JOINED, ORDER_DELIVERED, ORDER_RETURNED)


class Drain:
    """Everything that is published by now and not yet delivered; the messages of later are not waited for."""

    def __init__(self, patiently: Patience) -> None:
        self._patiently = patiently
        self._newest = patiently(_newest_message)

    def waiting(self) -> int:
        """Count the messages that somebody still has to act on."""
        return self._patiently(lambda: _alive_up_to(self._newest))

    def run(self, left: Callable[[int], None], *, seconds: float = STALLED_SECONDS) -> int:
        """Deliver, or wait while workers do, until nothing is waiting; return what was left over.

        Something is left over when nothing was delivered for `seconds`. `left` is told how many are waiting.
        """
        waiting = self.waiting()
        moved_at = time.monotonic()
        while waiting:
            delivered = self._patiently(_help)
            before, waiting = waiting, self.waiting()
            left(waiting)
            now = time.monotonic()
            if delivered or waiting < before:
                moved_at = now
            elif now - moved_at > seconds:
                break
            else:
                time.sleep(_PAUSE_SECONDS)
        return waiting


def dead_messages(file: ImportFile) -> int:
    """Count the messages of an import's topics that were given up since the file was first seen."""
    return OutboxMessage.objects.dead().filter(topic__in=_OURS, created_at__gte=file.created_at).count()


def _newest_message() -> int:
    return OutboxMessage.objects.order_by("-pk").values_list("pk", flat=True).first() or 0


def _alive_up_to(newest: int) -> int:
    return OutboxMessage.objects.alive().filter(subscriber__in=outbox.subscribers(), pk__lte=newest).count()


def _help() -> int:
    """Deliver for about a second; return how many messages took effect."""
    return sum(outbox.deliver(name, seconds=_HELP_SECONDS) for name in outbox.subscribers())
