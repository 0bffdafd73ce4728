"""Members' lives as hypothesis makes them up, told to the real services and to the reference alike.

After every step the two must say the same of every balance (as it is posted, as it reads, as it was),
every lot, tier and voucher, and the audit must find nothing.
"""

import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from time import monotonic

from django.db import connection, transaction
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from accounts.models import User
from catalog.models import Product
from core.contracts import SYSTEM, Actor
from core.errors import DomainError
from orders import facade as orders
from orders.contracts import DeliveredOrder, PricedLine
from orders.models import Order as OrderRow
from orders.ports import Wish
from orders.services.cancelling import cancel_own_order, cancel_unpaid
from orders.services.checkout import order_basket
from orders.services.payment import pay_order
from orders.services.returns import return_lines
from orders.services.steps import move_order
from rewards.models import EarningRule, LoyaltyTier, Programme, UserPoints, UserVoucher
from rewards.selectors.audit import audit_ledger
from rewards.selectors.balance import balance, balance_as_of, loyalty_status
from rewards.services.adjustment import adjust_points
from rewards.services.clock import expire_points, mature_points
from rewards.services.earning import accrue_orders, earn_reviews
from rewards.services.redemption import redeem_option
from rewards.services.tiers import update_tier
from rewards.services.vouchers import expire_vouchers, take_back_voucher
from tests.catalog.factories import make_product
from tests.orders.shop import terms
from tests.rewards import reference
from tests.rewards.ledger import START, make_member
from tests.rewards.reference import LONG_AGO, NEVER

MEMBERS = 3
REVIEW = 50
PRICES = {"voucher-10": 100, "voucher-25": 250, "free-shipping": 50}
TIERS = {"Bronze": 0, "Silver": 300, "Gold": 700, "Platinum": 1500}
TICK = timedelta(microseconds=1)

whose = st.integers(0, MEMBERS - 1)
which = st.integers(0, 40)
points = st.integers(1, 400)
lags = st.sampled_from([timedelta(0), timedelta(0), timedelta(0), timedelta(minutes=1), timedelta(hours=20)])
spans = st.sampled_from(
    [timedelta(minutes=n) for n in (20, 40)] + [timedelta(days=n) for n in (1, 8, 32, 190)]
)


@dataclass(eq=False)
class Voucher:
    pk: str
    code: str
    owner: int
    cause: str
    expires: datetime
    status: str = "available"
    order: int | None = None

    def status_at(self, at: datetime) -> str:
        return "expired" if self.status == "available" and self.expires <= at else self.status


@dataclass(eq=False)
class Bought:
    """An order in the machine: the reference's, and what the shop knows of it."""

    pk: int
    owner: int
    items: list[int]
    facts: reference.Order
    status: str
    pay_by: datetime | None = None
    voucher: Voucher | None = None
    own: bool = True  # made at our till, not brought in as delivered


class World:
    """What all examples begin with: written once, since each of them is rolled back to it."""

    users: list[User]
    products: list[Product]

    @classmethod
    def make(cls) -> None:
        cls.users = [make_member() for _ in range(MEMBERS)]
        cls.products = [make_product("33.33"), make_product("120.00")]
        terms(shipping_fee=Decimal("60.00"), vat_rate=Decimal("15.00"))
        for name, threshold in TIERS.items():
            LoyaltyTier.objects.filter(name=name).update(min_points=threshold)
        EarningRule.objects.filter(rule_type="purchase").update(points_per_rand=1)


class Ledger(RuleBasedStateMachine):
    """The real ledger beside the reference."""

    examples = steps = 0
    failed_at: tuple[int, int, float] | None = None

    @classmethod
    def start_counting(cls) -> None:
        cls.examples, cls.steps, cls.failed_at = 0, 0, None

    @classmethod
    def counted(cls, start: float) -> tuple[int, int, float]:
        """Examples, steps and seconds until the first failure, or until now: shortening is not searching."""
        examples, steps, ended = cls.failed_at or (cls.examples, cls.steps, monotonic())
        return examples, steps, ended - start

    def __init__(self) -> None:
        super().__init__()
        type(self).examples += 1
        self.atom = transaction.atomic()
        self.atom.__enter__()
        self.users = World.users
        self.members = [reference.Member() for _ in self.users]
        self.programme = reference.Programme()
        self.basis = "lifetime"
        self.bought: list[Bought] = []
        self.vouchers: list[Voucher] = []
        self.done: list[tuple[Callable[[datetime], object], datetime, object]] = []
        self.seen: list[datetime] = []
        self.accounts: set[int] = set()
        self.told: dict[int, object] = {}
        self.now, self.number, self.opened = START, 0, LONG_AGO

    def teardown(self) -> None:
        if sys.exception() is not None and self.failed_at is None:
            type(self).failed_at = self.examples, self.steps, monotonic()
        transaction.set_rollback(True)
        self.atom.__exit__(None, None, None)

    # Time, and calls that are allowed or refused

    def tick(self) -> datetime:
        """No two steps at the same instant: the order of lots that are alike in all else is nobody's rule."""
        if self.seen and self.now == self.seen[-1] and self.number:
            self.now += TICK
        self.number += 1
        return self.now

    def tick_behind(self, lag: timedelta) -> datetime:
        """The time by a clock that is behind; but whoever acts on a row made by hand has seen it."""
        return max(self.tick() - lag, self.opened)

    def attempt(self, allowed: bool, call: Callable[[datetime], object], at: datetime, *, again: bool = True):
        """Do it; it must be refused with a 4xx exactly where the reference says so."""
        refusal, answer = None, None
        try:
            with transaction.atomic():
                answer = call(at)
        except DomainError as error:
            refusal = error
        assert (refusal is None) == allowed, refusal or "it should have been refused"
        assert refusal is None or 400 <= refusal.status < 500, refusal
        if allowed and again:
            self.done.append((call, at, answer))
        return answer

    def current(self, owner: int, at: datetime) -> int:
        at = max(at, self.members[owner].clock)
        return self.members[owner].as_of(at).current(at)

    def judged(self, member: reference.Member, at: datetime) -> int:
        """What a member's tier is judged by, of a member as they were at a time."""
        if self.basis == "lifetime":
            return member.lifetime
        if self.basis == "current":
            return member.current(at)
        local = at.astimezone(reference.ZONE)
        leap = (local.month, local.day) == (2, 29)
        return member.lifetime_since(local.replace(year=local.year - 1, day=28 if leap else local.day))

    # What may happen

    @initialize(
        basis=st.sampled_from(["lifetime", "current", "rolling_year"]),
        months=st.sampled_from([1, 2, None]),
        hold=st.sampled_from([0, 5]),
    )
    def begin(self, basis, months, hold):
        self.basis = basis
        self.programme.valid_months, self.programme.hold_days = months, hold
        Programme.objects.update(tier_basis=basis, points_valid_months=months, hold_days=hold)

    @rule(by=spans)
    def wait(self, by):
        self.now += by

    @rule(which=which, before=st.booleans())
    def wait_until_something_is_due(self, which, before):
        times = {lot.matures for member in self.members for lot in member.lots if lot.left}
        times |= {lot.expires for member in self.members for lot in member.lots if lot.left}
        times |= {voucher.expires for voucher in self.vouchers}
        times |= {one.pay_by for one in self.bought if one.pay_by}
        if due := sorted(time for time in times if self.now < time < NEVER):
            self.now = max(self.now, due[which % len(due)] - TICK * before)

    @rule(
        months=st.sampled_from([1, 2, 24, None]),
        hold=st.sampled_from([0, 5, 27]),
        rate=st.sampled_from([100, 33, 250]),
    )
    def change_the_programme(self, months, hold, rate):
        self.programme.valid_months, self.programme.hold_days, self.programme.rate = months, hold, rate
        Programme.objects.update(points_valid_months=months, hold_days=hold)
        EarningRule.objects.filter(rule_type="purchase").update(points_per_rand=Decimal(rate) / 100)

    @precondition(lambda self: len(self.accounts) < MEMBERS)
    @rule(
        current=st.integers(0, 300),
        pending=st.integers(0, 100),
        lifetime=st.integers(0, 800),
        debt=st.integers(0, 100),
    )
    def make_a_row_by_hand(self, current, pending, lifetime, debt):
        owner = min(set(range(MEMBERS)) - self.accounts)
        at, debt = self.tick(), 0 if current else debt
        self.opened = at
        UserPoints.objects.create(
            user=self.users[owner],
            current_points=current,
            pending_points=pending,
            lifetime_points=lifetime,
            debt_points=debt,
            created_at=at,
        )
        member = self.members[owner]
        lifetime = max(lifetime, current + pending)
        if current or lifetime > pending:
            member.note(at, current, lifetime - pending)
        if current:
            member.lots.append(reference.Lot(current, at, at, NEVER))
        if pending:
            member.note(at, pending, pending)
            held = timedelta(days=self.programme.hold_days or 30)
            member.lots.append(reference.Lot(pending, at, at + held, NEVER))
        if debt:
            member.note(at, -debt)

    @rule(owner=whose, lag=lags)
    def review(self, owner, lag):
        at, number = self.tick_behind(lag), self.number
        self.attempt(True, lambda at: earn_reviews([(self.users[owner].pk, number)], at=at), at)
        self.programme.award(self.members[owner], REVIEW, at)

    @rule(owner=whose, points=st.one_of(points, points.map(lambda n: -n)), lag=lags)
    def adjust(self, owner, points, lag):
        at, key, user_id = self.tick_behind(lag), str(self.number), self.users[owner].pk

        def call(at):
            adjust_points(user_id=user_id, points=points, reason="r", key=key, actor=SYSTEM, at=at)

        self.attempt(True, call, at)
        self.programme.adjust(self.members[owner], points, at)

    @rule(owner=whose, option=st.sampled_from(list(PRICES)), lag=lags)
    def redeem(self, owner, option, lag):
        at, key, member, price = self.tick_behind(lag), str(self.number), self.members[owner], PRICES[option]
        clock = max(at, member.clock)
        reached = option != "voucher-25" or self.judged(member.as_of(clock), clock) >= TIERS["Silver"]

        def call(at):
            user_id = self.users[owner].pk
            made = redeem_option(user_id=user_id, option_id=option, offered=price, at=at, key=key).voucher
            return made.pk, made.code

        answer = self.attempt(reached and self.current(owner, at) >= price, call, at)
        if answer:
            cause = f"redeem:{key}"
            member.spend(cause, price, member.at(at))
            expires = self.programme.days_after(clock, self.programme.voucher_days)
            self.vouchers.append(Voucher(*answer, owner, cause, expires))

    @precondition(lambda self: self.vouchers)
    @rule(which=which, lag=lags)
    def take_a_voucher_back(self, which, lag):
        at, voucher = self.tick_behind(lag), self.vouchers[-1 - which % len(self.vouchers)]

        def call(at):
            take_back_voucher(voucher_id=voucher.pk, reason="r", actor=SYSTEM, at=at)

        if voucher.status in ("available", "expired"):
            self.attempt(True, call, at)
            member = self.members[voucher.owner]
            self.programme.restore(member, voucher.cause, len(member.spends[voucher.cause]), at)
            voucher.status = "expired"
        else:
            self.attempt(False, call, at)

    # Orders

    @rule(
        owner=whose,
        rand=st.integers(1, 900),
        qty=st.integers(1, 4),
        ago=st.sampled_from([0, 0, 3, 33, 70]),
        heard=st.booleans(),
    )
    def bring_a_delivered_order(self, owner, rand, qty, ago, heard):
        now, number, user_id = self.tick(), f"P{self.number}", self.users[owner].pk
        at = now - timedelta(days=ago, microseconds=self.number)
        line = PricedLine(product_id=World.products[0].pk, qty=qty, unit_price=Decimal(rand))
        order = DeliveredOrder(user_id=user_id, number=number, placed_at=at, delivered_at=at, lines=(line,))

        def call(_at):
            orders.record_delivered_orders([order])
            return OrderRow.objects.get(number=number).pk

        pk = self.attempt(True, call, now)
        facts = reference.Order(
            self.members[owner], [reference.OrderLine(rand * qty * 100, 0, qty)], delivered=at, changed=at
        )
        items = list(OrderRow.objects.get(pk=pk).items.values_list("pk", flat=True))
        self.bought.append(Bought(pk, owner, items, facts, "delivered", own=False))
        if heard:
            self.accrue([self.bought[-1]], now)

    @rule(
        owner=whose,
        pieces=st.tuples(st.integers(1, 4), st.integers(0, 2)),
        points=st.one_of(st.just(0), points),
        voucher=st.one_of(st.none(), which),
        lag=lags,
    )
    def order(self, owner, pieces, points, voucher, lag):
        at, key, user, member = (
            self.tick_behind(lag),
            str(self.number),
            self.users[owner],
            self.members[owner],
        )
        chosen = (
            self.vouchers[-1 - voucher % len(self.vouchers)]
            if voucher is not None and self.vouchers
            else None
        )
        wish = Wish(voucher_code=chosen.code if chosen else "", points=points)
        lines = [(product.pk, n) for product, n in zip(World.products, pieces, strict=True) if n]
        usable = chosen is None or (chosen.owner == owner and chosen.status_at(at) == "available")

        def call(at):
            return order_basket(
                user_id=user.pk, lines=lines, wish=wish, actor=Actor.of(user), at=at, key=key
            ).order.pk

        pk = self.attempt(usable and self.current(owner, at) >= points, call, at)
        if pk is None:
            return
        row = OrderRow.objects.prefetch_related("items").get(pk=pk)
        items = sorted(row.items.all(), key=lambda item: item.position)
        facts = [
            reference.OrderLine(
                cents(item.line_total - item.discount - item.points_value - item.tax),
                cents(item.points_value),
                item.qty,
            )
            for item in items
        ]
        made = Bought(
            pk,
            owner,
            [item.pk for item in items],
            reference.Order(member, facts, row.points_used),
            row.status,
            row.pay_by,
            chosen,
        )
        assert row.points_used <= points
        assert row.status == ("pending" if row.total else "paid")
        self.bought.append(made)
        if chosen:
            chosen.status, chosen.order = "reserved" if row.total else "used", pk
        if row.points_used:
            member.spend(f"order:{pk}", row.points_used, member.at(at))

    def one_bought(self, which):
        return self.bought[-1 - which % len(self.bought)]

    @precondition(lambda self: self.bought)
    @rule(which=which)
    def pay(self, which):
        at, one = self.tick(), self.one_bought(which)
        in_time = one.status == "pending" and at < one.pay_by

        def call(at):
            pay_order(order_id=one.pk, actor=SYSTEM, at=at)

        self.attempt(in_time or one.status == "paid" or (one.status == "delivered" and one.own), call, at)
        if in_time:
            one.status = "paid"
            if one.voucher:
                one.voucher.status = "used"

    @precondition(lambda self: self.bought)
    @rule(which=which, lag=lags)
    def cancel(self, which, lag):
        at, one = self.tick_behind(lag), self.one_bought(which)
        user = self.users[one.owner]

        def call(at):
            cancel_own_order(user_id=user.pk, order_id=one.pk, actor=Actor.of(user), at=at)

        self.attempt(one.status in ("pending", "paid", "cancelled"), call, at)
        if one.status in ("pending", "paid"):
            self.let_go(one, at)

    def let_go(self, one, at):
        one.status = "cancelled"
        if one.facts.points_used:
            self.programme.restore(self.members[one.owner], f"order:{one.pk}", one.facts.points_used, at)
        if one.voucher:
            one.voucher.status, one.voucher.order = "available", None
            if one.voucher.expires <= at:
                one.voucher.expires = self.programme.days_after(at, self.programme.voucher_days)

    @precondition(lambda self: any(one.status == "paid" for one in self.bought))
    @rule(which=which, heard=st.booleans())
    def deliver(self, which, heard):
        at, paid = self.tick(), [one for one in self.bought if one.status == "paid"]
        one = paid[-1 - which % len(paid)]
        for status in ("processing", "shipped", "delivered"):
            move_order(order_id=one.pk, to=status, actor=SYSTEM, at=at)
        one.status, one.facts.delivered, one.facts.changed = "delivered", at, at
        if heard:
            self.accrue([one], at)

    @precondition(lambda self: self.bought)
    @rule(which=which, line=st.integers(0, 1), qty=st.integers(1, 3), heard=st.booleans(), lag=lags)
    def return_some(self, which, line, qty, heard, lag):
        at, one, reference = self.tick_behind(lag), self.one_bought(which), f"R{self.number}"
        n = line % len(one.items)
        allowed = one.status == "delivered" and one.facts.lines[n].back + qty <= one.facts.lines[n].qty

        def call(at):
            pieces = {one.items[n]: qty}
            return_lines(order_id=one.pk, reference=reference, lines=pieces, actor=SYSTEM, at=at)

        self.attempt(allowed, call, at)
        if not allowed:
            return
        kept = one.facts.points_kept
        one.facts.lines[n].back += qty
        one.facts.changed = max(one.facts.changed, at)
        if back := kept - one.facts.points_kept:
            self.programme.restore(self.members[one.owner], f"order:{one.pk}", back, at)
        if heard:
            self.accrue([one], self.now)

    @rule(these=st.lists(which, min_size=1, max_size=4), lag=lags)
    def hear_of_orders(self, these, lag):
        """News of orders: late, in any order, again, and of orders that were never delivered."""
        if self.bought:
            self.accrue([self.one_bought(n) for n in these], self.tick_behind(lag))

    def accrue(self, those, at):
        delivered = {one.pk: one.facts for one in those if one.facts.delivered}
        # Nobody hears of what has not happened.
        at = max([at, *(facts.changed for facts in delivered.values())])
        accrue_orders([one.pk for one in those], at=at)
        self.programme.accrue(list(delivered.values()), at)

    # Jobs, and calls that come again

    @rule(job=st.sampled_from(["mature", "expire", "vouchers", "unpaid", "tiers"]), lag=lags)
    def run_a_job(self, job, lag):
        """Late, in any order, or not at all; and with the time of a machine whose clock is behind."""
        at = self.tick_behind(lag)
        if job == "mature":
            mature_points(at=at)
        elif job == "expire":
            expire_points(at=at)
        elif job == "vouchers":
            overdue = [one for one in self.vouchers if one.status == "available" and one.expires <= at]
            assert expire_vouchers(at=at) == len(overdue)
            for voucher in overdue:
                voucher.status = "expired"
        elif job == "unpaid":
            unpaid = [one for one in self.bought if one.status == "pending" and one.pay_by <= at]
            assert cancel_unpaid(at=at) == len(unpaid)
            for one in unpaid:
                self.let_go(one, at)
        else:
            for user in self.users:
                update_tier(user_id=user.pk, at=at)

    @precondition(lambda self: self.done)
    @rule(which=which, then=st.booleans())
    def replay(self, which, then):
        """Any earlier call again, with the time of then or of now: it changes nothing, or is refused."""
        now = self.tick()
        call, at, answer = self.done[-1 - which % len(self.done)]
        with suppress(DomainError), transaction.atomic():
            assert call(at if then else now) == answer

    # What must be so after each of them

    @invariant()
    def the_two_agree(self):
        type(self).steps += 1
        self.seen.append(self.now)
        rows, lots = posted_rows(), posted_lots()
        self.accounts = {n for n, user in enumerate(self.users) if user.pk in rows}
        for n, (user, member) in enumerate(zip(self.users, self.members, strict=True)):
            if user.pk not in rows:
                assert not member.lines, f"member {n} has no account"
                continue
            current, pending, lifetime, debt, tier, settled_at, created_at = rows[user.pk]
            posted_at = settled_at or created_at
            assert posted_at >= member.clock, f"the clock of member {n} ran backwards"
            member.clock = settled_at or member.clock
            then, now = member.as_of(posted_at), member.as_of(self.now)
            assert (current, pending, lifetime, debt) == sums(then, posted_at), f"posted of member {n}"
            assert lots.get(user.pk, []) == lots_of(then, posted_at), f"lots of member {n}"
            if settled_at and self.basis != "rolling_year":
                assert tier == tier_for(self.judged(then, posted_at)), f"tier of member {n}"
            state = rows[user.pk], lots.get(user.pk), self.now.date()
            if state == self.told.get(n) and self.number % MEMBERS != n:
                continue  # nothing of theirs moved, nor did the day: their reading is looked at in turn
            self.told[n] = state
            assert shown(balance(user.pk, at=self.now)) == read(now, self.now), f"balance of member {n}"
            for at in self.instants(member):
                answer = shown(balance_as_of(user.pk, at=at))
                assert answer == read(member.as_of(at), at), f"member {n} as of {at}"
            status, judged = loyalty_status(user.pk, at=self.now), self.judged(now, self.now)
            assert (status.basis_points, status.current_tier.name) == (judged, tier_for(judged))
        self.vouchers_agree()
        report = audit_ledger()
        assert report.broken == (), report.broken

    def instants(self, member):
        """Now, an earlier step, and a moment at which a lot matured or expired: others after each step."""
        moments = [at for lot in member.lots for at in (lot.matures, lot.expires) if at <= self.now]
        choice = self.number * 7919
        return {self.now, self.seen[choice % len(self.seen)], *moments[choice % (len(moments) or 1) :][:1]}

    def vouchers_agree(self):
        expected = [(one.pk, one.status, one.order, one.expires) for one in self.vouchers]
        found = UserVoucher.objects.values_list("pk", "status", "order_id", "expires_at")
        assert sorted(found) == sorted(expected, key=lambda row: row[0])


def posted_rows():
    fields = ("current_points", "pending_points", "lifetime_points", "debt_points", "tier__name")
    rows = UserPoints.objects.values_list("user_id", *fields, "settled_at", "created_at")
    return {user_id: row for user_id, *row in rows}


def posted_lots():
    """Each member's lots as (earned, points, left, matures, expires, posted as matured), by time."""
    found = {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT user_id, earned_at, points, remaining, matures_at, expires_at, matured FROM point_lots"
        )
        for user_id, earned, points, left, matures, expires, matured in cursor.fetchall():
            lot = (earned, points, left, matures, expires or NEVER, matured)
            found.setdefault(user_id, []).append(lot)
    return {user_id: sorted(lots) for user_id, lots in found.items()}


def lots_of(member, at):
    # One that was emptied before its time has nothing left to wait for.
    return sorted(
        (lot.earned, lot.points, lot.left, lot.matures, lot.expires, lot.matures <= at or not lot.left)
        for lot in member.lots
    )


def sums(member, at):
    return member.current(at), member.pending(at), member.lifetime, member.debt


def read(member, at):
    soon = [lot for lot in member.lots if lot.left and lot.expires < at + timedelta(days=30)]
    first = reference.local_day(min(lot.expires for lot in soon) - TICK) if soon else None
    return *sums(member, at), sum(lot.left for lot in soon), first


def shown(found):
    return (
        found.current_points,
        found.pending_points,
        found.lifetime_points,
        found.debt_points,
        found.points_expiring_soon,
        found.expiry_date,
    )


def tier_for(points):
    return max((threshold, name) for name, threshold in TIERS.items() if threshold <= points)[1]


def cents(amount):
    return int(amount * 100)
