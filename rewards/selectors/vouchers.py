"""A member's vouchers, and what one is worth."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from django.db.models import Q, QuerySet

from rewards.models import UserVoucher
from rewards.rules import voucher_code, voucher_discount

Status = UserVoucher.Status


class InvalidReason(StrEnum):
    """Why a code can't be used by this member now."""

    NOT_FOUND = "not_found"
    EXPIRED = "expired"
    RESERVED = "reserved"
    USED = "used"


@dataclass(frozen=True, slots=True)
class VoucherCheck:
    """What a code is worth to a member now: `discount` in rand, None without an order's total to go by."""

    voucher: UserVoucher | None
    reason: InvalidReason | None
    discount: Decimal | None

    @property
    def valid(self) -> bool:
        return self.reason is None


def vouchers(user_id: int, *, at: datetime, status: str | None = None) -> QuerySet[UserVoucher]:
    """Return the member's vouchers, newest first, optionally those whose status by the clock is `status`."""
    mine = UserVoucher.objects.filter(user_id=user_id)
    return mine if status is None else in_status(mine, status, at=at)


def in_status(found: QuerySet[UserVoucher], status: str, *, at: datetime) -> QuerySet[UserVoucher]:
    """Narrow vouchers to those whose status by the clock is `status`."""
    overdue = Q(status=Status.AVAILABLE, expires_at__lte=at)
    if status == Status.EXPIRED:
        return found.filter(overdue | Q(status=Status.EXPIRED))
    return found.filter(status=status).exclude(overdue)


def check_voucher(
    user_id: int, code: str, *, at: datetime, order_total: Decimal | None = None
) -> VoucherCheck:
    """Judge a code for a member; another member's is as unknown as one that was never made.

    The discount is on the whole `order_total`; a quote tells what a category's share of a basket comes to,
    and what shipping would have cost.
    """
    voucher = UserVoucher.objects.filter(user_id=user_id, code=voucher_code(code)).first()
    if voucher is None:
        return VoucherCheck(None, InvalidReason.NOT_FOUND, None)
    status = voucher.status_at(at)
    if status != Status.AVAILABLE:
        return VoucherCheck(voucher, InvalidReason(status), None)
    if order_total is None:
        discount = voucher.value if voucher.type == "discount_voucher" else None
    else:
        discount = voucher_discount(voucher.type, voucher.value, order_total)
    return VoucherCheck(voucher, None, discount)
