import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from datetime import timedelta

import psycopg2
import pytest
import redis
import time_machine
from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.db.transaction import TransactionManagementError
from django.utils import timezone

from config.celery import app as celery_app
from core import audit, outbox
from core.contracts import SYSTEM, Actor
from core.models import AuditEntry, OutboxMessage
from tests.concurrency import together


def took_effect():
    """The numbers that the recording handler wrote, in the order of writing."""
    return [entry.after["n"] for entry in AuditEntry.objects.filter(action="probe").order_by("id")]


def write_effects(messages):
    for message in messages:
        audit.record(actor=SYSTEM, action="probe", target="probe", before={}, after=message.payload)


def publish(*numbers, topic="probe.seen"):
    with transaction.atomic():
        outbox.publish_many(topic, [{"n": n} for n in numbers])


@transaction.atomic
def publish_and_fail():
    outbox.publish("probe.seen", n=1)
    raise ZeroDivisionError


def queue_length():
    prefix = celery_app.conf.broker_transport_options["global_keyprefix"]
    client = redis.Redis.from_url(settings.REDIS_URL)
    try:
        return client.llen(f"{prefix}celery")
    finally:
        client.close()


# --- publishing


@pytest.mark.django_db
def test_a_publication_writes_one_row_for_each_subscriber_of_the_topic(subscribe):
    subscribe(write_effects, name="one")
    subscribe(write_effects, name="two")
    subscribe(write_effects, name="other", topic="probe.other")
    outbox.publish("probe.seen", n=1)
    assert list(
        OutboxMessage.objects.order_by("subscriber").values_list("subscriber", "topic", "payload")
    ) == [
        ("one", "probe.seen", {"n": 1}),
        ("two", "probe.seen", {"n": 1}),
    ]


@pytest.mark.django_db
def test_a_publication_that_nobody_subscribes_to_costs_no_query(django_assert_num_queries):
    with django_assert_num_queries(0):
        outbox.publish("probe.unheard", n=1)


@pytest.mark.django_db
def test_many_publications_are_one_insert(subscribe, django_assert_num_queries):
    subscribe(write_effects)
    with django_assert_num_queries(1):
        outbox.publish_many("probe.seen", ({"n": n} for n in range(500)))
    assert outbox.pending("probe") == 500


@pytest.mark.django_db(transaction=True)
def test_publishing_outside_of_a_transaction_is_refused(subscribe):
    subscribe(write_effects)
    with pytest.raises(TransactionManagementError, match=r"probe\.seen"):
        outbox.publish("probe.seen", n=1)
    assert OutboxMessage.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_a_message_of_a_rolled_back_transaction_never_exists(subscribe):
    subscribe(write_effects)
    before = queue_length()
    with pytest.raises(ZeroDivisionError):
        publish_and_fail()
    assert OutboxMessage.objects.count() == 0
    assert queue_length() == before


def test_two_subscribers_may_not_share_a_name(subscribe):
    subscribe(write_effects)
    with pytest.raises(ValueError, match="probe"):
        outbox.subscriber("probe", ["probe.other"])(write_effects)


# --- nudging


@pytest.mark.django_db(transaction=True)
def test_a_transaction_nudges_each_subscriber_once_whatever_it_publishes(subscribe):
    subscribe(write_effects, name="one")
    subscribe(write_effects, name="two")
    before = queue_length()
    with transaction.atomic():
        for n in range(3):
            outbox.publish("probe.seen", n=n)
        with transaction.atomic():
            outbox.publish("probe.seen", n=3)
        for n in range(4, 6):
            with transaction.atomic():
                outbox.publish("probe.seen", n=n)
    assert queue_length() - before == 2
    assert outbox.pending("one") == 6


@pytest.mark.django_db(transaction=True)
def test_a_nudge_lost_with_a_savepoint_is_made_good_by_the_next_publication(subscribe):
    subscribe(write_effects)
    before = queue_length()
    with transaction.atomic():
        with pytest.raises(ZeroDivisionError):
            publish_and_fail()
        outbox.publish("probe.seen", n=2)
    assert queue_length() - before == 1
    assert OutboxMessage.objects.get().payload == {"n": 2}


@pytest.fixture
def broker_at():
    """Point Celery at another broker for the length of a test."""
    before = celery_app.conf.broker_url

    def move(url):
        celery_app.conf.broker_url = celery_app.conf.broker_write_url = url
        celery_app._pool = None
        celery_app.amqp._producer_pool = None

    yield move
    move(before)
    celery_app.conf.broker_write_url = None


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", ["socket that is gone", "port that is closed", "server that never answers"])
def test_a_dead_redis_neither_fails_nor_delays_committed_work(subscribe, broker_at, tmp_path, kind):
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    if kind == "server that never answers":
        listener.listen()
    broker_at(
        f"redis+socket://{tmp_path}/gone.sock"
        if kind == "socket that is gone"
        else f"redis://127.0.0.1:{port}/0"
    )
    subscribe(write_effects, name="one")
    subscribe(write_effects, name="two")
    start = time.perf_counter()
    publish(1)
    first = time.perf_counter() - start
    start = time.perf_counter()
    publish(2)
    second = time.perf_counter() - start
    listener.close()
    assert first < 0.5
    assert second < 0.1
    assert outbox._broker_rests_until > 0  # it was asked, and did not answer
    assert outbox.pending("one") == outbox.pending("two") == 2


@pytest.mark.django_db(transaction=True)
def test_the_sweep_nudges_those_who_have_something_due_and_nobody_else(subscribe):
    subscribe(write_effects, name="busy")
    subscribe(write_effects, name="idle", topic="probe.other")
    subscribe(write_effects, name="later", topic="probe.later")
    publish(1)
    publish(2, topic="probe.later")
    OutboxMessage.objects.filter(subscriber="later").update(due_at=timezone.now() + timedelta(minutes=1))
    before = queue_length()
    assert outbox.sweep() == ["busy"]
    assert queue_length() - before == 1


# --- delivering


@pytest.mark.django_db
def test_deliver_runs_batch_after_batch_until_nothing_is_left(subscribe):
    sizes = []

    def handler(messages):
        sizes.append(len(messages))
        write_effects(messages)

    subscribe(handler, batch=4)
    publish(*range(10))
    assert outbox.deliver("probe") == 10
    assert sizes == [4, 4, 2]
    assert took_effect() == list(range(10))
    assert OutboxMessage.objects.count() == 0


@pytest.mark.django_db
def test_deliver_stops_when_its_time_is_up_and_leaves_the_rest(subscribe):
    subscribe(write_effects, batch=1)
    publish(1, 2, 3)
    assert outbox.deliver("probe", seconds=0) == 1
    assert outbox.pending("probe") == 2


@pytest.mark.django_db
def test_a_handler_sees_id_topic_and_payload(subscribe):
    seen = []
    subscribe(seen.extend)
    publish(7)
    row = OutboxMessage.objects.get()
    outbox.deliver("probe")
    assert seen == [outbox.Message(id=row.pk, topic="probe.seen", payload={"n": 7})]


@pytest.mark.django_db(transaction=True)
def test_each_message_takes_effect_once_however_many_deliver_at_the_same_time(subscribe):
    subscribe(write_effects, batch=7)
    publish(*range(100))
    delivered = together(*[lambda: outbox.deliver("probe")] * 4)
    assert sum(delivered) == 100
    assert sorted(took_effect()) == list(range(100))
    assert OutboxMessage.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_a_claimed_batch_does_not_hold_up_another_deliverer(subscribe):
    entered, leave = threading.Event(), threading.Event()

    def slow_on_the_first(messages):
        if any(message.payload["n"] == 0 for message in messages):
            entered.set()
            assert leave.wait(10)
        write_effects(messages)

    subscribe(slow_on_the_first, batch=1)
    publish(0, 1, 2)

    def overtake():
        assert entered.wait(10)
        try:
            return outbox.deliver("probe")
        finally:
            leave.set()

    assert together(lambda: outbox.deliver("probe"), overtake) == [1, 2]
    assert took_effect() == [1, 2, 0]


@pytest.mark.django_db(transaction=True)
def test_a_failure_after_the_effect_undoes_the_effect_and_delivers_again(subscribe):
    failures = iter([RuntimeError("in the batch"), RuntimeError("alone")])

    def handler(messages):
        write_effects(messages)
        if failure := next(failures, None):
            raise failure

    subscribe(handler)
    publish(1)
    assert outbox.deliver("probe") == 0
    assert took_effect() == []
    with time_machine.travel(timezone.now() + timedelta(seconds=6), tick=True):
        assert outbox.deliver("probe") == 1
    assert took_effect() == [1]
    assert OutboxMessage.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_a_process_killed_between_effect_and_delete_leaves_the_message_and_no_effect(subscribe):
    subscribe(write_effects)
    publish(1)
    script = textwrap.dedent(
        """
        import os, signal
        import django
        from django.conf import settings
        settings.DATABASES["default"]["NAME"] = os.environ["TEST_DATABASE"]
        django.setup()
        from core import outbox
        from tests.core.test_outbox import write_effects

        def handler(messages):
            write_effects(messages)
            os.kill(os.getpid(), signal.SIGKILL)

        outbox.subscriber("probe", ["probe.seen"])(handler)
        outbox.deliver("probe")
        """
    )
    assert deliver_in_a_new_process(script) == -signal.SIGKILL
    assert took_effect() == []
    deadline = time.monotonic() + 5
    while outbox.pending("probe") and time.monotonic() < deadline:
        outbox.deliver("probe")  # PostgreSQL may take a moment to notice that the killed client is gone
    assert took_effect() == [1]


# --- failing


def poisoned_by(*bad):
    def handler(messages):
        write_effects(messages)
        for message in messages:
            if message.payload["n"] in bad:
                raise ValueError(f"cannot digest {message.payload['n']}")

    return handler


@pytest.mark.django_db
def test_poison_keeps_nobody_else_from_being_delivered(subscribe):
    subscribe(poisoned_by(0, 5), batch=4)
    publish(*range(10))
    assert outbox.deliver("probe") == 8
    assert took_effect() == [1, 2, 3, 4, 6, 7, 8, 9]
    assert [(row.payload["n"], row.tries, row.error) for row in OutboxMessage.objects.order_by("id")] == [
        (0, 1, "ValueError: cannot digest 0"),
        (5, 1, "ValueError: cannot digest 5"),
    ]


@pytest.mark.django_db
def test_a_message_that_failed_once_spoils_no_later_batch(subscribe):
    batches = []
    poisoned = poisoned_by(0)

    def handler(messages):
        batches.append([message.payload["n"] for message in messages])
        poisoned(messages)

    subscribe(handler)
    publish(0)
    outbox.deliver("probe")
    publish(1, 2)
    OutboxMessage.objects.update(due_at=timezone.now())
    assert outbox.deliver("probe") == 2
    assert batches == [[0], [0], [1, 2], [0]]


def test_failures_wait_longer_and_longer_up_to_an_hour():
    waits = [outbox.delay_after(tries).total_seconds() for tries in range(1, outbox.LAST_TRY)]
    assert waits == [5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600]


@pytest.mark.django_db
def test_a_failed_message_waits_out_its_delay(subscribe):
    subscribe(poisoned_by(0))
    publish(0)
    at = timezone.now()
    with time_machine.travel(at, tick=False):
        outbox.deliver("probe")
    row = OutboxMessage.objects.get()
    assert row.due_at == at + timedelta(seconds=5)
    with time_machine.travel(at + timedelta(seconds=4.9), tick=False):
        outbox.deliver("probe")
    row.refresh_from_db()
    assert row.tries == 1
    with time_machine.travel(at + timedelta(seconds=5), tick=False):
        outbox.deliver("probe")
    row.refresh_from_db()
    assert (row.tries, row.due_at) == (2, at + timedelta(seconds=15))


def kill_messages():
    for _ in range(outbox.LAST_TRY):
        OutboxMessage.objects.alive().update(due_at=timezone.now())
        outbox.deliver("probe")


@pytest.mark.django_db
def test_a_message_is_dead_after_its_twelfth_try_and_kept_with_its_error(subscribe):
    subscribe(poisoned_by(0))
    publish(0)
    kill_messages()
    row = OutboxMessage.objects.get()
    assert (row.tries, row.error, row.died_at is not None) == (12, "ValueError: cannot digest 0", True)
    assert outbox.pending("probe") == 0
    OutboxMessage.objects.update(due_at=timezone.now())
    assert outbox.deliver("probe") == 0
    row.refresh_from_db()
    assert row.tries == 12


@pytest.mark.django_db
def test_a_new_process_begins_with_one_message_and_doubles(subscribe):
    sizes = []

    def handler(messages):
        sizes.append(len(messages))
        write_effects(messages)

    subscribe(handler, batch=5, is_new=True)
    publish(*range(15))
    assert outbox.deliver("probe") == 15
    assert sizes == [1, 2, 4, 5, 3]
    assert took_effect() == list(range(15))


KILLED_BY_NUMBER_5 = """
import os, signal
import django
from django.conf import settings
settings.DATABASES["default"]["NAME"] = os.environ["TEST_DATABASE"]
django.setup()
from core import outbox
from tests.core.test_outbox import write_effects

def handler(messages):
    if any(message.payload["n"] == 5 for message in messages):
        os.kill(os.getpid(), signal.SIGKILL)
    write_effects(messages)

outbox.subscriber("probe", ["probe.seen"])(handler)
outbox.deliver("probe")
"""


def deliver_in_a_new_process(script):
    return subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "TEST_DATABASE": connection.settings_dict["NAME"]},
        cwd=settings.BASE_DIR,
        capture_output=True,
        timeout=60,
    ).returncode


@pytest.mark.django_db(transaction=True)
def test_a_message_that_kills_its_process_is_counted_and_holds_nobody_up_for_ever(subscribe):
    subscribe(write_effects)
    publish(*range(12))
    deaths = 0
    while (returncode := deliver_in_a_new_process(KILLED_BY_NUMBER_5)) != 0:
        assert returncode == -signal.SIGKILL
        deaths += 1
        OutboxMessage.objects.filter(tries__gt=0).update(due_at=timezone.now() + timedelta(hours=1))
    # 0, (1 2), killed by (3 4 5 6); 3, killed by (4 5); 4, killed by (5 6); killed by 5, which is counted.
    assert deaths == 4
    poison = OutboxMessage.objects.get()
    assert (poison.payload, poison.tries, poison.died_at) == ({"n": 5}, 1, None)
    assert sorted(took_effect()) == [n for n in range(12) if n != 5]


@pytest.mark.django_db(transaction=True)
def test_a_message_whose_last_try_killed_its_process_is_dead(subscribe):
    subscribe(write_effects)
    publish(5)
    OutboxMessage.objects.update(tries=outbox.LAST_TRY - 1)
    assert deliver_in_a_new_process(KILLED_BY_NUMBER_5) == -signal.SIGKILL
    row = OutboxMessage.objects.get()
    assert (row.tries, row.died_at) == (outbox.LAST_TRY, None)
    assert row.due_at > timezone.now() + timedelta(minutes=59)
    OutboxMessage.objects.update(due_at=timezone.now())
    outbox.deliver("probe")
    row.refresh_from_db()
    assert (row.tries, row.error, row.died_at is not None) == (12, "The process that tried it ended.", True)
    assert took_effect() == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("is_new", "counted"), [(False, 0), (True, 1)], ids=["in a batch", "alone"])
def test_a_database_that_goes_away_in_the_middle_blames_no_message(subscribe, is_new, counted):
    """Its error reaches the worker and not the messages, which nobody tries one by one without a database."""
    calls = []

    def handler(messages):
        calls.append(len(messages))
        with connection.cursor() as cursor:
            if len(calls) == 1:
                end_this_session()
            cursor.execute("SELECT 1")

    subscribe(handler, is_new=is_new)
    publish(1, 2)
    with pytest.raises(OperationalError):
        outbox.deliver("probe")
    assert calls == [1 if is_new else 2]
    connection.close()
    assert [(row.tries, row.error) for row in OutboxMessage.objects.order_by("id")] == [
        (counted, ""),
        (0, ""),
    ]
    OutboxMessage.objects.update(due_at=timezone.now())
    assert outbox.deliver("probe") == 2


def end_this_session():
    """Have PostgreSQL end the session of this thread's connection, as when it restarts."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    parameters = {**connection.get_connection_params()}
    for name in ("cursor_factory", "context"):
        parameters.pop(name, None)
    other = psycopg2.connect(**parameters)
    with other, other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    other.close()


@pytest.mark.django_db
def test_an_error_is_kept_without_the_row_that_postgresql_quotes(subscribe):
    def handler(messages):
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO core_auditentry (action) VALUES ('thandi@example.com')")

    subscribe(handler)
    publish(0)
    outbox.deliver("probe")
    error = OutboxMessage.objects.get().error
    assert error.startswith("IntegrityError: null value in column")
    assert "thandi" not in error


@pytest.mark.django_db
def test_a_replayed_message_gets_all_its_tries_again_and_an_audit_row(subscribe):
    subscribe(poisoned_by(0))
    publish(0)
    kill_messages()
    row = OutboxMessage.objects.get()
    assert outbox.replay([row.pk], Actor("staff:naledi", 7)) == 1
    entry = AuditEntry.objects.get(action="outbox.replay")
    assert (entry.actor, entry.user_id, entry.target) == ("staff:naledi", 7, f"core.outboxmessage:{row.pk}")
    assert (entry.before["tries"], entry.after["tries"]) == (12, 0)
    outbox._subscriptions["probe"] = outbox._Subscription(
        "probe", frozenset(["probe.seen"]), 100, write_effects
    )
    assert outbox.deliver("probe") == 1
    assert took_effect() == [0]


@pytest.mark.django_db
def test_a_living_message_is_not_replayed(subscribe):
    subscribe(write_effects)
    publish(0)
    assert outbox.replay(OutboxMessage.objects.values_list("pk", flat=True), SYSTEM) == 0
    assert AuditEntry.objects.count() == 0


@pytest.mark.django_db
def test_messages_of_a_subscriber_that_left_the_code_stay(subscribe):
    subscribe(write_effects)
    OutboxMessage.objects.create(subscriber="gone", topic="probe.seen", payload={"n": 1})
    assert outbox.deliver("gone") == 0
    assert outbox.sweep() == []
    assert outbox.drain(1) is True
    assert outbox.pending("gone") == 1


@pytest.mark.django_db(transaction=True)
def test_what_a_handler_publishes_belongs_to_its_own_effect(subscribe):
    def first(messages):
        for message in messages:
            outbox.publish("probe.next", n=message.payload["n"] * 10)
            if message.payload["n"] == 1:
                raise ValueError

    subscribe(first, name="first")
    subscribe(write_effects, name="second", topic="probe.next")
    publish(1, 2)
    assert outbox.drain(0.5) is False
    assert took_effect() == [20]
    assert (outbox.pending("first"), outbox.pending("second")) == (1, 0)


@pytest.mark.django_db(transaction=True)
def test_drain_waits_for_what_another_deliverer_still_holds(subscribe):
    entered = threading.Event()

    def slow(messages):
        entered.set()
        time.sleep(0.3)
        write_effects(messages)

    subscribe(slow)
    publish(1)

    def drain():
        assert entered.wait(10)
        return outbox.drain(10), took_effect()

    assert together(lambda: outbox.deliver("probe"), drain) == [1, (True, [1])]


@pytest.mark.django_db
def test_a_broken_claim_blames_no_message(subscribe, monkeypatch):
    subscribe(write_effects)
    publish(1)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE core_outboxmessage RENAME COLUMN tries TO trials")
        with pytest.raises(Exception, match="tries"), transaction.atomic():
            outbox.deliver("probe")
        cursor.execute("ALTER TABLE core_outboxmessage RENAME COLUMN trials TO tries")
    assert OutboxMessage.objects.get().tries == 0


@pytest.mark.django_db
def test_the_claim_reads_the_index_of_due_rows(subscribe):
    subscribe(write_effects)
    publish(*range(2000))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE core_outboxmessage")
    plan = outbox._claimable(outbox._subscriptions["probe"])[:100].explain()
    assert "outbox_due" in plan
    assert "Sort" not in plan
