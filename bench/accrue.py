"""`accrue`: delivered orders to posted points, through the outbox and a worker, beside a task for each order
and beside one statement for all of them.

Every measurement has a copy of one database in which the orders are there, and posts all that they earn.
"""

import os
import random
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial

import psycopg2

from bench.frame import Contender, Sample
from bench.services import Services, Worker
from bench.yardstick import accrual_statement

ORDERS = 50_000
MEMBERS = 10_000
PRODUCTS = 1000
TASKS = 50
"""One order in so many is given to the tasks: they are slow, and rates are compared."""
SIGNUP = 100
_CHUNK = 5000
_PATIENCE_SECONDS = 600
_POLL_SECONDS = 0.02


class Accrue:
    """Orders per second, from the commit of their messages until nothing is left to post."""

    title = f"orders of three lines, of {MEMBERS:,} members"
    unit = "orders/s"
    rounds = 3

    def unavailable(self) -> str | None:
        return None

    @contextmanager
    def contenders(self, services: Services) -> Iterator[Sequence[Contender]]:
        earned = _prepare(services, int(os.environ.get("ORDERS") or ORDERS))
        alone, both = (partial(_outbox, services, earned, processes=count) for count in (1, 2))
        tasks, statement = partial(_tasks, services, earned), partial(_one_statement, services, earned)
        yield [
            Contender("ours", alone, part="beside tasks"),
            Contender("a task for each order", tasks, part="beside tasks"),
            Contender("ours", alone, part="beside one statement"),
            Contender("ours, two processes", both, part="beside one statement"),
            Contender("the statement", statement, part="beside one statement"),
        ]


@dataclass(frozen=True, slots=True)
class Earned:
    """What an order must earn, reckoned while it was made."""

    order_id: int
    user_id: int
    points: int


def _outbox(services: Services, earned: Sequence[Earned], *, processes: int) -> Sample:
    from django.db import transaction

    from core import outbox
    from orders.contracts import ORDER_DELIVERED

    with services.fresh_database() as database_url, _worker(services, database_url, processes):
        with _django_on(database_url):
            began_publishing = time.perf_counter()
            with transaction.atomic():
                payloads = ({"order_id": one.order_id, "user_id": one.user_id} for one in earned)
                outbox.publish_many(ORDER_DELIVERED, payloads)
            began = time.perf_counter()
            for _ in range(processes - 1):  # the commit has nudged one
                outbox.nudge("rewards.purchases")
        _wait(database_url, "SELECT NOT EXISTS (SELECT FROM core_outboxmessage)")
        seconds = time.perf_counter() - began
        _check(database_url, earned, whole_books=True)
    return Sample(len(earned) / seconds, {"seconds": seconds, "publishing_seconds": began - began_publishing})


def _tasks(services: Services, earned: Sequence[Earned]) -> Sample:
    from bench.yardstick.accrual import award_points

    some = earned[::TASKS]
    with services.fresh_database() as database_url, _worker(services, database_url, processes=1):
        began = time.perf_counter()
        for one in some:
            award_points.delay(one.order_id)
        enqueued = time.perf_counter()
        _wait(
            database_url,
            f"SELECT count(*) = {len(some)} FROM points_transactions WHERE order_id IS NOT NULL",
        )
        seconds = time.perf_counter() - began
        _check(database_url, some, whole_books=False)
    return Sample(len(some) / seconds, {"seconds": seconds, "enqueueing_seconds": enqueued - began})


def _one_statement(services: Services, earned: Sequence[Earned]) -> Sample:
    with services.fresh_database() as database_url:
        with _session(database_url) as cursor:
            began = time.perf_counter()
            cursor.execute(accrual_statement.ONE_STATEMENT)
            seconds = time.perf_counter() - began
        _check(database_url, earned, whole_books=True)
    return Sample(len(earned) / seconds, {"seconds": seconds})


# --- around a measurement ----------------------------------------------------------------------------------


@contextmanager
def _worker(services: Services, database_url: str, processes: int) -> Iterator[None]:
    include = "--include=bench.yardstick.accrual"
    worker = Worker(services, concurrency=processes, database_url=database_url, options=[include], beat=True)
    try:
        worker.start()
        yield
    finally:
        worker.stop()


@contextmanager
def _session(database_url: str) -> Iterator["psycopg2.extensions.cursor"]:
    connection = psycopg2.connect(database_url)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()


@contextmanager
def _django_on(database_url: str) -> Iterator[None]:
    """Let this process's Django use another database meanwhile."""
    from django.db import connection

    connection.close()
    before = connection.settings_dict["NAME"]
    connection.settings_dict["NAME"] = psycopg2.extensions.parse_dsn(database_url)["dbname"]
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = before


def _wait(database_url: str, question: str) -> None:
    until = time.monotonic() + _PATIENCE_SECONDS
    with _session(database_url) as cursor:
        while True:
            cursor.execute(question)
            if cursor.fetchone() == (True,):
                return
            if time.monotonic() > until:
                raise AssertionError(f"still not, after {_PATIENCE_SECONDS} s: {question}")
            time.sleep(_POLL_SECONDS)


def _check(database_url: str, earned: Sequence[Earned], *, whole_books: bool) -> None:
    """Compare every member's balance with what was reckoned; `whole_books` audits the lots behind it, too."""
    from rewards.selectors.audit import audit_ledger

    points: dict[int, int] = defaultdict(int)
    for one in earned:
        points[one.user_id] += one.points
    with _session(database_url) as cursor:
        cursor.execute(
            "SELECT user_id, current_points, lifetime_points, pending_points, debt_points FROM user_points"
        )
        found = {user_id: figures for user_id, *figures in cursor.fetchall()}
    expected = {user_id: [SIGNUP + points[user_id]] * 2 + [0, 0] for user_id in found}
    if len(found) != MEMBERS or found != expected:
        wrong = sum(found[user_id] != expected[user_id] for user_id in found)
        raise AssertionError(f"{wrong} of {len(found)} balances are not what the orders earn")
    if whole_books:
        with _django_on(database_url):
            report = audit_ledger()
        if report.broken or report.transactions != MEMBERS + sum(one.points > 0 for one in earned):
            raise AssertionError(f"the books are broken: {report}")


# --- before the first --------------------------------------------------------------------------------------


def _prepare(services: Services, count: int) -> list[Earned]:
    """Make members with a sign-up bonus and their delivered orders; return what these must earn."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    from django.db import connection

    from accounts.models import User
    from catalog.models import Product
    from orders.contracts import DeliveredOrder, PricedLine
    from orders.facade import record_delivered_orders
    from rewards.models import EarningRule
    from rewards.services.earning import earn_signups

    dice = random.Random(1)
    now = datetime.now(UTC)
    EarningRule.objects.create(name="Sign-up Bonus", rule_type="signup", points_amount=SIGNUP)
    members = [one.pk for one in User.objects.bulk_create(User(username=f"bench{n}") for n in range(MEMBERS))]
    for start in range(0, MEMBERS, _CHUNK):
        earn_signups(members[start : start + _CHUNK], at=now - timedelta(days=365))
    products = Product.objects.bulk_create(
        Product(sku=f"BENCH-{n}", name=f"Product {n}", price=f"{10 + n % 290}.{n % 100:02}")
        for n in range(PRODUCTS)
    )
    earned: list[Earned] = []
    for start in range(0, count, _CHUNK):
        orders: dict[str, DeliveredOrder] = {}
        for number in range(start, min(start + _CHUNK, count)):
            delivered_at = now - timedelta(minutes=dice.randrange(200 * 24 * 60))
            chosen = [(product, dice.randint(1, 3)) for product in dice.sample(products, 3)]
            lines = tuple(PricedLine(one.pk, qty, Decimal(one.price)) for one, qty in chosen)
            name = f"B{number:07}"
            orders[name] = DeliveredOrder(
                user_id=dice.choice(members),
                number=name,
                placed_at=delivered_at - timedelta(days=3),
                delivered_at=delivered_at,
                lines=lines,
                shipping=Decimal("50.00"),
            )
        for (_, name), order_id in record_delivered_orders(orders.values()).items():
            basis = sum(line.line_total for line in orders[name].lines)
            earned.append(Earned(order_id, orders[name].user_id, int(basis // 10)))
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE core_outboxmessage")
    connection.close()
    services.statement("VACUUM (ANALYZE)")
    return earned
