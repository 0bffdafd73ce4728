"""Saying what happened, so that each subscriber acts on it once.

`publish` writes a row per subscriber in the caller's transaction. `deliver` hands due rows to the
subscriber's handler and deletes them in the transaction of the handler's effects. Messages come in any
order and possibly long after the fact, so a handler looks up the present state by the ids in the payload.
"""

import json
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from operator import itemgetter
from typing import Any

from celery import current_app
from django.db import connection, transaction
from django.utils import timezone

from core import audit
from core.contracts import Actor
from core.database.away import is_away
from core.logs import without_rows
from core.metrics import OUTBOX_DELIVERED, OUTBOX_FAILED
from core.models import OutboxMessage, OutboxQuerySet

logger = logging.getLogger(__name__)

LAST_TRY = 12
_FIRST_DELAY = timedelta(seconds=5)
_LONGEST_DELAY = timedelta(hours=1)
# A nudge that no worker took by then is worthless: the sweep has nudged again.
_NUDGE_EXPIRES_SECONDS = 60
_BROKER_REST_SECONDS = 5.0
_ERROR_CHARACTERS = 4000


@dataclass(frozen=True)
class Message:
    """What a handler gets to see of a row."""

    id: int
    topic: str
    payload: dict[str, Any]


Handler = Callable[[Sequence[Message]], None]


@dataclass
class _Subscription:
    """`reach` is how many messages this process takes next: one at first, then twice as many each time."""

    name: str
    topics: frozenset[str]
    batch: int
    handler: Handler
    reach: int = field(default=1, init=False)


_subscriptions: dict[str, _Subscription] = {}


def subscriber(name: str, topics: Iterable[str], batch: int = 100) -> Callable[[Handler], Handler]:
    """Register a handler of up to `batch` messages at a time, in an app's `subscribers.py`.

    The handler runs inside a transaction and raises to have its messages tried again. It may see a message
    alone or beside others, and a second time only if the first was rolled back.
    """

    def register(handler: Handler) -> Handler:
        if name in _subscriptions:
            raise ValueError(f"two subscribers are called {name}")
        _subscriptions[name] = _Subscription(name, frozenset(topics), batch, handler)
        return handler

    return register


def subscribers() -> tuple[str, ...]:
    """Name everybody who is registered."""
    return tuple(_subscriptions)


# --- publishing --------------------------------------------------------------------------------------------


def publish(topic: str, /, **payload: Any) -> None:
    """Tell the topic's subscribers, once the caller's transaction commits; `payload` is JSON, best ids alone.

    Raises:
        TransactionManagementError: there is no transaction to belong to.
    """
    publish_many(topic, [payload])


def publish_many(topic: str, payloads: Iterable[Mapping[str, Any]]) -> None:
    """Publish many payloads of one topic in one INSERT; see `publish`."""
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError(f"{topic} is published outside of a transaction")
    names = [one.name for one in _subscriptions.values() if topic in one.topics]
    if not names:
        return
    told = [dict(payload) for payload in payloads]
    if not told:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO core_outboxmessage (subscriber, topic, payload, due_at, tries, error, created_at,
                                            updated_at)
            SELECT name, %(topic)s, payload, %(now)s, 0, '', %(now)s, %(now)s
            FROM jsonb_array_elements(%(payloads)s) WITH ORDINALITY AS told (payload, place),
                 unnest(%(names)s) AS name
            ORDER BY place, name
            """,
            {"topic": topic, "payloads": json.dumps(told), "names": names, "now": timezone.now()},
        )
    for name in names:
        _nudge_after_commit(name)


@dataclass(frozen=True)
class _Nudge:
    subscriber: str

    def __call__(self) -> None:
        nudge(self.subscriber)


def _nudge_after_commit(name: str) -> None:
    wanted = _Nudge(name)
    # A hook still in this list belongs to the transaction or to a savepoint that is open or released: it is
    # lost only if this publication is lost with it, so one is enough.
    if all(hook[1] != wanted for hook in connection.run_on_commit):
        transaction.on_commit(wanted, robust=True)


_broker_rests_until = 0.0


def nudge(name: str) -> None:
    """Ask a worker to deliver to a subscriber; when the broker is away, leave it to the sweep.

    After a failure this process does not ask again for five seconds: a broker that hangs costs one caller
    half a second and not every caller.
    """
    global _broker_rests_until
    if time.monotonic() < _broker_rests_until:
        return
    try:
        current_app.send_task(
            "core.deliver",
            kwargs={"subscriber": name},
            retry=False,
            expires=_NUDGE_EXPIRES_SECONDS,
            ignore_result=True,
        )
    except Exception as error:
        # Whatever the transport raises: the work is committed, and the rows are there for the sweep.
        _broker_rests_until = time.monotonic() + _BROKER_REST_SECONDS
        logger.warning("outbox: no nudge for %s: %s", name, type(error).__name__)


def sweep() -> list[str]:
    """Nudge every subscriber that has something due, and name them."""
    waiting = [
        name for name in _subscriptions if OutboxMessage.objects.due().filter(subscriber=name).exists()
    ]
    for name in waiting:
        nudge(name)
    return waiting


# --- delivering --------------------------------------------------------------------------------------------


def deliver(subscriber: str, *, seconds: float = 30) -> int:
    """Deliver what is due, until nothing is left or the time is up; return how many messages took effect.

    Any number of these run beside each other. A name that the code does not know any more delivers
    nothing: its rows stay, and show in the admin and in the metrics.
    """
    subscription = _subscriptions.get(subscriber)
    if subscription is None:
        logger.warning("outbox: nobody is called %s", subscriber)
        return 0
    until = time.monotonic() + seconds
    delivered = 0
    while True:
        fresh, claimed = _deliver_batch(subscription, until)
        again = _deliver_one(subscription, _claimable(subscription).filter(tries__gt=0))
        delivered += fresh + (again or 0)
        if (claimed == 0 and again is None) or time.monotonic() >= until:
            return delivered


def drain(timeout: float, *, every: float = 0.05) -> bool:
    """Deliver here, beside whatever workers do, until nobody has anything pending or `timeout` seconds pass.

    Returns whether everything was delivered; dead messages, and those of unknown subscribers, don't count.
    """
    until = time.monotonic() + timeout
    while True:
        for name in tuple(_subscriptions):
            deliver(name, seconds=max(until - time.monotonic(), 0))
        if pending() == 0:
            return True
        if time.monotonic() >= until:
            return False
        time.sleep(every)


def pending(subscriber: str | None = None) -> int:
    """Count the messages that are still to be delivered, to one subscriber or to all who are registered."""
    names = list(_subscriptions) if subscriber is None else [subscriber]
    return OutboxMessage.objects.alive().filter(subscriber__in=names).count()


def _claimable(subscription: _Subscription) -> OutboxQuerySet:
    return (
        OutboxMessage.objects.due()
        .filter(subscriber=subscription.name)
        .order_by("due_at", "id")
        .select_for_update(skip_locked=True)
    )


def _take(subscription: _Subscription, most: int) -> list[Message]:
    """Take due messages that never failed out of the table; a rollback puts them back."""
    with connection.cursor() as cursor:
        # ::json, because Django's cursors leave jsonb as text.
        cursor.execute(
            """
            WITH claimed AS MATERIALIZED (
                SELECT id FROM core_outboxmessage
                WHERE subscriber = %s AND died_at IS NULL AND due_at <= %s AND tries = 0
                ORDER BY due_at, id LIMIT %s FOR UPDATE SKIP LOCKED
            )
            DELETE FROM core_outboxmessage USING claimed WHERE core_outboxmessage.id = claimed.id
            RETURNING core_outboxmessage.id, topic, payload::json
            """,
            [subscription.name, timezone.now(), most],
        )
        return [Message(*row) for row in sorted(cursor.fetchall(), key=itemgetter(0))]


def _deliver_batch(subscription: _Subscription, until: float) -> tuple[int, int]:
    """Deliver messages that never failed; return how many took effect and were claimed.

    A process begins with one message, whose try is counted before it is made, and doubles. So a message that
    kills whoever handles it is soon the first of a new process, and is counted; see the decision on it.
    """
    fresh = _claimable(subscription).filter(tries=0)
    if subscription.reach == 1:
        delivered = _deliver_one(subscription, fresh)
        if delivered is None:
            return 0, 0
        subscription.reach = min(2, subscription.batch)
        return delivered, 1
    ids: list[int] = []
    try:
        with transaction.atomic():
            # A message that failed once travels alone, so it spoils one batch in its life.
            messages = _take(subscription, subscription.reach)
            if not messages:
                return 0, 0
            ids = [message.id for message in messages]
            subscription.handler(messages)
    except Exception as error:
        if not ids or is_away(error):
            raise  # no message is to blame
        logger.info("outbox: %s goes one by one through %d messages", subscription.name, len(ids))
    else:
        subscription.reach = min(2 * subscription.reach, subscription.batch)
        OUTBOX_DELIVERED.labels(subscription.name).inc(len(ids))
        return len(ids), len(ids)

    delivered = 0
    for id_ in ids:
        delivered += _deliver_one(subscription, _claimable(subscription).filter(pk=id_)) or 0
        if time.monotonic() >= until:
            break
    return delivered, len(ids)


def _deliver_one(subscription: _Subscription, claimable: OutboxQuerySet) -> int | None:
    """Deliver one message in its own transaction: 1, 0 when it failed, None when there was none to claim.

    The try is counted, and the message put off, in a transaction before: it counts whatever becomes of us.
    """
    with transaction.atomic():
        row = claimable.first()
        if row is None:
            return None
        if row.tries >= LAST_TRY:
            _postpone(row, "The process that tried it ended.")
            return 0
        row.tries += 1
        row.due_at = timezone.now() + delay_after(row.tries)
        row.save(update_fields=["tries", "due_at", "updated_at"])
    with transaction.atomic():
        ours = OutboxMessage.objects.alive().filter(pk=row.pk, tries=row.tries)
        if not ours.select_for_update(skip_locked=True).exists():
            return 0  # we slept longer than it was put off, and somebody else has it
        try:
            # The savepoint undoes the handler while the row stays ours, so nobody tries it meanwhile.
            with transaction.atomic():
                subscription.handler(_messages([row]))
                connection.check_constraints()  # deferred ones would fail at the commit, past this `except`
        except Exception as error:
            if is_away(error):
                raise
            _postpone(row, f"{type(error).__name__}: {error}", error)
            return 0
        OutboxMessage.objects.filter(pk=row.pk).delete()
    OUTBOX_DELIVERED.labels(subscription.name).inc()
    return 1


def _postpone(row: OutboxMessage, why: str, error: Exception | None = None) -> None:
    """Put a message off after a try that was counted, or give it up after the last."""
    row.error = without_rows(why).replace("\0", "")[:_ERROR_CHARACTERS]
    now = timezone.now()
    if row.tries >= LAST_TRY:
        row.died_at = now
    else:
        row.due_at = now + delay_after(row.tries)
    row.save(update_fields=["error", "died_at", "due_at", "updated_at"])
    OUTBOX_FAILED.labels(row.subscriber).inc()
    logger.log(
        logging.ERROR if row.died_at else logging.WARNING,
        "outbox: %s failed on %s, message %d, try %d%s",
        row.subscriber,
        row.topic,
        row.pk,
        row.tries,
        ": dead" if row.died_at else "",
        exc_info=error,
    )


def delay_after(tries: int) -> timedelta:
    """Say how long a message rests after its n-th failure: 5 s, doubled each time, an hour at most."""
    return min(_FIRST_DELAY * (1 << (tries - 1)), _LONGEST_DELAY)


def _messages(rows: Iterable[OutboxMessage]) -> list[Message]:
    return [Message(row.pk, row.topic, row.payload) for row in rows]


# --- the dead ----------------------------------------------------------------------------------------------


@transaction.atomic
def replay(message_ids: Iterable[int], actor: Actor) -> int:
    """Give dead messages all their tries again; return how many there were, each with its audit row."""
    rows = list(OutboxMessage.objects.dead().filter(pk__in=message_ids).order_by("id").select_for_update())
    now = timezone.now()
    for row in rows:
        audit.record(
            actor=actor,
            action="outbox.replay",
            target=row,
            before={"died_at": row.died_at, "tries": row.tries, "error": row.error},
            after={"died_at": None, "tries": 0, "error": ""},
        )
        row.died_at, row.tries, row.error, row.due_at, row.updated_at = None, 0, "", now, now
    OutboxMessage.objects.bulk_update(rows, ["died_at", "tries", "error", "due_at", "updated_at"])
    for name in {row.subscriber for row in rows}:
        _nudge_after_commit(name)
    return len(rows)
