from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("rewards", "0003_first_programme")]

    operations = [
        migrations.AlterModelOptions(
            name="userpoints",
            options={
                "permissions": [("adjust_points", "Can adjust members' points")],
                "verbose_name": "member's points",
                "verbose_name_plural": "members' points",
            },
        ),
        migrations.AlterModelOptions(
            name="uservoucher",
            options={
                "ordering": ["-created_at", "-id"],
                "permissions": [("take_back_voucher", "Can take back vouchers and give their points back")],
            },
        ),
    ]
