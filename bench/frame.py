"""What a benchmark is, how it is run, and what comes out."""

import json
import os
import platform
import statistics
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from bench.services import Services

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Sample:
    """One measurement in the benchmark's unit, and what else was seen, such as CPU seconds.

    `parts` are what one run is made of, each with a line of its own in the table: kinds of requests.
    """

    value: float
    details: dict[str, float] = field(default_factory=dict)
    parts: dict[str, "Sample"] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Contender:
    """One way of doing the work; `measure` does it once. `part` names the work where there are several.

    What is there for information does less than the work asks, and is nobody's yardstick.
    """

    name: str
    measure: Callable[[], Sample]
    part: str = ""
    for_information: bool = False

    @property
    def label(self) -> str:
        return f"{self.part}: {self.name}" if self.part else self.name


class Benchmark(Protocol):
    """Ours first, then each part's yardstick, then what is for information; more is better in `unit`."""

    title: str
    unit: str
    rounds: int

    def unavailable(self) -> str | None:
        """Say why it cannot run here, or None."""

    def contenders(self, services: Services) -> AbstractContextManager[Sequence[Contender]]:
        """Prepare what is not measured, and tidy up afterwards."""


@dataclass(frozen=True, slots=True)
class Series:
    """All measurements of one contender."""

    name: str
    samples: tuple[Sample, ...]
    part: str = ""
    for_information: bool = False

    @property
    def values(self) -> list[float]:
        return [sample.value for sample in self.samples]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def median_of(self, detail: str) -> float | None:
        """Return the median of what the samples have under a name; None where one of them has nothing."""
        found = [sample.details[detail] for sample in self.samples if detail in sample.details]
        return statistics.median(found) if len(found) == len(self.samples) else None

    def in_parts(self) -> list["Series"]:
        """Return a series for each part that all samples have, in the order of the first."""
        return [
            Series(name, tuple(sample.parts[name] for sample in self.samples))
            for name in self.samples[0].parts
            if all(name in sample.parts for sample in self.samples)
        ]


@dataclass(frozen=True, slots=True)
class Result:
    """What a run of a benchmark found."""

    name: str
    title: str
    unit: str
    at: datetime
    machine: dict[str, str]
    series: tuple[Series, ...]

    def ratio(self, series: Series) -> float | None:
        """Return a contender's median divided by the yardstick's; None where it is alone."""
        same_work = [one for one in self.series if one.part == series.part and not one.for_information]
        return series.median / same_work[-1].median if len(same_work) > 1 else None

    def write(self) -> Path:
        """Write the result as JSON to `bench/results/` and return where."""
        RESULTS.mkdir(exist_ok=True)
        path = RESULTS / f"{self.name}-{self.at:%Y%m%dT%H%M%SZ}.json"
        content = {
            "name": self.name,
            "title": self.title,
            "unit": self.unit,
            "at": self.at.isoformat(),
            "machine": self.machine,
            "contenders": [
                {
                    "name": series.name,
                    "median": series.median,
                    "lowest": min(series.values),
                    "highest": max(series.values),
                    "ratio_to_yardstick": self.ratio(series),
                    "for_information": series.for_information,
                    "samples": [asdict(sample) for sample in series.samples],
                }
                for series in self.series
            ],
        }
        path.write_text(json.dumps(content, indent=2) + "\n")
        return path


def run(name: str, benchmark: Benchmark, services: Services, *, rounds: int) -> Result:
    """Measure every contender `rounds` times, in turns: what else the machine does hits all of them."""
    at = datetime.now(UTC)
    with benchmark.contenders(services) as contenders:
        samples: dict[str, list[Sample]] = {contender.label: [] for contender in contenders}
        for number in range(rounds):
            for contender in contenders:
                print(f"{name}: round {number + 1} of {rounds}, {contender.label} …", flush=True)
                samples[contender.label].append(contender.measure())
    return Result(
        name=name,
        title=benchmark.title,
        unit=benchmark.unit,
        at=at,
        machine=_machine() | services.versions(),
        series=tuple(
            Series(
                contender.label, tuple(samples[contender.label]), contender.part, contender.for_information
            )
            for contender in contenders
        ),
    )


def _machine() -> dict[str, str]:
    return {
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "cpus": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
    }
