"""One of the jobs that `nightly` measures, run as a worker would; prints what it did as JSON."""

import json
import os
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.db import connection  # noqa: E402
from django.utils import timezone  # noqa: E402

from bench.nightly import JOBS  # noqa: E402
from core import outbox  # noqa: E402
from core.contracts import SYSTEM  # noqa: E402
from rewards.models import LoyaltyTier, Programme, TierChange, UserPoints  # noqa: E402
from rewards.rules import Tier  # noqa: E402
from rewards.selectors.audit import audit_ledger  # noqa: E402
from rewards.selectors.programme import programme_rules  # noqa: E402
from rewards.services import clock, settings, tiers, vouchers  # noqa: E402

ENOUGH = 24 * 3600.0
_IN_TWO_WEEKS = timezone.now() + timedelta(days=14)


def mature() -> int:
    """All that is held, as if its fortnight were over."""
    return clock.mature_points(at=_IN_TWO_WEEKS, seconds=ENOUGH)


def expire() -> int:
    """As much as makes every tenth member lose points."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT expires_at
            FROM (SELECT user_id, min(expires_at) AS expires_at FROM point_lots WHERE remaining > 0
                  GROUP BY user_id) l
            ORDER BY expires_at OFFSET (SELECT count(*) / 10 FROM user_points) LIMIT 1
            """
        )
        (at,) = cursor.fetchone()
    global _began
    _began = time.monotonic()
    return clock.expire_points(at=at, seconds=ENOUGH)


def expire_vouchers() -> int:
    return vouchers.expire_vouchers(at=_IN_TWO_WEEKS)


def preview_tiers() -> int:
    """What a lower threshold of the second tier would move."""
    proposed = [
        Tier(tier.id, tier.name, tier.min_points * 9 // 10 if tier.name == "Silver" else tier.min_points)
        for tier in programme_rules().tiers
    ]
    tiers.preview_tiers(proposed, at=timezone.now())
    return UserPoints.objects.count()


def change_a_tier() -> int:
    silver = LoyaltyTier.objects.get(name="Silver")
    silver.min_points = silver.min_points * 9 // 10
    settings.save_setting(silver, actor=SYSTEM, reason="Benchmark")
    return _judged()


def judge_by_the_year() -> int:
    """The first time that everybody is judged by the rolling year: many move."""
    programme = Programme.objects.get()
    programme.tier_basis = Programme.TierBasis.ROLLING_YEAR
    settings.save_setting(programme, actor=SYSTEM, reason="Benchmark")
    return _judged()


def judge_again() -> int:
    """The nightly job of the rolling year: few move."""
    tiers.schedule_rejudging(reason=TierChange.Reason.PERIOD, quietly=False)
    return _judged()


def _judged() -> int:
    outbox.deliver("rewards.tiers", seconds=ENOUGH)
    return UserPoints.objects.count()


def audit() -> int:
    report = audit_ledger()
    if report.broken:
        raise AssertionError(report.broken)
    return report.members


WORK: dict[str, Callable[[], int]] = dict(
    zip(
        JOBS,
        (
            mature,
            expire,
            expire_vouchers,
            preview_tiers,
            change_a_tier,
            judge_by_the_year,
            preview_tiers,
            judge_again,
            audit,
        ),
        strict=True,
    )
)

_began = 0.0


def _peak_mb() -> float:
    """The most memory that this program ever had; the kernel's own `ru_maxrss` knows its parent's, too."""
    status = Path("/proc/self/status").read_text()
    return round(int(status.split("VmHWM:")[1].split()[0]) / 1024, 1)


if __name__ == "__main__":
    _began = time.monotonic()
    members = WORK[sys.argv[1]]()
    seconds = time.monotonic() - _began
    print(json.dumps({"members": members, "seconds": round(seconds, 3), "peak_mb": _peak_mb()}))
