"""The real ledger beside the reference, and what must be so of the two after every step.

They must say the same of every balance (as it is posted, as it reads, as it was), every lot, tier and
voucher, and the audit must find nothing.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from time import monotonic
from typing import TypeVar

from django.db import transaction
from hypothesis.errors import HypothesisException
from hypothesis.stateful import RuleBasedStateMachine, invariant

from accounts.models import User
from catalog.models import Product
from core.errors import DomainError
from rewards.models import EarningRule, LoyaltyTier, UserVoucher
from rewards.selectors.audit import audit_ledger
from rewards.selectors.balance import balance, balance_as_of, loyalty_status
from tests.catalog.factories import make_product
from tests.orders.shop import terms
from tests.rewards import reference
from tests.rewards.agreement import (
    TICK,
    TIERS,
    lots_of,
    posted_lots,
    posted_rows,
    read,
    shown,
    sums,
    tier_for,
)
from tests.rewards.ledger import START, make_member
from tests.rewards.reference import LONG_AGO

MEMBERS = 2
MOSTLY = 30
T = TypeVar("T")


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

    @property
    def may_come_back(self) -> bool:
        return self.status == "delivered" and any(line.back < line.qty for line in self.facts.lines)


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


class TwoLedgers(RuleBasedStateMachine):
    """The real ledger beside the reference; what is done to both is in `tests.rewards.lives`."""

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
        self.read: dict[int, object] = {}  # whose answers were compared, with what they were posted as
        self.now, self.number, self.opened = START, 0, LONG_AGO

    def teardown(self) -> None:
        error = sys.exception()
        given_up = isinstance(error, HypothesisException)  # by its own choice, not by a failure
        if self.failed_at is None and isinstance(error, Exception) and not given_up:
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

    @staticmethod
    def pick(things: list[T], which: int, fit: Callable[[T], bool]) -> T:
        """Mostly one with which something comes of it, and the latest first; but any may be tried."""
        fitting = [thing for thing in things if fit(thing)]
        things = fitting if fitting and which < MOSTLY else things
        return things[-1 - which % len(things)]

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
            state = rows[user.pk], lots.get(user.pk)
            if state == self.read.get(n) and self.number % MEMBERS != n:
                continue  # nothing of theirs moved, nor did the clock: every second time will do
            self.read[n] = state
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
