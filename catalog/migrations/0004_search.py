"""The words under which products are found, kept by triggers."""

from django.db import migrations

# As catalog.rules.search_terms folds what is searched for. Written with code points, so that it does not
# depend on the database's locale.
WORDS = r"""
CREATE FUNCTION catalog_words(given text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT regexp_replace(
        regexp_replace(
            normalize(given, NFKD), '[\u0300-\u036f''\u2018\u2019\u02bc`\u00b4]', '', 'g'
        ),
        '[!-/:-@\[-`{-~\u2010-\u2027\u00a0-\u00bf]', ' ', 'g'
    )
$$;
"""

REFRESH = """
CREATE FUNCTION product_search_refresh(ids bigint[]) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO product_search (product_id, words)
    SELECT products.id,
        setweight(to_tsvector('english', named.words) || to_tsvector('simple', named.words), 'A')
        || setweight(to_tsvector('simple', catalog_words(products.sku)), 'A')
        || setweight(to_tsvector('simple', catalog_words(coalesce(brands.name, ''))), 'B')
        || setweight(to_tsvector('english', facts.words) || to_tsvector('simple', facts.words), 'C')
        || setweight(to_tsvector('english', catalog_words(left(products.description, 20000))), 'D')
    FROM products
    LEFT JOIN brands ON brands.id = products.brand_id
    CROSS JOIN LATERAL (SELECT catalog_words(products.name) AS words) AS named
    CROSS JOIN LATERAL (
        SELECT catalog_words(coalesce(string_agg(value, ' '), '')) AS words
        FROM jsonb_each_text(products.attributes)
    ) AS facts
    WHERE products.id = ANY(ids)
    ORDER BY products.id
    ON CONFLICT (product_id) DO UPDATE SET words = excluded.words
$$;
"""

# A statement's trigger where many rows come at once; a row's where a sale must not even look at it.
TRIGGERS = """
CREATE FUNCTION products_are_findable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM product_search_refresh(ARRAY(SELECT id FROM added));
    RETURN NULL;
END $$;
CREATE TRIGGER products_are_findable AFTER INSERT ON products
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION products_are_findable();

CREATE FUNCTION product_is_findable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM product_search_refresh(ARRAY[NEW.id]);
    RETURN NULL;
END $$;
CREATE TRIGGER product_is_findable AFTER UPDATE OF sku, name, description, attributes, brand_id ON products
    FOR EACH ROW WHEN (
        (OLD.sku, OLD.name, OLD.description, OLD.attributes, OLD.brand_id)
        IS DISTINCT FROM (NEW.sku, NEW.name, NEW.description, NEW.attributes, NEW.brand_id)
    ) EXECUTE FUNCTION product_is_findable();

CREATE FUNCTION brand_is_findable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM product_search_refresh(ARRAY(SELECT id FROM products WHERE brand_id = NEW.id ORDER BY id));
    RETURN NULL;
END $$;
CREATE TRIGGER brand_is_findable AFTER UPDATE OF name ON brands
    FOR EACH ROW WHEN (OLD.name <> NEW.name) EXECUTE FUNCTION brand_is_findable();
"""

UNDO = """
DROP TRIGGER brand_is_findable ON brands;
DROP TRIGGER product_is_findable ON products;
DROP TRIGGER products_are_findable ON products;
DROP FUNCTION brand_is_findable();
DROP FUNCTION product_is_findable();
DROP FUNCTION products_are_findable();
DROP FUNCTION product_search_refresh(bigint[]);
DROP FUNCTION catalog_words(text);
"""


class Migration(migrations.Migration):
    dependencies = [("catalog", "0003_built_while_serving")]

    operations = [migrations.RunSQL(WORDS + REFRESH + TRIGGERS, UNDO)]
