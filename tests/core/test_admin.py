import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from core import audit, outbox
from core.contracts import SYSTEM
from core.models import AuditEntry, OutboxMessage

pytestmark = pytest.mark.django_db

LIST = "/admin/core/outboxmessage/"
TRAIL = "/admin/core/auditentry/"


@pytest.fixture
def staff(client, django_user_model):
    """Sign a member of staff in who may look at the outbox, and more if given."""

    def sign_in(*permissions):
        user = django_user_model.objects.create_user(username="naledi", password="x", is_staff=True)
        user.user_permissions.set(
            Permission.objects.filter(content_type__app_label="core", codename__in=permissions)
        )
        client.force_login(user)
        return client

    return sign_in


@pytest.fixture
def rows(subscribe):
    subscribe(lambda messages: None)
    common = {"topic": "probe.seen", "payload": {"n": 1}}
    return {
        "waiting": OutboxMessage.objects.create(subscriber="probe", **common),
        "failing": OutboxMessage.objects.create(subscriber="probe", tries=2, error="once", **common),
        "dead": OutboxMessage.objects.create(
            subscriber="probe", tries=12, error="ValueError: why", died_at=timezone.now(), **common
        ),
        "nobody": OutboxMessage.objects.create(subscriber="gone", **common),
    }


def listed(response):
    return {row.pk for row in response.context["cl"].result_list}


def test_the_list_shows_messages_with_state_and_error(staff, rows):
    page = staff("view_outboxmessage").get(LIST).content.decode()
    assert "ValueError: why" in page
    for state in ("waiting", "failing", "dead", "nobody&#x27;s"):
        assert f'<td class="field-state">{state}</td>' in page


@pytest.mark.parametrize("state", ["waiting", "failing", "dead", "nobody"])
def test_the_list_is_filtered_by_state(staff, rows, state):
    expected = {rows[state].pk} | ({rows["nobody"].pk} if state == "waiting" else set())
    assert listed(staff("view_outboxmessage").get(f"{LIST}?state={state}")) == expected


def test_the_list_is_filtered_by_subscriber_and_topic(staff, rows):
    client = staff("view_outboxmessage")
    assert listed(client.get(f"{LIST}?subscriber=gone")) == {rows["nobody"].pk}
    assert listed(client.get(f"{LIST}?topic=other")) == set()


def test_a_message_can_be_looked_at_and_not_changed(staff, rows):
    client = staff("view_outboxmessage", "change_outboxmessage", "delete_outboxmessage", "add_outboxmessage")
    address = f"{LIST}{rows['dead'].pk}/change/"
    assert "ValueError: why" in client.get(address).content.decode()
    assert client.post(address, {"error": ""}).status_code == 403
    assert client.post(f"{LIST}{rows['dead'].pk}/delete/", {"post": "yes"}).status_code == 403
    assert client.get(f"{LIST}add/").status_code == 403
    rows["dead"].refresh_from_db()
    assert rows["dead"].error == "ValueError: why"


def replay(client, *messages):
    body = {"action": "replay", "_selected_action": [message.pk for message in messages]}
    return client.post(LIST, body, follow=True)


def test_the_dead_are_replayed_and_the_others_left_alone(staff, rows):
    client = staff("view_outboxmessage", "replay_outboxmessage")
    page = replay(client, rows["dead"], rows["failing"]).content.decode()
    assert "1 of 2 were dead and will be tried again." in page
    rows["dead"].refresh_from_db()
    rows["failing"].refresh_from_db()
    assert (rows["dead"].died_at, rows["dead"].tries) == (None, 0)
    assert rows["failing"].tries == 2
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.action) == ("staff:naledi", "outbox.replay")
    assert outbox.deliver("probe") == 3


def test_without_the_permission_nothing_is_replayed(staff, rows):
    replay(staff("view_outboxmessage", "change_outboxmessage"), rows["dead"])
    rows["dead"].refresh_from_db()
    assert rows["dead"].tries == 12
    assert AuditEntry.objects.count() == 0


def test_the_trail_is_shown_with_each_change_and_is_read_only(staff):
    audit.record(
        actor=SYSTEM,
        action="tier.edit",
        target="rewards.tier:2",
        before={"min_points": 1000, "name": "<b>"},
        after={"min_points": 1500, "new": True},
        reason="Spring",
    )
    entry = AuditEntry.objects.get()
    client = staff("view_auditentry", "change_auditentry", "delete_auditentry", "add_auditentry")
    assert listed(client.get(f"{TRAIL}?q=rewards.tier:2")) == {entry.pk}
    assert listed(client.get(f"{TRAIL}?q=rewards.tier:3")) == set()
    page = client.get(f"{TRAIL}{entry.pk}/change/").content.decode()
    assert "min_points: 1000 → 1500\nname: &quot;&lt;b&gt;&quot; → -\nnew: - → true" in page
    assert client.post(f"{TRAIL}{entry.pk}/change/", {"reason": ""}).status_code == 403
    assert client.post(f"{TRAIL}{entry.pk}/delete/", {"post": "yes"}).status_code == 403


@pytest.mark.parametrize("path", [LIST, TRAIL])
def test_a_list_costs_the_same_for_one_row_and_for_fifty(staff, path):
    client = staff("view_outboxmessage", "view_auditentry")

    def grow(count):
        for n in range(count):
            OutboxMessage.objects.create(subscriber="s", topic="t", payload={"n": n})
            audit.record(actor=SYSTEM, action="a", target="t", before={}, after={})

    grow(1)
    client.get(path)
    with CaptureQueriesContext(connection) as one:
        client.get(path)
    grow(49)
    with CaptureQueriesContext(connection) as fifty:
        client.get(path)
    assert len(fifty) == len(one)
