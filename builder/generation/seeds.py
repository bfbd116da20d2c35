"""Seed tasks: the human-written tasks that the growth starts from.

A seed file is the one that ships with Seedbed (`builtin`), Self-Instruct's JSON Lines, Alpaca triples, or a spreadsheet with
columns such as instruction, input, output, category and language, in English or Chinese.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builder.errors import InputFileError, UsageError
from builder.foreign.unpacking import unpacked_name
from builder.formats import FORMATS
from builder.formats.columns import find_column, language_code
from builder.formats.importing import distinct_names
from builder.formats.reading import RowFile, open_rows
from builder.formats.row_format import Row, RowError, RowFormat, optional_text, text_of
from builder.formats.rows import RowErrors
from builder.formats.self_instruct import parse_instances
from builder.language.messages import worded
from builder.store.shipped import BUILTIN, shipped_file
from builder.text import detect_language, has_text, visible

_SHAPES = ("self_instruct", "alpaca", "pairs")
_REMEDY = worded("Each task needs an instruction and at least one output; mend or remove these rows.")
_TRUE = frozenset({"true", "yes", "y", "1", "是", "真"})
_FALSE = frozenset({"false", "no", "n", "0", "", "否", "假"})


@dataclass(frozen=True, slots=True)
class SeedTask:
    """One human-written task.

    Attributes:
        id: unique among all seed files of a run.
        name: a short name, the id where the file gives none.
        instances: (input, output) pairs; an empty input means that the instruction says it all.
        is_classification: whether the output is one of a few labels.
        category: one of the settings' categories, or None where the file gives none.
        language: `zh`, `en`, …; that of the instruction where the file gives none.
        source: the file's name and the row's number, such as `tasks.xlsx#3`.
    """

    id: str
    name: str
    instruction: str
    instances: tuple[tuple[str, str], ...]
    is_classification: bool
    category: str | None
    language: str
    source: str


def load_seed_tasks(files: Sequence[str]) -> list[SeedTask]:
    """Read seed files in order.

    Args:
        files: paths, or `builtin`.

    Raises:
        UsageError: no file is named.
        InputFileError: a file cannot be read, is empty, is not a seed file, or has broken rows or repeated ids; all
            broken rows of a file are reported at once.
    """
    if not files:
        raise UsageError(
            worded("seeds.files names no file"), worded("Name at least one, or `{builtin}`.", builtin=BUILTIN)
        )
    paths = [shipped_file("seed_tasks.jsonl") if name == BUILTIN else Path(name) for name in files]
    sources = distinct_names(paths, lambda path: path.name)
    fallbacks = distinct_names(paths, lambda path: unpacked_name(path).stem)
    tasks: dict[str, SeedTask] = {}
    for path, source, fallback in zip(paths, sources, fallbacks, strict=True):
        _read_tasks(open_rows(path), source, fallback, tasks)
    return list(tasks.values())


def _read_tasks(file: RowFile, source: str, fallback: str, tasks: dict[str, SeedTask]) -> None:
    """Add a file's tasks to those read so far."""
    row_format, mapping = _find_shape(file)
    errors = RowErrors(file.path, _REMEDY)
    for row in file.rows():
        number, fields = row.number, {f: row.values[column] for f, column in mapping.items() if column in row.values}
        try:
            task = _read_task(row_format, fields, f"{source}#{number}", f"{fallback}#{number}")
            if task.id in tasks:
                raise RowError(
                    worded(
                        "its id '{id}' is also the id of {source}; ids must be unique",
                        id=task.id,
                        source=tasks[task.id].source,
                    )
                )
            tasks[task.id] = task
        except RowError as error:
            errors.add(number, str(error))
    errors.raise_any()


def _find_shape(file: RowFile) -> tuple[RowFormat, Mapping[str, str]]:
    columns = tuple(file.columns)
    for name in _SHAPES:
        mapping = FORMATS[name].detect(columns, [file.columns])
        if mapping is not None:
            labels = {field: find_column(columns, field) for field in ("name", "is_classification", "category")}
            labels |= {
                "images": find_column(columns, "images"),
                "language": find_column(columns, "language"),
                "id": find_column(columns, "id", "task_id"),
            }
            return FORMATS[name], mapping | {field: column for field, column in labels.items() if column is not None}
    expected = "; ".join(FORMATS[name].expects for name in _SHAPES)
    raise InputFileError(
        file.path,
        worded(
            "not a seed file: found columns {columns}; expected one of: {expected}",
            columns=visible(", ".join(file.columns)) or "(none)",
            expected=expected,
        ),
        remedy=worded("Rename the columns; id, name, category, language and is_classification may stand beside them."),
    )


def _read_task(row_format: RowFormat, fields: Row, source: str, fallback: str) -> SeedTask:
    missing = next((field for field in row_format.required if field not in fields), None)
    if missing is not None:
        raise RowError(worded("it has no '{missing}'", missing=missing))
    instruction = text_of(fields, "instruction")
    if not has_text(instruction):
        raise RowError(worded("its instruction is empty"))
    if fields.get("images"):
        raise RowError(worded("it has pictures, which a seed task has no place for: a teacher is shown texts alone"))
    identifier = (optional_text(fields, "id") or "").strip() or fallback
    return SeedTask(
        id=identifier,
        name=(optional_text(fields, "name") or "").strip() or identifier,
        instruction=instruction,
        instances=_read_instances(row_format, fields),
        is_classification=_truth(fields.get("is_classification")),
        category=(optional_text(fields, "category") or "").strip() or None,
        language=language_code(optional_text(fields, "language")) or detect_language(instruction),
        source=source,
    )


def _read_instances(row_format: RowFormat, fields: Row) -> tuple[tuple[str, str], ...]:
    if "instances" in row_format.required:
        instances = parse_instances(fields["instances"])
    else:
        extra = next((field for field in ("history", "system", "tools") if fields.get(field)), None)
        if extra is not None:
            raise RowError(worded("it has '{extra}', which a seed task has no place for", extra=extra))
        instances = ((text_of(fields, "input"), text_of(fields, "output")),)
    for number, (_, output) in enumerate(instances, 1):
        if not output.strip():
            raise RowError(
                worded("instance {number} has an empty output", number=number)
                if len(instances) > 1
                else worded("its output is empty")
            )
    return instances


def _truth(value: Any) -> bool:
    folded = "" if value is None else str(value).strip().casefold()
    if folded in _TRUE:
        return True
    if folded in _FALSE:
        return False
    raise RowError(worded("'is_classification' holds {value!r}, expected true or false", value=str(value)[:40]))
