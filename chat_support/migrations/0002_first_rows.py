"""A desk that is open on weekdays, targets for each priority, and a history that only grows."""

from datetime import time

from django.db import migrations

from core.append_only import refuse_changes

TARGETS = [("low", 480, 2880), ("medium", 240, 1440), ("high", 60, 480), ("urgent", 15, 120)]
OPENS, CLOSES = time(8), time(17)


def add(apps, schema_editor):
    targets = apps.get_model("chat_support", "SupportTarget").objects
    for priority, first_answer, solution in TARGETS:
        targets.get_or_create(
            priority=priority,
            defaults={"first_answer_minutes": first_answer, "solution_minutes": solution},
        )
    hours = apps.get_model("chat_support", "WorkingHours").objects
    if not hours.exists():
        for weekday in range(5):
            hours.create(weekday=weekday, opens=OPENS, closes=CLOSES)


class Migration(migrations.Migration):
    dependencies = [("chat_support", "0001_initial"), ("core", "0001_initial")]

    operations = [
        refuse_changes("ticket_changes"),
        migrations.RunPython(add, migrations.RunPython.noop),
    ]
