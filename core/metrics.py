"""What Prometheus reads: requests, database time, the outbox."""

from collections.abc import Iterator
from datetime import datetime

from django.db import DatabaseError
from django.db.models import Count, Min, Q
from django.utils import timezone
from prometheus_client import Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

_BUCKETS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

REQUEST_SECONDS = Histogram(
    "markethub_request_seconds",
    "Time from the first middleware to the answer",
    ["method", "route", "status"],
    buckets=_BUCKETS,
)
DATABASE_SECONDS = Histogram(
    "markethub_request_database_seconds",
    "Time that one request spent in database statements",
    ["route"],
    buckets=(0.0005, 0.001, *_BUCKETS),
)
OUTBOX_DELIVERED = Counter("markethub_outbox_delivered", "Messages that took effect", ["subscriber"])
OUTBOX_FAILED = Counter("markethub_outbox_failed", "Tries that failed", ["subscriber"])


_collectors: list[Collector] = []


def register_collector(collector: Collector) -> None:
    """Let it be asked at every scrape: for what counts for the whole system, whatever process answers."""
    _collectors.append(collector)


def collectors() -> tuple[Collector, ...]:
    """Return core's own, and what the apps above have registered."""
    return (OutboxCollector(), *_collectors)


class OutboxCollector(Collector):
    """Counts the outbox at scrape time: one number for the whole system, whatever process answers."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        from core.models import OutboxMessage  # this module is also imported before the app registry is ready

        pending = GaugeMetricFamily("markethub_outbox_pending", "Messages to deliver", labels=["subscriber"])
        dead = GaugeMetricFamily("markethub_outbox_dead", "Messages given up", labels=["subscriber"])
        oldest = GaugeMetricFamily(
            "markethub_outbox_oldest_seconds", "Age of the oldest message to deliver", labels=["subscriber"]
        )
        try:
            rows = list(
                OutboxMessage.objects.order_by()
                .values_list("subscriber")
                .annotate(
                    alive=Count("pk", filter=Q(died_at=None)),
                    given_up=Count("died_at"),
                    since=Min("created_at", filter=Q(died_at=None)),
                )
            )
        except DatabaseError:
            return  # a scrape without these says more than a scrape that fails
        now = timezone.now()
        for subscriber, alive, given_up, since in rows:
            pending.add_metric([subscriber], alive)
            dead.add_metric([subscriber], given_up)
            oldest.add_metric([subscriber], _age(since, now))
        yield from (pending, dead, oldest)


def _age(since: datetime | None, now: datetime) -> float:
    return max((now - since).total_seconds(), 0.0) if since else 0.0
