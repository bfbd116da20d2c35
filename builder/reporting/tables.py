"""A dataset folder's tables as Polars frames, and the checks that they fit together.

Only the columns that counting needs are read; texts are read for the few rows that are shown.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa

from builder.errors import InputFileError, IntegrityError
from builder.language.messages import worded
from builder.schema import REJECTION_SCHEMA, SAMPLE_SCHEMA, Sample, sample_from_record
from builder.store.dataset_folder import DatasetFolder

_ROW_COLUMNS = ("row", "category", "language", "origin", "kind")
_VERDICT_COLUMNS = ("row", "kept", "reason", "of", "split")


@dataclass(frozen=True, slots=True)
class Tables:
    """What the report counts.

    Attributes:
        folder: where the texts are read from.
        rows: one line for each row, in row order: row, category, language, origin, kept, reason, of, split.
        checks: one line for each failed check: row, reason, value, threshold, of, evidence.
        rejections: one line for each rejected candidate: reason, request_id, position.
    """

    folder: DatasetFolder
    rows: pl.DataFrame
    checks: pl.LazyFrame
    rejections: pl.DataFrame

    def samples(self, rows: Iterable[int]) -> dict[int, Sample]:
        """The samples of a few rows by their number; numbers that the folder does not hold are left out."""
        wanted = sorted(set(rows))
        if not wanted:
            return {}
        lazy = scan_samples(self.folder).filter(pl.col("row").is_in(wanted))
        return {r["row"]: sample_from_record(r) for r in collect(lazy, self.folder.samples).to_dicts()}

    def redactions(self, origin: str) -> int:
        """How many rows of an origin are redactions of other rows."""
        redaction = pl.col("redaction_of").is_not_null()
        lazy = scan_samples(self.folder).filter(redaction & (pl.col("origin") == origin))
        return int(collect(lazy.select(pl.len()), self.folder.samples).item())

    def checks_of(self, rows: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
        """The failed checks of a few rows, in the order they were made."""
        found: dict[int, list[dict[str, Any]]] = {row: [] for row in rows}
        lazy = self.checks.filter(pl.col("row").is_in(sorted(set(rows))))
        for check in collect(lazy, self.folder.verdicts).to_dicts():
            found[check.pop("row")].append(check)
        return found

    def rejection_records(self, positions: Sequence[int]) -> list[dict[str, Any]]:
        """Whole rejections by their place in the table of rejections."""
        lazy = _scan(self.folder.parts(self.folder.rejections), REJECTION_SCHEMA).with_row_index("place")
        lazy = lazy.filter(pl.col("place").is_in(sorted(set(positions))))
        by_place = {r["place"]: r for r in collect(lazy, self.folder.rejections).to_dicts()}
        return [by_place[place] for place in positions]


def read_tables(folder: DatasetFolder) -> Tables:
    """Read what the report counts and check that rows and verdicts fit.

    Raises:
        InputFileError: the folder was not curated yet.
        IntegrityError: a file cannot be read, a row has no verdict or two, or a verdict contradicts itself.
    """
    if not folder.verdicts.is_file():
        raise InputFileError(
            folder.root, worded("no verdicts yet"), remedy=worded("Run `seedbed curate {root}`.", root=folder.root)
        )
    samples = collect(scan_samples(folder).select(_ROW_COLUMNS), folder.samples)
    verdicts = scan_files(folder.verdicts)
    decided = collect(verdicts.select(_VERDICT_COLUMNS).sort("row"), folder.verdicts)
    _check_rows(folder, samples, decided)
    checks = verdicts.select("row", "checks").explode("checks", empty_as_null=False).unnest("checks")
    rejections = _scan(folder.parts(folder.rejections), REJECTION_SCHEMA).select("reason", "request_id", "position")
    return Tables(
        folder=folder,
        rows=pl.concat([samples, decided.drop("row")], how="horizontal"),
        checks=checks,
        rejections=collect(rejections, folder.rejections),
    )


def collect(lazy: pl.LazyFrame, path: Path) -> pl.DataFrame:
    """Run a query over one of the folder's files.

    Raises:
        IntegrityError: the file cannot be read or lacks a column.
    """
    try:
        return lazy.collect()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise IntegrityError(
            worded("{path}: not a readable table ({name})", path=path, name=type(error).__name__),
            worded("`seedbed verify` shows what changed; restore the file or build the folder again."),
        ) from error


def scan_samples(folder: DatasetFolder) -> pl.LazyFrame:
    """A query over a folder's samples, whichever version wrote each part: what a part lacks is null."""
    return _scan(folder.parts(folder.samples), SAMPLE_SCHEMA)


def mended_rows(folder: DatasetFolder) -> pl.DataFrame:
    """The rows in which something was put right when they were read, in row order: row and kinds, each once."""
    lazy = scan_samples(folder).filter(pl.col("mended").list.len() > 0)
    kinds = pl.col("mended").list.eval(pl.element().struct.field("kind")).list.unique(maintain_order=True)
    return collect(lazy.select("row", kinds=kinds), folder.samples)


def _scan(parts: Sequence[Path], schema: pa.Schema) -> pl.LazyFrame:
    empty = pl.from_arrow(schema.empty_table())
    assert isinstance(empty, pl.DataFrame)
    return scan_files(*parts, schema=empty.schema) if parts else empty.lazy()


def scan_files(*paths: Path, schema: pl.Schema | None = None) -> pl.LazyFrame:
    """A query over Parquet files whose newer parts may have gained columns or struct fields.

    Args:
        schema: what is read; None is that of the first file, without what later ones gained.
    """
    return pl.scan_parquet(
        list(paths),
        schema=schema,
        glob=False,  # a folder may be called runs[1]
        missing_columns="insert",
        extra_columns="ignore",
        cast_options=pl.ScanCastOptions(missing_struct_fields="insert", extra_struct_fields="ignore"),
    )


def _check_rows(folder: DatasetFolder, samples: pl.DataFrame, verdicts: pl.DataFrame) -> None:
    remedy = worded(
        "`seedbed verify {root}` shows what changed; `seedbed curate {root}` decides every row anew.", root=folder.root
    )
    if len(samples) != len(verdicts):
        raise IntegrityError(
            worded(
                "{verdicts}: {verdicts_count:,} verdicts for {samples:,} rows",
                verdicts=folder.verdicts,
                verdicts_count=len(verdicts),
                samples=len(samples),
            ),
            remedy,
        )
    for path, frame in ((folder.samples, samples), (folder.verdicts, verdicts)):
        wrong = frame.with_row_index("expected").filter(pl.col("expected").cast(pl.Int64) != pl.col("row"))
        if len(wrong):
            expected, found = wrong.select("expected", "row").row(0)
            raise IntegrityError(
                worded(
                    "{path}: row {expected} is missing, found row {found} in its place",
                    path=path,
                    expected=expected,
                    found=found,
                ),
                remedy,
            )
    contradiction = verdicts.filter(
        pl.col("kept").is_null()
        | (pl.col("kept") == pl.col("reason").is_not_null())
        | (~pl.col("kept") & pl.col("split").is_not_null())
    )
    if len(contradiction):
        row = contradiction.row(0, named=True)
        raise IntegrityError(
            worded(
                "{verdicts}, row {row}: kept={kept}, reason={reason}, split={split}; a kept row has no reason, a "
                "dropped one has a reason and no split",
                verdicts=folder.verdicts,
                row=row["row"],
                kept=row["kept"],
                reason=row["reason"],
                split=row["split"],
            ),
            remedy,
        )
