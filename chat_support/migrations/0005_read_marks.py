"""Say of tickets that are there until when they were read, so that what is unread stays so."""

from django.db import migrations

# The newest of the other side's messages, but for as many as are unread: that one was the last to be read.
FILL = """
UPDATE support_tickets t
SET member_read_until = (
        SELECT said_at FROM ticket_messages m WHERE m.ticket_id = t.id AND m.author = 'agent'
        ORDER BY said_at DESC, id DESC OFFSET t.unread_by_member LIMIT 1),
    agents_read_until = (
        SELECT said_at FROM ticket_messages m WHERE m.ticket_id = t.id AND m.author = 'member'
        ORDER BY said_at DESC, id DESC OFFSET t.unread_by_agents LIMIT 1)
WHERE member_read_until IS NULL AND agents_read_until IS NULL
"""


class Migration(migrations.Migration):
    dependencies = [("chat_support", "0004_webhooks")]

    operations = [migrations.RunSQL(FILL, migrations.RunSQL.noop)]
