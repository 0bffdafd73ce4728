"""Redeeming: points become a voucher."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from core.errors import DomainError
from core.idempotency import KeyReused
from rewards import rules
from rewards.account import Account, Cause
from rewards.models import PointsTransaction, RedemptionOption, UserVoucher
from rewards.models.vouchers import new_voucher_id
from rewards.selectors.offers import Refusal, refusal
from rewards.selectors.programme import programme_with_option
from rewards.selectors.tier_basis import basis_points
from rewards.services.posting import Book, lock_account
from rewards.services.voucher_codes import insert_voucher


class OptionNotOffered(DomainError):
    code, status, title = "invalid_redemption_option", 400, "Invalid redemption option"


class OfferTooLow(DomainError):
    code, status, title = "points_amount_too_low", 400, "Points amount too low"


class InsufficientPoints(DomainError):
    code, status, title = "insufficient_points", 400, "Insufficient points"


@dataclass(frozen=True, slots=True)
class Redemption:
    """A voucher that was bought, what it cost, and the spendable balance after it."""

    voucher: UserVoucher
    points_deducted: int
    new_balance: int


@transaction.atomic
def redeem_option(
    *, user_id: int, option_id: str, offered: int, at: datetime, key: str | None = None
) -> Redemption:
    """Turn a member's points into a voucher, for exactly the option's price.

    `key` is the caller's own name for this redemption: the same key redeems once for ever, and answers with
    the voucher of the first time.

    Raises:
        OptionNotOffered: the option is unknown, inactive, or above the member's tier.
        OfferTooLow: fewer points were offered than the option costs.
        InsufficientPoints: the spendable balance does not cover the option.
        KeyReused: the key redeemed another option.
    """
    book = lock_account(user_id, at=at, to_spend=offered)
    account, at = book.sole(), book.clock
    if key is not None and (earlier := _redeemed_before(account, key, option_id)):
        book.post()
        return earlier
    option = _offered_option(book, account, option_id)
    if offered < option.points_required:
        raise OfferTooLow(
            f"{option.name} costs {option.points_required} points; {offered} were offered.",
            points_required=option.points_required,
            points_to_redeem=offered,
        )
    if account.current < option.points_required:
        raise InsufficientPoints(
            f"{option.name} costs {option.points_required} points; {account.current} can be spent.",
            points_required=option.points_required,
            current_points=account.current,
        )
    voucher = insert_voucher(_voucher(book, account, option))
    account.spend(
        Cause(
            natural_key=_natural_key(key) if key is not None else f"voucher:{voucher.pk}:redeem",
            description=f"Redeemed: {option.name}",
            effective_at=at,
            voucher_id=voucher.pk,
            metadata={
                "option": option.pk,
                "option_name": option.name,
                "points_required": option.points_required,
            },
        ),
        option.points_required,
    )
    book.post()
    return Redemption(voucher, option.points_required, account.current)


def _natural_key(key: str) -> str:
    return f"redeem:{key}"


def _redeemed_before(account: Account, key: str, option_id: str) -> Redemption | None:
    spend = (
        PointsTransaction.objects.select_related("voucher")
        .filter(user_id=account.user_id, natural_key=_natural_key(key))
        .first()
    )
    if spend is None or spend.voucher is None:
        return None
    if spend.metadata["option"] != option_id:
        raise KeyReused(f"It redeemed {spend.metadata['option_name']}.")
    return Redemption(spend.voucher, -spend.points, account.current)


def _offered_option(book: Book, account: Account, option_id: str) -> RedemptionOption:
    programme, option = programme_with_option(option_id)
    book.programme = programme
    if option is None:
        raise OptionNotOffered("There is no such option.", redemption_option_id=option_id)
    basis = basis_points([account], programme, at=account.clock)[account.user_id]
    tier = rules.tier_for(basis, programme.tiers)
    needed = programme.tier(option.min_tier_id)
    why_not = refusal(option, needed, tier=tier, current_points=account.current)
    if needed is not None and why_not is Refusal.TIER_TOO_LOW:
        raise OptionNotOffered(f"{option.name} needs the tier {needed.name}.", redemption_option_id=option_id)
    return option


def _voucher(book: Book, account: Account, option: RedemptionOption) -> UserVoucher:
    return UserVoucher(
        id=new_voucher_id(),
        user_id=account.user_id,
        option=option,
        type=option.type,
        value=option.value,
        category_id=option.category_id,
        expires_at=rules.expires_after_days(
            account.clock, book.programme.voucher_valid_days, timezone.get_default_timezone()
        ),
        created_at=account.clock,
    )
