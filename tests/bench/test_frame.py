"""How benchmarks are run and what is shown of them."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bench import frame
from bench.dataset import missing_dataset
from bench.frame import Contender, Sample, run
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
    assert written["contenders"][0]["samples"][0] == {"value": 300.0, "details": {"seconds": 1.5}}


def test_an_unknown_benchmark_is_refused_with_the_names_that_there_are() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "bench", "--only", "nothing"], cwd=PROJECT, capture_output=True, text=True
    )
    assert ended.returncode == 2
    assert "there is no benchmark nothing; there are: import, checkout, accrue, shop_batch" in ended.stderr


def test_a_missing_dataset_is_said_with_the_variable_that_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATASET_DIR", str(tmp_path))
    assert missing_dataset() == (
        "online_retail_2011.csv.gz and online_retail_2011_returns.csv.gz are not in "
        f"{tmp_path}; DATASET_DIR names the folder that has them"
    )
