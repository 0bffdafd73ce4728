"""`growth`: what members ask for over HTTP, with up to a million members and with 10,000.

Both sizes are databases of one server, asked in turns. The large one is asked twice over: by members from all
of it, whose rows PostgreSQL has to fetch from the operating system or the disk, and by a few again and
again, whose rows it has at hand. What the few take longer than the small size is the plan's doing; what the
many take beyond that, the cache's.
"""

import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2

from bench.books import books, wanted_members
from bench.frame import Contender, Sample
from bench.services import Services
from bench.web import served
from bench.wrk import load, missing_wrk

YARDSTICK = 10_000
MANY, FEW = 50_000, 300
CONNECTIONS = 1
"""Two may be one process's or two processes', and take twice as long or not."""
SECONDS = 4.0
SCRIPT = Path(__file__).with_suffix(".lua")
REDEEM = "/api/v1/rewards/redeem/"
REDEEM_BODY = json.dumps({"redemption_option_id": "penny", "points_to_redeem": 1})
_HISTORY = "/api/v1/rewards/transactions/"
DEEP = 400
"""Lines before the page of a long history."""

# Spread over the ids evenly, whatever their number.
_ANYBODY = """
SELECT n * total / asked
FROM (SELECT count(*) AS total, least(%(many)s, count(*)) AS asked FROM users) u
CROSS JOIN LATERAL generate_series(1, asked) n
"""
FUNDED = """
SELECT user_id FROM user_points WHERE current_points >= 1000
ORDER BY hashint8extended(user_id, 7) LIMIT %(many)s
"""
_LONG = """
SELECT user_id, effective_at, id
FROM (SELECT user_id FROM points_transactions GROUP BY user_id HAVING count(*) > %(deep)s + 50
      ORDER BY hashint8extended(user_id, 7) LIMIT %(many)s) long
CROSS JOIN LATERAL (SELECT effective_at, id FROM points_transactions t WHERE t.user_id = long.user_id
                    ORDER BY effective_at DESC, id DESC OFFSET %(deep)s LIMIT 1) place
"""


@dataclass(frozen=True, slots=True)
class _Part:
    """One thing that members ask for: who asks, and what."""

    name: str
    who: str
    path: str
    method: str = "GET"
    body: str = ""


_PARTS = (
    _Part("balance", _ANYBODY, "/api/v1/rewards/balance/"),
    _Part("status", _ANYBODY, "/api/v1/rewards/loyalty-status/"),
    _Part("history", _ANYBODY, _HISTORY),
    _Part("history, 400 lines down", _LONG, _HISTORY),
    _Part("redeem", FUNDED, REDEEM, "POST", REDEEM_BODY),
)


class Growth:
    """The time of a request at both sizes."""

    unit = "ms a request (less is better)"
    rounds = 3

    @property
    def title(self) -> str:
        return f"{wanted_members():,} members against {YARDSTICK:,}, one connection"

    def unavailable(self) -> str | None:
        return missing_wrk()

    @contextmanager
    def contenders(self, services: Services) -> Iterator[Sequence[Contender]]:
        with ExitStack() as stack:
            asked = []
            for members in (wanted_members(), YARDSTICK):
                url = books(services, members)
                offer_penny(url)
                port = stack.enter_context(
                    served(services, name=f"web-{members}", variables={"DATABASE_URL": url})
                )
                callers = {part: calls(services, url, part.who, part.path) for part in _PARTS}
                if members == YARDSTICK:
                    asked.append((f"{members:,} members", url, port, callers))
                else:
                    few = {part: lines[:FEW] for part, lines in callers.items()}
                    asked.append((f"{members:,} members", url, port, callers))
                    asked.append((f"{members:,} members, {FEW} of them again and again", url, port, few))
            found = []
            for number, part in enumerate(_PARTS):
                for name, url, port, callers in asked:
                    file = services.data_dir / f"calls-{number}-{len(found)}.txt"
                    file.write_text("\n".join(callers[part]) + "\n")
                    measure = _Measure(url, f"http://127.0.0.1:{port}{part.path}", file, part)
                    measure.load(seconds=1)  # connections and plans
                    found.append(Contender(name, measure, part=part.name))
            yield found


@dataclass(frozen=True, slots=True)
class _Measure:
    database_url: str
    url: str
    file: Path
    part: _Part

    def __call__(self) -> Sample:
        """Return the median time in ms, blocks that a request read from outside, and bytes that it logged."""
        before = _counts(self.database_url)
        sample = self.load(SECONDS)
        time.sleep(1.2)  # idle sessions tell what they did once a second
        blocks, wal = (
            round((after - earlier) / sample.details["requests"], 1)
            for earlier, after in zip(before, _counts(self.database_url), strict=True)
        )
        return Sample(sample.details["p50_ms"], {**sample.details, "blocks_read": blocks, "wal_bytes": wal})

    def load(self, seconds: float) -> Sample:
        arguments = [str(self.file), self.part.method, self.part.body]
        return load(self.url, SCRIPT, arguments, connections=CONNECTIONS, seconds=seconds)


def offer_penny(url: str) -> None:
    """Have an option that costs a point, so that nobody runs out of them."""
    rows(
        url,
        """
        INSERT INTO redemption_options (id, type, name, description, points_required, value, is_active,
                                        created_at, updated_at)
        VALUES ('penny', 'discount_voucher', 'A penny', '', 1, 1, true, now(), now()) ON CONFLICT DO NOTHING
        """,
    )


def calls(services: Services, url: str, who: str, path: str) -> list[str]:
    """Return the lines of the script's file: a token each, and the page's path where it differs."""
    import os

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    from django.utils import timezone

    from accounts.facade import issue_access_token

    now = timezone.now()
    lines = []
    for user_id, *place in rows(url, who, {"many": MANY, "deep": DEEP}):
        line = issue_access_token(user_id, at=now, seconds=24 * 3600)
        if place:
            at, pk = place
            cursor = json.dumps([False, at.isoformat(), str(pk)], separators=(",", ":"))
            line += f" {path}?cursor={urlsafe_b64encode(cursor.encode()).decode()}"
        lines.append(line)
    return lines


def rows(url: str, sql: str, values: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
    """Run one statement by itself."""
    session = psycopg2.connect(url)
    session.autocommit = True
    try:
        with session.cursor() as cursor:
            cursor.execute(sql, values)
            return cursor.fetchall() if cursor.description else []
    finally:
        session.close()


def _counts(url: str) -> tuple[float, float]:
    """Return the blocks that were read in this database, and the bytes that the server logged, so far."""
    ((blocks, wal),) = rows(
        url,
        """
        SELECT blks_read::float8, pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::float8
        FROM pg_stat_database WHERE datname = current_database()
        """,
    )
    return blocks, wal
