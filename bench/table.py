"""Showing a result to people."""

from bench.frame import Result, Series


def show(result: Result) -> str:
    """Lay out a result: median, lowest to highest, and the ratio to the yardstick, the last of its part."""
    machine = ", ".join(f"{name} {value}" for name, value in result.machine.items())
    rows = [("", f"median {result.unit}", "lowest – highest", "× yardstick")]
    rows += [
        (series.name, _number(series.median), _spread(series), _ratio(result.ratio(series)))
        for series in result.series
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
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


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
