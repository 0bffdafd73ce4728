"""The rows that a new database starts with. What is there already is left as it is."""

from contextlib import suppress
from decimal import Decimal

from django.db import migrations
from django.db.models import ProtectedError

TIERS = [
    ("Bronze", 0, ["Basic vouchers", "Standard support"]),
    ("Silver", 1000, ["Enhanced redemption rates", "Priority support"]),
    ("Gold", 5000, ["Exclusive offers", "Priority support", "Free shipping"]),
    ("Platinum", 15000, ["Premium perks", "Early access", "Personal shopper"]),
]
RULES = [
    ("Purchase Points", "purchase", "1 point for every R10 spent", Decimal("0.10"), 0),
    ("Review Bonus", "review", "For a product review", Decimal("0"), 50),
    ("Referral Bonus", "referral", "For a friend who joins", Decimal("0"), 500),
]
OPTIONS = [
    ("voucher-10", "discount_voucher", "R10 Off Voucher", "R10 off your next order", 100, 10, "Bronze"),
    ("voucher-25", "discount_voucher", "R25 Off Voucher", "R25 off your next order", 250, 25, "Silver"),
    ("free-shipping", "free_shipping", "Free Shipping", "Free shipping on your next order", 50, 0, "Bronze"),
]


def add(apps, schema_editor):
    model = lambda name: apps.get_model("rewards", name)  # noqa: E731
    model("Programme").objects.get_or_create(id=1)
    tiers = model("LoyaltyTier").objects
    for name, min_points, benefits in TIERS:
        if not tiers.filter(name=name).exists() and not tiers.filter(min_points=min_points).exists():
            tiers.create(name=name, min_points=min_points, benefits=benefits)
    rules = model("EarningRule").objects
    for name, rule_type, description, rate, amount in RULES:
        if not rules.filter(rule_type=rule_type).exists():
            rules.create(
                name=name,
                rule_type=rule_type,
                description=description,
                points_per_rand=rate,
                points_amount=amount,
            )
    for slug, kind, name, description, points, value, tier in OPTIONS:
        model("RedemptionOption").objects.get_or_create(
            id=slug,
            defaults={
                "type": kind,
                "name": name,
                "description": description,
                "points_required": points,
                "value": value,
                "min_tier": tiers.filter(name=tier).first(),
            },
        )


def remove(apps, schema_editor):
    """Take out the rows that are still as they were added and that nothing refers to."""
    model = lambda name: apps.get_model("rewards", name).objects  # noqa: E731
    for slug, kind, name, description, points, value, _ in OPTIONS:
        _delete(
            model("RedemptionOption").filter(
                id=slug, type=kind, name=name, description=description, points_required=points, value=value
            )
        )
    for name, rule_type, description, rate, amount in RULES:
        _delete(
            model("EarningRule").filter(
                name=name,
                rule_type=rule_type,
                description=description,
                points_per_rand=rate,
                points_amount=amount,
            )
        )
    for name, min_points, benefits in TIERS:
        _delete(model("LoyaltyTier").filter(name=name, min_points=min_points, benefits=benefits))


def _delete(rows):
    with suppress(ProtectedError):
        rows.delete()


class Migration(migrations.Migration):
    dependencies = [("rewards", "0002_ledger_triggers")]

    operations = [migrations.RunPython(add, remove)]
