"""A device may go while a push to it is being written down: the database takes it out of its sends."""

from django.db import migrations

_FIND = """
SELECT conname INTO STRICT name FROM pg_constraint
WHERE conrelid = 'push_sends'::regclass AND contype = 'f'
  AND conkey = ARRAY[(SELECT attnum FROM pg_attribute
                      WHERE attrelid = 'push_sends'::regclass AND attname = 'device_id')];
"""
_ADD = """
DO $$
DECLARE name text;
BEGIN
    {find}
    EXECUTE format('ALTER TABLE push_sends DROP CONSTRAINT %I', name);
    EXECUTE format('ALTER TABLE push_sends ADD CONSTRAINT %I FOREIGN KEY (device_id)
                    REFERENCES user_devices (id) {on_delete} DEFERRABLE INITIALLY DEFERRED NOT VALID', name);
END $$
"""
_VALIDATE = f"""
DO $$
DECLARE name text;
BEGIN
    {_FIND}
    EXECUTE format('ALTER TABLE push_sends VALIDATE CONSTRAINT %I', name);
END $$
"""


class Migration(migrations.Migration):
    atomic = False  # the table is not locked while its rows are checked
    dependencies = [("notifications", "0005_push_tallies")]

    operations = [
        migrations.RunSQL(
            _ADD.format(find=_FIND, on_delete="ON DELETE SET NULL"), _ADD.format(find=_FIND, on_delete="")
        ),
        migrations.RunSQL(_VALIDATE, _VALIDATE),
    ]
