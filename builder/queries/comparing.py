"""What differs between two decisions: of two dataset folders, or of one folder now and before it was last decided.

Rows of two folders are the same where their conversations are: the k-th of equal ones is matched with the k-th. Rows of one
folder are the same where their numbers are. It is a join in SQL.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from builder.errors import InputFileError, UsageError, nearest
from builder.language.messages import worded
from builder.language.reasons import REASONS
from builder.queries.browsing import beginning
from builder.queries.database import Database
from builder.store.dataset_folder import DatasetFolder
from builder.store.snapshot import consistent

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


@consistent
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
    with Database.open(before) as old, Database.open(before if after is None else after) as new:
        sides = _last_two(old) if after is None else (_side(old, _OF_FOLDERS), _side(new, _OF_FOLDERS))
        both = new.ask(_BOTH, reads=[], tables={"earlier": sides[0].to_arrow(), "later": sides[1].to_arrow()})
        counts = new.ask(_COUNTS, reads=[], tables={"compared": both.to_arrow()})
        changed = both.filter(pl.col("change").is_not_null())
        if reason is not None:
            _refuse_unknown(reason, both)
            changed = changed.filter(pl.any_horizontal(pl.col("before", "after") == reason))
        numbers = dict(changed.group_by("change").len().iter_rows())
        return Comparison(
            before=old.folder.root,
            after=new.folder.root,
            rows={side: both[f"row_{side}"].count() for side in ("before", "after")},
            kept={side: int((both[side] == KEPT).sum()) for side in ("before", "after")},
            counts=counts.to_dicts(),
            changes={change: numbers.get(change, 0) for change in CHANGES},
            examples=_examples(changed, old.folder, new.folder, limit),
        )


# What became of each row of a folder; equal conversations are numbered, so that the k-th is matched with the k-th.
_OF_FOLDERS = """
    SELECT row, id AS key, row_number() OVER (PARTITION BY id ORDER BY row) AS nth, coalesce(reason, 'kept') AS outcome, split
    FROM samples JOIN verdict_table USING (row)
"""
_OF_DECISIONS = "SELECT row, row AS key, 1 AS nth, coalesce(reason, 'kept') AS outcome, split FROM {}"
# Every row of either side, matched, with what befell it; where nothing did, null.
_BOTH = """
    SELECT earlier.row AS row_before, earlier.outcome AS before, earlier.split AS split_before,
        later.row AS row_after, later.outcome AS after, later.split AS split_after,
        CASE WHEN later.row IS NULL THEN 'only_before'
            WHEN earlier.row IS NULL THEN 'only_after'
            WHEN earlier.outcome = 'kept' AND later.outcome <> 'kept' THEN 'dropped'
            WHEN earlier.outcome <> 'kept' AND later.outcome = 'kept' THEN 'kept'
            WHEN earlier.outcome <> later.outcome THEN 'other_reason'
            WHEN earlier.split <> later.split THEN 'other_split'
        END AS change
    FROM earlier FULL JOIN later USING (key, nth)
    ORDER BY row_after NULLS LAST, row_before NULLS LAST
"""
_COUNTS = """
    SELECT before, after, count(*) AS rows FROM compared
    GROUP BY ALL ORDER BY rows DESC, before NULLS FIRST, after NULLS FIRST
"""


def _side(database: Database, query: str) -> pl.DataFrame:
    database.folder.refuse_undecided()
    return database.ask(query, reads=["samples", "verdict_table", "previous_table"])


def _last_two(database: Database) -> tuple[pl.DataFrame, pl.DataFrame]:
    folder = database.folder
    folder.refuse_undecided()
    if not folder.previous_verdicts.is_file():
        raise InputFileError(
            folder.root,
            worded("no earlier decision to compare with: one is kept when another takes its place"),
            remedy=worded(
                "`seedbed curate {root} --set …` decides anew; `seedbed diff A B` compares two folders.",
                root=folder.root,
            ),
        )
    earlier, later = (_side(database, _OF_DECISIONS.format(table)) for table in ("previous_table", "verdict_table"))
    return earlier, later


def _refuse_unknown(reason: str, both: pl.DataFrame) -> None:
    present = sorted({*both["before"].drop_nulls().unique(), *both["after"].drop_nulls().unique()} - {KEPT})
    if reason not in present and reason not in REASONS:
        raise UsageError(
            worded("--reason {reason}: no row has it{nearest}", reason=reason, nearest=nearest(reason, present)),
            worded("There are: {present}.", present=", ".join(present) or "—"),
        )


def _examples(
    changed: pl.DataFrame, old: DatasetFolder, new: DatasetFolder, limit: int
) -> dict[str, list[dict[str, Any]]]:
    """The first rows of each change, with their texts."""
    shown = changed.filter(pl.int_range(pl.len()).over("change") < limit)
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
