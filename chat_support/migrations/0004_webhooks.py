"""What was read until when, what was erased, and what came of a webhook."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("chat_support", "0003_stream_calls_kept"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="streamwebhook",
            options={
                "ordering": ["-id"],
                "permissions": [("replay_streamwebhook", "Can have webhooks looked at again")],
            },
        ),
        migrations.AddField(
            model_name="streamwebhook",
            name="detail",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="The fields that can't be read.",
                max_length=200,
            ),
        ),
        migrations.AddField(
            model_name="streamwebhook",
            name="outcome",
            field=models.CharField(
                blank=True,
                choices=[
                    ("", "Not looked at yet"),
                    ("applied", "Taken in"),
                    ("known", "Nothing new"),
                    ("unreadable", "A field is not what it should be"),
                    ("no_ticket", "Its channel is no ticket's"),
                    ("stranger", "By somebody who is neither the member nor an agent"),
                    ("ours", "By our bot, or by Stream itself"),
                    ("erased", "Its ticket has been erased"),
                ],
                db_default="",
                default="",
                max_length=20,
            ),
        ),
        migrations.AddField(
            model_name="streamwebhook",
            name="stream_user_id",
            field=models.CharField(
                blank=True,
                db_default="",
                db_index=True,
                default="",
                help_text="Whose words or doing it is about.",
                max_length=255,
            ),
        ),
        migrations.AddField(
            model_name="supportticket",
            name="agents_read_until",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="supportticket",
            name="erased_at",
            field=models.DateTimeField(
                blank=True, help_text="When all words were taken out of it, for good.", null=True
            ),
        ),
        migrations.AddField(
            model_name="supportticket",
            name="member_read_until",
            field=models.DateTimeField(
                blank=True, help_text="The member has read what was said until then.", null=True
            ),
        ),
        migrations.AddField(
            model_name="ticketmessage",
            name="text_as_of",
            field=models.DateTimeField(
                blank=True, help_text="The time of the version in Stream that the text is of.", null=True
            ),
        ),
        migrations.AlterField(
            model_name="streamwebhook",
            name="payload",
            field=models.JSONField(help_text="Empty where it was of no use, or has been erased."),
        ),
        migrations.AlterField(
            model_name="ticketchange",
            name="what",
            field=models.CharField(
                help_text="status, priority, agent, rating, breach, channel.", max_length=30
            ),
        ),
    ]
