"""Counting what pushes come to."""

from collections.abc import Mapping

from django.db import connection

_SLOTS = 16


def tally(counts: Mapping[tuple[str, str], int]) -> None:
    """Add to the counts of outcomes and their reasons, in the caller's transaction and at its end.

    Of a reason only what stands before a colon counts: the rest differs with every push.
    """
    short: dict[tuple[str, str], int] = {}
    for (outcome, reason), count in counts.items():
        kind = outcome, reason.partition(":")[0][:100]
        short[kind] = short.get(kind, 0) + count
    if not short:
        return
    kinds = sorted(short)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO push_tallies (outcome, reason, slot, count)
            SELECT t.outcome, t.reason, pg_backend_pid() %% %s, t.count
            FROM unnest(%s::text[], %s::text[], %s::bigint[]) t (outcome, reason, count) ORDER BY 1, 2
            ON CONFLICT (outcome, reason, slot) DO UPDATE SET count = push_tallies.count + EXCLUDED.count
            """,
            [
                _SLOTS,
                [outcome for outcome, _ in kinds],
                [reason for _, reason in kinds],
                [short[kind] for kind in kinds],
            ],
        )
