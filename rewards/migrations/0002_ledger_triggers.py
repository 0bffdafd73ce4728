"""What the database itself guards: an append-only ledger, whole accounts, versions of rules."""

from django.db import migrations

from core.append_only import refuse_changes

# A row that is inserted with points gets the ledger lines and lots that explain them. Held points made by
# hand have no earning date: they mature after the programme's hold, or 30 days when it has none, so that the
# row reads as it was written.
OPENING = """
CREATE FUNCTION user_points_raise_lifetime() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.lifetime_points := greatest(NEW.lifetime_points, NEW.current_points + NEW.pending_points);
    RETURN NEW;
END $$;

CREATE FUNCTION user_points_write_opening() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    line bigint;
    hold int;
BEGIN
    IF NEW.current_points > 0 OR NEW.lifetime_points > NEW.pending_points THEN
        INSERT INTO points_transactions (user_id, natural_key, transaction_type, points, lifetime_points,
            description, metadata, effective_at, created_at)
        VALUES (NEW.user_id, 'opening', 'opening', NEW.current_points,
            NEW.lifetime_points - NEW.pending_points, 'Opening balance', '{}', NEW.created_at, clock_timestamp())
        RETURNING id INTO line;
        IF NEW.current_points > 0 THEN
            INSERT INTO point_lots (transaction_id, user_id, points, remaining, earned_at, matures_at,
                expires_at, matured, created_at, updated_at)
            VALUES (line, NEW.user_id, NEW.current_points, NEW.current_points, NEW.created_at, NEW.created_at,
                NULL, true, clock_timestamp(), clock_timestamp());
        END IF;
    END IF;
    IF NEW.pending_points > 0 THEN
        SELECT coalesce(nullif(hold_days, 0), 30) INTO hold FROM programme;
        INSERT INTO points_transactions (user_id, natural_key, transaction_type, points, lifetime_points,
            description, metadata, effective_at, created_at)
        VALUES (NEW.user_id, 'opening:pending', 'opening', NEW.pending_points, NEW.pending_points,
            'Opening balance, held', '{}', NEW.created_at, clock_timestamp())
        RETURNING id INTO line;
        INSERT INTO point_lots (transaction_id, user_id, points, remaining, earned_at, matures_at, expires_at,
            matured, created_at, updated_at)
        VALUES (line, NEW.user_id, NEW.pending_points, NEW.pending_points, NEW.created_at,
            NEW.created_at + make_interval(days => coalesce(hold, 30)), NULL, false,
            clock_timestamp(), clock_timestamp());
    END IF;
    IF NEW.debt_points > 0 THEN
        INSERT INTO points_transactions (user_id, natural_key, transaction_type, points, lifetime_points,
            description, metadata, effective_at, created_at)
        VALUES (NEW.user_id, 'opening:debt', 'opening', -NEW.debt_points, 0, 'Opening debt', '{}',
            NEW.created_at, clock_timestamp());
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER user_points_raise_lifetime BEFORE INSERT ON user_points
    FOR EACH ROW EXECUTE FUNCTION user_points_raise_lifetime();
CREATE TRIGGER user_points_write_opening AFTER INSERT ON user_points FOR EACH ROW
    WHEN (NEW.current_points <> 0 OR NEW.pending_points <> 0 OR NEW.debt_points <> 0 OR NEW.lifetime_points <> 0)
    EXECUTE FUNCTION user_points_write_opening();
"""
OPENING_REVERSED = """
DROP TRIGGER user_points_write_opening ON user_points;
DROP TRIGGER user_points_raise_lifetime ON user_points;
DROP FUNCTION user_points_write_opening();
DROP FUNCTION user_points_raise_lifetime();
"""

# Ledger lines name the rule by its version: it must grow whoever edits the row.
VERSIONS = """
CREATE FUNCTION earning_rules_next_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.version := OLD.version + 1;
    RETURN NEW;
END $$;
CREATE TRIGGER earning_rules_next_version BEFORE UPDATE ON earning_rules FOR EACH ROW
    WHEN ((OLD.rule_type, OLD.points_per_rand, OLD.points_amount)
          IS DISTINCT FROM (NEW.rule_type, NEW.points_per_rand, NEW.points_amount))
    EXECUTE FUNCTION earning_rules_next_version();
"""
VERSIONS_REVERSED = """
DROP TRIGGER earning_rules_next_version ON earning_rules;
DROP FUNCTION earning_rules_next_version();
"""


class Migration(migrations.Migration):
    dependencies = [("rewards", "0001_initial"), ("core", "0001_initial")]

    operations = [
        refuse_changes("points_transactions"),
        refuse_changes("lot_allocations"),
        migrations.RunSQL(OPENING, OPENING_REVERSED),
        migrations.RunSQL(VERSIONS, VERSIONS_REVERSED),
    ]
