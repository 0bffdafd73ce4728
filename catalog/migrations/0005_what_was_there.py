"""Words of the products that are there, and what their approved reviews add up to.

Apart from the triggers, whose making keeps writes of products waiting until its transaction ends.
"""

from django.db import migrations

BACKFILL_WORDS = "SELECT product_search_refresh(ARRAY(SELECT id FROM products))"

BACKFILL_RATINGS = """
UPDATE reviews SET earned_at = moderated_at WHERE status = 'approved' AND earned_at IS NULL;
UPDATE products SET rating_count = approved.number, rating_average = approved.average
FROM (
    SELECT product_id, count(*) AS number, round(avg(rating), 2) AS average
    FROM reviews WHERE status = 'approved' GROUP BY product_id
) AS approved
WHERE products.id = approved.product_id;
"""


class Migration(migrations.Migration):
    dependencies = [("catalog", "0004_search")]

    operations = [
        migrations.RunSQL(BACKFILL_WORDS, migrations.RunSQL.noop),
        migrations.RunSQL(BACKFILL_RATINGS, migrations.RunSQL.noop),
    ]
