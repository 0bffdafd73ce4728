"""The programme as the rules need it: settings, tiers and the active earning rules."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import connection

from rewards.models import EarningRule
from rewards.rules import Tier


@dataclass(frozen=True, slots=True)
class ProgrammeRules:
    """The programme's settings with its tiers, lowest first."""

    tier_basis: str
    hold_days: int
    points_valid_months: int | None
    restored_points_days: int
    voucher_valid_days: int
    point_value: Decimal
    minimum_points: int
    tiers: tuple[Tier, ...]


@dataclass(frozen=True, slots=True)
class ActiveRule:
    """An earning rule as it stands now; `facts` is what a ledger row keeps of it."""

    id: int
    name: str
    rule_type: str
    version: int
    points_per_rand: Decimal
    points_amount: int

    def facts(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "name": self.name,
            "type": self.rule_type,
            "version": self.version,
            "points_per_rand": str(self.points_per_rand),
            "points_amount": self.points_amount,
        }


def programme_rules() -> ProgrammeRules:
    """Return the settings and the tiers in one query, never from a cache: a change counts at once."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT tier_basis, hold_days, points_valid_months, restored_points_days, voucher_valid_days,
                   point_value, minimum_points,
                   ARRAY(SELECT row_to_json(t) FROM (
                       SELECT id, name, min_points, benefits FROM loyalty_tiers ORDER BY min_points
                   ) t)
            FROM programme
            """
        )
        basis, hold, months, restored, voucher_days, value, minimum, tiers = cursor.fetchone()
    return ProgrammeRules(
        basis, hold, months, restored, voucher_days, value, minimum, tuple(_tier(row) for row in tiers)
    )


def _tier(row: dict[str, Any]) -> Tier:
    return Tier(row["id"], row["name"], row["min_points"], tuple(row["benefits"]))


def active_rules(rule_types: Iterable[str]) -> dict[str, ActiveRule]:
    """Return the active rule of each of `rule_types` that has one."""
    fields = ("id", "name", "rule_type", "version", "points_per_rand", "points_amount")
    rows = EarningRule.objects.filter(is_active=True, rule_type__in=list(rule_types)).values_list(*fields)
    return {row[2]: ActiveRule(*row) for row in rows}
