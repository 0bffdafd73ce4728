from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction

from core import audit
from core.contracts import SYSTEM, Actor
from core.models import AuditEntry, OutboxMessage


@pytest.mark.django_db
def test_a_record_says_who_what_before_after_and_why():
    target = OutboxMessage.objects.create(subscriber="s", topic="t", payload={})
    audit.record(
        actor=Actor("staff:naledi", 7),
        action="points.adjust",
        target=target,
        before={"points": 1, "value": Decimal("1.50")},
        after={"points": 2, "value": Decimal("2.00")},
        reason="Goodwill",
    )
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.user_id, entry.action) == ("staff:naledi", 7, "points.adjust")
    assert entry.target == f"core.outboxmessage:{target.pk}"
    assert (entry.before, entry.after) == ({"points": 1, "value": "1.50"}, {"points": 2, "value": "2.00"})
    assert entry.reason == "Goodwill"


@pytest.mark.django_db
@pytest.mark.parametrize(
    "change",
    [
        "UPDATE core_auditentry SET reason = 'another'",
        "DELETE FROM core_auditentry",
        "TRUNCATE core_auditentry",
    ],
)
def test_the_trail_refuses_to_change(change):
    audit.record(actor=SYSTEM, action="a", target="t", before={}, after={}, reason="the first")
    with (
        pytest.raises(IntegrityError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(change)
    assert AuditEntry.objects.get().reason == "the first"


@pytest.mark.django_db
def test_an_actor_is_named_by_what_they_are(django_user_model):
    staff = django_user_model.objects.create_user(username="naledi", is_staff=True)
    member = django_user_model.objects.create_user(username="thabo")
    assert Actor.of(staff) == Actor("staff:naledi", staff.pk)
    assert Actor.of(member) == Actor(f"member:{member.pk}", member.pk)
    assert Actor("system", None) == SYSTEM


@pytest.mark.django_db(transaction=True)
def test_a_test_that_commits_to_the_trail_can_still_be_cleaned_up():
    audit.record(actor=SYSTEM, action="a", target="t", before={}, after={})
    assert AuditEntry.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_and_leaves_nothing_to_the_next():
    assert AuditEntry.objects.count() == 0
