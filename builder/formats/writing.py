"""Samples to files in the common formats; a row that a format has no place for is counted with its reason, never bent."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from builder.errors import InputFileError, UsageError, nearest
from builder.files import atomic_path, write_json, write_table, write_text
from builder.formats import FORMATS, llama_factory
from builder.formats.prompt_completion import write_flat
from builder.formats.row_format import InexpressibleError
from builder.formats.spreadsheet import fits_cell, write_xlsx
from builder.formats.table import format_csv
from builder.ownership import check_output
from builder.published import turn_lists
from builder.schema import Sample

LLAMA_FACTORY = "llamafactory"
EXPORTS = (*(name for name, row_format in FORMATS.items() if row_format.write is not None), LLAMA_FACTORY)

_NESTED_SUFFIXES = (".json", ".jsonl", ".ndjson", ".parquet")
_FLAT_SUFFIXES = (".csv", ".xlsx")
_FLAT_FORMATS = ("alpaca", "prompt_completion")

SkippedRow = tuple[int, str]


@dataclass(frozen=True, slots=True)
class ExportResult:
    """What was written.

    Attributes:
        path: the file, or the folder for LLaMA-Factory.
        rows: how many samples it holds.
        skipped: the number of each other sample and why the format has no place for it.
    """

    path: Path
    rows: int
    skipped: list[SkippedRow]


def export(
    samples: Iterable[Sample], format: str, out: Path, *, name: str | None = None, overwrite: bool = False
) -> ExportResult:
    """Write samples, whole or not at all; messages, tools and rejected answers read back equal.

    Tools that are bare schemas are wrapped in the formats that chat templates are applied to.

    Args:
        format: alpaca, sharegpt, messages, prompt_completion, or llamafactory (a folder with `dataset_info.json`).
        out: a file; its suffix chooses JSON, JSON Lines, Parquet, or, for alpaca and prompt_completion, CSV and XLSX.
        name: of the data sets in LLaMA-Factory's folder; None is the folder's own.
        overwrite: replace a file that is there, or a data set that the folder describes under the same name.

    Raises:
        UsageError: an unknown format or suffix, or one that the format cannot go into; or something is there.
        DiskError: the disk is full or failing.
    """
    if format not in EXPORTS:
        raise UsageError(
            f"unknown format '{format}'{nearest(format, EXPORTS)}", f"Formats to write are {', '.join(EXPORTS)}."
        )
    if format == LLAMA_FACTORY:
        return _export_folder(samples, out, name or out.resolve().name, overwrite)
    suffix = out.suffix.lower()
    _check_suffix(format, out, suffix)
    check_output(out, overwrite=overwrite)
    flat = suffix in _FLAT_SUFFIXES
    rows, skipped = _write_rows(samples, _writer(format, flat))
    if format == "prompt_completion":
        rows, skipped = _one_kind(rows, skipped)
    if flat:
        rows, skipped = _only_cells(rows, skipped, suffix)
    _write_file(out, suffix, [row for _, row in rows])
    return ExportResult(out, len(rows), sorted(skipped))


def _check_suffix(format: str, out: Path, suffix: str) -> None:
    allowed = _NESTED_SUFFIXES + (_FLAT_SUFFIXES if format in _FLAT_FORMATS else ())
    if suffix in allowed:
        return
    if suffix in _FLAT_SUFFIXES:
        problem = f"{out}: {format} holds lists of turns, which {suffix} has no place for"
    else:
        problem = f"{out}: cannot write {suffix or 'a file without a suffix'}"
    raise UsageError(problem, f"Give a name that ends in {', '.join(allowed)}.")


def _writer(format: str, flat: bool) -> Callable[[Sample], dict[str, Any]]:
    write = write_flat if flat and format == "prompt_completion" else FORMATS[format].write
    assert write is not None
    return write


NumberedRow = tuple[int, dict[str, Any]]


def _write_rows(
    samples: Iterable[Sample], write: Callable[[Sample], dict[str, Any]]
) -> tuple[list[NumberedRow], list[SkippedRow]]:
    rows: list[NumberedRow] = []
    skipped: list[SkippedRow] = []
    for sample in samples:
        try:
            rows.append((sample.row, write(sample)))
        except InexpressibleError as error:
            skipped.append((sample.row, str(error)))
    return rows, skipped


def _one_kind(rows: list[NumberedRow], skipped: list[SkippedRow]) -> tuple[list[NumberedRow], list[SkippedRow]]:
    """Trainers take a file of completions or of preference pairs: keep the kind that has more rows."""
    pairs = [item for item in rows if "rejected" in item[1]]
    plain = [item for item in rows if "rejected" not in item[1]]
    if len(pairs) > len(plain):
        why = "it has no rejected answer, and most rows of this file are preference pairs"
        return pairs, skipped + [(number, why) for number, _ in plain]
    why = "it is a preference pair, and most rows of this file are not"
    return plain, skipped + [(number, why) for number, _ in pairs]


def _only_cells(
    rows: list[NumberedRow], skipped: list[SkippedRow], suffix: str
) -> tuple[list[NumberedRow], list[SkippedRow]]:
    kept: list[NumberedRow] = []
    for number, row in rows:
        if "history" in row:
            skipped.append((number, "it has several rounds, which a table has no place for"))
        elif not any(row.values()):
            skipped.append((number, "all its texts are empty, so that a table would not show it"))
        elif suffix == ".xlsx" and not all(map(fits_cell, row.values())):
            skipped.append((number, "a text is longer than the 32,767 characters of a cell"))
        else:
            kept.append((number, row))
    return kept, skipped


def _write_file(out: Path, suffix: str, rows: Sequence[dict[str, Any]]) -> None:
    columns = list(dict.fromkeys(key for row in rows for key in row))
    if suffix == ".json":
        write_json(out, rows)
    elif suffix in (".jsonl", ".ndjson"):
        write_text(out, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    elif suffix == ".parquet":
        write_table(
            out, pa.table({column: _parquet_column(column, [row.get(column) for row in rows]) for column in columns})
        )
    elif suffix == ".csv":
        write_text(out, format_csv(columns, ([row.get(column, "") for column in columns] for row in rows)))
    else:
        with atomic_path(out) as temporary, temporary.open("wb") as file:
            write_xlsx(file, columns, ([row.get(column, "") for column in columns] for row in rows))


def _parquet_column(column: str, values: Sequence[Any]) -> Any:
    """Turns as JSON where some call tools, and tools as JSON text: a struct would mix the parameters of all tools."""
    if column == "tools":
        return [json.dumps(value, ensure_ascii=False) if isinstance(value, list) else value for value in values]
    turns = (turn for value in values if isinstance(value, list) for turn in value)
    return turn_lists(values) if any(isinstance(turn, dict) and "tool_calls" in turn for turn in turns) else values


def _export_folder(samples: Iterable[Sample], out: Path, name: str, overwrite: bool) -> ExportResult:
    """Write one data file for each kind of row and describe them in `dataset_info.json`, beside what it says already."""
    if out.is_file():
        raise UsageError(f"{out}: a file where a folder was expected", "LLaMA-Factory's format is a folder.")
    info_path = out / "dataset_info.json"
    check_output(info_path, overwrite=True)  # other entries stay
    info = _read_info(info_path)
    names = {kind: llama_factory.dataset_name(name, kind) for kind in llama_factory.KINDS}
    for one in names.values():
        if one in info and not overwrite:
            raise UsageError(
                f"{info_path}: describes a data set {one} already",
                "Choose another folder, or have it replaced with --overwrite.",
            )
        check_output(out / f"{one}.json", overwrite=overwrite)
    rows, skipped = _write_rows(samples, llama_factory.write)
    for kind, one in names.items():
        data = [row for _, row in rows if llama_factory.kind_of_row(row) == kind]
        if not data:
            info.pop(one, None)
        else:
            completed = llama_factory.complete_columns(data)
            write_json(out / f"{one}.json", completed)
            info[one] = llama_factory.describe(kind, f"{one}.json", completed[0])
    write_json(info_path, info)
    return ExportResult(out, len(rows), skipped)


def _read_info(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        info = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputFileError(
            path, f"not readable as JSON ({type(error).__name__})", remedy="Mend or remove it."
        ) from None
    if not isinstance(info, dict):
        raise InputFileError(path, "expected an object {name: {…}}", remedy="Mend or remove it.")
    return info
