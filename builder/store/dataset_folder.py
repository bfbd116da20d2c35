"""One dataset's folder: its paths, its lock, its tables and its manifest.

The manifest is written last, so a folder with a valid manifest is complete.
"""

import contextlib
import fcntl
import os
import re
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from builder.errors import (
    FolderInUseError,
    InputFileError,
    IntegrityError,
)
from builder.language.messages import worded
from builder.schema import (
    REJECTION_SCHEMA,
    SAMPLE_SCHEMA,
    VERDICT_SCHEMA,
    Rejection,
    Sample,
    Verdict,
    as_record,
    sample_from_record,
    samples_table,
    verdict_from_record,
)
from builder.store.files import (
    check_name,
    disk_errors,
    is_temporary,
    keep_copy,
    parquet_file,
    remove_temporary_files,
    write_table,
)
from builder.store.journal import LEDGERS, LIVE_FILES, STAGING, Described, note, while_written
from builder.store.manifest import STRAY, Manifest, Problem, compare, hash_json
from builder.store.ownership import MARK, check_folder
from builder.store.reviews import Reviews

ROWS_PER_PART = 50_000
# Bytes that are hashed before rows are looked at: a tenth of a second on one core.
_HASHED_TO_LOOK = 64 * 1024 * 1024
_REDACTED = re.compile(r"redacted:(\d{1,18}):")
_PART = re.compile(r"part-\d{5,}\.parquet")


class DatasetFolder:
    """Paths, lock, tables and manifest of one dataset folder.

    Args:
        root: the folder; it need not exist yet.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.called = root  # in messages: what is staged is called as what it will be
        self.settings = root / "seedbed.yaml"
        self.ledger = root / "ledger.sqlite"
        self.samples = root / "samples"
        self.rejections = root / "rejections"
        self.signals = root / "signals"
        self.search = root / "search"
        self.embeddings = root / "embeddings"
        self.judge_ledger = root / "judge.sqlite"
        self.categories_ledger = root / "categories.sqlite"
        self.reviews = Reviews(root)
        self.staging = root / STAGING
        self.verdicts = root / "verdicts.parquet"
        self.previous_verdicts = root / "verdicts-previous.parquet"
        self.publish = root / "publish"
        self.croissant = self.publish / "croissant.json"
        self.report_html = root / "report.html"
        self.report_json = root / "report.json"
        self._manifest = Manifest(root)
        self.manifest = self._manifest.path

    @classmethod
    def open(cls, root: Path) -> "DatasetFolder":
        """Open an existing folder.

        Raises:
            InputFileError: there is none, or it is not a dataset folder.
        """
        if not root.exists():
            raise InputFileError(
                root,
                worded("no such dataset folder"),
                remedy=worded("`seedbed build` or `seedbed curate` makes one."),
            )
        check_name(root)
        folder = cls(root)
        if not folder.settings.is_file():
            raise InputFileError(root, worded("not a dataset folder: it holds no seedbed.yaml"))
        return folder

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the folder for writing; freed by the kernel when the process ends, however it ends.

        Raises:
            FolderInUseError: another process holds it; the message names that process.
            UsageError: it is not ours (see `builder.store.ownership`).
        """
        check_folder(self.root)
        with disk_errors(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.root / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                owner = _process(descriptor) or "?"
                raise FolderInUseError(
                    worded("{root}: in use by process {owner}", root=self.root, owner=owner),
                    worded("Wait for it to end, or stop it; the folder is free as soon as that process is gone."),
                ) from None
            with disk_errors(self.root):  # the mark is written over itself: it is never missing
                os.ftruncate(descriptor, os.pwrite(descriptor, f"{MARK}{os.getpid()}\n".encode(), 0))
            self._manifest.watch()
            yield
            os.ftruncate(descriptor, len(MARK))
        finally:
            self._manifest.forget_nothing()
            os.close(descriptor)

    def owner(self) -> str | None:
        """The process that holds the folder for writing; None where none does."""
        try:
            descriptor = os.open(self.root / ".lock", os.O_RDONLY)
        except FileNotFoundError:
            return None
        try:
            process = _process(descriptor)
            if not process:
                return None  # freed in order
            # A killed process leaves its number behind, and the kernel has freed its lock.
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return process
        finally:
            os.close(descriptor)
        return None

    def write_samples(self, samples: Iterable[Sample]) -> int:
        """Append samples as new parts; existing parts are never changed. Returns how many were written.

        Raises:
            ValueError: the rows do not continue the numbering.
        """
        self._manifest.watch()
        first, part = self._next_row_and_part()
        remaining = iter(samples)
        written = 0
        while chunk := list(islice(remaining, ROWS_PER_PART)):
            for row, sample in enumerate(chunk, first + written):
                if sample.row != row:
                    raise ValueError(f"row {sample.row} does not follow row {row - 1}")
            write_table(self._part(self.samples, part), samples_table(chunk))
            part, written = part + 1, written + len(chunk)
        return written

    def write_rejections(self, rejections: Iterable[Rejection]) -> None:
        """Append one part of rejections; none is written where there are none."""
        records = [as_record(rejection) for rejection in rejections]
        if records:
            self._manifest.watch()
            path = self._part(self.rejections, len(self.parts(self.rejections)))
            write_table(path, pa.Table.from_pylist(records, schema=REJECTION_SCHEMA))

    def _next_row_and_part(self) -> tuple[int, int]:
        parts = self.parts(self.samples)
        return sum(pq.read_metadata(part).num_rows for part in parts), len(parts)

    @staticmethod
    def _part(folder: Path, number: int) -> Path:
        return folder / f"part-{number:05d}.parquet"

    @staticmethod
    def parts(folder: Path) -> list[Path]:
        """The part files of a table, in order."""
        return sorted(path for path in folder.glob("part-*.parquet") if _PART.fullmatch(path.name))

    def count_samples(self) -> int:
        """How many rows the folder holds, read from the parts' footers."""
        return self._next_row_and_part()[0]

    def samples_table(self) -> pa.Table:
        """All samples in row order; columns that an older part lacks are null.

        Raises:
            IntegrityError: a part cannot be read.
        """
        return self._read_parts(self.samples, SAMPLE_SCHEMA)

    def iter_samples(self) -> Iterator[Sample]:
        """All samples in row order, one at a time."""
        for table in self.iter_sample_tables():
            yield from samples_from_table(table)

    def iter_sample_tables(self, first: int = 0, last: int | None = None) -> Iterator[pa.Table]:
        """All samples in row order, a row group at a time; columns that an older part lacks are null.

        Args:
            first, last: row groups that hold no row from the one to the other, both included, are left out.
        """
        before = 0
        for part in self.parts(self.samples):
            with parquet_errors(part), parquet_file(part) as file:
                for number in range(file.num_row_groups):
                    start, before = before, before + file.metadata.row_group(number).num_rows
                    if before > first and (last is None or start <= last):
                        # Threads of its own would only get in the way of the threads that publish.
                        yield _promoted([file.read_row_group(number, use_threads=False)], SAMPLE_SCHEMA)

    def sample_columns(self, columns: Sequence[str]) -> pa.Table:
        """Some columns of all samples, in row order."""
        schema = pa.schema([SAMPLE_SCHEMA.field(name) for name in columns])
        return _promoted([_read_parquet(part, columns) for part in self.parts(self.samples)], schema)

    def sample_records(self, rows: Collection[int], columns: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """Some rows' samples in row order, whole or some columns; only the row groups that hold them are read."""
        records: list[dict[str, Any]] = self.sample_rows(rows, columns).to_pylist()
        return records

    def sample_rows(self, rows: Collection[int], columns: Sequence[str] | None = None) -> pa.Table:
        """The same as a table."""
        schema = SAMPLE_SCHEMA if columns is None else pa.schema([SAMPLE_SCHEMA.field(name) for name in columns])
        return _rows_of(self.parts(self.samples), rows, schema)

    def verdict_record(self, row: int) -> dict[str, Any]:
        """One row's verdict; only its row group is read.

        Raises:
            InputFileError: the folder was not curated yet.
            IntegrityError: there is none.
        """
        self.refuse_undecided()
        found = _rows_of([self.verdicts], [row], VERDICT_SCHEMA).to_pylist()
        if not found:
            raise IntegrityError(
                worded("{verdicts}: row {row} has no verdict", verdicts=self.verdicts, row=row),
                worded("`seedbed curate {root}` decides every row anew.", root=self.root),
            )
        record: dict[str, Any] = found[0]
        return record

    def partitions(self, rows: int, first: int = 0) -> list["Partition"]:
        """The samples from row `first` on, cut into slices of at most `rows` rows that never cross a part."""
        cut: list[Partition] = []
        before = 0
        for part in self.parts(self.samples):
            with parquet_errors(part):
                count = pq.read_metadata(part).num_rows
            for start in range(max(0, first - before), count, rows):
                cut.append(Partition(part, start, min(rows, count - start)))
            before += count
        return cut

    def rejections_table(self) -> pa.Table:
        """All rejections in the order they were read."""
        return self._read_parts(self.rejections, REJECTION_SCHEMA)

    def _read_parts(self, folder: Path, schema: pa.Schema) -> pa.Table:
        return _promoted([_read_parquet(part) for part in self.parts(folder)], schema)

    def write_verdicts(self, verdicts: Iterable[Verdict] | pa.Table) -> None:
        """Replace the verdicts; other ones that were there stay as `verdicts-previous.parquet`."""
        if not isinstance(verdicts, pa.Table):
            verdicts = pa.Table.from_pylist([as_record(v) for v in verdicts], schema=VERDICT_SCHEMA)
        self._manifest.watch()
        before = self.readable_verdicts()
        # A decision that is made again, as after a kill, leaves the last other one there.
        if before is not None and not before.equals(verdicts):
            keep_copy(self.verdicts, self.previous_verdicts, self._manifest.known().get(self.verdicts.name))
        write_table(self.verdicts, verdicts)

    def readable_verdicts(self) -> pa.Table | None:
        """The verdicts in row order; None where there are none, or not those that were written: they are decided anew."""
        try:
            self.check(self.verdicts)
            return _read_parquet(self.verdicts)
        except (InputFileError, IntegrityError):
            return None

    def read_verdicts(self) -> list[Verdict]:
        """The verdicts in row order.

        Raises:
            InputFileError: the folder was not curated yet.
        """
        return [verdict_from_record(record) for record in self.verdicts_table().to_pylist()]

    def verdicts_table(self, columns: Sequence[str] | None = None, path: Path | None = None) -> pa.Table:
        """The verdicts in row order, or some of their columns; raises as `read_verdicts` does.

        Args:
            path: None is `verdicts`; the other ones are `previous_verdicts`.
        """
        self.refuse_undecided()
        return _read_parquet(path or self.verdicts, columns)

    def refuse_undecided(self) -> None:
        """Say what to do where there are no verdicts.

        Raises:
            InputFileError: the folder was not curated yet.
        """
        if not self.verdicts.is_file():
            raise InputFileError(
                self.root,
                worded("no verdicts yet"),
                remedy=worded("Run `seedbed curate {root}`.", root=self.root),
            )

    def write_signal(self, name: str, table: pa.Table) -> None:
        """Replace one signal: a table of `row` and its values."""
        self._manifest.watch()
        write_table(self.signals / f"{name}.parquet", table)

    def read_signal(self, name: str) -> pa.Table:
        """One signal's table."""
        return _read_parquet(self.signals / f"{name}.parquet")

    def withdraw_manifest(self) -> None:
        """Say that the folder is about to change: until the manifest is written again it is not complete."""
        self._manifest.withdraw()

    def write_manifest(self) -> str:
        """Describe every file as it was written, and none that Seedbed did not write; returns the manifest's own hash."""
        remove_temporary_files(self.root)
        return self._manifest.write()

    def refresh_manifest(self) -> None:
        """Write the manifest anew after a table was added, where there is one: an unfinished folder gets none by it."""
        if self.manifest.exists():
            self.write_manifest()

    def manifest_hash(self) -> str | None:
        """The manifest's own hash, or None where there is no whole manifest."""
        return self._manifest.own_hash()

    def publish_hash(self) -> str:
        """16 hex digits over the published files: equal rows in equal splits give equal hashes."""
        files = self.published_files()
        return hash_json([[Path(name).name, files[name]["sha256"]] for name in sorted(files)])[:16]

    def published_files(self) -> dict[str, Described]:
        """What the files of published rows are to be, by their names in the folder."""
        known = self._manifest.known()
        return {name: known[name] for name in known if name.startswith("publish/data/") and name.endswith(".parquet")}

    def known(self) -> dict[str, Described]:
        """What every file is to be, by its name in the folder, as far as Seedbed wrote it; see `builder.store.manifest`."""
        return self._manifest.known()

    def name_of(self, path: Path) -> str:
        """The name that a file has in the manifest."""
        return path.relative_to(self.root).as_posix()

    def take_over(self, staged: "DatasetFolder", names: Sequence[str]) -> None:
        """Know the files that are about to be moved here from a whole folder as what they are there.

        Args:
            names: of the files and folders that were replaced.
        """
        old, new = self.known(), staged.known()
        for name in sorted({*old, *new}):
            if name.partition("/")[0] in names and old.get(name) != (described := new.get(name)):
                stays = described is not None and name in LEDGERS and (self.root / name).exists()
                note(self.root / name, while_written(described) if described is not None and stays else described)

    def verify(self) -> list[Problem]:
        """Compare every file with the manifest and every review with its checksum; an empty list means all is well."""
        problems = [Problem(name, problem) for name, problem in self.reviews.problems()]
        return problems + self._manifest.verify(self._names(self.root))

    def problems(self, *paths: Path, by_size: bool = False) -> list[Problem]:
        """What of the files at or below some paths is damaged, missing, or a table that Seedbed did not write.

        Args:
            paths: need not be there; those of another folder are its own to check.
            by_size: do not read them, since whoever does looks at the checksums of their pages.
        """
        paths = tuple(path for path in paths if path.is_relative_to(self.root))
        within = [self.name_of(path) for path in paths]

        def asked(name: str) -> bool:
            return any(name == one or name.startswith(f"{one}/") for one in within)

        known = {name: described for name, described in self.known().items() if asked(name)}
        # Of others only tables would be read.
        there = [name for path in paths for name in self._names(path) if name in known or name.endswith(".parquet")]
        return compare(self.root, known, there, by_size=by_size)

    def check(self, *paths: Path, by_size: bool = False) -> None:
        """Refuse files that are about to be read and are not what was written; takes what `problems` does.

        Raises:
            IntegrityError: one is damaged, missing, or was not written by Seedbed.
        """
        if not self.known() and any(path.exists() for path in paths):
            raise IntegrityError(
                worded(
                    "{root}: holds no {name}, so nobody knows whether its files are what was written",
                    root=self.root,
                    name=self.manifest.name,
                ),
                worded("Restore it from a copy. Without one, write the rows anew: {anew}.", anew=self._anew()),
            )
        self.refuse(self.problems(*paths, by_size=by_size))

    def refuse(self, problems: Sequence[Problem]) -> None:
        """Raise the first of some problems, where there are any.

        Raises:
            IntegrityError: names the file and the way out.
        """
        if problems:
            raise IntegrityError(f"{self.root / problems[0].path}: {problems[0].problem}", self._way_out(problems[0]))

    def check_finished(self, *paths: Path) -> None:
        """As `check`, and refuse a folder whose last command did not finish, or whose manifest is damaged.

        Raises:
            IntegrityError: see there.
        """
        self._check_manifest()
        if not self.manifest.exists():
            raise IntegrityError(
                worded(
                    "{root}: not finished: it holds no {name}, which is written last",
                    root=self.root,
                    name=self.manifest.name,
                ),
                worded(
                    "Wait for the command that changes it, or run that again; `seedbed status` says how far a build is."
                ),
            )
        self.check(*paths)

    def check_where_finished(self, *paths: Path) -> None:
        """As `check`, for looking at rows; an unfinished folder may be looked at as it is, also while it changes.

        To hash a million rows takes longer than to find one of them: of so many the sizes are compared, and who reads them looks
        at the checksums of their pages.
        """
        before = self.manifest_hash()
        self._check_manifest()
        if before is None:
            return
        try:
            size = sum((self.root / name).stat().st_size for path in paths for name in self._names(path))
            self.check(*paths, by_size=size > _HASHED_TO_LOOK)
        except IntegrityError:
            if self.manifest_hash() == before:
                raise

    def _check_manifest(self) -> None:
        if (damage := self._manifest.damage()) is not None:
            raise IntegrityError(f"{self.manifest}: {damage}", worded("Restore it from a copy."))

    def _anew(self) -> str:
        """The command that makes rows which are as they were written."""
        if self.ledger.exists():
            return f"`seedbed rebuild {self.root}`"
        return f"`seedbed curate {self.samples}/*.parquet --out NEW`"

    def _way_out(self, problem: Problem) -> str:
        if problem.problem == STRAY:
            return worded("Seedbed did not write it: move it out of the folder.")
        if problem.path.partition("/")[0] in (
            *("publish", self.search.name, self.report_html.name, self.report_json.name),
        ):
            return worded("`seedbed curate {root}` writes it anew.", root=self.root)
        if problem.path.partition("/")[0] in (self.samples.name, self.rejections.name) and self.ledger.exists():
            return worded(
                "Restore it from a copy, or write the rows anew from their replies: {anew}.", anew=self._anew()
            )
        return worded("Restore it from a copy; `seedbed verify {root}` lists all that differs.", root=self.root)

    def _names(self, path: Path) -> list[str]:
        """The names of the files at or below a path that do not change once they are written."""
        # What is staged is not walked into: a writer removes it meanwhile.
        tops = [one for one in path.iterdir() if one != self.staging] if path.is_dir() else [path]
        found = (one for top in tops for one in (top.rglob("*") if top.is_dir() else [top]))
        names = (self.name_of(one) for one in found if one.is_file())
        return sorted(name for name in names if name not in LIVE_FILES and not is_temporary(Path(name).name))


def _process(lock: int) -> str:
    """The process that a lock names."""
    return os.pread(lock, 100, 0).decode("utf-8", "replace").removeprefix(MARK).strip()


@dataclass(frozen=True, slots=True)
class Partition:
    """A slice of one part of the samples: `count` rows from the part's row `start` on.

    Attributes:
        rows: the slice itself, where it is packed for a machine that has no such file.
    """

    part: Path
    start: int
    count: int
    rows: pa.Table | None = None

    def packed(self) -> "Partition":
        """With its rows, to be read elsewhere.

        Raises:
            IntegrityError: the part cannot be read.
        """
        return replace(self, rows=self._table())

    def read(self) -> list[Sample]:
        """The samples.

        Raises:
            IntegrityError: the part cannot be read.
        """
        return list(samples_from_table(self._table() if self.rows is None else self.rows))

    def _table(self) -> pa.Table:
        """The rows; only the row groups that hold them are read."""
        with parquet_errors(self.part), parquet_file(self.part) as file:
            sizes = [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)]
            ends = list(accumulate(sizes))
            groups = [
                number
                for number, (end, size) in enumerate(zip(ends, sizes, strict=True))
                if end > self.start and end - size < self.start + self.count
            ]
            before = ends[groups[0]] - sizes[groups[0]]
            return file.read_row_groups(groups).slice(self.start - before, self.count)


def samples_from_table(table: pa.Table) -> Iterator[Sample]:
    """The rows of a table of samples."""
    return map(sample_from_record, table.to_pylist())


def _promoted(tables: Sequence[pa.Table], schema: pa.Schema) -> pa.Table:
    """Tables of one kind as one; columns that an older one lacks are null."""
    if "redaction_of" in schema.names:
        tables = [one if "redaction_of" in one.column_names else _with_redactions(one) for one in tables]
    return (
        pa.concat_tables([schema.empty_table(), *tables], promote_options="permissive")
        if tables
        else schema.empty_table()
    )


def _with_redactions(table: pa.Table) -> pa.Table:
    """Samples of when `source` said which row they are the redaction of, `redacted:17:mails.json#18`."""
    sources = table["source"].to_pylist() if "source" in table.column_names else [""] * len(table)
    rows = [int(found[1]) if (found := _REDACTED.match(source)) else None for source in sources]
    return table.append_column("redaction_of", pa.array(rows, pa.int64()))


def _read_parquet(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    with parquet_errors(path), parquet_file(path) as file:
        return file.read(columns)


def _rows_of(paths: Sequence[Path], rows: Collection[int], schema: pa.Schema) -> pa.Table:
    """Some rows of tables that hold the rows from 0 on in their order; what an older one lacks is null."""
    wanted = sorted(set(rows))
    found: list[pa.Table] = []
    before = 0
    for path in paths:
        with parquet_errors(path), parquet_file(path) as file:
            for number in range(file.num_row_groups):
                start, before = before, before + file.metadata.row_group(number).num_rows
                if places := [row - start for row in wanted[bisect_left(wanted, start) : bisect_left(wanted, before)]]:
                    found.append(_promoted([file.read_row_group(number, schema.names).take(places)], schema))
    return _promoted(found, schema)


@contextlib.contextmanager
def parquet_errors(path: Path) -> Iterator[None]:
    """Turn a missing or unreadable Parquet file into one clear error."""
    try:
        yield
    except FileNotFoundError:
        raise InputFileError(
            path, worded("no such file"), remedy=worded("`seedbed verify` shows what else is missing.")
        ) from None
    except (pa.ArrowException, OSError) as error:
        raise IntegrityError(
            worded("{path}: not a readable Parquet file ({name})", path=path, name=type(error).__name__),
            worded("`seedbed verify` shows what else changed; restore the file or build the folder again."),
        ) from None
