"""The programme as the rules need it: settings, tiers and the active earning rules."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import connection

from core.database.prepared import Prepared
from core.rows import Rows
from rewards.models import EarningRule, RedemptionOption
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

    def tier(self, tier_id: int | None) -> Tier | None:
        """Return the tier of that id; None for none."""
        return next((tier for tier in self.tiers if tier.id == tier_id), None)


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


_SETTINGS = """
    tier_basis, hold_days, points_valid_months, restored_points_days, voucher_valid_days, point_value,
    minimum_points,
    ARRAY(SELECT row_to_json(t) FROM (
        SELECT id, name, min_points, benefits FROM loyalty_tiers ORDER BY min_points
    ) t)"""
_SETTINGS_WIDTH = 8
_OPTIONS = Rows(RedemptionOption, "o")


_RULES = Prepared("programme", f"SELECT {_SETTINGS} FROM programme")  # noqa: S608
_RULES_AND_OPTION = Prepared(
    "programme_with_option",
    f"""
    SELECT {_SETTINGS}, {_OPTIONS.columns}
    FROM programme LEFT JOIN redemption_options o ON o.id = %s AND o.is_active
    """,  # noqa: S608
)


def programme_rules() -> ProgrammeRules:
    """Return the settings and the tiers in one query, never from a cache: a change counts at once."""
    with connection.cursor() as cursor:
        _RULES.execute(cursor)
        return _rules(cursor.fetchone())


def programme_with_option(option_id: str) -> tuple[ProgrammeRules, RedemptionOption | None]:
    """Return the settings and the tiers, and in the same query the active option of that id."""
    with connection.cursor() as cursor:
        _RULES_AND_OPTION.execute(cursor, [option_id])
        row = cursor.fetchone()
    option = _OPTIONS.made_of(row[_SETTINGS_WIDTH:])
    return _rules(row), option if option.pk is not None else None


def _rules(row: tuple[Any, ...]) -> ProgrammeRules:
    basis, hold, months, restored, voucher_days, value, minimum, tiers = row[:_SETTINGS_WIDTH]
    return ProgrammeRules(
        basis, hold, months, restored, voucher_days, value, minimum, tuple(_tier(tier) for tier in tiers)
    )


def _tier(row: dict[str, Any]) -> Tier:
    return Tier(row["id"], row["name"], row["min_points"], tuple(row["benefits"]))


def active_rules(rule_types: Iterable[str]) -> dict[str, ActiveRule]:
    """Return the active rule of each of `rule_types` that has one."""
    fields = ("id", "name", "rule_type", "version", "points_per_rand", "points_amount")
    rows = EarningRule.objects.filter(is_active=True, rule_type__in=list(rule_types)).values_list(*fields)
    return {row[2]: ActiveRule(*row) for row in rows}
