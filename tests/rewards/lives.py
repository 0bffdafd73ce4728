"""Members' lives as hypothesis makes them up: every step by the real services and by the reference."""

from datetime import timedelta
from decimal import Decimal

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from core.contracts import SYSTEM, Actor
from orders import facade as orders
from orders.contracts import DeliveredOrder, PricedLine
from orders.models import Order as OrderRow
from orders.ports import Wish
from orders.services.cancelling import cancel_own_order, cancel_unpaid
from orders.services.checkout import order_basket
from orders.services.payment import pay_order
from orders.services.returns import return_lines
from orders.services.steps import move_order
from rewards.models import EarningRule, Programme, UserPoints
from rewards.services.adjustment import adjust_points
from rewards.services.clock import expire_points, mature_points
from rewards.services.earning import accrue_orders, earn_reviews
from rewards.services.redemption import redeem_option
from rewards.services.tiers import update_tier
from rewards.services.vouchers import expire_vouchers, take_back_voucher
from tests.rewards import reference
from tests.rewards.agreement import TICK, TIERS
from tests.rewards.machine import MEMBERS, MOSTLY, Bought, TwoLedgers, Voucher, World
from tests.rewards.reference import NEVER

REVIEW = 50
PRICES = {"voucher-10": 100, "voucher-25": 250, "free-shipping": 50}

whose = st.integers(0, MEMBERS - 1)
which = st.integers(0, MOSTLY + 10)
points = st.integers(1, 400)
lags = st.sampled_from([timedelta(0), timedelta(0), timedelta(0), timedelta(minutes=1), timedelta(hours=20)])
spans = st.sampled_from(
    [timedelta(minutes=n) for n in (20, 40)] + [timedelta(days=n) for n in (1, 8, 32, 190)]
)


class Ledger(TwoLedgers):
    """Whatever may happen to members' points, in any order."""

    @initialize(
        basis=st.sampled_from(["lifetime", "current", "rolling_year"]),
        months=st.sampled_from([1, 2, None]),
        hold=st.sampled_from([0, 5]),
        given=st.sampled_from([0, 600]),
    )
    def begin(self, basis, months, hold, given):
        self.basis = basis
        self.programme.valid_months, self.programme.hold_days = months, hold
        Programme.objects.update(tier_basis=basis, points_valid_months=months, hold_days=hold)
        for owner in range(MEMBERS if given else 0):
            self.adjust_by(owner, given, self.tick())

    @rule(by=spans)
    def wait(self, by):
        self.now += by
        self.read.clear()

    @rule(which=which, before=st.booleans())
    def wait_until_something_is_due(self, which, before):
        times = {lot.matures for member in self.members for lot in member.lots if lot.left}
        times |= {lot.expires for member in self.members for lot in member.lots if lot.left}
        times |= {voucher.expires for voucher in self.vouchers}
        times |= {one.pay_by for one in self.bought if one.pay_by}
        if due := sorted(time for time in times if self.now < time < NEVER):
            self.now = max(self.now, due[which % len(due)] - TICK * before)
            self.read.clear()

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
        self.adjust_by(owner, points, self.tick_behind(lag))

    def adjust_by(self, owner, points, at):
        key, user_id = f"{self.number}:{owner}", self.users[owner].pk

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
        at = self.tick_behind(lag)
        voucher = self.pick(self.vouchers, which, lambda one: one.status in ("available", "expired"))

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
        price=st.integers(1, 90_000),
        qty=st.sampled_from([3, 4, 2, 1]),
        ago=st.sampled_from([0, 0, 3, 33, 70]),
        back=st.sampled_from([0, 1, 2]),
        heard=st.booleans(),
    )
    def bring_a_delivered_order(self, owner, price, qty, ago, back, heard):
        now, number, user_id = self.tick(), f"P{self.number}", self.users[owner].pk
        at = now - timedelta(days=ago, microseconds=self.number)
        line = PricedLine(product_id=World.products[0].pk, qty=qty, unit_price=Decimal(price) / 100)
        order = DeliveredOrder(user_id=user_id, number=number, placed_at=at, delivered_at=at, lines=(line,))

        def call(_at):
            orders.record_delivered_orders([order])
            return OrderRow.objects.get(number=number).pk

        pk = self.attempt(True, call, now)
        facts = reference.Order(
            self.members[owner], [reference.OrderLine(price * qty, 0, qty)], delivered=at, changed=at
        )
        items = list(OrderRow.objects.get(pk=pk).items.values_list("pk", flat=True))
        self.bought.append(Bought(pk, owner, items, facts, "delivered", own=False))
        if heard:
            self.accrue([self.bought[-1]], now)
        if back:
            self.bring_back(self.bought[-1], 0, back, now, heard)

    @rule(
        owner=whose,
        pieces=st.tuples(st.integers(1, 4), st.integers(0, 2)),
        points=st.one_of(st.just(0), points),
        voucher=st.one_of(st.none(), which),
        lag=lags,
    )
    def order(self, owner, pieces, points, voucher, lag):
        at, key = self.tick_behind(lag), str(self.number)
        user, member = self.users[owner], self.members[owner]
        chosen = None
        if voucher is not None and self.vouchers:
            chosen = self.pick(
                self.vouchers, voucher, lambda one: one.owner == owner and one.status == "available"
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
                int(100 * (item.line_total - item.discount - item.points_value - item.tax)),
                int(100 * item.points_value),
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

    @precondition(lambda self: self.bought)
    @rule(which=which)
    def pay(self, which):
        at = self.tick()
        one = self.pick(self.bought, which, lambda one: one.status == "pending")
        in_time = one.status == "pending" and at < one.pay_by

        def call(at):
            pay_order(order_id=one.pk, actor=SYSTEM, at=at)

        paid = one.status == "paid" or (one.status == "delivered" and one.own)
        # Not for `replay`: paid again once it was cancelled, it is refused.
        self.attempt(in_time or paid, call, at, again=False)
        if in_time:
            one.status = "paid"
            if one.voucher:
                one.voucher.status = "used"

    @precondition(lambda self: self.bought)
    @rule(which=which, lag=lags)
    def cancel(self, which, lag):
        at = self.tick_behind(lag)
        one = self.pick(self.bought, which, lambda one: one.status in ("pending", "paid"))
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

    @precondition(lambda self: any(one.may_come_back for one in self.bought))
    @rule(
        which=which,
        line=st.integers(0, 1),
        qty=st.sampled_from([1, 1, 2, 3]),
        heard=st.booleans(),
        lag=lags,
    )
    def return_some(self, which, line, qty, heard, lag):
        at = self.tick_behind(lag)
        one = self.pick(self.bought, which, lambda one: one.may_come_back)
        self.bring_back(one, line % len(one.items), qty, at, heard)

    def bring_back(self, one, line, qty, at, heard):
        reference, facts = f"R{self.number}", one.facts.lines[line]
        allowed = one.status == "delivered" and facts.back + qty <= facts.qty

        def call(at):
            pieces = {one.items[line]: qty}
            return_lines(order_id=one.pk, reference=reference, lines=pieces, actor=SYSTEM, at=at)

        self.attempt(allowed, call, at)
        if not allowed:
            return
        kept = one.facts.points_kept
        facts.back += qty
        one.facts.changed = max(one.facts.changed, at)
        if back := kept - one.facts.points_kept:
            self.programme.restore(self.members[one.owner], f"order:{one.pk}", back, at)
        if heard:
            self.accrue([one], self.now)

    @rule(these=st.lists(which, min_size=1, max_size=4), lag=lags)
    def hear_of_orders(self, these, lag):
        """News of orders: late, in any order, again, and of orders that were never delivered."""
        if self.bought:
            those = [self.pick(self.bought, n, lambda one: one.status == "delivered") for n in these]
            self.accrue(those, self.tick_behind(lag))

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
    @rule(these=st.lists(which, min_size=1, max_size=6), then=st.booleans())
    def replay(self, these, then):
        """Earlier calls again, in any order, with the time of then or of now: they change nothing."""
        now = self.tick()
        for n in these:
            call, at, answer = self.done[-1 - n % len(self.done)]
            assert call(at if then else now) == answer
