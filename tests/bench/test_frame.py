"""How benchmarks are run and what is shown of them."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bench import frame
from bench.__main__ import BENCHMARKS
from bench.dataset import missing_dataset
from bench.frame import Contender, Result, Sample, Series, run
from bench.services import PROJECT
from bench.table import show


class Scripted:
    """Measures what it was told to, and remembers the order."""

    title, unit, rounds = "two ways", "lines/s", 3

    def __init__(self) -> None:
        self.measured: list[str] = []

    def unavailable(self) -> str | None:
        return None

    @contextmanager
    def contenders(self, services: Any) -> Iterator[Sequence[Contender]]:
        numbers = {"ours": iter([300.0, 100.0, 200.0]), "yardstick": iter([1000.0, 1600.0, 900.0])}

        def measure(name: str) -> Sample:
            self.measured.append(name)
            return Sample(next(numbers[name]), {"seconds": 1.5})

        yield [Contender(name, lambda name=name: measure(name)) for name in numbers]


class NoServices:
    def versions(self) -> dict[str, str]:
        return {"postgresql": "18.4"}


def test_contenders_take_turns_and_the_ratio_is_of_medians(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frame, "RESULTS", tmp_path / "results")
    benchmark = Scripted()
    result = run("script", benchmark, NoServices(), rounds=3)
    assert benchmark.measured == ["ours", "yardstick"] * 3
    shown = show(result).splitlines()
    assert shown[1] == "script: two ways"
    assert shown[2].endswith(", postgresql 18.4")
    assert [line.split() for line in shown[4:]] == [
        ["ours", "200", "100", "–", "300", "0.2"],
        ["yardstick", "1,000", "900", "–", "1,600", "1"],
    ]
    written = json.loads(result.write().read_text())
    assert written["unit"] == "lines/s"
    assert [(one["name"], one["median"], one["ratio_to_yardstick"]) for one in written["contenders"]] == [
        ("ours", 200.0, 0.2),
        ("yardstick", 1000.0, 1.0),
    ]
    assert written["contenders"][0]["samples"][0] == {
        "value": 300.0,
        "details": {"seconds": 1.5},
        "parts": {},
    }


def test_latencies_and_the_parts_of_a_run_have_their_place_in_the_table() -> None:
    def sample(value: float, *, p95: float) -> Sample:
        parts = {"redeem": Sample(value / 10, {"p50_ms": 2.0, "p95_ms": p95 * 2, "p99_ms": 30.0})}
        return Sample(value, {"p50_ms": 1.0, "p95_ms": p95, "p99_ms": 20.0, "cpu": 0.5}, parts)

    series = frame.Series("ours", (sample(500, p95=10.0), sample(700, p95=14.0)))
    machine, at = {"cpus": "2"}, datetime(2026, 11, 20, tzinfo=UTC)
    result = frame.Result("mix", "the mix", "requests/s", at, machine, (series,))
    shown = show(result).splitlines()
    assert shown[3].endswith("× yardstick  p50 ms  p95 ms  p99 ms")
    assert [line.split() for line in shown[4:]] == [
        ["ours", "600", "500", "–", "700", "–", "1.0", "12.0", "20.0"],
        ["redeem", "60", "50", "–", "70", "–", "2.0", "24.0", "30.0"],
    ]


def test_what_is_there_for_information_is_no_yardstick() -> None:
    rates = {"ours": 300.0, "yardstick": 200.0, "nothing but the server": 900.0}
    series = [Series(name, (Sample(rate),), for_information=rate > 500) for name, rate in rates.items()]
    result = Result("script", "", "lines/s", datetime.now(UTC), {}, tuple(series))
    assert [result.ratio(one) for one in series] == [1.5, 1.0, 4.5]


def test_an_unknown_benchmark_is_refused_with_the_names_that_there_are() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "bench", "--only", "nothing"], cwd=PROJECT, capture_output=True, text=True
    )
    assert ended.returncode == 2
    assert f"there is no benchmark nothing; there are: {', '.join(BENCHMARKS)}" in ended.stderr


def test_a_missing_dataset_is_said_with_the_variable_that_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATASET_DIR", str(tmp_path))
    assert missing_dataset() == (
        "online_retail_2011.csv.gz and online_retail_2011_returns.csv.gz are not in "
        f"{tmp_path}; DATASET_DIR names the folder that has them"
    )
