"""Showing a result to people."""

from statistics import median

from bench.frame import Result, Series


def show(result: Result) -> str:
    """Lay out a result: median, lowest to highest, and the ratio to the yardstick, the last of its part."""
    machine = ", ".join(f"{name} {value}" for name, value in result.machine.items())
    rows: list[tuple[str, ...]] = [("", f"median {result.unit}", "lowest – highest", "× yardstick")]
    rows += [
        (series.name, _number(series.median), _spread(series), _ratio(result.ratio(series)))
        for series in result.series
    ]
    if any("p95_ms" in sample.details for series in result.series for sample in series.samples):
        rows = [(*row, cell) for row, cell in zip(rows, ["p95 ms", *map(_slow, result.series)], strict=True)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  "
        + "  ".join(
            [
                row[0].ljust(widths[0]),
                *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)),
            ]
        )
        for row in rows
    ]
    return "\n".join(["", f"{result.name}: {result.title}", f"  {machine}", *lines])


def _spread(series: Series) -> str:
    return f"{_number(min(series.values))} – {_number(max(series.values))}"


def _slow(series: Series) -> str:
    """The median of the rounds' 95th percentiles."""
    found = [sample.details["p95_ms"] for sample in series.samples if "p95_ms" in sample.details]
    return _number(median(found)) if found else "–"


def _ratio(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
