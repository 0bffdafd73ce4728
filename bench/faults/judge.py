"""Holding the clients' record against the database: nothing lost, nothing doubled, every point as reckoned.

Reckoned here by itself: none of the project's arithmetic is used.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

import psycopg2
import psycopg2.extras

from bench.faults.load import OUR_SHOP
from bench.faults.record import Op
from bench.faults.shop import OTHER_SHOP, ImportFiles, Setup

_IMPORT = "import"
_CENT = Decimal("0.01")
_RATE = Decimal("0.1")
_STATE = {
    "orders": "SELECT * FROM orders",
    "items": "SELECT * FROM order_items ORDER BY order_id, position",
    "steps": "SELECT order_id, to_status, count(*) AS n FROM order_steps GROUP BY 1, 2",
    "returns": """
        SELECT r.id, r.order_id, r.reference, l.item_id, l.qty
        FROM order_returns r LEFT JOIN order_return_lines l ON l.order_return_id = r.id ORDER BY r.id
    """,
    "waiting": "SELECT shop, number, return_id FROM waiting_returns",
    "asked": "SELECT id, order_id FROM order_return_requests",
    "lines": "SELECT * FROM points_transactions ORDER BY id",
    "vouchers": "SELECT * FROM user_vouchers",
    "accounts": "SELECT * FROM user_points",
    "stock": "SELECT id, stock FROM products WHERE stock_is_tracked",
    "outbox": "SELECT * FROM core_outboxmessage",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that must not be, with the record that shows it."""

    what: str
    about: Any = None

    def __str__(self) -> str:
        if isinstance(self.about, Op):
            return f"{self.what}\n    {told(self.about)}"
        return f"{self.what}\n    {json.dumps(self.about, default=str)[:2000]}" if self.about else self.what


def told(op: Op) -> str:
    """Lay a request out with all that was answered to it."""
    answers = [
        f"{attempt.began:.3f} s + {attempt.seconds:.3f}: {attempt.outcome} {json.dumps(attempt.answer)[:400]}"
        for attempt in op.attempts
    ]
    sent = f"#{op.id} {op.kind}: {op.method} {op.path} key={op.key} {json.dumps(op.body)[:800]}"
    return "\n      ".join([sent, *answers])


Row = dict[str, Any]


@dataclass
class State:
    """Everything that is in the database, row by row."""

    rows: dict[str, list[Row]]
    orders: dict[tuple[str, str], Row] = field(init=False)
    items: dict[int, list[Row]] = field(init=False)
    entries: dict[tuple[int, str], list[Row]] = field(init=False)
    """Ledger lines by member and natural key."""

    def __post_init__(self) -> None:
        self.orders = {(row["shop"], row["number"]): row for row in self.rows["orders"]}
        self.items = _grouped(self.rows["items"], lambda row: row["order_id"])
        self.entries = _grouped(self.rows["lines"], lambda row: (row["user_id"], row["natural_key"]))


def read_state(dsn: str) -> State:
    """Read everything in one snapshot."""
    connection = psycopg2.connect(dsn)
    try:
        connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
        rows = {}
        with connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cursor:
            for name, sql in _STATE.items():
                cursor.execute(sql)
                rows[name] = [dict(row) for row in cursor.fetchall()]
    finally:
        connection.close()
    return State(rows)


class Judge:
    """One judgement; `explained` are the ledger lines that some request or order accounts for."""

    def __init__(self, ops: list[Op], state: State, setup: Setup, imports: list[ImportFiles]) -> None:
        self._ops = ops
        self._state = state
        self._setup = setup
        self._imports = imports
        self._explained: set[int] = set()
        self._owed: Counter[int] = Counter()
        """What each member must have, reckoned."""

    def findings(self) -> list[Finding]:
        """Say everything that is not as it must be."""
        for member in (*self._setup.members, *self._setup.probes):
            self._take(member.id, "adjust:start", member.points)
        found = [
            *self._answers(),
            *self._redeems(),
            *self._adjustments(),
            *self._orders_made(),
            *self._orders_told(),
            *self._orders_imported(),
            *self._steps(),
            *self._returns(),
            *self._points_of_orders(),
            *self._vouchers(),
            *self._stock(),
            *self._outbox(),
        ]
        return [*found, *self._rest_of_the_ledger()]

    def _of(self, *kinds: str) -> list[Op]:
        return [op for op in self._ops if op.kind in kinds]

    def _take(self, user_id: int, key: str, points: int) -> list[Row]:
        """Account for the ledger lines of a natural key, each of which must be worth `points`."""
        rows = self._state.entries.get((user_id, key), [])
        self._explained.update(row["id"] for row in rows)
        if rows:
            self._owed[user_id] += points
        return rows

    # --- what was answered ---------------------------------------------------------------------------------

    def _answers(self) -> Iterator[Finding]:
        """A 503 says when to come again; there is no other 5xx; whatever is replayed is the same."""
        for op in self._ops:
            for attempt in op.attempts:
                if attempt.outcome is None:
                    yield Finding("a request has no end", op)
                elif isinstance(attempt.outcome, int) and attempt.outcome >= 500:
                    is_problem = attempt.content_type == "application/problem+json"
                    if attempt.outcome != 503 or not is_problem or not attempt.retry_after:
                        yield Finding("an answer is a 5xx and no 503 problem with Retry-After", op)
            done = [attempt for attempt in op.attempts if attempt.is_done]
            if op.key is not None and any(attempt.answer != done[0].answer for attempt in done):
                yield Finding("the same key was answered in two ways", op)

    # --- redeeming -----------------------------------------------------------------------------------------

    def _redeems(self) -> Iterator[Finding]:
        vouchers = {row["id"]: row for row in self._state.rows["vouchers"]}
        unknown: Counter[tuple[int, int]] = Counter()
        for op in self._of("redeem"):
            member, cost = op.facts["member"], op.facts["cost"]
            if op.key is None and op.done is None:
                unknown[member, cost] += op.may_be_done
                continue
            voucher = op.done.answer["voucher"]["id"] if op.done else None
            key = f"redeem:{op.key}" if op.key is not None else f"voucher:{voucher}:redeem"
            rows = self._take(member, key, -cost)
            if op.done and (len(rows) != 1 or rows[0]["points"] != -cost or rows[0]["voucher_id"] != voucher):
                yield Finding(f"a redeem was answered and is in the ledger {len(rows)} times", op)
            elif len(rows) > 1 or (rows and not op.may_be_done):
                yield Finding(f"a redeem is in the ledger {len(rows)} times", op)
            for row in rows:
                vouchers.pop(row["voucher_id"], None)
        for voucher_id, row in vouchers.items():
            rows = self._state.entries.get((row["user_id"], f"voucher:{voucher_id}:redeem"), [])
            if len(rows) != 1 or not unknown[row["user_id"], -rows[0]["points"]]:
                yield Finding("a voucher that nobody asked for", row)
                continue
            unknown[row["user_id"], -rows[0]["points"]] -= 1
            self._take(row["user_id"], f"voucher:{voucher_id}:redeem", rows[0]["points"])

    def _adjustments(self) -> Iterator[Finding]:
        for op in self._of("adjustment"):
            points = op.body["points"]
            rows = self._take(op.facts["member"], f"adjust:{OUR_SHOP}:{op.body['key']}", points)
            if len(rows) > 1 or (op.done and not rows) or (rows and not op.may_be_done):
                yield Finding(f"an adjustment is in the ledger {len(rows)} times", op)
            elif rows and rows[0]["points"] != points:
                yield Finding("an adjustment is of other points", op)

    # --- orders --------------------------------------------------------------------------------------------

    def _orders_made(self) -> Iterator[Finding]:
        """Orders of the checkout: each answered one is there as it was answered, and no other is."""
        left = {row["id"]: row for row in self._state.rows["orders"] if row["shop"] == OUR_SHOP}
        by_key = {(row["user_id"], row["placed_key"]): row for row in left.values() if row["placed_key"]}
        unknown: Counter[int] = Counter()
        for op in self._of("order"):
            member = op.facts["member"]
            if op.done is not None:
                row = left.pop(op.done.answer["id"], None)
                if row is None or row["user_id"] != member:
                    yield Finding("an order was answered and is not there, or answered to two requests", op)
                else:
                    yield from self._same_order(op, row)
                if any(a.is_done and a.answer["id"] != op.done.answer["id"] for a in op.attempts):
                    yield Finding("one request made two orders", op)
            elif op.key is not None and "lines" in op.body:
                row = by_key.get((member, f"key:{op.key}"))
                if row is not None and left.pop(row["id"], None) and not op.may_be_done:
                    yield Finding("an order was refused and is there", op)
            else:
                unknown[member] += op.may_be_done
        for row in left.values():
            if row["placed_key"].startswith("key:") or not unknown[row["user_id"]]:
                yield Finding("an order that nobody asked for", row)
            unknown[row["user_id"]] -= 1

    def _same_order(self, op: Op, row: Row) -> Iterator[Finding]:
        assert op.done is not None
        answer = op.done.answer
        lines = [(item["product_id"], item["qty"]) for item in self._state.items.get(row["id"], [])]
        wanted = [(line["product_id"], line["qty"]) for line in op.facts["wanted"]["lines"]]
        sums = {
            name: f"{row[name]:.2f}" for name in ("subtotal", "discount", "shipping", "total", "points_value")
        }
        if lines != wanted or any(answer[name] != amount for name, amount in sums.items()):
            yield Finding("an order is not as it was wanted and answered", op)
        if row["voucher_code"] != op.facts["wanted"].get("voucher_code", ""):
            yield Finding("an order has another voucher than was wanted", op)

    def _orders_told(self) -> Iterator[Finding]:
        """Orders of the other shop."""
        told_of: dict[str, Row] = {}
        for op in self._of("batch"):
            for place, order in enumerate(op.body["orders"]):
                told_of[order["number"]] = order
                result = op.done.answer["results"][place]["status"] if op.done else None
                row = self._state.orders.get((OTHER_SHOP, order["number"]))
                if row is None:
                    if result in ("created", "updated", "unchanged"):
                        yield Finding("a shop's order was answered and is not there", op)
                    continue
                if result == "refused" or not op.may_be_done:
                    yield Finding("a shop's order was refused and is there", op)
                stored = [_terms(item) for item in self._state.items.get(row["id"], [])]
                if stored != [_told_terms(line) for line in order["lines"]]:
                    yield Finding("a shop's order has other lines", op)
        for shop, number in self._state.orders:
            if shop == OTHER_SHOP and number not in told_of:
                yield Finding(f"a shop's order that nobody told of: {number}")

    def _orders_imported(self) -> Iterator[Finding]:
        numbers = {number for files in self._imports for number in files.lines}
        for shop, number in self._state.orders:
            if shop == _IMPORT and number not in numbers:
                yield Finding(f"an imported order of no file: {number}")
        for files in self._imports:
            for number, lines in files.lines.items():
                row = self._state.orders.get((_IMPORT, number))
                if row is None:
                    yield Finding(f"an order of {files.orders.name} is not there: {number}")
                    continue
                items = self._state.items[row["id"]]
                if [(item["sku"], item["qty"], item["unit_price"]) for item in items] != lines:
                    yield Finding(f"an order of {files.orders.name} has other lines: {number}", items)
                back = {item["sku"]: item["returned_qty"] for item in items if item["returned_qty"]}
                if back != files.back.get(number, {}):
                    yield Finding(
                        f"of an order of {files.orders.name} other pieces came back: {number}", back
                    )

    def _steps(self) -> Iterator[Finding]:
        """Every step once; who was told that an order is somewhere, finds that it was."""
        steps = {(row["order_id"], row["to_status"]): row["n"] for row in self._state.rows["steps"]}
        for (order_id, status), n in steps.items():
            if n != 1:
                yield Finding(f"order {order_id} became {status} {n} times")
        for op in self._of("status", "cancel"):
            if op.done is None:
                continue
            row = self._state.orders[op.facts["shop"], op.facts["number"]]
            status = op.facts.get("status", "cancelled")
            if (row["id"], status) not in steps:
                yield Finding(f"an order was answered to be {status} and never was", op)

    def _returns(self) -> Iterator[Finding]:
        references = {row["id"]: (row["order_id"], row["reference"]) for row in self._state.rows["returns"]}
        made = Counter(references.values())
        waiting = Counter(
            (row["shop"], row["number"], row["return_id"]) for row in self._state.rows["waiting"]
        )
        for op in self._of("return"):
            shop, number, reference = op.facts["shop"], op.facts["number"], op.body["return_id"]
            order_id = self._state.orders[shop, number]["id"]
            times = made.pop((order_id, reference), 0) + waiting.pop((shop, number, reference), 0)
            if times > 1 or (op.done and times != 1) or (times and not op.may_be_done):
                yield Finding(f"a return was made {times} times", op)
        imported = {row["id"] for row in self._state.rows["orders"] if row["shop"] == _IMPORT}
        for order_id, reference in made:
            if order_id not in imported:
                yield Finding(f"a return that nobody asked for: {reference} of order {order_id}")
        asked = Counter(row["order_id"] for row in self._state.rows["asked"])
        ids = {row["id"] for row in self._state.rows["asked"]}
        wanted = Counter(op.facts["order"] for op in self._of("return request") if op.may_be_done)
        for op in self._of("return request"):
            if op.done and op.done.answer["id"] not in ids:
                yield Finding("a return request was answered and is not there", op)
        for order_id, n in asked.items():
            if n > 1 or not wanted[order_id]:
                yield Finding(f"order {order_id} has {n} return requests")

    # --- what follows --------------------------------------------------------------------------------------

    def _points_of_orders(self) -> Iterator[Finding]:
        """Earned and reversed, spent and restored, of every order by its lines and what came back."""
        back: Counter[int] = Counter()
        for row in self._state.rows["returns"]:
            back[row["item_id"]] += row["qty"] or 0
        lines = _grouped(self._state.rows["lines"], lambda row: row["order_id"])
        for order in self._state.rows["orders"]:
            items = self._state.items.get(order["id"], [])
            mine = lines.get(order["id"], [])
            if wrong := [item["id"] for item in items if item["returned_qty"] != back[item["id"]]]:
                yield Finding(f"returned pieces of order {order['number']} don't add up: lines {wrong}")
            sums: Counter[str] = Counter()
            for row in mine:
                sums[row["transaction_type"]] += row["points"]
            earned, spent = _earned(order, items), -_spent(order, items)
            if sums["earned"] + sums["reversed"] != earned:
                found = sums["earned"] + sums["reversed"]
                yield Finding(f"order {order['number']} earns {earned}, and the ledger has {found}", mine)
            if sums["redeemed"] + sums["restored"] != spent:
                found = sums["redeemed"] + sums["restored"]
                yield Finding(
                    f"order {order['number']} took {spent} points, and the ledger has {found}", mine
                )
            for kind in ("earned", "redeemed"):
                if sum(row["transaction_type"] == kind for row in mine) > 1:
                    yield Finding(f"order {order['number']} has {kind} twice", mine)
            self._owed[order["user_id"]] += earned + spent
            self._explained.update(row["id"] for row in mine)

    def _vouchers(self) -> Iterator[Finding]:
        holders = _grouped(
            [
                row
                for row in self._state.rows["orders"]
                if row["voucher_code"] and row["status"] != "cancelled"
            ],
            lambda row: row["voucher_code"],
        )
        for voucher in self._state.rows["vouchers"]:
            orders = [row["id"] for row in holders.pop(voucher["code"], [])]
            held = [voucher["order_id"]] if voucher["status"] in ("reserved", "used") else []
            if orders != held:
                yield Finding(
                    f"voucher {voucher['code']} is {voucher['status']}, in orders {orders}", voucher
                )
        for code, orders in holders.items():
            yield Finding(f"orders have a voucher that is none: {code}", orders)

    def _stock(self) -> Iterator[Finding]:
        taken: Counter[int] = Counter()
        for order in self._state.rows["orders"]:
            if order["status"] != "cancelled":
                for item in self._state.items.get(order["id"], []):
                    taken[item["product_id"]] += item["qty"] if item["stock_taken"] else 0
        left = {row["id"]: row["stock"] for row in self._state.rows["stock"]}
        for product in self._setup.products:
            if product.stock is not None and left[product.id] != product.stock - taken[product.id]:
                yield Finding(
                    f"of product {product.id} {product.stock} were there, {taken[product.id]} are taken,"
                    f" and {left[product.id]} are left"
                )

    def _outbox(self) -> Iterator[Finding]:
        for row in self._state.rows["outbox"]:
            yield Finding("a message is dead" if row["died_at"] else "a message is not delivered", row)

    def _rest_of_the_ledger(self) -> Iterator[Finding]:
        for row in self._state.rows["lines"]:
            if row["id"] not in self._explained:
                yield Finding("a ledger line that nothing accounts for", row)
        for row in self._state.rows["accounts"]:
            balance = row["current_points"] + row["pending_points"] - row["debt_points"]
            if balance != self._owed[row["user_id"]]:
                yield Finding(
                    f"a member must have {self._owed[row['user_id']]} points and has {balance}", row
                )


def _earned(order: Row, items: list[Row]) -> int:
    """A point for every R10 that was paid for what is still with the member."""
    if order["delivered_at"] is None or order["status"] == "cancelled":
        return 0
    kept = Decimal(0)
    for item in items:
        net = item["qty"] * item["unit_price"] - item["discount"] - item["points_value"]
        net -= item["tax"] if order["tax_included"] else 0
        left = item["qty"] - item["returned_qty"]
        kept += (net * left / item["qty"]).quantize(_CENT, ROUND_HALF_UP)
    return int((kept * _RATE).to_integral_value(ROUND_FLOOR))


def _spent(order: Row, items: list[Row]) -> int:
    """The points that still pay for what is with the member."""
    if not order["points_used"] or order["status"] == "cancelled":
        return 0
    whole = sum((Fraction(item["points_value"]) for item in items), Fraction(0))
    kept = sum(
        (
            Fraction(item["points_value"]) * (item["qty"] - item["returned_qty"]) / item["qty"]
            for item in items
        ),
        Fraction(0),
    )
    return int(order["points_used"] * kept / whole + Fraction(1, 2))


def _terms(item: Row) -> tuple[str, int, Decimal, Decimal]:
    return item["sku"], item["qty"], item["unit_price"], item["discount"]


def _told_terms(line: Row) -> tuple[str, int, Decimal, Decimal]:
    return line["sku"], line["qty"], Decimal(line["unit_price"]), Decimal(line.get("discount", "0.00"))


def _grouped(rows: list[Row], by: Callable[[Row], Any]) -> dict[Any, list[Row]]:
    groups: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        groups[by(row)].append(row)
    return dict(groups)
