"""`redeem`: points into vouchers over HTTP, beside a view by hand and pgbench with the same statements."""

import itertools
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from bench.frame import Contender, Sample
from bench.members import CONNECTIONS, YARDSTICK, Members, answer_to, members_with_points
from bench.pgbench import transactions
from bench.services import Services
from bench.web import served
from bench.wrk import missing_wrk

MEMBERS = 10_000
POINTS = 10_000_000
PRICE = 100
SECONDS = 6.0
PATH = "/api/v1/rewards/redeem/"
_BODY = {"redemption_option_id": "voucher-10", "points_to_redeem": PRICE}


class Redeem:
    """Redeems of `voucher-10`, with and without an `Idempotency-Key`; at the end the books are proved."""

    title = f"POST redeem, {CONNECTIONS} connections, {MEMBERS:,} members"
    unit = "requests/s"
    rounds = 5

    def __init__(self) -> None:
        self._answered = self._loads = 0
        self._keys = (f"bench-{n}" for n in itertools.count())

    def unavailable(self) -> str | None:
        return missing_wrk()

    @contextmanager
    def contenders(self, services: Services) -> Iterator[Sequence[Contender]]:
        members = members_with_points(services, MEMBERS, points=POINTS)
        with ExitStack() as stack:
            ours = stack.enter_context(served(services, name="ours"))
            yardstick = stack.enter_context(served(services, **YARDSTICK))
            self._check_answers(ours, yardstick, members.tokens[0])
            ways = [("ours", ours, False), ("a DRF view by hand", yardstick, False)]
            ways += [("ours, each under a key", ours, True)]
            for _, port, keyed in ways:
                self._load(members, port, keyed=keyed, seconds=2)  # connections, plans and caches
            yield [
                *(
                    Contender(
                        name,
                        lambda port=port, keyed=keyed: self._load(
                            members, port, keyed=keyed, seconds=SECONDS
                        ),
                        for_information=keyed,
                    )
                    for name, port, keyed in ways
                ),
                Contender(
                    "pgbench, the same statements",
                    lambda: self._pgbench(services, members),
                    for_information=True,
                ),
            ]
            self._prove(services)

    def _load(self, members: Members, port: int, *, keyed: bool, seconds: float) -> Sample:
        key = next(self._keys) if keyed else None
        url = f"http://127.0.0.1:{port}{PATH}"
        sample = members.load(url, "POST", _BODY, key=key, seconds=seconds)
        self._answered += int(sample.details["requests"])
        self._loads += 1
        return sample

    def _pgbench(self, services: Services, members: Members) -> Sample:
        range_of_ids = {"first": members.user_ids[0], "last": members.user_ids[-1]}
        sample = transactions(services, "redeem.sql", range_of_ids, connections=CONNECTIONS, seconds=SECONDS)
        self._answered += int(sample.details["transactions"])
        return sample

    def _check_answers(self, ours: int, yardstick: int, token: str) -> None:
        """A yardstick that answers less would be too short."""
        answers = [answer_to(port, "POST", PATH, token, _BODY) for port in (ours, yardstick)]
        self._answered += len(answers)
        expected = [POINTS - PRICE, POINTS - 2 * PRICE]
        if [answer.get("new_balance") for _, answer in answers] != expected:
            raise AssertionError(f"new_balance should be {expected} in {answers}")
        if _lasting(answers[0]) != _lasting(answers[1]):
            raise AssertionError(f"{PATH} answers {answers[0]}, and the yardstick {answers[1]}")

    def _prove(self, services: Services) -> None:
        """Every answer is a voucher and a ledger line, nothing else is, and the books are right."""
        ((vouchers, redeemed, spent, left),) = services.statement(
            """
            SELECT (SELECT count(*) FROM user_vouchers),
                   count(*) FILTER (WHERE transaction_type = 'redeemed'),
                   coalesce(sum(-points) FILTER (WHERE transaction_type = 'redeemed'), 0)::bigint,
                   (SELECT sum(current_points) FROM user_points)::bigint
            FROM points_transactions
            """
        )
        # wrk ends with a call on each connection that it no longer waits for.
        assert isinstance(redeemed, int)
        unheard = redeemed - self._answered
        facts = {"vouchers": vouchers, "redeemed": redeemed, "spent": spent, "left": left}
        expected = {
            "vouchers": redeemed,
            "redeemed": redeemed,
            "spent": redeemed * PRICE,
            "left": MEMBERS * POINTS - redeemed * PRICE,
        }
        if facts != expected or not 0 <= unheard <= CONNECTIONS * self._loads:
            raise AssertionError(f"{self._answered} calls were answered 200, and there are {facts}")
        services.manage("audit_ledger")


def _lasting(answer: tuple[int, dict[str, Any]]) -> tuple[int, dict[str, Any]]:
    """Leave out what is another with every redeem."""
    status, body = answer
    voucher = {name: value for name, value in body["voucher"].items() if name not in ("id", "code")}
    return status, {**body, "voucher": voucher, "new_balance": None}
