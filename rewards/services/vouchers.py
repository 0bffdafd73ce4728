"""A voucher's life after it was bought: held by an order, used, let go, expired, or taken back for points."""

from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import Case, F, Value, When
from django.utils import timezone

from core.audit import record
from core.contracts import Actor
from core.errors import DomainError, NotFound
from orders.facade import order_members
from rewards import rules
from rewards.account import Cause
from rewards.models import PointsTransaction, UserVoucher
from rewards.selectors.programme import programme_rules
from rewards.services.posting import lock_accounts
from rewards.services.restoring import restore_spend

Status = UserVoucher.Status


class VoucherNotAvailable(DomainError):
    code, status, title = "voucher_not_available", 409, "Voucher not available"


class OrderHoldsAnotherVoucher(DomainError):
    code, status, title = "order_holds_another_voucher", 409, "The order already has a voucher"


class VoucherNotReturnable(DomainError):
    code, status, title = "voucher_not_returnable", 409, "Voucher can't be taken back"


@transaction.atomic
def reserve_voucher(*, user_id: int, code: str, order_id: int, at: datetime) -> UserVoucher:
    """Hold a member's voucher for an order, in one guarded statement: of two orders one gets it.

    Again for the same order it changes nothing.

    Raises:
        NotFound: the member has no such order, or no voucher of that code.
        VoucherNotAvailable: another order holds it, it was used, or it has expired.
        OrderHoldsAnotherVoucher: the order has a voucher, and not this one.
    """
    if order_members([order_id]).get(order_id) != user_id:
        raise NotFound("There is no such order.")
    mine = UserVoucher.objects.filter(user_id=user_id, code=rules.voucher_code(code))
    try:
        with transaction.atomic():
            mine.filter(status=Status.AVAILABLE, expires_at__gt=at).update(
                status=Status.RESERVED, order_id=order_id, updated_at=at
            )
    except IntegrityError as error:
        raise OrderHoldsAnotherVoucher from error
    voucher = mine.first()
    if voucher is None:
        raise NotFound("There is no such voucher.")
    if voucher.order_id != order_id:
        raise VoucherNotAvailable(
            f"The voucher is {voucher.status_at(at)}.", voucher_status=voucher.status_at(at)
        )
    return voucher


def use_voucher(*, order_id: int, at: datetime) -> int:
    """Mark the voucher that an order holds as used, as when it is paid; returns how many changed (0 or 1)."""
    return UserVoucher.objects.filter(order_id=order_id, status=Status.RESERVED).update(
        status=Status.USED, used_at=at, updated_at=at
    )


def release_voucher(*, order_id: int, at: datetime) -> int:
    """Free the voucher that a cancelled order held or used; returns how many changed (0 or 1).

    One whose date passed meanwhile gets the programme's validity anew.
    """
    renewed = rules.expires_after_days(
        at, programme_rules().voucher_valid_days, timezone.get_default_timezone()
    )
    return UserVoucher.objects.filter(order_id=order_id, status__in=[Status.RESERVED, Status.USED]).update(
        status=Status.AVAILABLE,
        order=None,
        used_at=None,
        expires_at=Case(When(expires_at__lte=at, then=Value(renewed)), default=F("expires_at")),
        updated_at=at,
    )


@transaction.atomic
def take_back_voucher(*, voucher_id: str, reason: str, actor: Actor, at: datetime) -> UserVoucher:
    """Void a voucher that no order holds, and give its points back; again it changes nothing.

    Raises:
        NotFound: there is no such voucher.
        VoucherNotReturnable: an order holds it or used it, or no points were paid for it.
    """
    found = UserVoucher.objects.filter(pk=voucher_id).first()
    if found is None:
        raise NotFound("There is no such voucher.")
    book = lock_accounts([found.user_id], at=at, open_lots=True)
    at = book.clock
    voucher = UserVoucher.objects.select_for_update().get(pk=voucher_id)
    spend = PointsTransaction.objects.filter(
        user_id=voucher.user_id, voucher=voucher, transaction_type=PointsTransaction.Type.REDEEMED
    ).first()
    if voucher.status not in (Status.AVAILABLE, Status.EXPIRED) or spend is None:
        raise VoucherNotReturnable(f"The voucher is {voucher.status}.", voucher_status=voucher.status)
    before = {"status": voucher.status, "current_points": book.sole().current}
    given = restore_spend(
        book,
        spend,
        -spend.points,
        Cause(
            natural_key=f"restore:voucher:{voucher.pk}",
            description=f"Voucher {voucher.code} taken back",
            effective_at=at,
            voucher_id=voucher.pk,
            related_id=spend.pk,
            metadata={"reason": reason},
        ),
    )
    if given:
        book.post()
        voucher.status = Status.EXPIRED
        voucher.save(update_fields=["status", "updated_at"])
        after = {"status": voucher.status, "current_points": book.sole().current, "points_restored": given}
        record(
            actor=actor, action="voucher.take_back", target=voucher, before=before, after=after, reason=reason
        )
    return voucher


def expire_vouchers(*, at: datetime, chunk: int = 1000) -> int:
    """Write `expired` on available vouchers past their date, a chunk a transaction; returns how many.

    They are walked by their dates, and what was passed is not read again.
    """
    overdue = UserVoucher.objects.filter(status=Status.AVAILABLE, expires_at__lte=at)
    rest, total = overdue, 0
    while True:
        with transaction.atomic():
            due = list(
                rest.order_by("expires_at")
                .select_for_update(skip_locked=True)
                .values_list("pk", "expires_at")[:chunk]
            )
            total += UserVoucher.objects.filter(pk__in=[pk for pk, _ in due]).update(
                status=Status.EXPIRED, updated_at=at
            )
        if len(due) < chunk:
            return total
        rest = overdue.filter(expires_at__gte=due[-1][1])
