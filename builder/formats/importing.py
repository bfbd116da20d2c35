"""A user's files to samples: every row of data becomes a sample, or the import ends and names the row.

A row whose structure is right but whose content is poor (no answer, two user turns in a row) is a sample, with a note;
the checks of curation decide about it. A row whose structure is wrong ends the import, with the other broken rows.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from builder.formats import FORMATS
from builder.formats.columns import language_code
from builder.formats.detection import Detected, detect_rows
from builder.formats.reading import FileRows, raise_row_errors, read_file
from builder.formats.row_format import RowError, RowFormat, SampleParts, optional_text
from builder.formats.turns import check_order
from builder.progress import Reporter
from builder.schema import Sample
from builder.text import detect_language


class RowProblem(NamedTuple):
    """Something to know about a row that became a sample all the same."""

    path: Path
    row: int
    problem: str


@dataclass(frozen=True, slots=True)
class Imported:
    """What was read.

    Attributes:
        samples: in the order of the files and their rows, numbered on from `first_row`.
        problems: notes about rows that became samples.
        detected: how each file was read.
    """

    samples: list[Sample]
    problems: list[RowProblem]
    detected: list[Detected]


def read_samples(
    paths: Sequence[Path],
    *,
    mapping: Mapping[str, str] | None = None,
    first_row: int = 0,
    reporter: Reporter,
) -> Imported:
    """Read files of any supported container and format.

    Args:
        mapping: our field → the files' column, for columns whose names say something else.
        first_row: the number of the first sample.

    Returns:
        Samples with origin `imported` and source `name.json#12`. Their task is the row's own `task_id`, else
        `name#12`; their language is the row's own, else that of what user and assistant say.

    Raises:
        InputFileError: a file or some of its rows cannot be read; the rows are named.
        UsageError: the mapping names an unknown field.
    """
    imported = Imported([], [], [])
    sources = distinct_names(paths, lambda path: path.name)
    tasks = distinct_names(paths, lambda path: path.stem)
    with reporter.step("read files", total=len(paths)) as step:
        for path, source, task in zip(paths, sources, tasks, strict=True):
            file = read_file(path)
            detected = detect_rows(file, mapping)
            for number, parts, notes in _read_parts(file, detected):
                row = first_row + len(imported.samples)
                imported.samples.append(_sample(parts, row, f"{source}#{number}", f"{task}#{number}"))
                imported.problems.extend(RowProblem(path, number, note) for note in notes)
            imported.detected.append(detected)
            step.advance(note=path.name)
    return imported


def distinct_names(paths: Sequence[Path], short: Callable[[Path], str]) -> list[str]:
    """A name for each file that no other file has, as short as that allows; two names that are equal would join tasks."""
    longer: tuple[Callable[[Path], str], ...] = (short, lambda p: p.name, lambda p: f"{p.parent.name}/{p.name}")
    for name_of in longer:
        names = [name_of(path) for path in paths]
        if len(set(names)) == len(names):
            return names
    return [f"{name}~{names[:index].count(name) + 1}" for index, name in enumerate(names)]


def _read_parts(file: FileRows, detected: Detected) -> list[tuple[int, SampleParts, tuple[str, ...]]]:
    row_format = FORMATS[detected.format]
    read: list[tuple[int, SampleParts, tuple[str, ...]]] = []
    errors: list[tuple[int, str]] = []
    for number, row in file.rows:
        fields = {field: row[column] for field, column in detected.mapping.items() if column in row}
        cleaned = (file.notes[number],) if number in file.notes else ()
        try:
            check_required(row_format, detected, fields)
            for parts in row_format.read(fields):
                notes = (*cleaned, *parts.notes, *check_order(parts.messages))
                read.append((number, _with_labels(parts, fields), notes))
        except RowError as error:
            errors.append((number, str(error)))
    raise_row_errors(file.path, errors)
    return read


def check_required(row_format: RowFormat, detected: Detected, fields: Mapping[str, Any]) -> None:
    """Refuse a row that lacks a column which the format needs and other rows have.

    Raises:
        RowError: naming the column.
    """
    for field in row_format.required:
        if field not in fields:
            raise RowError(f"it lacks the column '{detected.mapping[field]}', which other rows have")


def _with_labels(parts: SampleParts, fields: Mapping[str, Any]) -> SampleParts:
    category = parts.category or (optional_text(fields, "category") or "").strip()
    return replace(
        parts,
        task_id=parts.task_id or optional_text(fields, "task_id"),
        category=category or None,
        language=parts.language or language_code(optional_text(fields, "language")),
    )


def _sample(parts: SampleParts, row: int, source: str, task: str) -> Sample:
    return Sample(
        row=row,
        task_id=parts.task_id or task,
        messages=parts.messages,
        category=parts.category,
        language=parts.language or _language(parts),
        origin="imported",
        source=source,
        tools=parts.tools,
        rejected=parts.rejected,
        instruction=parts.instruction,
        input=parts.input,
        answer_key=parts.answer_key,
    )


def _language(parts: SampleParts) -> str:
    """By what people and the assistant say; system texts and tool results are often in another language."""
    spoken = [message.content for message in parts.messages if message.role in ("user", "assistant")]
    return detect_language("\n".join(spoken))
