"""Waiting until everybody has acted on what an import published, and helping."""

import time
from collections.abc import Callable

from accounts.contracts import MEMBER_JOINED
from core import outbox
from core.models import OutboxMessage, OutboxQuerySet
from orders.contracts import ORDER_DELIVERED, ORDER_RETURNED
from orders.imports.models import ImportFile
from orders.imports.patience import Patience

STALLED_SECONDS = 120.0
"""How long to wait while nothing gets delivered: messages that failed rest longer and longer."""

_HELP_SECONDS = 1.0
_PAUSE_SECONDS = 0.1
_TOPICS = (MEMBER_JOINED, ORDER_DELIVERED, ORDER_RETURNED)


class Drain:
    """What was published on an import's topics from its first run until now; later messages don't count."""

    def __init__(self, file: ImportFile, patiently: Patience) -> None:
        self._since = file.created_at
        self._patiently = patiently
        self._newest = patiently(_newest_message)

    def waiting(self) -> int:
        """Count the messages that somebody still has to act on."""
        return self._patiently(lambda: self._alive().count())

    def dead(self) -> int:
        """Count the messages that were given up."""
        return self._patiently(lambda: self._messages().dead().count())

    def run(self, left: Callable[[int], None]) -> int:
        """Deliver, or wait while workers do, until nothing is waiting; return what was left over.

        Something is left over when nothing was delivered for two minutes. `left` is told how many are
        waiting.
        """
        waiting = self.waiting()
        moved_at = time.monotonic()
        while waiting:
            delivered = self._patiently(self._help)
            before, waiting = waiting, self.waiting()
            left(waiting)
            now = time.monotonic()
            if delivered or waiting < before:
                moved_at = now
            elif now - moved_at > STALLED_SECONDS:
                break
            else:
                time.sleep(_PAUSE_SECONDS)
        return waiting

    def _help(self) -> int:
        """Deliver for about a second; return how many messages took effect."""
        names = self._alive().order_by("subscriber").values_list("subscriber", flat=True).distinct()
        return sum(outbox.deliver(name, seconds=_HELP_SECONDS) for name in list(names))

    def _alive(self) -> OutboxQuerySet:
        return self._messages().alive().filter(subscriber__in=outbox.subscribers())

    def _messages(self) -> OutboxQuerySet:
        return OutboxMessage.objects.filter(
            topic__in=_TOPICS, created_at__gte=self._since, pk__lte=self._newest
        )


def _newest_message() -> int:
    return OutboxMessage.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
