"""`shop_batch`: a shop sends its orders in batches over HTTP, each twice, shuffled, some of them malformed.

What is answered is compared with what was sent, order by order, and what is stored with exact totals.
"""

import http.client
import json
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from typing import Any

from bench.frame import Contender, Sample
from bench.services import Services, Worker
from bench.web import served

ORDERS = 100_000
BATCH = 500
MALFORMED = 0.05
FLOOR = 500
"""Orders a second that the site must take."""

SHOP = "bench"
_CENT = Decimal("0.01")
_STATUSES = (["delivered"] * 16) + ["paid", "paid", "shipped", "cancelled"]

Post = Callable[[dict[str, Any]], dict[str, Any]]
Problem = tuple[str, str]
"""A problem's code, and the field that it names."""


@dataclass
class Sent:
    """An order as it goes out; `problem` is what must be answered to a malformed one."""

    body: Any
    problem: Problem | None = None
    basis: Decimal = Decimal(0)

    @property
    def points(self) -> int:
        """What it earns, at a point for every R10."""
        return int((self.basis / 10).to_integral_value(ROUND_FLOOR))


@dataclass
class Tally:
    """What was answered; `wrong` are the answers that should have been others."""

    statuses: Counter[str] = field(default_factory=Counter)
    reasons: Counter[Problem] = field(default_factory=Counter)
    wrong: list[Any] = field(default_factory=list)
    batch_seconds: list[float] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


# --- what is sent ------------------------------------------------------------------------------------------


def make_orders(count: int, *, tag: str, seed: int = 1, now: datetime | None = None) -> list[Sent]:
    """Make orders of `count` // 20 members, their numbers and ids beginning with `tag`."""
    rng = random.Random(seed)
    now = now or datetime.now(UTC)
    return [
        _malformed(_order(rng, n, count, tag, now), rng, tag, now)
        if rng.random() < MALFORMED
        else _order(rng, n, count, tag, now)
        for n in range(count)
    ]


def _order(rng: random.Random, n: int, count: int, tag: str, now: datetime) -> Sent:
    lines, basis = [], Decimal(0)
    for _ in range(rng.randint(1, 3)):
        price, qty = rng.randint(1, 50_000) * _CENT, rng.randint(1, 3)
        discount = rng.choice([Decimal(0), (price * qty / 10).quantize(_CENT)])
        basis += price * qty - discount
        sku = f"S{rng.randrange(2000)}"
        lines.append({"sku": sku, "name": f"Thing {sku}", "qty": qty, "unit_price": f"{price:.2f}"})
        if discount:
            lines[-1]["discount"] = f"{discount:.2f}"
    shipping = rng.choice([Decimal(0), Decimal(60)])
    status = rng.choice(_STATUSES)
    placed = now - timedelta(days=rng.randint(1, 200), seconds=rng.randint(0, 80_000))
    body = {
        "number": f"{tag}-{n}",
        "member": {"external_id": f"{tag}-m{rng.randrange(max(count // 20, 1))}"},
        "status": status,
        "lines": lines,
        "shipping": f"{shipping:.2f}",
        "total": f"{basis + shipping:.2f}",
        "placed_at": placed.isoformat(),
    }
    if status == "delivered":
        body["delivered_at"] = (placed + timedelta(hours=20)).isoformat()
    return Sent(body, basis=basis if status == "delivered" else Decimal(0))


def _malformed(order: Sent, rng: random.Random, tag: str, now: datetime) -> Sent:
    body = order.body
    line = body["lines"][0]
    kinds: list[tuple[Callable[[], Any], Problem]] = [
        (lambda: line.update(qty=0), ("invalid", "lines.0.qty")),
        (lambda: line.update(unit_price="ten"), ("invalid", "lines.0.unit_price")),
        (lambda: line.update(discount="9999999.00"), ("invalid", "lines.0.discount")),
        (lambda: body.update(total=f"{Decimal(body['total']) + _CENT}"), ("invalid", "total")),
        (lambda: body.update(status="lost"), ("invalid", "status")),
        (lambda: body.update(lines="none"), ("invalid", "lines")),
        (lambda: body.update(number=body["number"] + " x"), ("invalid", "number")),
        (lambda: body.pop("member"), ("order_incomplete", "member")),
        (lambda: body.update(member={"phone": "+27820000000"}), ("member_unknown", "member.phone")),
        (
            lambda: (
                body.pop("delivered_at", 0),
                body.update(placed_at=(now + timedelta(days=1)).isoformat()),
            ),
            ("times_disagree", "placed_at"),
        ),
    ]
    if rng.random() < 0.05:
        return Sent(body["number"], ("invalid", "body"))
    spoil, problem = rng.choice(kinds)
    spoil()
    return Sent(body, problem)


# --- sending -----------------------------------------------------------------------------------------------


def send_twice(
    orders: list[Sent],
    connect: Callable[[], Post],
    *,
    batch: int = BATCH,
    connections: int = 2,
    seed: int = 1,
) -> tuple[Tally, float]:
    """Send every order twice, shuffled, in batches over several connections; return answers and seconds."""
    twice = orders * 2
    random.Random(seed).shuffle(twice)
    waiting = iter([twice[start : start + batch] for start in range(0, len(twice), batch)])
    tally, hand = Tally(), threading.Lock()

    def work() -> None:
        post = connect()
        while True:
            with hand:
                part = next(waiting, None)
            if part is None:
                return
            began = time.perf_counter()
            answer = post({"orders": [sent.body for sent in part]})
            _compare(part, answer, tally, time.perf_counter() - began)

    threads = [threading.Thread(target=work) for _ in range(connections)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return tally, time.perf_counter() - began


def _compare(part: list[Sent], answer: dict[str, Any], tally: Tally, seconds: float) -> None:
    results = answer.get("results", [])
    with tally.lock:
        tally.batch_seconds.append(seconds)
        if [result["index"] for result in results] != list(range(len(part))):
            tally.wrong.append(answer)
            return
        for sent, result in zip(part, results, strict=True):
            tally.statuses[result["status"]] += 1
            if sent.problem is None:
                if result["status"] not in ("created", "unchanged"):
                    tally.wrong.append((sent.body, result))
                continue
            problem = result.get("problem", {})
            if (problem.get("code"), list(problem.get("errors", {}))) != (sent.problem[0], [sent.problem[1]]):
                tally.wrong.append((sent.body, result))
            tally.reasons[sent.problem] += 1


# --- judging -----------------------------------------------------------------------------------------------


def judge(orders: list[Sent], tally: Tally, *, tag: str) -> list[str]:
    """Say everything that is not exactly as it should be, once the outbox is empty."""
    from django.db.models import Count, F, Sum

    from orders.models import Order, OrderItem
    from rewards.models import PointsTransaction
    from rewards.selectors.audit import audit_ledger

    good = [sent for sent in orders if sent.problem is None]
    bad = len(orders) - len(good)
    stored = Order.objects.filter(shop=SHOP, number__startswith=f"{tag}-")
    items = OrderItem.objects.filter(order__in=stored)
    earned = PointsTransaction.objects.filter(order__in=stored)
    pairs: dict[str, tuple[Any, Any]] = {
        "answers": (
            {"created": len(good), "unchanged": len(good), "refused": 2 * bad},
            {name: tally.statuses[name] for name in ("created", "unchanged", "refused")},
        ),
        "orders by status": (
            dict(Counter(sent.body["status"] for sent in good)),
            dict(stored.order_by().values_list("status").annotate(Count("id"))),
        ),
        "rand": (
            sum((Decimal(sent.body["total"]) for sent in good), Decimal(0)),
            stored.aggregate(sum=Sum("total"))["sum"],
        ),
        "pieces": (
            sum(line["qty"] for sent in good for line in sent.body["lines"]),
            items.aggregate(sum=Sum("qty"))["sum"],
        ),
        "members": (
            len({sent.body["member"]["external_id"] for sent in good}),
            stored.aggregate(n=Count(F("user"), distinct=True))["n"],
        ),
        "points": (sum(sent.points for sent in good), earned.aggregate(sum=Sum("points"))["sum"]),
        "broken books": ((), audit_ledger().broken),
    }
    findings = [
        f"{name}: {should} was sent, {found} found"
        for name, (should, found) in pairs.items()
        if should != found
    ]
    if tally.wrong:
        findings.append(f"{len(tally.wrong)} wrong answers, the first: {str(tally.wrong[0])[:1000]}")
    return findings


# --- measuring ---------------------------------------------------------------------------------------------


class ShopBatch:
    """Orders a second that the site takes and answers, each one twice; ORDERS says how many there are."""

    title = (
        f"a shop's orders over HTTP in batches of {BATCH}, each twice, shuffled, 5 % malformed, one worker"
    )
    unit = "orders/s"
    rounds = 1

    def unavailable(self) -> str | None:
        return None

    @contextmanager
    def contenders(self, services: Services) -> Iterator[Sequence[Contender]]:
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
        import django

        django.setup()
        worker = Worker(services, concurrency=1, beat=True)
        try:
            worker.start()
            with served(services, name="site") as port:
                count = int(os.environ.get("ORDERS") or ORDERS)
                yield [Contender(f"{count:,} orders", lambda: _measured(port, count))]
        finally:
            worker.stop()


def _measured(port: int, count: int) -> Sample:
    """Send, wait for the points, judge."""
    from django.utils import timezone

    from accounts.services.keys import make_key
    from core import outbox
    from core.contracts import SYSTEM

    tag = f"b{int(time.time())}"
    made = make_key(name=f"bench {tag}", shop=SHOP, scopes=["orders:write"], actor=SYSTEM, at=timezone.now())
    orders = make_orders(count, tag=tag)
    tally, seconds = send_twice(orders, over_http(port, made.key))
    behind = outbox.pending("rewards.purchases")
    began = time.perf_counter()
    while outbox.pending() and time.perf_counter() - began < 600:
        time.sleep(0.5)
    catching_up = time.perf_counter() - began
    findings = judge(orders, tally, tag=tag)
    times = sorted(tally.batch_seconds)
    rate = 2 * count / seconds
    details = {
        "orders_sent": 2 * count,
        "seconds": round(seconds, 1),
        "new_orders_per_second": round(tally.statuses["created"] / seconds),
        "batch_p50_ms": round(1000 * times[len(times) // 2]),
        "batch_p95_ms": round(1000 * times[int(len(times) * 0.95)]),
        **{name: tally.statuses[name] for name in ("created", "unchanged", "refused")},
        "orders_waiting_for_points_at_the_end": behind,
        "seconds_until_all_points_were_posted": round(catching_up, 1),
        "findings": len(findings),
    }
    for name, value in details.items():
        print(f"{name.replace('_', ' '):>38}: {value:,}")
    for (code, name), times_refused in sorted(tally.reasons.items()):
        print(f"{'refused for':>38}: {code} {name}, {times_refused:,} times")
    if rate < FLOOR:
        findings.append(f"{rate:.0f} orders a second; {FLOOR} are the least")
    if findings:
        raise AssertionError("\n".join(findings))
    return Sample(rate, details)


def over_http(port: int, key: str) -> Callable[[], Post]:
    """Return what opens a connection on which batches are posted."""

    def connect() -> Post:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        headers = {"Authorization": f"Api-Key {key}", "Content-Type": "application/json"}

        def post(body: dict[str, Any]) -> dict[str, Any]:
            connection.request("POST", "/api/v1/shop/orders/batch/", json.dumps(body), headers)
            answer: dict[str, Any] = json.loads(connection.getresponse().read())
            return answer

        return post

    return connect
