"""How measured values are spread over the rows, before and after the decisions."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import polars.selectors as cs
from numpy.typing import NDArray

from builder.errors import IntegrityError
from builder.language.messages import worded
from builder.reporting.tables import collect, scan_files
from builder.store.dataset_folder import DatasetFolder

# About how many bars a histogram has; 24 fit a narrow panel and still show a second hump.
_BINS = 24
# Values beyond the outermost hundredths are counted beside the bars, so that one giant does not flatten the rest.
_TAIL = 0.01
_VALUES_SHOWN = 6
_VALUE_CHARACTERS = 60
# Tables that decisions read, beside the signals: no measurements of their own.
_NO_SIGNALS = frozenset({"facts", "contamination"})
_COMPONENTS = "quality_"  # shown together, by `builder.reporting.quality`
# Columns that quote rows to show what was found; they may hold what is private.
_EVIDENCE = "_spans"
# A text column with more different values than this is free text, such as the answer that was found: not a distribution.
_VALUES_COUNTED = 100


def signal_distributions(folder: DatasetFolder, rows: pl.DataFrame) -> dict[str, dict[str, dict[str, Any]]]:
    """The distribution of every value column in `signals/*.parquet`, by signal and column.

    Numbers become `{"kind": "histogram", …}` (see `histogram`), booleans and strings `{"kind": "counts", "values":
    [{"value", "before", "after"}], "others": {"values", "before", "after"}}`, free text and anything else `{"kind":
    "other"}`; lists are counted by what they hold. All have `missing`: the number of rows without a value.

    Args:
        folder: holds the signals.
        rows: row and kept.

    Raises:
        IntegrityError: a signal cannot be read, has no `row`, or speaks of rows that are not there or twice of one.
    """
    return {
        path.stem: _columns(_shown(path), rows.select("row", "kept"), str(path))
        for path in sorted(folder.signals.glob("*.parquet"))
        if path.stem not in _NO_SIGNALS
    }


def _columns(signal: pl.DataFrame, rows: pl.DataFrame, path: str) -> dict[str, dict[str, Any]]:
    if "row" not in signal.columns or signal["row"].dtype != pl.Int64:
        raise IntegrityError(
            worded("{path}: a signal needs a column `row` of 64-bit integers", path=path),
            worded("Run `seedbed curate` again."),
        )
    joined = signal
    if not signal["row"].equals(rows["row"]):
        joined = rows.join(signal, on="row", how="left", maintain_order="left")
        if len(joined) != len(rows) or len(signal.join(rows, on="row", how="semi")) != len(signal):
            raise IntegrityError(
                worded("{path}: its rows are not the dataset's rows", path=path), worded("Run `seedbed curate` again.")
            )
    return {name: _distribution(joined[name], rows["kept"]) for name in signal.columns if name != "row"}


def _shown(path: Path) -> pl.DataFrame:
    """`row` and the columns whose values are counted."""
    return collect(scan_files(path).select(~cs.ends_with(_EVIDENCE) & ~cs.starts_with(_COMPONENTS)), path)


def _distribution(values: pl.Series, kept: pl.Series) -> dict[str, Any]:
    if values.dtype.is_numeric():
        whole = values.dtype.is_integer()
        return {"kind": "histogram", **histogram(values.cast(pl.Float64).to_numpy(), kept.to_numpy(), whole=whole)}
    if values.dtype == pl.List(pl.String):
        each = pl.DataFrame({"value": values, "kept": kept}).explode("value")
        return _distribution(each["value"], each["kept"])
    if values.dtype in (pl.Boolean, pl.String) and values.n_unique() <= _VALUES_COUNTED:
        return {"kind": "counts", **_counts(values, kept)}
    return {"kind": "other", "missing": values.null_count()}


def histogram(values: NDArray[np.float64], kept: NDArray[np.bool_], *, whole: bool) -> dict[str, Any]:
    """Count values into equal bins with round edges.

    A bin holds its left edge; the last one holds both. What lies beyond the outer edges is counted in `below` and `above`.

    Args:
        values: shape (rows,); NaN and infinities are missing.
        kept: shape (rows,).
        whole: whether the values are whole numbers, whose bins then have whole edges.

    Returns:
        edges (n + 1 numbers), before and after (n counts each), below, above ({before, after}), missing, and
        `summary` {before, after} of {median, p95, min, max}, None where there is no value. No edges without values.
    """
    finite = np.isfinite(values)
    numbers, kept = values[finite], kept[finite]
    missing = int(len(values) - len(numbers))
    if not len(numbers):
        return {
            "edges": [],
            "before": [],
            "after": [],
            "below": {"before": 0, "after": 0},
            "above": {"before": 0, "after": 0},
            "missing": missing,
            "summary": {"before": None, "after": None},
        }
    # In order once, all else is a few lookups.
    sides = {"before": np.sort(numbers), "after": np.sort(numbers[kept])}
    edges = _edges(sides["before"], whole=whole)
    # How many values lie to the left of each bin, then of all that is above.
    ends = {
        side: np.append(np.searchsorted(v, edges[:-1]), np.searchsorted(v, edges[-1], side="right"))
        for side, v in sides.items()
    }
    return {
        "edges": [int(edge) if edge.is_integer() else float(edge) for edge in edges],
        **{side: np.diff(ends[side]).tolist() for side in sides},
        "below": {side: int(ends[side][0]) for side in sides},
        "above": {side: int(len(v) - ends[side][-1]) for side, v in sides.items()},
        "missing": missing,
        "summary": {side: _summary(v) for side, v in sides.items()},
    }


def _quantiles(ordered: NDArray[np.float64], shares: Sequence[float]) -> NDArray[np.float64]:
    """The values nearest to these shares, as `numpy.quantile(method="nearest")` gives them."""
    nearest: NDArray[np.float64] = ordered[np.rint(np.array(shares) * (len(ordered) - 1)).astype(np.int64)]
    return nearest


def _edges(ordered: NDArray[np.float64], *, whole: bool) -> NDArray[np.float64]:
    smallest, low, high, largest = _quantiles(ordered, [0, _TAIL, 1 - _TAIL, 1])
    if not whole and smallest >= 0 and largest <= 1:
        return np.array([round(i / 20, 2) for i in range(21)])
    spread = high - low
    first = smallest if low - smallest <= spread else low
    last = largest if largest - high <= spread / 4 else high
    # Edges of 15 digits stay apart where a step is at least 1e-12 of the values.
    step = _round_step(max((last - first) / _BINS or 1.0, 1e-12 * max(abs(first), abs(last))))
    if whole:
        step = max(1.0, step)
        last += 1
    start = math.floor(first / step)
    stop = max(math.ceil(last / step), start + 1)
    return np.array([float(f"{i * step:.15g}") for i in range(start, stop + 1)])


def _round_step(step: float) -> float:
    magnitude: float = 10.0 ** math.floor(math.log10(step))
    return next(factor * magnitude for factor in (1, 2, 5, 10) if factor * magnitude >= step * (1 - 1e-9))


def _summary(ordered: NDArray[np.float64]) -> dict[str, float] | None:
    if not len(ordered):
        return None
    smallest, median, p95, largest = _quantiles(ordered, [0, 0.5, 0.95, 1])
    return {"median": _plain(median), "p95": _plain(p95), "min": _plain(smallest), "max": _plain(largest)}


def _plain(number: float) -> float:
    return int(number) if float(number).is_integer() else float(f"{number:.6g}")


def _counts(values: pl.Series, kept: pl.Series) -> dict[str, Any]:
    frame = pl.DataFrame({"value": values, "kept": kept}).drop_nulls("value")
    counted = (
        frame.group_by("value")
        .agg(before=pl.len(), after=pl.col("kept").sum())
        .sort(["before", "value"], descending=[True, False])
    )
    shown, rest = counted.head(_VALUES_SHOWN), counted.slice(_VALUES_SHOWN)
    return {
        "values": [
            {
                "value": value if isinstance(value, bool) else value[:_VALUE_CHARACTERS],
                "before": before,
                "after": after,
            }
            for value, before, after in shown.iter_rows()
        ],
        "others": {"values": len(rest), "before": int(rest["before"].sum()), "after": int(rest["after"].sum())},
        "missing": len(values) - len(frame),
    }
