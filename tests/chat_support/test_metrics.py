"""What /metrics says of tickets."""

import pytest
from prometheus_client import REGISTRY

from chat_support.services.looking_after import mark_breaches
from tests.chat_support.desk import HOUR, MONDAY, opened

pytestmark = pytest.mark.django_db


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"markethub_{name}_total", labels) or 0


def test_tickets_messages_and_missed_targets_are_counted_once_committed(
    client, django_capture_on_commit_callbacks
):
    samples = [
        ("tickets_opened", {"priority": "urgent"}),
        ("ticket_messages", {"author": "member"}),
        ("ticket_breaches", {"target": "first_answer"}),
    ]
    before = [counted(name, **labels) for name, labels in samples]
    with django_capture_on_commit_callbacks(execute=True):
        opened(priority="urgent")
        mark_breaches(at=MONDAY + HOUR)
        assert [counted(name, **labels) for name, labels in samples] == before
    assert [counted(name, **labels) for name, labels in samples] == [count + 1 for count in before]
    assert b'markethub_tickets_opened_total{priority="urgent"}' in client.get("/metrics").content
