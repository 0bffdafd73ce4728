"""Pushes of campaigns are looked for apart from the others, and counted without reading them."""

import django.db.models.deletion
from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("notifications", "0003_campaigns")]

    operations = [
        AddIndexConcurrently(
            model_name="pushnotification",
            index=models.Index(
                condition=models.Q(("campaign__isnull", True), ("status__in", ["pending", "held"])),
                fields=["due_at", "id"],
                name="single_pushes_due",
            ),
        ),
        AddIndexConcurrently(
            model_name="pushnotification",
            index=models.Index(
                condition=models.Q(("campaign__isnull", False), ("status__in", ["pending", "held"])),
                fields=["due_at", "id"],
                name="campaign_pushes_due",
            ),
        ),
        AddIndexConcurrently(
            model_name="pushnotification",
            index=models.Index(
                condition=models.Q(("campaign__isnull", False)),
                fields=["campaign", "status", "reason"],
                name="pushes_by_campaign",
            ),
        ),
        RemoveIndexConcurrently(model_name="pushnotification", name="pushes_due"),
        RemoveIndexConcurrently(model_name="pushnotification", name="pushes_of_campaign"),
        migrations.AlterField(
            model_name="pushnotification",
            name="campaign",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="pushes",
                to="notifications.campaign",
            ),
        ),
    ]
