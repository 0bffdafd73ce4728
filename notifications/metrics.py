"""What Prometheus reads of pushes."""

from collections.abc import Iterator

from django.db import DatabaseError
from django.db.models import Min, Sum
from django.utils import timezone
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from core.outgoing import STILL_TO_SEND
from notifications.models import PushSend, PushTally
from notifications.services.fanning_out import due_pushes


class PushCollector(Collector):
    """Reads at scrape time what the senders counted, wherever they ran, and the ends of three indices."""

    def collect(self) -> Iterator[Metric]:
        outcomes = CounterMetricFamily(
            "markethub_pushes", "What pushes came to, and why", labels=["outcome", "reason"]
        )
        overdue = GaugeMetricFamily(
            "markethub_push_overdue_seconds", "How long the push that waits longest has been due"
        )
        now = timezone.now()
        try:
            counts = PushTally.objects.values_list("outcome", "reason").annotate(Sum("count")).order_by()
            for outcome, reason, count in counts:
                outcomes.add_metric([outcome, reason], count)
            queues = [
                due_pushes(now, of_campaigns=False),
                due_pushes(now, of_campaigns=True),
                PushSend.objects.filter(STILL_TO_SEND, due_at__lte=now),
            ]
            waiting = [queue.aggregate(due=Min("due_at"))["due"] for queue in queues]
        except DatabaseError:
            return  # a scrape without these says more than a scrape that fails
        since = min((due for due in waiting if due is not None), default=now)
        overdue.add_metric([], (now - since).total_seconds())
        yield from (outcomes, overdue)
