"""The policy's one row."""

from django.db import migrations


def add(apps, schema_editor):
    apps.get_model("notifications", "NotificationPolicy").objects.get_or_create(id=1)


class Migration(migrations.Migration):
    dependencies = [("notifications", "0001_initial")]

    operations = [migrations.RunPython(add, migrations.RunPython.noop)]
