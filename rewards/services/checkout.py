"""The part of rewards in checkout: vouchers and points make a basket cheaper, and orders hold them.

Locks: accounts before vouchers, vouchers before lots, as everywhere.
"""

from collections.abc import Collection, Sequence
from datetime import datetime

from catalog.facade import products_within
from core.errors import DomainError
from orders.ports import Adjustment, HeldOrder, PointsBack, Step, Wish
from rewards.account import Cause
from rewards.models import PointsTransaction, UserVoucher
from rewards.models.programme import BenefitType
from rewards.selectors.balance import settled_account
from rewards.selectors.programme import programme_rules
from rewards.selectors.vouchers import check_voucher
from rewards.services.posting import Book, lock_account, lock_accounts
from rewards.services.redemption import InsufficientPoints
from rewards.services.restoring import restore_spend
from rewards.services.vouchers import VoucherNotAvailable, release_voucher, reserve_voucher, use_voucher


class UnknownVoucher(DomainError):
    code, status, title = "unknown_voucher", 400, "There is no such voucher"


class PointsNotAccepted(DomainError):
    code, status, title = "points_not_accepted", 409, "Points can't be used to pay at present"


class TooFewPoints(DomainError):
    code, status, title = "too_few_points", 400, "Too few points"


class RewardsAtCheckout:
    """What `orders.ports.CheckoutProvider` asks for."""

    refusals: tuple[type[DomainError], ...] = (
        UnknownVoucher,
        VoucherNotAvailable,
        PointsNotAccepted,
        TooFewPoints,
        InsufficientPoints,
    )

    def quote(
        self, *, user_id: int, wish: Wish, product_ids: Sequence[int], at: datetime
    ) -> list[Adjustment]:
        """Turn a voucher's code and points into adjustments.

        Raises:
            UnknownVoucher, VoucherNotAvailable: the member has no such voucher, or not to use now.
            PointsNotAccepted, TooFewPoints, InsufficientPoints: the points can't be used, or are not there.
        """
        adjustments = []
        if wish.voucher_code:
            adjustments.append(_voucher_adjustment(user_id, wish.voucher_code, product_ids, at))
        if wish.points:
            adjustments.append(_points_adjustment(user_id, wish, at))
        return adjustments

    def reserve(self, order: HeldOrder, *, at: datetime) -> None:
        """Take the order's points and hold its voucher.

        Raises:
            VoucherNotAvailable: another order was quicker.
            InsufficientPoints: the points went elsewhere meanwhile.
        """
        points = order.points_used
        book = lock_account(order.user_id, at=at, to_spend=points) if points else None
        if order.voucher_code:
            reserve_voucher(user_id=order.user_id, code=order.voucher_code, order_id=order.order_id, at=at)
        if book is not None:
            _spend(book, order)

    def lock(self, user_ids: Collection[int], *, at: datetime) -> None:
        """Lock the members' accounts, in the order of their ids."""
        lock_accounts(user_ids, at=at)

    def commit(self, order: HeldOrder, *, at: datetime) -> None:
        """Use the voucher up."""
        if order.voucher_code:
            use_voucher(order_id=order.order_id, at=at)

    def release(self, order: HeldOrder, *, at: datetime) -> None:
        """Free the voucher and restore the points that no return has given back."""
        book = lock_accounts([order.user_id], at=at, open_lots=True) if order.points_used else None
        if order.voucher_code:
            release_voucher(order_id=order.order_id, at=at)
        spend = _spend_of(order.user_id, order.order_id) if book is not None else None
        if book is not None and spend is not None:
            cause = _restoring(spend, "restore", f"Order {order.number} cancelled", book.clock)
            if restore_spend(book, spend, -spend.points, cause):
                book.post()

    def give_back(self, backs: Sequence[PointsBack], *, at: datetime) -> dict[tuple[int, str], int]:
        """Restore points of returned goods, many orders at once; return how many by (order, reference)."""
        spends = {
            spend.order_id: spend
            for spend in PointsTransaction.objects.filter(
                user_id__in={back.user_id for back in backs},
                natural_key__in={_spend_key(back.order_id) for back in backs},
            )
        }
        due = [back for back in backs if back.order_id in spends]
        given: dict[tuple[int, str], int] = {}
        if not due:
            return given
        book = lock_accounts({back.user_id for back in due}, at=at, open_lots=True)
        unposted: set[int] = set()
        for back in due:
            if back.order_id in unposted:
                book.post()  # what the first return of a spend gave back must be known to the second
                unposted.clear()
            unposted.add(back.order_id)
            spend = spends[back.order_id]
            text = f"Return {back.reference}, order {back.number}"
            clock = book.accounts[back.user_id].clock
            cause = _restoring(spend, f"restore:{back.reference}", text, clock)
            given[back.order_id, back.reference] = restore_spend(book, spend, back.points, cause)
        book.post()
        return given


def _voucher_adjustment(user_id: int, code: str, product_ids: Sequence[int], at: datetime) -> Adjustment:
    check = check_voucher(user_id, code, at=at)
    if check.voucher is None:
        raise UnknownVoucher(field="voucher_code", reason="not_found")
    if check.reason is not None:
        raise VoucherNotAvailable(
            f"The voucher is {check.reason}.", field="voucher_code", reason=check.reason.value
        )
    return voucher_adjustment(check.voucher, product_ids)


def voucher_adjustment(voucher: UserVoucher, product_ids: Sequence[int]) -> Adjustment:
    """Say what a voucher does to a basket of these products."""
    name = BenefitType(voucher.type).label
    if voucher.type == BenefitType.FREE_SHIPPING:
        return Adjustment(step=Step.VOUCHER, label=name, code=voucher.code, free_shipping=True)
    if voucher.type == BenefitType.DISCOUNT_VOUCHER:
        return Adjustment(step=Step.VOUCHER, label=name, code=voucher.code, amount=voucher.value)
    assert voucher.category_id is not None  # the table holds that
    return Adjustment(
        step=Step.VOUCHER,
        label=name,
        code=voucher.code,
        percent=voucher.value,
        product_ids=products_within(voucher.category_id, product_ids),
    )


def _points_adjustment(user_id: int, wish: Wish, at: datetime) -> Adjustment:
    programme = programme_rules()
    if not programme.point_value:
        raise PointsNotAccepted(field="points")
    if wish.points < programme.minimum_points and not wish.quoted:
        raise TooFewPoints(
            f"At least {programme.minimum_points} points can be used at once.",
            field="points",
            minimum_points=programme.minimum_points,
        )
    _refuse_beyond(settled_account(user_id, at=at).current, wish.points)
    return Adjustment(step=Step.POINTS, label="Points", points=wish.points, point_value=programme.point_value)


def _refuse_beyond(current: int, points: int) -> None:
    if current < points:
        raise InsufficientPoints(
            f"{points} points are wanted; {current} can be spent.", field="points", current_points=current
        )


def _spend(book: Book, order: HeldOrder) -> None:
    account = book.sole()
    _refuse_beyond(account.current, order.points_used)
    account.spend(
        Cause(
            natural_key=_spend_key(order.order_id),
            description=f"Paid R{order.points_value:.2f} of order {order.number}",
            effective_at=account.clock,
            order_id=order.order_id,
            metadata={"order": order.number, "points_value": f"{order.points_value:.2f}", "currency": "ZAR"},
        ),
        order.points_used,
    )
    book.post()


def _spend_of(user_id: int, order_id: int) -> PointsTransaction | None:
    return PointsTransaction.objects.filter(user_id=user_id, natural_key=_spend_key(order_id)).first()


def _spend_key(order_id: int) -> str:
    return f"order:{order_id}:spend"


def _restoring(spend: PointsTransaction, suffix: str, description: str, at: datetime) -> Cause:
    return Cause(
        natural_key=f"order:{spend.order_id}:{suffix}",
        description=description,
        effective_at=at,
        order_id=spend.order_id,
        related_id=spend.pk,
        metadata={"order": spend.metadata.get("order"), "spent": -spend.points},
    )
