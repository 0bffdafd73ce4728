"""The account in memory keeps its equations whatever is done to it, in whatever order."""

from datetime import UTC, datetime, timedelta
from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st

from rewards.account import Account, Cause, Lot, covering, spendable

START = datetime(2026, 3, 2, tzinfo=UTC)


def cause(number, at):
    return Cause(natural_key=f"k{number}", description="", effective_at=at)


def net_of(lot, account):
    return sum(taking.points for taking in account.allocations if taking.lot is lot)


def assert_equations(account):
    lots = account.lots
    assert account.current == sum(lot.remaining for lot in lots if lot.matured)
    assert account.pending == sum(lot.remaining for lot in lots if not lot.matured)
    assert account.current == 0 or account.debt == 0
    assert account.current + account.pending - account.debt == sum(e.points for e in account.entries)
    assert account.lifetime == sum(e.lifetime_points for e in account.entries)
    for lot in lots:
        assert 0 <= lot.remaining <= lot.points
        assert lot.points == lot.remaining + net_of(lot, account)
        assert lot.matured or lot.remaining


steps = st.lists(
    st.tuples(
        st.sampled_from(["earn", "hold", "spend", "take", "reverse", "restore", "wait"]),
        st.integers(1, 120),
        st.integers(0, 40),
    ),
    max_size=40,
)


@settings(max_examples=300, deadline=None)
@given(steps)
def test_every_step_leaves_the_equations_standing(steps):
    account, now, numbers = Account(1), START, count()
    reversible, spends = [], []
    for step, points, days in steps:
        why = cause(next(numbers), now)
        if step in ("earn", "hold"):
            matures = now + timedelta(days=days if step == "hold" else 0)
            account.earn(why, points, matures_at=matures, expires_at=matures + timedelta(days=30), at=now)
            reversible.append([account.new_lots[-1], points])
        elif step == "spend" and account.current >= points:
            account.spend(why, points)
            spends.append(
                [
                    [(a.lot, a.points) for a in account.allocations if a.natural_key == why.natural_key],
                    0,
                ]
            )
        elif step == "take":
            account.spend(why, points, transaction_type="adjusted")
        elif step == "reverse" and reversible:
            lot, left = reversible[points % len(reversible)]
            if left:
                back = min(left, points)
                account.reverse(why, back, lot)
                reversible[points % len(reversible)][1] -= back
        elif step == "restore" and spends:
            spend = spends[points % len(spends)]
            if takings := covering(spend[0], spend[1], points):
                account.restore(why, takings, restored_until=now + timedelta(days=30), at=now)
                spend[1] += sum(given for _, given in takings)
        elif step == "wait":
            now += timedelta(days=days)
            account.settle(now)
        assert_equations(account)


def lot(points, *, expires=None, earned=0, pk=None):
    return Lot(
        points=points,
        remaining=points,
        earned_at=START + timedelta(days=earned),
        matures_at=START,
        expires_at=None if expires is None else START + timedelta(days=expires),
        matured=True,
        natural_key=f"lot{pk}",
        id=pk,
    )


def test_mistake_10_the_soonest_to_expire_is_spent_before_the_oldest():
    never, late, soon = lot(5, pk=1), lot(5, expires=90, pk=2), lot(5, expires=10, earned=5, pk=3)
    same_day_older = lot(5, expires=10, earned=4, pk=4)
    same_day_later_row = lot(5, expires=10, earned=5, pk=5)
    lots = [never, late, soon, same_day_older, same_day_later_row]
    assert spendable(lots) == [same_day_older, soon, same_day_later_row, late, never]


def test_a_lot_that_matured_and_expired_unseen_repaid_debt_in_between():
    held = lot(100, expires=20, pk=1)
    held.matured, held.matures_at = False, START + timedelta(days=10)
    account = Account(1, pending=100, debt=30, lots=[held])
    account.settle(START + timedelta(days=30))
    assert (account.current, account.pending, account.debt) == (0, 0, 0)
    assert [(entry.transaction_type, entry.points) for entry in account.entries] == [("expired", -70)]


def test_partial_restorations_give_a_lot_no_more_than_was_taken_from_it():
    first, second = lot(60, pk=1), lot(40, pk=2)
    takings = [(first, 60), (second, 40)]
    assert covering(takings, 0, 30) == [(second, 30)]
    assert covering(takings, 30, 30) == [(second, 10), (first, 20)]
    assert covering(takings, 60, 100) == [(first, 40)]
    assert covering(takings, 100, 1) == []
