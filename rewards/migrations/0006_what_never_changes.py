"""Accounts and lots are kept; what a lot was made as stays; a voucher changes orders only when freed."""

from django.db import migrations

from core.append_only import refuse_removal, refuse_rewriting


class Migration(migrations.Migration):
    dependencies = [
        ("rewards", "0005_long_tables"),
        ("core", "0003_refusals_name_themselves"),
    ]

    operations = [
        refuse_removal("user_points"),
        refuse_rewriting("user_points", ["id", "user_id"]),
        refuse_removal("point_lots"),
        refuse_rewriting(
            "point_lots",
            ["id", "user_id", "transaction_id", "points", "earned_at", "matures_at", "expires_at"],
        ),
        migrations.RunSQL(
            sql="""
                CREATE TRIGGER user_vouchers_one_order BEFORE UPDATE OF order_id ON user_vouchers
                    FOR EACH ROW WHEN (OLD.order_id <> NEW.order_id)
                    EXECUTE FUNCTION core_refuse_change('is free before another order takes it');
            """,
            reverse_sql="DROP TRIGGER user_vouchers_one_order ON user_vouchers;",
        ),
    ]
