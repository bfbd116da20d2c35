"""What differs between two decisions: of two dataset folders, or of one folder now and before it was last decided.

Rows of two folders are the same where their conversations are: the k-th of equal ones is matched with the k-th. Rows of one
folder are the same where their numbers are. All of it works on columns.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from builder.errors import InputFileError, UsageError, nearest
from builder.language.reasons import REASONS
from builder.queries.browsing import beginning
from builder.store.dataset_folder import DatasetFolder

# What can become of a row; the first three first, since they change what is published.
CHANGES = ("dropped", "kept", "other_split", "other_reason", "only_before", "only_after")
KEPT = "kept"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two decisions, row by row.

    Attributes:
        before, after: the dataset folders; the same one where it is compared with itself.
        rows: `before` and `after`: how many there are.
        kept: the same of the kept ones.
        counts: before, after and rows: how many rows had the one outcome and have the other. An outcome is `kept`, the decisive
            reason of a dropped row, or None where there is no such row. By falling number.
        changes: how many rows each of `CHANGES` befell; with a reason, those whose reason it was or is.
        examples: for each of `CHANGES` some rows: id, text, and row, reason and split before and after.
    """

    before: Path
    after: Path
    rows: Mapping[str, int]
    kept: Mapping[str, int]
    counts: Sequence[Mapping[str, Any]]
    changes: Mapping[str, int]
    examples: Mapping[str, Sequence[Mapping[str, Any]]]

    def as_record(self) -> dict[str, Any]:
        """JSON-ready."""
        names = ("rows", "kept", "counts", "changes", "examples")
        return {"before": str(self.before), "after": str(self.after), **{name: getattr(self, name) for name in names}}


def compare(before: Path, after: Path | None = None, *, reason: str | None = None, limit: int = 3) -> Comparison:
    """Compare two decisions.

    Args:
        before: a dataset folder.
        after: another one; None compares the last two decisions of the one.
        reason: changes are those of rows dropped for it, before or after.
        limit: examples of each change.

    Raises:
        InputFileError: not a curated dataset folder, or it holds no earlier decision.
        UsageError: no row has such a reason.
    """
    old = DatasetFolder.open(before)
    new = old if after is None else DatasetFolder.open(after)
    both = _both_decisions(old) if after is None else _both_folders(old, new)
    both = both.with_columns(change=_CHANGE)
    changed = both.filter(pl.col("change").is_not_null())
    if reason is not None:
        _refuse_unknown(reason, both)
        changed = changed.filter(pl.any_horizontal(pl.col("before", "after") == reason))
    numbers = {row["change"]: row["len"] for row in changed.group_by("change").len().to_dicts()}
    return Comparison(
        before=old.root,
        after=new.root,
        rows={side: both[f"row_{side}"].count() for side in ("before", "after")},
        kept={side: int((both[side] == KEPT).sum()) for side in ("before", "after")},
        counts=_counted(both),
        changes={change: numbers.get(change, 0) for change in CHANGES},
        examples=_examples(changed, old, new, limit),
    )


def _counted(both: pl.DataFrame) -> list[dict[str, Any]]:
    counts = both.group_by("before", "after").len("rows")
    return counts.sort("rows", "before", "after", descending=[True, False, False]).to_dicts()


_WAS, _IS = pl.col("before"), pl.col("after")
_CHANGE = (
    pl.when(_IS.is_null())
    .then(pl.lit("only_before"))
    .when(_WAS.is_null())
    .then(pl.lit("only_after"))
    .when((_WAS == KEPT) & (_IS != KEPT))
    .then(pl.lit("dropped"))
    .when((_WAS != KEPT) & (_IS == KEPT))
    .then(pl.lit("kept"))
    .when(_WAS != _IS)
    .then(pl.lit("other_reason"))
    .when(pl.col("split_before") != pl.col("split_after"))
    .then(pl.lit("other_split"))
)


def _both_folders(old: DatasetFolder, new: DatasetFolder) -> pl.DataFrame:
    """Every row of two folders, matched by conversation: row, outcome and split in either."""

    def side_of(folder: DatasetFolder, side: str) -> pl.DataFrame:
        folder.check_where_finished(folder.samples, folder.verdicts)
        ids = pl.from_arrow(folder.sample_columns(["row", "id"]))
        assert isinstance(ids, pl.DataFrame)
        decided = _outcomes(folder, folder.verdicts, side)
        rows = ids.rename({"row": f"row_{side}"}).join(decided, on=f"row_{side}", how="inner", maintain_order="left")
        return rows.with_columns(nth=pl.int_range(pl.len()).over("id"))

    return _joined(side_of(old, "before"), side_of(new, "after"), ["id", "nth"])


def _both_decisions(folder: DatasetFolder) -> pl.DataFrame:
    """Every row of a folder under its last two decisions, as `_both_folders` gives them."""
    if not folder.previous_verdicts.is_file():
        folder.verdicts_table(["row"])  # raises what to do where there is no decision at all
        raise InputFileError(
            folder.root,
            "no earlier decision to compare with: one is kept when another takes its place",
            remedy=f"`seedbed curate {folder.root} --set …` decides anew; `seedbed diff A B` compares two folders.",
        )
    folder.check_where_finished(folder.samples, folder.verdicts, folder.previous_verdicts)
    before, after = _outcomes(folder, folder.previous_verdicts, "before"), _outcomes(folder, folder.verdicts, "after")
    return _joined(before.with_columns(row="row_before"), after.with_columns(row="row_after"), ["row"])


def _outcomes(folder: DatasetFolder, path: Path, side: str) -> pl.DataFrame:
    decided = pl.from_arrow(folder.verdicts_table(["row", "reason", "split"], path))
    assert isinstance(decided, pl.DataFrame)
    return decided.select(
        pl.col("row").alias(f"row_{side}"),
        pl.col("reason").fill_null(KEPT).alias(side),
        pl.col("split").alias(f"split_{side}"),
    )


def _joined(before: pl.DataFrame, after: pl.DataFrame, on: Sequence[str]) -> pl.DataFrame:
    return before.join(after, on=on, how="full", coalesce=True).sort("row_after", "row_before", nulls_last=True)


def _refuse_unknown(reason: str, both: pl.DataFrame) -> None:
    present = sorted({*both["before"].drop_nulls().unique(), *both["after"].drop_nulls().unique()} - {KEPT})
    if reason not in present and reason not in REASONS:
        raise UsageError(
            f"--reason {reason}: no row has it{nearest(reason, present)}", f"There are: {', '.join(present) or '—'}."
        )


def _examples(
    changed: pl.DataFrame, old: DatasetFolder, new: DatasetFolder, limit: int
) -> dict[str, list[dict[str, Any]]]:
    """The first rows of each change, with their texts."""
    shown = changed.group_by("change", maintain_order=True).head(limit)
    gone = shown.filter(pl.col("row_after").is_null())["row_before"].to_list()
    there = shown["row_after"].drop_nulls().to_list()
    texts = {
        (folder.root, record["row"]): record
        for folder, rows in ((old, gone), (new, there))
        for record in folder.sample_records(rows, ("row", "id", "messages"))
    }
    examples: dict[str, list[dict[str, Any]]] = {change: [] for change in CHANGES}
    for row in shown.to_dicts():
        lost = row["row_after"] is None
        record = texts[(old if lost else new).root, row["row_before" if lost else "row_after"]]
        sides = {
            side: None
            if row[f"row_{side}"] is None
            else {"row": row[f"row_{side}"], "outcome": row[side], "split": row[f"split_{side}"]}
            for side in ("before", "after")
        }
        examples[row["change"]].append({"id": record["id"], "text": beginning(record["messages"]), **sides})
    return examples
