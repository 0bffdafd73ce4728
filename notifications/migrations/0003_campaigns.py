"""What a campaign's walk and its texts need, and pushes that are paused with theirs."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("notifications", "0002_first_rows")]

    operations = [
        migrations.AddField(
            model_name="campaign",
            name="walk_until",
            field=models.BigIntegerField(
                editable=False,
                help_text="The newest member at the start: who joins later is not written to.",
                null=True,
            ),
        ),
        migrations.AlterField(
            model_name="campaign",
            name="walked_to",
            field=models.BigIntegerField(default=0, editable=False, help_text="The last member looked at."),
        ),
        migrations.AddField(
            model_name="campaigntext",
            name="without_name",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="What stands for {first_name} where a member gave none.",
                max_length=50,
            ),
        ),
        migrations.AlterField(
            model_name="pushnotification",
            name="status",
            field=models.CharField(
                choices=[
                    ("pending", "Pending"),
                    ("held", "Held back for now"),
                    ("paused", "Paused with its campaign"),
                    ("sending", "Being sent"),
                    ("sent", "Sent"),
                    ("delivered", "Delivered"),
                    ("opened", "Opened"),
                    ("failed", "Failed"),
                    ("dropped", "Dropped"),
                    ("cancelled", "Cancelled"),
                ],
                default="pending",
                max_length=20,
            ),
        ),
    ]
