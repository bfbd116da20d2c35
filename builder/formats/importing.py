"""A user's files to samples: every row of data becomes a sample, or the import ends and names the row.

A row whose structure is right but whose content is poor (no answer, two user turns in a row) is a sample, with a note;
the checks of curation decide about it. A row whose structure is wrong ends the import, with the other broken rows, unless these
are to be left out. A row that a sample cannot hold whole, such as one about a video, is left out. What is left out is counted by
cause: a file's rows = rows read + rows left out + broken rows.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from builder.errors import InputFileError
from builder.foreign.unpacking import unpacked_name
from builder.formats import FORMATS
from builder.formats.columns import find_column, language_code, truth
from builder.formats.detection import Detected
from builder.formats.labels import bad_answers, by_label, read_label
from builder.formats.mapping import check_files, mapping_for
from builder.formats.media import MEDIA, refuse_media
from builder.formats.mending import mend
from builder.formats.opening import open_file, read_as
from builder.formats.pictures import PicturePlaces
from builder.formats.published import PUBLISHED
from builder.formats.reading import RowFile
from builder.formats.row_format import RowError, RowFormat, RowLeftOutError, SampleParts, optional_text
from builder.formats.rows import Cause, RowErrors
from builder.formats.tally import Tally
from builder.formats.thoughts import set_apart
from builder.formats.turns import check_order
from builder.formats.unread import TURN_FIELDS, count_unread
from builder.language.messages import worded
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
        left_out: as `SampleFiles.left_out` has it.
    """

    samples: list[Sample]
    problems: list[RowProblem]
    detected: list[Detected]
    left_out: list[dict[str, Any]]


class SampleFiles:
    """Files whose samples can be read, one at a time and as often as needed.

    Attributes:
        detected: how each file is read.
        rows: how many rows all of them hold; a row of several instances holds several samples.
        tallies: of each file, once its samples were read, what was noticed of its rows.
    """

    def __init__(
        self,
        files: Sequence[Path | RowFile],
        mapping: Mapping[str, str] | None,
        taken: Collection[str],
        skip_broken: bool,
        mends: Collection[str],
        reporter: Reporter,
    ) -> None:
        paths = [file.path if isinstance(file, RowFile) else file for file in files]
        self._files: list[RowFile] = []
        self._mends = frozenset(mends)
        self.detected: list[Detected] = []
        self._named: list[Mapping[str, str]] = [mapping_for(path, mapping or {}) for path in paths]
        check_files(mapping or {}, paths)
        self._places = [reporter.name_of(path) for path in paths]
        self._sources = distinct_names(paths, lambda path: path.name, taken)
        self._tasks = distinct_names(paths, lambda path: unpacked_name(path).stem, taken)
        with reporter.step(worded("Looking at the files"), total=len(paths)) as step:
            for file, path, named in zip(files, paths, self._named, strict=True):
                if isinstance(file, RowFile):
                    opened, detected = read_as(file, named, skip_broken=skip_broken)
                else:
                    opened, detected = open_file(file, named, skip_broken=skip_broken)
                self._files.append(opened)
                self.detected.append(detected)
                step.advance(note=path.name)
        self.rows = sum(file.count for file in self._files)
        self._skip_broken = skip_broken
        self.tallies = [Tally() for _ in paths]

    def broken(self, place: int) -> list[Cause]:
        """The broken rows of a file that were left out, by cause."""
        return [*self._files[place].broken.listed(), *self.tallies[place].broken.listed()]

    def left_out(self) -> list[dict[str, Any]]:
        """All rows of all files that are in no sample, by cause, for scripts."""
        return [
            {"file": str(file.path), "row": cause.row, "problem": cause.problem, "rows": cause.rows, "broken": broken}
            for place, file in enumerate(self._files)
            for broken, causes in ((False, self.tallies[place].left_out.listed()), (True, self.broken(place)))
            for cause in causes
        ]

    def samples(self, *, first_row: int = 0, note: Callable[[RowProblem], None]) -> Iterator[Sample]:
        """Read the samples, in the order of the files and their rows.

        Args:
            first_row: the number of the first sample.
            note: takes what there is to know about a row that became a sample.

        Raises:
            InputFileError: some rows of a file are broken, and are named, or the file changed; samples that came before
                must be thrown away; or no row of any file became a sample.
        """
        numbers = count(first_row)
        for place, (file, detected) in enumerate(zip(self._files, self.detected, strict=True)):
            self.tallies[place] = tally = Tally()
            tally.inside.update(file.left_out)
            pictures = PicturePlaces(
                self._places[place],
                has_column="images" in detected.mapping,
                has_markers=detected.format != PUBLISHED.name,
            )
            unread = find_column(detected.unused, "label")
            tally.seen["unread_label"] = int(unread is not None and truth(file.columns[unread]) is not None)
            bad: Mapping[str, str] = {}
            if "label" in detected.mapping:
                labelled = (parts for _, parts, _ in self._read(place, pictures, Tally()))
                bad = bad_answers(
                    labelled, file.path, None if "label" in self._named[place] else detected.mapping["label"]
                )
            for number, parts, notes in self._read(place, pictures, tally):
                tally.inside.update(parts.left_out)
                for text in notes:
                    note(RowProblem(file.path, number, text))
                parts = by_label(parts, bad)
                tally.count(parts)
                names = (f"{names[place]}#{number}" for names in (self._sources, self._tasks))
                yield _sample(parts, next(numbers), *names)
        if self.tallies and not any(tally.seen["read"] for tally in self.tallies):
            self._refuse_nothing()

    def _refuse_nothing(self) -> None:
        first, tally = self._files[0].path, self.tallies[0]
        cause = [*tally.left_out.listed(), *self.broken(0)][0]
        raise InputFileError(
            first, cause.problem, row=cause.row, remedy=worded("No row can be read: all are like this one, or worse.")
        )

    def _read(
        self, place: int, pictures: PicturePlaces, tally: Tally
    ) -> Iterator[tuple[int, SampleParts, tuple[str, ...]]]:
        """What each row says, up to the first broken row unless these are skipped; the rest is read for what else is broken."""
        file, detected = self._files[place], self.detected[place]
        row_format = FORMATS[detected.format]
        errors = RowErrors(file.path)
        surveyed = row_format.survey(detected.fields(row.values) for row in file.rows()) if row_format.survey else {}
        has_media, has_turns = (not detected.mapping.keys().isdisjoint(names) for names in (MEDIA, TURN_FIELDS))
        for row in file.rows():
            fields = detected.fields(row.values)
            fields.update(surveyed)
            cleaned = (row.note,) if row.note else ()
            tally.seen["nan"] += row.nan
            try:
                check_required(row_format, detected, fields)
                if has_media:
                    cleaned = (*cleaned, *refuse_media(fields))
                read = [
                    (row.number, whole, (*cleaned, *whole.notes, *check_order(whole.messages)))
                    for parts in row_format.read(fields)
                    for pictured in [pictures.fill(parts, fields.get("images"))]
                    for whole in [mend(set_apart(_with_labels(pictured, fields), fields), self._mends)]
                ]
            except RowLeftOutError as error:
                tally.left_out.add(row.number, str(error))
            except RowError as error:
                (tally.broken if self._skip_broken else errors).add(row.number, str(error))
            else:
                if not errors:
                    tally.seen["read"] += 1
                    if has_turns and row_format is not PUBLISHED:
                        count_unread(fields, tally.keys)
                    yield from read
        errors.raise_any()


def open_samples(
    files: Sequence[Path | RowFile],
    *,
    mapping: Mapping[str, str] | None = None,
    taken: Collection[str] = (),
    skip_broken: bool = False,
    mends: Collection[str] = (),
    reporter: Reporter,
) -> SampleFiles:
    """Look at files of any supported container and format; memory is that of a row or a few, whatever the files' sizes,
    and of the answers that are labelled as bad.

    Args:
        files: paths, and files or tables in memory that were opened before.
        mapping: our field → the files' column, for columns whose names say something else; see `formats.mapping`.
        taken: names that sources and tasks of other rows begin with, before the `#`; these files get others.
        skip_broken: leave out rows that cannot be read, and count them by cause.
        mends: the faults to put right, as `mend.kinds` names them.

    Raises:
        InputFileError: a file cannot be read, or no format fits it.
        UsageError: the mapping names an unknown field.
    """
    return SampleFiles(files, mapping, taken, skip_broken, mends, reporter)


def read_samples(
    files: Sequence[Path | RowFile],
    *,
    mapping: Mapping[str, str] | None = None,
    first_row: int = 0,
    mends: Collection[str] = (),
    reporter: Reporter,
) -> Imported:
    """Read files of any supported container and format into memory; `open_samples` is for more than that holds.

    Args:
        mapping, mends: as for `open_samples`.
        first_row: the number of the first sample.

    Returns:
        Samples with origin `imported` and source `name.json#12`. Their task is the row's own `task_id`, else
        `name#12`; their language is the row's own, else that of what user and assistant say.

    Raises:
        InputFileError: a file or some of its rows cannot be read; the rows are named.
        UsageError: the mapping names an unknown field.
    """
    opened = open_samples(files, mapping=mapping, mends=mends, reporter=reporter)
    problems: list[RowProblem] = []
    samples = list(opened.samples(first_row=first_row, note=problems.append))
    return Imported(samples, problems, opened.detected, opened.left_out())


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


def check_required(row_format: RowFormat, detected: Detected, fields: Mapping[str, Any]) -> None:
    """Refuse a row that lacks a column which the format needs and other rows have.

    Raises:
        RowError: naming the column.
    """
    for name in row_format.required:
        if name not in fields:
            raise RowError(
                worded("it lacks the column '{mapping}', which other rows have", mapping=detected.mapping[name])
            )


def _with_labels(parts: SampleParts, fields: Mapping[str, Any]) -> SampleParts:
    if "label" in fields and parts.rejected is None:  # a pair says by itself which answer is the worse one
        parts.label = read_label(fields.get("label"))
    if not fields.keys() & {"category", "task_id", "language"} and not parts.category:
        return parts
    category = parts.category or (optional_text(fields, "category") or "").strip()
    parts.task_id = parts.task_id or optional_text(fields, "task_id")
    parts.category = category or None
    parts.language = parts.language or language_code(optional_text(fields, "language"))
    return parts


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
        mended=parts.mended,
    )


def _language(parts: SampleParts) -> str:
    """By what people and the assistant say; system texts and tool results are often in another language."""
    spoken = [message.content for message in parts.messages if message.role in ("user", "assistant")]
    return detect_language("\n".join(spoken))
