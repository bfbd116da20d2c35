"""A user's files to samples: every row of data becomes a sample, or the import ends and names the row.

A row whose structure is right but whose content is poor (no answer, two user turns in a row) is a sample, with a note;
the checks of curation decide about it. A row whose structure is wrong ends the import, with the other broken rows.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from builder.formats import FORMATS
from builder.formats.columns import find_column, language_code, truth
from builder.formats.detection import Detected, detect_rows
from builder.formats.labels import bad_answers, by_label, read_label
from builder.formats.reading import RowFile, open_rows
from builder.formats.row_format import RowError, RowFormat, SampleParts, optional_text
from builder.formats.rows import RowErrors
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
        samples: in the order of the files and their rows, numbered on from the first row.
        problems: notes about rows that became samples.
        detected: how each file was read.
    """

    samples: list[Sample]
    problems: list[RowProblem]
    detected: list[Detected]


class SampleFiles:
    """Files whose samples can be read, one at a time and as often as needed.

    Attributes:
        detected: how each file is read.
        rows: how many rows all of them hold; a row of several instances holds several samples.
        seen: of each file, once its samples were read, how many rows hold what a reader should hear of: `nan`; of samples,
            `labelled_bad`, `given_rejected` (a bad answer to the same prompt), `not_trained` (a turn of weight 0), `reasoning`;
            `unread_label` is 1 where its labels, 1 and 0, may be of answers or of classes, and are not read.
    """

    def __init__(
        self, paths: Sequence[Path], mapping: Mapping[str, str] | None, taken: Collection[str], reporter: Reporter
    ) -> None:
        self._files: list[RowFile] = []
        self.detected: list[Detected] = []
        self._named = mapping or {}
        self._sources = distinct_names(paths, lambda path: path.name, taken)
        self._tasks = distinct_names(paths, lambda path: path.stem, taken)
        with reporter.step("Looking at the files", total=len(paths)) as step:
            for path in paths:
                self._files.append(open_rows(path))
                self.detected.append(detect_rows(self._files[-1], mapping))
                step.advance(note=path.name)
        self.rows = sum(file.count for file in self._files)
        self.seen: list[Counter[str]] = [Counter() for _ in paths]

    def samples(self, *, first_row: int = 0, note: Callable[[RowProblem], None]) -> Iterator[Sample]:
        """Read the samples, in the order of the files and their rows.

        Args:
            first_row: the number of the first sample.
            note: takes what there is to know about a row that became a sample.

        Raises:
            InputFileError: some rows of a file are broken, and are named, or the file changed; samples that came before
                must be thrown away.
        """
        numbers = count(first_row)
        for place, (file, detected) in enumerate(zip(self._files, self.detected, strict=True)):
            self.seen[place] = seen = Counter[str]()
            unread = find_column(detected.unused, "label")
            seen["unread_label"] = int(unread is not None and truth(file.columns[unread]) is not None)
            bad: Mapping[str, str] = {}
            if "label" in detected.mapping:
                labelled = (parts for _, parts, _ in _read_parts(file, detected, Counter()))
                bad = bad_answers(labelled, file.path, None if "label" in self._named else detected.mapping["label"])
            for number, parts, notes in _read_parts(file, detected, seen):
                for text in notes:
                    note(RowProblem(file.path, number, text))
                parts = by_label(parts, bad)
                _count(parts, seen)
                names = (f"{names[place]}#{number}" for names in (self._sources, self._tasks))
                yield _sample(parts, next(numbers), *names)


def open_samples(
    paths: Sequence[Path],
    *,
    mapping: Mapping[str, str] | None = None,
    taken: Collection[str] = (),
    reporter: Reporter,
) -> SampleFiles:
    """Look at files of any supported container and format; memory is that of a row or a few, whatever the files' sizes,
    and of the answers that are labelled as bad.

    Args:
        mapping: our field → the files' column, for columns whose names say something else.
        taken: names that sources and tasks of other rows begin with, before the `#`; these files get others.

    Raises:
        InputFileError: a file cannot be read, or no format fits it.
        UsageError: the mapping names an unknown field.
    """
    return SampleFiles(paths, mapping, taken, reporter)


def read_samples(
    paths: Sequence[Path],
    *,
    mapping: Mapping[str, str] | None = None,
    first_row: int = 0,
    reporter: Reporter,
) -> Imported:
    """Read files of any supported container and format into memory; `open_samples` is for more than that holds.

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
    files = open_samples(paths, mapping=mapping, reporter=reporter)
    problems: list[RowProblem] = []
    return Imported(list(files.samples(first_row=first_row, note=problems.append)), problems, files.detected)


def distinct_names(paths: Sequence[Path], short: Callable[[Path], str], taken: Collection[str] = ()) -> list[str]:
    """A name for each file that no other file has, as short as that allows; two names that are equal would join tasks.

    Args:
        taken: names that others have already.
    """
    longer: tuple[Callable[[Path], str], ...] = (short, lambda p: p.name, lambda p: f"{p.parent.name}/{p.name}")
    for name_of in longer:
        names = [name_of(path) for path in paths]
        if len(set(names)) == len(names) and not set(names).intersection(taken):
            return names
    used = set(taken)
    for index, name in enumerate(names):
        names[index] = next(one for number in count(1) if (one := f"{name}~{number}") not in used)
        used.add(names[index])
    return names


def _read_parts(
    file: RowFile, detected: Detected, seen: Counter[str]
) -> Iterator[tuple[int, SampleParts, tuple[str, ...]]]:
    """What each row says, up to the first broken row; the rest is read for what else is broken."""
    row_format = FORMATS[detected.format]
    errors = RowErrors(file.path)
    for row in file.rows():
        fields = {field: row.values[column] for field, column in detected.mapping.items() if column in row.values}
        cleaned = (row.note,) if row.note else ()
        seen["nan"] += row.nan
        try:
            check_required(row_format, detected, fields)
            read = [
                (row.number, _with_labels(parts, fields), (*cleaned, *parts.notes, *check_order(parts.messages)))
                for parts in row_format.read(fields)
            ]
        except RowError as error:
            errors.add(row.number, str(error))
        else:
            if not errors:
                yield from read
    errors.raise_any()


def check_required(row_format: RowFormat, detected: Detected, fields: Mapping[str, Any]) -> None:
    """Refuse a row that lacks a column which the format needs and other rows have.

    Raises:
        RowError: naming the column.
    """
    for field in row_format.required:
        if field not in fields:
            raise RowError(f"it lacks the column '{detected.mapping[field]}', which other rows have")


def _with_labels(parts: SampleParts, fields: Mapping[str, Any]) -> SampleParts:
    if "label" in fields and parts.rejected is None:  # a pair says by itself which answer is the worse one
        parts = replace(parts, label=read_label(fields.get("label")))
    if not fields.keys() & {"category", "task_id", "language"} and not parts.category:
        return parts
    category = parts.category or (optional_text(fields, "category") or "").strip()
    return replace(
        parts,
        task_id=parts.task_id or optional_text(fields, "task_id"),
        category=category or None,
        language=parts.language or language_code(optional_text(fields, "language")),
    )


def _count(parts: SampleParts, seen: Counter[str]) -> None:
    """Count what a reader of the file should hear of one sample."""
    seen["labelled_bad"] += parts.label is False
    seen["given_rejected"] += bool(parts.label) and parts.rejected is not None
    seen["not_trained"] += any(turn.weight is not None for turn in parts.messages)
    seen["reasoning"] += any(turn.reasoning is not None for turn in parts.messages)


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
