"""Clients: what members and shops want, sent again after a broken connection as real clients do."""

import http.client
import json
import random
import threading
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from bench.faults.record import BROKEN, TIMED_OUT, Attempt, Op, Record
from bench.faults.shop import OTHER_SHOP, Member, Setup, bearer, by_key, line_cost, money, shop_line

OUR_SHOP = "markethub"
_OPTIONS = {"voucher-10": 100, "free-shipping": 50}
_MOST_ATTEMPTS = 8
_LONGEST_PAUSE = 2.0


class Line:
    """One client's connection; another one after each that broke."""

    def __init__(self, port: int, record: Record, *, timeout: float) -> None:
        self._port = port
        self._record = record
        self._timeout = timeout
        self._connection: http.client.HTTPConnection | None = None

    def send(self, op: Op, authorization: str) -> Attempt:
        """Send once, whatever comes of it."""
        attempt = self._record.send(op)
        headers = {"Authorization": authorization, "Content-Type": "application/json"}
        if op.key is not None:
            headers["Idempotency-Key"] = op.key
        try:
            if self._connection is None:
                self._connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=self._timeout)
            self._connection.request(op.method, op.path, json.dumps(op.body), headers)
            response = self._connection.getresponse()
            content = response.read()
        except TimeoutError:
            attempt.outcome = TIMED_OUT
        except (OSError, http.client.HTTPException):
            attempt.outcome = BROKEN
        else:
            attempt.content_type = response.headers.get("Content-Type", "")
            attempt.retry_after = response.headers.get("Retry-After")
            attempt.replayed = response.headers.get("Idempotent-Replayed") == "true"
            is_json = attempt.content_type.startswith(("application/json", "application/problem+json"))
            attempt.answer = json.loads(content) if is_json else content.decode(errors="replace")[:500]
            attempt.outcome = response.status
        if isinstance(attempt.outcome, str):
            self.close()
        self._record.answer(op, attempt)
        return attempt

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Known:
    """What clients have been told and may act on; several at once, and on the same."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._vouchers: dict[int, list[str]] = {}
        self._orders: list[dict[str, Any]] = []

    def learn_voucher(self, member: Member, code: str) -> None:
        with self._lock:
            self._vouchers.setdefault(member.id, []).append(code)

    def voucher(self, member: Member, rng: random.Random) -> str | None:
        """A code; half of the time it stays known, and somebody else tries the same."""
        with self._lock:
            codes = self._vouchers.get(member.id, [])
            if not codes:
                return None
            place = rng.randrange(len(codes))
            return codes[place] if rng.random() < 0.5 else codes.pop(place)

    def learn_order(self, order: dict[str, Any]) -> None:
        with self._lock:
            self._orders.append(order)

    def order(self, rng: random.Random, *, delivered: bool = False) -> dict[str, Any] | None:
        """One of the newest orders, which are still under way, or of those that were delivered."""
        with self._lock:
            orders = [order for order in self._orders if order.get("delivered") or not delivered]
            return rng.choice(orders[-80:]) if orders else None


class Client(threading.Thread):
    """Does one thing after another until it is told to stop, and brings the last one to an end."""

    def __init__(
        self, number: int, seed: str, port: int, setup: Setup, known: Known, record: Record, *, timeout: float
    ) -> None:
        super().__init__(name=f"client {number}", daemon=True)
        self._rng = random.Random(f"{seed} client {number}")
        self._name = f"{seed}-{number}"
        self._setup = setup
        self._known = known
        self._record = record
        self._line = Line(port, record, timeout=timeout)
        self._other_line = Line(port, record, timeout=timeout)
        self._stop_now = threading.Event()
        self._keys = 0
        self.failure: BaseException | None = None

    def stop(self) -> None:
        self._stop_now.set()

    def run(self) -> None:
        wishes = [self._redeem, self._order, self._advance, self._give_back, self._tell_orders, self._adjust]
        try:
            while not self._stop_now.is_set():
                (wish,) = self._rng.choices(wishes, [30, 25, 25, 12, 8, 8])
                wish()
        except BaseException as failure:  # the main thread tells of it
            self.failure = failure
        finally:
            self._line.close()
            self._other_line.close()

    # --- what is wanted ------------------------------------------------------------------------------------

    def _redeem(self) -> None:
        member = self._rng.choice(self._setup.members)
        option = self._rng.choice(list(_OPTIONS))
        op = self._record.plan(
            "redeem",
            "POST",
            "/api/v1/rewards/redeem/",
            {"redemption_option_id": option, "points_to_redeem": _OPTIONS[option]},
            caller="member",
            key=self._maybe_key(0.7),
            member=member.id,
            cost=_OPTIONS[option],
        )
        done = self._do(op, bearer(member), again=op.key is not None)
        if done is not None:
            self._known.learn_voucher(member, done["voucher"]["code"])

    def _order(self) -> None:
        member = self._rng.choice(self._setup.members)
        some = self._rng.sample(self._setup.products, self._rng.randint(1, 3))
        body: dict[str, Any] = {
            "lines": [{"product_id": one.id, "qty": self._rng.randint(1, 3)} for one in some],
            "points": self._rng.choice([0, 0, 30, 200]),
        }
        if self._rng.random() < 0.4 and (code := self._known.voucher(member, self._rng)):
            body["voucher_code"] = code
        wanted, again = dict(body), False
        if self._rng.random() < 0.2:
            quote = self._record.plan("quote", "POST", "/api/v1/orders/quote/", body, caller="member")
            quoted = self._do(quote, bearer(member), again=True)
            if quoted is None:
                return
            body, again = {"quote_token": quoted["quote_token"]}, True  # ordered once, for ever
        key = self._maybe_key(0.7)
        op = self._record.plan(
            "order",
            "POST",
            "/api/v1/orders/",
            body,
            caller="member",
            key=key,
            member=member.id,
            wanted=wanted,
        )
        done = self._do(op, bearer(member), again=again or key is not None)
        if done is not None:
            lines = [line["qty"] for line in done["lines"]]
            known = {"member": member, "shop": OUR_SHOP, "id": done["id"], "number": done["number"]}
            ids = [line["id"] for line in done["lines"]]
            self._known.learn_order({**known, "qty": lines, "line_ids": ids})

    def _advance(self) -> None:
        order = self._known.order(self._rng)
        if order is None:
            return
        if order["shop"] == OUR_SHOP and self._rng.random() < 0.25:
            op = self._record.plan(
                "cancel",
                "POST",
                f"/api/v1/orders/{order['id']}/cancel/",
                {"reason": "Changed my mind"},
                caller="member",
                key=self._maybe_key(0.5),
                number=order["number"],
                shop=order["shop"],
            )
            self._do(op, bearer(order["member"]), again=True)
            return
        status = self._rng.choice(["paid", "delivered", "delivered"])
        op = self._record.plan(
            "status",
            "PUT",
            f"/api/v1/shop/orders/{order['number']}/",
            {"status": status},
            caller="shop",
            number=order["number"],
            shop=order["shop"],
            status=status,
        )
        if self._do(op, self._key_of(order["shop"]), again=True) and status == "delivered":
            order["delivered"] = True

    def _give_back(self) -> None:
        order = self._known.order(self._rng, delivered=self._rng.random() < 0.8)
        if order is None:
            return
        if order["shop"] == OUR_SHOP and self._rng.random() < 0.3:
            line = self._rng.randrange(len(order["qty"]))
            body = {"lines": [{"line_id": order["line_ids"][line], "qty": 1}], "reason": "Too small"}
            op = self._record.plan(
                "return request",
                "POST",
                f"/api/v1/orders/{order['id']}/returns/",
                body,
                caller="member",
                key=self._maybe_key(0.7),
                order=order["id"],
            )
            self._do(op, bearer(order["member"]), again=True)
            return
        self._keys += 1
        body = {"return_id": f"{self._name}-r{self._keys}"}
        if self._rng.random() < 0.7:
            places = self._rng.sample(range(len(order["qty"])), self._rng.randint(1, len(order["qty"])))
            body["lines"] = [
                {"position": place + 1, "qty": self._rng.randint(1, order["qty"][place])} for place in places
            ]
        op = self._record.plan(
            "return",
            "POST",
            f"/api/v1/shop/orders/{order['number']}/returns/",
            body,
            caller="shop",
            key=self._maybe_key(0.5),
            number=order["number"],
            shop=order["shop"],
        )
        self._do(op, self._key_of(order["shop"]), again=True)

    def _tell_orders(self) -> None:
        self._keys += 1
        orders = [
            self._told_order(f"{self._name}-b{self._keys}-{n}") for n in range(self._rng.randint(2, 12))
        ]
        op = self._record.plan(
            "batch",
            "POST",
            "/api/v1/shop/orders/batch/",
            {"orders": orders},
            caller="shop",
            key=self._maybe_key(0.5),
        )
        done = self._do(op, self._key_of(OTHER_SHOP), again=True)
        if done is not None:
            for order in self._rng.sample(orders, min(2, len(orders))):
                qty = [line["qty"] for line in order["lines"]]
                named = {"shop": OTHER_SHOP, "number": order["number"], "qty": qty}
                self._known.learn_order({**named, "delivered": order["status"] == "delivered"})

    def _told_order(self, number: str) -> dict[str, Any]:
        lines = [shop_line(self._rng) for _ in range(self._rng.randint(1, 3))]
        member = self._rng.choice(self._setup.members)
        delivered = self._rng.random() < 0.8
        placed = datetime.now(UTC) - timedelta(days=self._rng.randint(2, 100))
        order = {
            "number": number,
            "member": {"external_id": member.external_id},
            "status": "delivered" if delivered else "paid",
            "lines": lines,
            "total": money(sum(map(line_cost, lines), Decimal(0))),
            "placed_at": placed.isoformat(),
        }
        if delivered:
            order["delivered_at"] = (placed + timedelta(hours=20)).isoformat()
        return order

    def _adjust(self) -> None:
        member = self._rng.choice(self._setup.members)
        self._keys += 1
        name = f"{self._name}-a{self._keys}"
        op = self._record.plan(
            "adjustment",
            "POST",
            f"/api/v1/shop/members/{member.external_id}/points/",
            {"points": self._rng.choice([300, 120, 40, -60]), "reason": "Service", "key": name},
            caller="shop",
            key=self._maybe_key(0.5),
            member=member.id,
        )
        self._do(op, self._key_of(OUR_SHOP), again=True)

    # --- how it is sent ------------------------------------------------------------------------------------

    def _key_of(self, shop: str) -> str:
        return by_key(self._setup.key if shop == OUR_SHOP else self._setup.other_key)

    def _maybe_key(self, share: float) -> str | None:
        self._keys += 1
        return f"{self._name}-k{self._keys}" if self._rng.random() < share else None

    def _do(self, op: Op, authorization: str, *, again: bool) -> dict[str, Any] | None:
        """Send until it is answered, if it may be sent `again`; sometimes twice at once, or once more."""
        twin = None
        if op.key is not None and self._rng.random() < 0.05:
            twin = threading.Thread(target=self._other_line.send, args=[op, authorization], daemon=True)
            twin.start()
        attempt = self._send_until_answered(op, authorization, again=again)
        if twin is not None:
            twin.join()
        if op.key is not None and attempt.is_done and self._rng.random() < 0.1:
            self._line.send(op, authorization)
        return attempt.answer if attempt.is_done else None

    def _send_until_answered(self, op: Op, authorization: str, *, again: bool) -> Attempt:
        pause = 0.1
        for _ in range(_MOST_ATTEMPTS if again else 1):
            attempt = self._line.send(op, authorization)
            if attempt.is_done or not _passes(attempt):
                break
            time.sleep(pause * self._rng.uniform(0.5, 1.5))
            pause = min(pause * 2, _LONGEST_PAUSE)
        return attempt


def _passes(attempt: Attempt) -> bool:
    """Whether the same may be answered another way a little later."""
    if attempt.outcome == 409:
        return bool(attempt.answer.get("code") == "still_running")
    return isinstance(attempt.outcome, str) or (attempt.outcome or 0) >= 500


class Probe(threading.Thread):
    """Asks again and again whether something works, each time over a new connection.

    A web process whose master was killed goes on with the connections that it has, and takes no new ones.
    """

    def __init__(self, name: str, port: int, setup: Setup, record: Record, *, timeout: float) -> None:
        super().__init__(name=name, daemon=True)
        self._setup = setup
        self._record = record
        self._line = Line(port, record, timeout=timeout)
        self._stop_now = threading.Event()
        self.worked: list[tuple[float, float]] = []
        """From when to when, in seconds since the beginning, something was tried that worked."""
        self.failure: BaseException | None = None

    def stop(self) -> None:
        self._stop_now.set()

    def run(self) -> None:
        number = 0
        try:
            while not self._stop_now.is_set():
                began = self._record.now()
                number += 1
                if self._works(number):
                    self.worked.append((began, self._record.now()))
                self._line.close()
                time.sleep(0.1)
        except BaseException as failure:  # the main thread tells of it
            self.failure = failure
        finally:
            self._line.close()

    def _works(self, number: int) -> bool:
        raise NotImplementedError


class WriteProbe(Probe):
    """Whether a write is answered 2xx."""

    def _works(self, number: int) -> bool:
        member, body = self._setup.probes[0], {"points": 1, "reason": "Probe", "key": f"{self.name}-{number}"}
        path = f"/api/v1/shop/members/{member.external_id}/points/"
        op = self._record.plan("adjustment", "POST", path, body, caller="shop", member=member.id)
        return self._line.send(op, by_key(self._setup.key)).is_done


class PointsProbe(Probe):
    """Whether the worker posts the points of an order."""

    def _works(self, number: int) -> bool:
        member, began = self._setup.probes[1], datetime.now(UTC)
        order = {
            "number": f"{self.name}-{number}",
            "member": {"external_id": member.external_id},
            "status": "delivered",
            "lines": [{"sku": "PROBE", "name": "Probe", "qty": 1, "unit_price": "10.00"}],
            "total": "10.00",
            "placed_at": (began - timedelta(minutes=2)).isoformat(),
            "delivered_at": (began - timedelta(minutes=1)).isoformat(),
        }
        path, body = "/api/v1/shop/orders/batch/", {"orders": [order]}
        op = self._record.plan("batch", "POST", path, body, caller="shop")
        while not self._line.send(op, by_key(self._setup.other_key)).is_done:
            if self._stop_now.wait(0.1):
                return False
        while self._points(member) != member.points + number:
            if self._stop_now.wait(0.1):
                return False
        return True

    def _points(self, member: Member) -> int | None:
        path = f"/api/v1/shop/members/{member.external_id}/"
        op = self._record.plan("look", "GET", path, None, caller="shop")
        attempt = self._line.send(op, by_key(self._setup.key))
        return attempt.answer["current_points"] if attempt.is_done else None
