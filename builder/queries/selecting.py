"""Choosing rows of a dataset folder: one definition of the filters that rows are listed, counted, searched and written by."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa

from builder.errors import InputFileError, UsageError, nearest
from builder.language.messages import worded
from builder.language.reasons import REASONS
from builder.queries.database import Database
from builder.queries.searching import search
from builder.schema import Sample
from builder.store.dataset_folder import DatasetFolder, samples_from_table

SPLITS = ("all", "train", "validation")

_NUMBERS = re.compile(r"[\d\s,;-]*")
_RANGE = re.compile(r"(\d+)(?:\s*-\s*(\d+))?")
# Of a file of row numbers: ten million of them.
_MAX_NUMBERS_BYTES = 64 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What rows must be to be chosen; None asks nothing.

    Attributes:
        kept: kept, or dropped.
        reason: the decisive one.
        search: a text that one of its turns holds, in any case or width.
        mended: something was put right in it when it was read.
        rows: numbers and ranges such as `3,17,40-60`, or the path of a file of them.
        split: `train` or `validation`; `all` asks nothing.
    """

    kept: bool | None = None
    reason: str | None = None
    category: str | None = None
    language: str | None = None
    origin: str | None = None
    search: str | None = None
    mended: bool = False
    rows: str | None = None
    split: str = "all"

    @property
    def names_rows(self) -> bool:
        """Whether it says itself which verdicts it wants: by number, by reason, or kept or dropped."""
        return self.kept is not None or self.reason is not None or self.rows is not None


@dataclass(frozen=True, slots=True)
class Condition:
    """Filters as SQL over the inner table `labels`.

    Attributes:
        sql: an expression that is true of the rows that pass.
        parameters: the values of its question marks.
        tables: of row numbers that it names, by name.
    """

    sql: str
    parameters: tuple[Any, ...]
    tables: dict[str, pa.Table]


class Selection:
    """Samples of a folder, in row order; they can be read again and again, a row group in memory at a time."""

    def __init__(self, folder: DatasetFolder, chosen: pl.DataFrame) -> None:
        self._folder = folder
        self._rows = chosen["row"]
        self.dropped = int((~chosen["kept"]).sum())

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Sample]:
        if not len(self._rows):
            return
        for table in self._folder.iter_sample_tables(int(self._rows[0]), int(self._rows[-1])):
            rows = pl.Series(table["row"])
            begin = self._rows.search_sorted(int(rows[0]), "left")
            end = self._rows.search_sorted(int(rows[-1]), "right")
            wanted = rows.is_in(self._rows.slice(begin, end - begin).implode())
            yield from samples_from_table(table.filter(wanted.to_arrow()))


def chosen_samples(root: Path, filters: Filters) -> Selection:
    """The samples that pass all filters, every file of them checked against the manifest.

    Kept rows are meant where the filters do not say otherwise.

    Raises:
        InputFileError: not a curated dataset folder.
        IntegrityError: the folder is not finished, or not as it was written.
        UsageError: see `choose`.
    """
    folder = DatasetFolder.open(root)
    if folder.manifest.exists() or folder.verdicts.exists():
        folder.check_finished(folder.samples, folder.verdicts)
    with Database(folder) as database:
        chosen = choose(database, filters)
    return Selection(folder, chosen if filters.names_rows else chosen.filter(pl.col("kept")))


def choose(database: Database, filters: Filters) -> pl.DataFrame:
    """The rows that pass all filters, in row order, as `LABELS` in `builder.queries.views` has them.

    Raises:
        InputFileError: the folder was not curated, or the file of row numbers cannot be read.
        UsageError: no row has such a reason, category, language, origin or number, or there is no such split.
    """
    database.folder.refuse_undecided()
    condition = condition_of(database, filters)
    where = f"SELECT * FROM labels WHERE kept IS NOT NULL AND {condition.sql} ORDER BY row"
    return database.ask(where, condition.parameters, reads=["labels"], tables=condition.tables)


def condition_of(database: Database, filters: Filters) -> Condition:
    """Filters as a condition on `labels`.

    Raises:
        InputFileError: the file of row numbers cannot be read.
        UsageError: no row has such a reason, category, language, origin or number, or there is no such split.
    """
    if filters.split not in SPLITS:
        raise UsageError(worded("--split {split}: expected train, validation or all", split=filters.split))
    given: dict[str, Any] = {
        column: getattr(filters, column) for column in ("reason", "category", "language", "origin", "kept")
    }
    given |= {"split": None if filters.split == "all" else filters.split, "mended": filters.mended or None}
    asked = {column: value for column, value in given.items() if value is not None}
    for column in ("reason", "category", "language", "origin"):
        if column in asked:
            _refuse_unknown(database, column, asked[column])
    tables: dict[str, pa.Table] = {}
    if filters.rows is not None:
        named = _named_rows(filters.rows, database.folder.count_samples())
        tables["named_rows"] = pa.table({"row": named.arg_true().cast(pl.Int64).to_arrow()})
    if filters.search is not None:
        tables["found_rows"] = pa.table({"row": search(database, filters.search).to_arrow()})
    terms = [*(f"{column} = ?" for column in asked), *(f"row IN (SELECT row FROM {name})" for name in tables)]
    return Condition(" AND ".join(terms) or "true", tuple(asked.values()), tables)


def _refuse_unknown(database: Database, column: str, value: str) -> None:
    present = database.values(column)
    if value not in present and not (column == "reason" and value in REASONS):
        raise UsageError(
            worded(
                "--{column} {value}: no row has it{nearest}",
                column=column,
                value=value,
                nearest=nearest(value, present),
            ),
            worded("There are: {present}.", present=", ".join(present) or "—"),
        )


def _named_rows(given: str, count: int) -> pl.Series:
    """Whether each row from 0 to `count` is one of the rows that are named."""
    named = bytearray(count)
    for first, last in _ranges(given, count):
        named[first : last + 1] = b"\1" * (last + 1 - first)
    return pl.Series(named, dtype=pl.UInt8).cast(pl.Boolean)


def _ranges(given: str, count: int) -> Iterator[tuple[int, int]]:
    where, text = (f"--rows {given}", given) if _NUMBERS.fullmatch(given) else (given, _read_numbers(Path(given)))
    remedy = worded("Give row numbers and ranges, such as 3,17,40-60, or a file of them.")
    end = 0
    for match in _RANGE.finditer(text):
        if text[end : match.start()].strip(" \t\r\n,;\ufeff"):
            break
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise UsageError(worded("{where}: {match} ends before it begins", where=where, match=match[0]), remedy)
        if last >= count:
            rows = worded("Rows are 0 to {count}.", count=count - 1) if count else "It has no rows."
            raise UsageError(worded("{where}: no row has the number {last}", where=where, last=last), rows)
        yield first, last
        end = match.end()
    rest = " ".join(text[end:].strip(" \t\r\n,;\ufeff").split())
    if rest or not end:
        raise UsageError(worded("{where}: '{rest}' is no row number", where=where, rest=rest[:20]), remedy)


def _read_numbers(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_NUMBERS_BYTES + 1)
    except OSError:
        raise UsageError(
            worded("--rows {path}: no row numbers, and no file that can be read", path=path),
            worded("Give row numbers and ranges, such as 3,17,40-60, or a file of them."),
        ) from None
    if len(data) > _MAX_NUMBERS_BYTES:
        raise InputFileError(
            path,
            worded("longer than {max_numbers_bytes} MiB", max_numbers_bytes=_MAX_NUMBERS_BYTES // 2**20),
            remedy=worded("Split it."),
        )
    return data.decode("utf-8", "replace")
