"""Choosing rows of a curated dataset folder: one definition of the filters that `show` lists by and `export` writes by."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from builder.errors import InputFileError, UsageError, nearest
from builder.language.reasons import REASONS
from builder.pictures import shown
from builder.reporting.tables import mended_rows
from builder.schema import Sample
from builder.store.dataset_folder import DatasetFolder, samples_from_table
from builder.text import normalise

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
    chosen = choose(folder, filters)
    return Selection(folder, chosen if filters.names_rows else chosen.filter(pl.col("kept")))


def choose(folder: DatasetFolder, filters: Filters) -> pl.DataFrame:
    """The rows that pass all filters, in row order: row, kept, reason, split, category, language and origin.

    Raises:
        InputFileError: the folder was not curated, or the file of row numbers cannot be read.
        UsageError: no row has such a reason, category, language, origin or number, or there is no such split.
    """
    frame = _labels(folder)
    for column in ("reason", "category", "language", "origin"):
        value = getattr(filters, column)
        if value is not None:
            present = sorted(str(v) for v in frame[column].drop_nulls().unique())
            if value not in present and not (column == "reason" and value in REASONS):
                raise UsageError(
                    f"--{column} {value}: no row has it{nearest(value, present)}",
                    f"There are: {', '.join(present) or '—'}.",
                )
            frame = frame.filter(pl.col(column) == value)
    if filters.kept is not None:
        frame = frame.filter(pl.col("kept") == filters.kept)
    if filters.split not in SPLITS:
        raise UsageError(f"--split {filters.split}: expected train, validation or all")
    if filters.split != "all":
        frame = frame.filter(pl.col("split") == filters.split)
    if filters.mended:
        frame = frame.filter(pl.col("row").is_in(mended_rows(folder)["row"].to_list()))
    if filters.rows is not None:
        named = _named_rows(filters.rows, folder.count_samples())
        frame = frame.filter(named[frame["row"]])
    if filters.search is not None:
        frame = frame.filter(pl.col("row").is_in(_rows_that_hold(folder, normalise(filters.search))))
    return frame


def _labels(folder: DatasetFolder) -> pl.DataFrame:
    """What rows are filtered by: short columns only."""
    decided = pl.from_arrow(folder.verdicts_table(["row", "kept", "reason", "split"]))
    samples = pl.from_arrow(folder.sample_columns(["row", "category", "language", "origin"]))
    assert isinstance(decided, pl.DataFrame)
    assert isinstance(samples, pl.DataFrame)
    return samples.join(decided, on="row", how="inner", maintain_order="left")


def _rows_that_hold(folder: DatasetFolder, wanted: str) -> list[int]:
    return [
        row
        for table in folder.iter_sample_tables()
        for row, turns in zip(table["row"].to_pylist(), table["messages"].to_pylist(), strict=True)
        if any(wanted in normalise(shown(turn["content"], turn["parts"], "en")) for turn in turns)
    ]


def _named_rows(given: str, count: int) -> pl.Series:
    """Whether each row from 0 to `count` is one of the rows that are named."""
    named = bytearray(count)
    for first, last in _ranges(given, count):
        named[first : last + 1] = b"\1" * (last + 1 - first)
    return pl.Series(named, dtype=pl.UInt8).cast(pl.Boolean)


def _ranges(given: str, count: int) -> Iterator[tuple[int, int]]:
    where, text = (f"--rows {given}", given) if _NUMBERS.fullmatch(given) else (given, _read_numbers(Path(given)))
    remedy = "Give row numbers and ranges, such as 3,17,40-60, or a file of them."
    end = 0
    for match in _RANGE.finditer(text):
        if text[end : match.start()].strip(" \t\r\n,;\ufeff"):
            break
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise UsageError(f"{where}: {match[0]} ends before it begins", remedy)
        if last >= count:
            rows = f"Rows are 0 to {count - 1}." if count else "It has no rows."
            raise UsageError(f"{where}: no row has the number {last}", rows)
        yield first, last
        end = match.end()
    rest = " ".join(text[end:].strip(" \t\r\n,;\ufeff").split())
    if rest or not end:
        raise UsageError(f"{where}: '{rest[:20]}' is no row number", remedy)


def _read_numbers(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_NUMBERS_BYTES + 1)
    except OSError:
        raise UsageError(
            f"--rows {path}: no row numbers, and no file that can be read",
            "Give row numbers and ranges, such as 3,17,40-60, or a file of them.",
        ) from None
    if len(data) > _MAX_NUMBERS_BYTES:
        raise InputFileError(path, f"longer than {_MAX_NUMBERS_BYTES // 2**20} MiB", remedy="Split it.")
    return data.decode("utf-8", "replace")
