"""`balance`: a member's points over HTTP, beside a DRF view by hand and a Django view without any work."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from bench.frame import Contender, Sample
from bench.members import CONNECTIONS, YARDSTICK, Members, answer_to, members_with_points
from bench.services import Services
from bench.web import served
from bench.wrk import missing_wrk

MEMBERS = 10_000
SECONDS = 6.0
PATH = "/api/v1/rewards/balance/"
BARE = "/bare/"
# Nobody has points that expire on the day of the benchmark: lots are made so, against the trigger's will.
_EXPIRING_SOON = """
SET session_replication_role = replica;
UPDATE point_lots SET expires_at = date_trunc('day', now()) + interval '20 days' WHERE user_id % 2 = 0
"""


class Balance:
    """Balances, every second member's with points that expire within 30 days."""

    title = f"GET balance, {CONNECTIONS} connections, {MEMBERS:,} members"
    unit = "requests/s"
    rounds = 5

    def unavailable(self) -> str | None:
        return missing_wrk()

    @contextmanager
    def contenders(self, services: Services) -> Iterator[Sequence[Contender]]:
        members = members_with_points(services, MEMBERS, points=10_000)
        services.statement(_EXPIRING_SOON)
        services.statement("VACUUM ANALYZE point_lots")
        with ExitStack() as stack:
            ours = stack.enter_context(served(services, name="ours"))
            yardstick = stack.enter_context(served(services, **YARDSTICK))
            _check_answers(ours, yardstick, members)
            ways = [
                ("ours", ours, PATH),
                ("a DRF view by hand", yardstick, PATH),
                ("a Django view of fixed bytes", yardstick, BARE),
            ]
            for _, port, path in ways:
                _load(members, port, path, seconds=2)  # connections, plans and caches
            yield [
                Contender(
                    name,
                    lambda port=port, path=path: _load(members, port, path, seconds=SECONDS),
                    for_information=path == BARE,
                )
                for name, port, path in ways
            ]


def _load(members: Members, port: int, path: str, *, seconds: float) -> Sample:
    return members.load(f"http://127.0.0.1:{port}{path}", "GET", seconds=seconds)


def _check_answers(ours: int, yardstick: int, members: Members) -> None:
    """A yardstick that answers less would be too short."""
    for token in members.tokens[:2]:
        answers = [answer_to(port, "GET", PATH, token) for port in (ours, yardstick)]
        if answers[0] != answers[1] or answers[0][0] != 200:
            raise AssertionError(f"{PATH} answers {answers[0]}, and the yardstick {answers[1]}")
