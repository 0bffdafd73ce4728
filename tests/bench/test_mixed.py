"""How the mixed load's answers are read and judged."""

from collections import Counter

import pytest

from bench.mixed import CONNECTIONS, _check_made, by_kind_and_status, latencies


def test_answers_are_counted_by_kind_and_status() -> None:
    found = by_kind_and_status({"redeem|200|1500": 2, "redeem|200|900": 1, "redeem|409|900": 4})
    assert found == {("redeem", 200): Counter({1500: 2, 900: 1}), ("redeem", 409): Counter({900: 4})}


def test_percentiles_are_the_nearest_rank() -> None:
    assert latencies(Counter({n * 1000: 1 for n in range(1, 101)})) == {
        "p50_ms": 50.0,
        "p95_ms": 95.0,
        "p99_ms": 99.0,
    }
    assert latencies(Counter({1000: 95, 7000: 5})) == {"p50_ms": 1.0, "p95_ms": 1.0, "p99_ms": 7.0}
    assert latencies(Counter({1000: 1, 2000: 1, 3000: 1}))["p50_ms"] == 2.0
    assert latencies(Counter({1500: 1})) == {"p50_ms": 1.5, "p95_ms": 1.5, "p99_ms": 1.5}


@pytest.mark.parametrize(
    ("made", "is_right"), [(9, False), (10, True), (10 + CONNECTIONS, True), (11 + CONNECTIONS, False)]
)
def test_the_database_holds_what_was_answered_and_at_most_what_was_under_way(
    made: int, *, is_right: bool
) -> None:
    kinds = {"redeem": Counter({1000: 10})}
    before, after = {"redeem": 5, "order": 2}, {"redeem": 5 + made, "order": 2}
    if is_right:
        _check_made(before, after, kinds)
    else:
        with pytest.raises(AssertionError, match="10 of redeem were answered"):
            _check_made(before, after, kinds)
