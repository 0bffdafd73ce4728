"""`checkout`: quoting and ordering over HTTP, beside views written by hand that send the same statements."""

import http.client
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from bench.frame import Contender, Sample
from bench.services import Services
from bench.web import served
from bench.wrk import load, missing_wrk

MEMBERS = 1000
PRODUCTS = 1000
"""So many whose stock is counted, and so many whose isn't."""
CONNECTIONS = 16
SECONDS = 6.0
_SCRIPT = Path(__file__).parent / "checkout.lua"
_PATHS = {"quote": "/api/v1/orders/quote/", "order": "/api/v1/orders/"}
_OF_THE_MOMENT = {"id", "number", "pay_by", "placed_at", "quote_token", "expires_at"}


class Checkout:
    """Quotes and orders of three lines, two of them of counted stock, with 100 points, without a key."""

    title = f"three lines (two of counted stock) and points, {CONNECTIONS} connections, {MEMBERS} members"
    unit = "requests/s"
    rounds = 5

    def unavailable(self) -> str | None:
        return missing_wrk()

    @contextmanager
    def contenders(self, services: Services) -> Iterator[Sequence[Contender]]:
        tokens, arguments = _prepare(services)
        theirs = {"DJANGO_SETTINGS_MODULE": "bench.yardstick.settings"}
        with ExitStack() as stack:
            ours = stack.enter_context(served(services, name="ours"))
            yardstick = stack.enter_context(
                served(
                    services,
                    name="yardstick",
                    app="django.core.wsgi:get_wsgi_application()",
                    variables=theirs,
                )
            )
            _check_answers(ours, yardstick, tokens[0], arguments)
            for port in (ours, yardstick):
                for path in _PATHS.values():
                    _load(port, path, arguments, seconds=2)  # connections, plans and caches
            yield [
                Contender(name, lambda port=port, path=path: _load(port, path, arguments), part=part)
                for part, path in _PATHS.items()
                for name, port in (("ours", ours), ("a DRF view by hand", yardstick))
            ]


def _load(port: int, path: str, arguments: list[str], *, seconds: float = SECONDS) -> Sample:
    url = f"http://127.0.0.1:{port}{path}"
    return load(url, _SCRIPT, arguments, connections=CONNECTIONS, seconds=seconds)


def _check_answers(ours: int, yardstick: int, token: str, arguments: list[str]) -> None:
    """A yardstick that answers less would be too short."""
    products = [int(arguments[1]), int(arguments[1]) + 1, int(arguments[3])]
    body = {"lines": [{"product_id": pk, "qty": qty} for qty, pk in enumerate(products, 1)], "points": 100}
    for path in _PATHS.values():
        answers = [_answer(port, path, token, body) for port in (ours, yardstick)]
        if answers[0] != answers[1]:
            raise AssertionError(f"{path} answers {answers[0]}, and the yardstick {answers[1]}")


def _answer(port: int, path: str, token: str, body: dict[str, Any]) -> dict[str, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    connection.request("POST", path, json.dumps(body), headers)
    response = connection.getresponse()
    answer: dict[str, Any] = json.loads(response.read())
    connection.close()
    if response.status not in (200, 201):
        raise AssertionError(f"{path} answered {response.status}: {answer}")
    if missing := {"lines", "total"} - answer.keys():
        raise AssertionError(f"{path} answered without {missing}")
    for shape in (answer, *answer["lines"]):
        for name in _OF_THE_MOMENT & shape.keys():
            shape[name] = bool(shape[name])
    return answer


def _prepare(services: Services) -> tuple[list[str], list[str]]:
    """Make members with points and products; return their tokens, and the arguments of the script."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    from django.db import connection, transaction
    from django.utils import timezone

    from accounts.facade import issue_access_token
    from accounts.models import User
    from catalog.models import Product
    from core.contracts import SYSTEM
    from rewards.facade import adjust_points

    now = timezone.now()
    with transaction.atomic():
        members = User.objects.bulk_create(User(username=f"bench{n}") for n in range(MEMBERS))
        for member in members:
            adjust_points(
                user_id=member.pk, points=10_000_000, reason="Benchmark", key="bench", actor=SYSTEM, at=now
            )
        counted, plain = (
            Product.objects.bulk_create(
                Product(
                    sku=f"BENCH-{kind}-{n}",
                    name=f"Product {kind} {n}",
                    price=f"{10 + n % 90}.{n % 100:02}",
                    stock=1_000_000_000 if is_tracked else 0,
                    stock_is_tracked=is_tracked,
                )
                for n in range(PRODUCTS)
            )
            for kind, is_tracked in (("C", True), ("P", False))
        )
    connection.close()
    services.statement("VACUUM ANALYZE")
    tokens = [issue_access_token(member.pk, at=now, seconds=24 * 3600) for member in members]
    file = services.data_dir / "tokens.txt"
    file.write_text("\n".join(tokens) + "\n")
    return tokens, [str(file), *(str(n) for made in (counted, plain) for n in (made[0].pk, len(made)))]
