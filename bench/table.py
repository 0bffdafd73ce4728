"""Showing a result to people."""

from bench.frame import Result, Series

_LATENCIES = ("p50_ms", "p95_ms", "p99_ms")


def show(result: Result) -> str:
    """Lay out a result: median, lowest to highest, the ratio to its part's yardstick.

    Latencies follow where the samples have them, and the parts of each run below it.
    """
    machine = ", ".join(f"{name} {value}" for name, value in result.machine.items())
    rows = [("", f"median {result.unit}", "lowest – highest", "× yardstick")]
    shown: list[Series] = []
    for series in result.series:
        for name, one, ratio in [
            (series.name, series, result.ratio(series)),
            *((f"  {part.name}", part, None) for part in series.in_parts()),
        ]:
            rows.append((name, _number(one.median), _spread(one), _ratio(ratio)))
            shown.append(one)
    columns = [name for name in _LATENCIES if any(one.median_of(name) is not None for one in shown)]
    rows = [
        (*rows[0], *(name.replace("_", " ") for name in columns)),
        *(
            (*row, *(_latency(one.median_of(name)) for name in columns))
            for row, one in zip(rows[1:], shown, strict=True)
        ),
    ]
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


def _ratio(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"


def _latency(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
