"""Samples to files for a target: first what it has no place for, with its reason; then the rows, one at a time, never bent."""

import functools
from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from builder.errors import UsageError, nearest
from builder.formats.containers.row_files import write_rows
from builder.formats.containers.spreadsheet import fits_cell
from builder.formats.row_format import InexpressibleError
from builder.formats.targets import TARGETS
from builder.formats.targets.target import FLAT, NESTED, DataFile, Row, Target, Write
from builder.language.messages import worded
from builder.schema import Sample
from builder.store.files import write_text
from builder.store.ownership import check_output

Numbers = Sequence[int]


@dataclass(frozen=True, slots=True)
class Export:
    """What an export will write.

    Attributes:
        files: the data files, in the order of the target's kinds.
        left_out: why rows are left out, and the numbers of each, in row order.
        remarks: what to know about rows that are written, and the numbers of each.
        advice: what to know about whole files.
    """

    target: Target
    out: Path
    files: list[DataFile]
    left_out: Mapping[str, Numbers]
    remarks: Mapping[str, Numbers]
    advice: list[str]
    name: str
    _samples: Iterable[Sample]
    _write: Write

    @property
    def rows(self) -> int:
        """How many samples are written."""
        return sum(file.rows for file in self.files)

    @property
    def skipped(self) -> list[tuple[int, str]]:
        """The number of each sample that is left out, and why, in row order."""
        return sorted((number, why) for why, numbers in self.left_out.items() for number in numbers)

    def write(self) -> None:
        """Write every file, whole or not at all; what describes them comes last.

        Raises:
            DiskError: the disk is full or failing.
        """
        for file in self.files:
            write_rows(file.path, functools.partial(self._rows, file), file.columns)
        if self.target.layout == "folder":
            for name, text in self.target.beside(self.out, self.name, self.files).items():
                write_text(self.out / name, text)

    def _rows(self, file: DataFile) -> Iterator[Row]:
        for sample in self._samples:
            try:
                kind, row = self._write(sample)
            except InexpressibleError:
                continue
            if kind == file.kind:
                if "images" in file.columns:  # trainers look for them in the first row, and take no nothing for none
                    row.setdefault("images", [])
                yield {column: row.get(column, "") for column in file.columns} if self.target.complete else row


def export(
    samples: Iterable[Sample], format: str, out: Path, *, name: str | None = None, overwrite: bool = False
) -> Export:
    """Plan an export and write it; see `plan_export`."""
    planned = plan_export(samples, format, out, name=name, overwrite=overwrite)
    planned.write()
    return planned


def plan_export(
    samples: Iterable[Sample], format: str, out: Path, *, name: str | None = None, overwrite: bool = False
) -> Export:
    """Find out what an export will write, and what the target has no place for; nothing is written yet.

    Args:
        samples: that can be read several times: an iterator cannot.
        format: one of `TARGETS`.
        out: a file, whose ending chooses the container, or a folder: where the target writes one, or a file for each kind.
        name: of the data sets in a folder; None is the folder's own.
        overwrite: replace a file that is there, or a data set that the folder describes under the same name.

    Raises:
        UsageError: an unknown format or ending, or one that the format cannot go into; or something is there.
    """
    target = TARGETS.get(format)
    if target is None:
        raise UsageError(
            worded("unknown format '{format}'{nearest}", format=format, nearest=nearest(format, TARGETS)),
            worded("Formats to write are {targets}.", targets=", ".join(TARGETS)),
        )
    if isinstance(samples, Iterator):
        raise TypeError("samples are read several times")
    in_folder = target.layout == "folder" or (target.layout == "kind" and (not out.suffix or out.is_dir()))
    name = name or out.resolve().name
    paths = _folder_paths(target, out, name, overwrite) if in_folder else _file_path(target, out, overwrite)
    write = _as_cells(target, out.suffix.lower()) if not in_folder and out.suffix.lower() in FLAT else target.write
    survey = _survey(samples, write, target)
    if not in_folder and target.layout == "kind":
        survey.keep_one_kind(target)
    files = [
        DataFile(paths(kind), kind, len(survey.rows[kind]), tuple(survey.columns[kind]), survey.tokens[kind])
        for kind in survey.kinds
    ]
    if not files and not in_folder:  # a file without rows
        files = [DataFile(out, next(iter(target.kinds)), 0, ())]
    advice = [text for file in files if (text := target.advice(file)) is not None]
    return Export(target, out, files, survey.left_out, survey.remarks, advice, name, samples, write)


def _folder_paths(target: Target, out: Path, name: str, overwrite: bool) -> Callable[[str], Path]:
    """Where each kind goes in a folder, once nothing is there that must stay."""
    if out.is_file() or (out.suffix.lower() in NESTED + FLAT and not out.is_dir()):
        raise UsageError(
            worded("{out}: a file where a folder was expected", out=out),
            worded("The format {name} is a folder.", name=target.name),
        )
    paths = {kind: out / f"{target.data_name(name, kind)}{target.suffixes[0]}" for kind in target.kinds}
    for path in paths.values():
        if path.parent != out or path.name.startswith("."):
            raise UsageError(
                worded("--name {name}: not a name for files", name=name),
                worded("Give one without slashes and dots before it."),
            )
    target.check(out, name, overwrite)
    for path in paths.values():
        check_output(path, overwrite=overwrite)
    return paths.__getitem__


def _file_path(target: Target, out: Path, overwrite: bool) -> Callable[[str], Path]:
    suffix = out.suffix.lower()
    if suffix not in target.suffixes:
        if suffix in FLAT:
            problem = f"{out}: {target.name} holds lists of turns, which {suffix} has no place for"
        else:
            problem = f"{out}: cannot write {suffix or 'a file without a suffix'}"
        raise UsageError(problem, worded("Give a name that ends in {suffixes}.", suffixes=", ".join(target.suffixes)))
    check_output(out, overwrite=overwrite)
    return lambda kind: out


@dataclass(slots=True)
class _Survey:
    """What a target makes of samples: numbers and columns by kind, and what it says about them."""

    rows: dict[str, Numbers] = field(default_factory=dict)
    columns: dict[str, dict[str, None]] = field(default_factory=lambda: defaultdict(dict))
    tokens: Counter[str] = field(default_factory=Counter)
    left_out: dict[str, Numbers] = field(default_factory=dict)
    remarks: dict[str, Numbers] = field(default_factory=dict)
    kinds: list[str] = field(default_factory=list)

    def keep_one_kind(self, target: Target) -> None:
        """Trainers take a file of answers or of preference pairs: keep the kind that has more rows."""
        plain, pairs = target.kinds
        if len(self.kinds) < 2:
            return
        if len(self.rows[pairs]) > len(self.rows[plain]):
            self.kinds = [pairs]
            why, other = worded("it has no rejected answer, and most rows of this file are preference pairs"), plain
        else:
            self.kinds = [plain]
            why, other = worded("it is a preference pair, and most rows of this file are not"), pairs
        self.left_out[why] = self.rows[other]


def _survey(samples: Iterable[Sample], write: Write, target: Target) -> _Survey:
    survey = _Survey()
    rows, left_out, remarks = (defaultdict[str, "array[int]"](lambda: array("q")) for _ in range(3))
    for sample in samples:
        try:
            kind, row = write(sample)
        except InexpressibleError as error:
            left_out[str(error)].append(sample.row)
            continue
        rows[kind].append(sample.row)
        survey.columns[kind].update(dict.fromkeys(row))
        survey.tokens[kind] += target.tokens(row)
        for remark in target.remarks(sample, row):
            remarks[remark].append(sample.row)
    survey.rows |= rows
    survey.left_out |= left_out
    survey.remarks |= remarks
    survey.kinds = [kind for kind in target.kinds if kind in rows]
    return survey


def _as_cells(target: Target, suffix: str) -> Write:
    """Rows of a table; what does not fit one is left out."""
    flat = target.flat
    assert flat is not None

    def write(sample: Sample) -> tuple[str, Row]:
        kind, row = flat(sample)
        if "history" in row:
            raise InexpressibleError(worded("it has several rounds, which a table has no place for"))
        if not any(row.values()):
            raise InexpressibleError(worded("all its texts are empty, so that a table would not show it"))
        if suffix == ".xlsx" and not all(map(fits_cell, row.values())):
            raise InexpressibleError(worded("a text is longer than the 32,767 characters of a cell"))
        return kind, row

    return write
