"""Writing down what FCM answered, many answers in one statement."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction

from notifications.answers import BLOCKED_WAIT, LAST_TRY, Answer, Verdict, wait_after
from notifications.models import PushSend
from notifications.services.tallying import tally

State = PushSend.State


@dataclass(frozen=True, slots=True)
class Answered:
    """A send of ours (its id and the try that its claim made) and what became of it."""

    send_id: int
    tries: int
    answer: Answer


_LOCK = """
SELECT FROM push_notifications
WHERE id IN (SELECT push_id FROM push_sends WHERE id = ANY(%(ids)s)) ORDER BY id FOR UPDATE
"""

_RECORD = """
WITH answer AS (
    SELECT * FROM unnest(%(ids)s::bigint[], %(tries)s::int[], %(states)s::text[], %(words)s::text[],
                         %(dues)s::timestamptz[], %(next_tries)s::int[], %(gone)s::bool[])
           a (id, tries, state, word, due_at, next_tries, gone)
), send AS (
    UPDATE push_sends s
    SET state = answer.state, updated_at = %(at)s, due_at = coalesce(answer.due_at, s.due_at),
        tries = answer.next_tries,
        answered_at = CASE WHEN answer.state = 'pending' THEN s.answered_at ELSE %(at)s END,
        message_name = CASE WHEN answer.state = 'done' THEN answer.word ELSE '' END,
        error = CASE WHEN answer.state = 'done' THEN '' ELSE answer.word END
    FROM answer
    -- The ids once more, or everything that waits would be read to find them.
    WHERE s.id = ANY(%(ids)s) AND s.id = answer.id AND s.tries = answer.tries AND s.state = 'pending'
    RETURNING s.id, s.push_id, s.device_id, s.state, s.error, answer.gone
), device AS (
    UPDATE user_devices d
    SET is_active = false, deactivated_at = %(at)s, deactivated_because = send.error, updated_at = %(at)s
    FROM send JOIN push_notifications p ON p.id = send.push_id
    -- A device that somebody else has registered meanwhile is another device.
    WHERE send.gone AND d.id = send.device_id AND d.user_id = p.user_id
), verdict AS (
    SELECT push_id, bool_or(state = 'done') AS sent, max(error) FILTER (WHERE state = 'failed') AS error,
           bool_or(state = 'pending') AS waits
    FROM (
        SELECT push_id, state, error FROM send
        UNION ALL
        -- What this statement changes is seen here as it was.
        SELECT s.push_id, s.state, s.error FROM push_sends s
        WHERE s.push_id IN (SELECT push_id FROM send) AND s.id NOT IN (SELECT id FROM send)
    ) each_send
    GROUP BY push_id
)
UPDATE push_notifications p
SET status = CASE WHEN verdict.sent THEN 'sent' ELSE 'failed' END, updated_at = %(at)s,
    sent_at = CASE WHEN verdict.sent THEN %(at)s ELSE p.sent_at END,
    reason = CASE WHEN verdict.sent THEN '' ELSE coalesce(verdict.error, '') END
FROM verdict
WHERE p.id = verdict.push_id AND p.status = 'sending' AND (verdict.sent OR NOT verdict.waits)
RETURNING p.status, p.reason
"""


def record(answered: Sequence[Answered], *, at: datetime) -> None:
    """Write the answers of sends that are still the caller's; a push is sent when one of its devices has it,
    and failed when none of them can.

    A device that is gone is deactivated. After the last try a send has failed; what is blocked is no try.
    """
    if not answered:
        return
    rows = [_row(one, at) for one in sorted(answered, key=lambda one: one.send_id)]
    columns = zip(*rows, strict=True)
    names = ("ids", "tries", "states", "words", "dues", "next_tries", "gone")
    parameters = {name: list(column) for name, column in zip(names, columns, strict=True)}
    with transaction.atomic(), connection.cursor() as cursor:
        # The last of a push's devices must see what the others got: whoever records them waits here.
        cursor.execute(_LOCK, parameters)
        cursor.execute(_RECORD, {**parameters, "at": at})
        outcomes = Counter[tuple[str, str]](cursor.fetchall())
        outcomes.update(("again", word) for _, _, state, word, *_ in rows if state == State.PENDING)
        tally(outcomes)


def _row(one: Answered, at: datetime) -> tuple[int, int, str, str, datetime | None, int, bool]:
    answer, tries = one.answer, one.tries
    match answer.verdict:
        case Verdict.SENT:
            return one.send_id, tries, State.DONE.value, answer.word, None, tries, False
        case Verdict.GONE:
            return one.send_id, tries, State.FAILED.value, answer.word, None, tries, True
        case Verdict.REFUSED:
            return one.send_id, tries, State.FAILED.value, answer.word, None, tries, False
        case Verdict.BLOCKED:
            due = at + (answer.wait or BLOCKED_WAIT)
            return one.send_id, tries, State.PENDING.value, answer.word, due, tries - 1, False
        case Verdict.LATER:
            if tries >= LAST_TRY:
                return one.send_id, tries, State.FAILED.value, answer.word, None, tries, False
            due = at + wait_after(tries, answer)
            return one.send_id, tries, State.PENDING.value, answer.word, due, tries, False
