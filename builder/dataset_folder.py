"""One dataset's folder: its paths, its lock, its tables and its manifest.

The manifest is written last, so a folder with a valid manifest is complete.
"""

import contextlib
import fcntl
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from builder import __version__
from builder.errors import (
    FolderInUseError,
    InputFileError,
    IntegrityError,
)
from builder.files import disk_errors, remove_temporary_files, write_json, write_table, write_text
from builder.schema import (
    REJECTION_SCHEMA,
    SAMPLE_SCHEMA,
    VERDICT_SCHEMA,
    Rejection,
    Sample,
    Verdict,
    as_record,
    sample_from_record,
    verdict_from_record,
)

MANIFEST_VERSION = 1
ROWS_PER_PART = 50_000

# Not in the manifest: they change after it is written and have their own checks.
_LIVE_FILES = frozenset(
    {
        "MANIFEST.json",
        ".lock",
        "reviews.jsonl",
        "reviews-unplaced.jsonl",
        "ledger.sqlite",
        "ledger.sqlite-wal",
        "ledger.sqlite-shm",
    }
)


@dataclass(frozen=True, slots=True)
class Review:
    """A human decision about one row; the last one for a row counts."""

    row: int
    id: str
    decision: Literal["keep", "drop"]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding of `verify`: a path inside the folder and what is wrong with it."""

    path: str
    problem: str


class DatasetFolder:
    """Paths, lock, tables and manifest of one dataset folder.

    Args:
        root: the folder; it need not exist yet.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.settings = root / "seedbed.yaml"
        self.ledger = root / "ledger.sqlite"
        self.samples = root / "samples"
        self.rejections = root / "rejections"
        self.signals = root / "signals"
        self.reviews = root / "reviews.jsonl"
        # Reviews whose conversation is in no row now, after a rebuild under other settings.
        self.unplaced_reviews = root / "reviews-unplaced.jsonl"
        # Where a rebuild writes everything anew before it takes the place of what is there.
        self.staging = root / ".rebuild"
        self.verdicts = root / "verdicts.parquet"
        self.publish = root / "publish"
        self.report_html = root / "report.html"
        self.report_json = root / "report.json"
        self.manifest = root / "MANIFEST.json"

    @classmethod
    def open(cls, root: Path) -> "DatasetFolder":
        """Open an existing folder.

        Raises:
            InputFileError: there is none, or it is not a dataset folder.
        """
        if not root.exists():
            raise InputFileError(
                root,
                "no such dataset folder",
                remedy="`seedbed build` or `seedbed curate` makes one.",
            )
        folder = cls(root)
        if not folder.settings.is_file():
            raise InputFileError(root, "not a dataset folder: it holds no seedbed.yaml")
        return folder

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the folder for writing; freed by the kernel when the process ends, however it ends.

        Raises:
            FolderInUseError: another process holds it; the message names that process.
        """
        with disk_errors(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.root / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                owner = os.pread(descriptor, 100, 0).decode("utf-8", "replace").strip() or "unknown"
                raise FolderInUseError(
                    f"{self.root}: in use by process {owner}",
                    "Wait for it to end, or stop it; the folder is free as soon as that process is gone.",
                ) from None
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
            yield
            os.ftruncate(descriptor, 0)
        finally:
            os.close(descriptor)

    def owner(self) -> str | None:
        """The process that holds the folder for writing; None where none does."""
        try:
            descriptor = os.open(self.root / ".lock", os.O_RDONLY)
        except FileNotFoundError:
            return None
        try:
            process = os.pread(descriptor, 100, 0).decode("utf-8", "replace").strip()
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
        first, part = self._next_row_and_part()
        written = 0
        chunk: list[dict[str, Any]] = []
        for sample in samples:
            if sample.row != first + written:
                raise ValueError(f"row {sample.row} does not follow row {first + written - 1}")
            chunk.append(as_record(sample))
            written += 1
            if len(chunk) == ROWS_PER_PART:
                self._write_part(self.samples, part, chunk, SAMPLE_SCHEMA)
                part, chunk = part + 1, []
        if chunk:
            self._write_part(self.samples, part, chunk, SAMPLE_SCHEMA)
        return written

    def write_rejections(self, rejections: Iterable[Rejection]) -> None:
        """Append one part of rejections; none is written where there are none."""
        records = [as_record(rejection) for rejection in rejections]
        if records:
            self._write_part(
                self.rejections,
                len(self.parts(self.rejections)),
                records,
                REJECTION_SCHEMA,
            )

    def _next_row_and_part(self) -> tuple[int, int]:
        parts = self.parts(self.samples)
        return sum(pq.read_metadata(part).num_rows for part in parts), len(parts)

    @staticmethod
    def _write_part(folder: Path, number: int, records: list[dict[str, Any]], schema: pa.Schema) -> None:
        write_table(
            folder / f"part-{number:05d}.parquet",
            pa.Table.from_pylist(records, schema=schema),
        )

    @staticmethod
    def parts(folder: Path) -> list[Path]:
        """The part files of a table, in order."""
        return sorted(folder.glob("part-*.parquet"))

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
        for part in self.parts(self.samples):
            for record in _read_parquet(part).to_pylist():
                yield sample_from_record(record)

    def rejections_table(self) -> pa.Table:
        """All rejections in the order they were read."""
        return self._read_parts(self.rejections, REJECTION_SCHEMA)

    def _read_parts(self, folder: Path, schema: pa.Schema) -> pa.Table:
        tables = [_read_parquet(part) for part in self.parts(folder)]
        if not tables:
            return schema.empty_table()
        return pa.concat_tables([schema.empty_table(), *tables], promote_options="permissive")

    def write_verdicts(self, verdicts: Iterable[Verdict]) -> None:
        """Replace the verdicts."""
        write_table(
            self.verdicts,
            pa.Table.from_pylist([as_record(v) for v in verdicts], schema=VERDICT_SCHEMA),
        )

    def read_verdicts(self) -> list[Verdict]:
        """The verdicts in row order.

        Raises:
            InputFileError: the folder was not curated yet.
        """
        if not self.verdicts.is_file():
            raise InputFileError(
                self.root,
                "no verdicts yet",
                remedy=f"Run `seedbed curate {self.root}`.",
            )
        return [verdict_from_record(record) for record in _read_parquet(self.verdicts).to_pylist()]

    def write_signal(self, name: str, table: pa.Table) -> None:
        """Replace one signal: a table of `row` and its values."""
        write_table(self.signals / f"{name}.parquet", table)

    def read_signal(self, name: str) -> pa.Table:
        """One signal's table."""
        return _read_parquet(self.signals / f"{name}.parquet")

    def append_review(self, review: Review) -> None:
        """Append a human decision with its checksum; a torn last line is ended first, so it cannot spoil this one."""
        with disk_errors(self.reviews), self.reviews.open("ab+") as file:
            if file.tell() and (file.seek(-1, os.SEEK_END), file.read(1))[1] != b"\n":
                file.write(b"\n")
            file.write(_review_line(review).encode())
            file.flush()
            os.fsync(file.fileno())

    def read_unplaced_reviews(self) -> list[Review]:
        """The whole decisions whose conversation is in no row, in the order in which they were made."""
        return [review for review, _, _ in _review_lines(self.unplaced_reviews) if review is not None]

    def place_reviews(self, placed: Iterable[Review], unplaced: Iterable[Review]) -> None:
        """Append decisions that found their row, then keep the others as those that have none."""
        for review in placed:
            self.append_review(review)
        write_text(self.unplaced_reviews, "".join(map(_review_line, unplaced)))

    def inherit_reviews(self, source: "DatasetFolder") -> None:
        """Take over another folder's decisions, none of them placed yet; damaged lines stay for `verify` to show."""
        lines = [*_review_lines(source.unplaced_reviews), *_review_lines(source.reviews)]
        if lines:
            write_text(self.reviews, "".join(f"{line}\n" for review, line, _ in lines if review is None))
            write_text(self.unplaced_reviews, "".join(f"{line}\n" for review, line, _ in lines if review is not None))

    def read_reviews(self) -> dict[int, Review]:
        """The last whole decision for each row; lines whose checksum is wrong are left to `verify`."""
        return {review.row: review for review, _, _ in _review_lines(self.reviews) if review is not None}

    def write_manifest(self) -> str:
        """Hash every immutable file and write the manifest; returns the manifest's own hash."""
        remove_temporary_files(self.root)
        files = {name: self._describe_file(self.root / name) for name in self._immutable_files()}
        body = {"version": MANIFEST_VERSION, "seedbed": __version__, "files": files}
        write_json(self.manifest, {**body, "sha256": _hash_json(body)})
        return _hash_json(body)

    def manifest_hash(self) -> str | None:
        """The manifest's own hash, or None where there is no whole manifest."""
        try:
            return str(json.loads(self.manifest.read_text(encoding="utf-8"))["sha256"])
        except (OSError, ValueError, KeyError):
            return None

    def publish_hash(self) -> str:
        """16 hex digits over the published files: equal rows in equal splits give equal hashes."""
        files = sorted((self.publish / "data").glob("*.parquet"))
        return _hash_json([[path.name, _hash_file(path)] for path in files])[:16]

    def verify(self) -> list[Problem]:
        """Compare every file with the manifest and every review with its checksum; an empty list means all is well."""
        problems = [
            Problem(path.name, f"line {number}: its checksum does not match")
            for path in (self.reviews, self.unplaced_reviews)
            for review, _, number in _review_lines(path)
            if review is None
        ]
        try:
            manifest = json.loads(self.manifest.read_text(encoding="utf-8"))
            claimed = manifest.pop("sha256")
            files: Mapping[str, Any] = manifest["files"]
            if claimed != _hash_json(manifest):
                raise ValueError("its own hash does not match")
        except FileNotFoundError:
            return [
                *problems,
                Problem("MANIFEST.json", "missing: the run that writes it did not finish"),
            ]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return [*problems, Problem("MANIFEST.json", f"damaged ({error})")]
        present = set(self._immutable_files())
        problems += [Problem(name, "missing") for name in sorted(set(files) - present)]
        problems += [Problem(name, "not in the manifest") for name in sorted(present - set(files))]
        problems += [
            Problem(name, "its content is not what was written (SHA-256 differs)")
            for name in sorted(present & set(files))
            if _hash_file(self.root / name) != files[name]["sha256"]
        ]
        return problems

    def _immutable_files(self) -> list[str]:
        return sorted(
            path.relative_to(self.root).as_posix()
            for path in self.root.rglob("*")
            if path.is_file()
            and path.relative_to(self.root).as_posix() not in _LIVE_FILES
            and self.staging not in path.parents
        )

    @staticmethod
    def _describe_file(path: Path) -> dict[str, Any]:
        described: dict[str, Any] = {
            "sha256": _hash_file(path),
            "bytes": path.stat().st_size,
        }
        if path.suffix == ".parquet":
            metadata = pq.read_metadata(path)
            described |= {
                "rows": metadata.num_rows,
                "columns": metadata.schema.to_arrow_schema().names,
            }
        return described


def _read_parquet(path: Path) -> pa.Table:
    try:
        return pq.ParquetFile(path).read()
    except FileNotFoundError:
        raise InputFileError(path, "no such file", remedy="`seedbed verify` shows what else is missing.") from None
    except (pa.ArrowException, OSError) as error:
        raise IntegrityError(
            f"{path}: not a readable Parquet file ({type(error).__name__})",
            "`seedbed verify` shows what else changed; restore the file or build the folder again.",
        ) from None


def _review_lines(path: Path) -> Iterator[tuple[Review | None, str, int]]:
    """The decision in each line, or None where it is damaged; the line; its number."""
    if not path.is_file():
        return
    for number, line in enumerate(path.read_bytes().decode("utf-8", "replace").split("\n"), 1):
        if line:
            checksum, _, body = line.partition(" ")
            yield (Review(**json.loads(body)) if checksum == _line_checksum(body) else None), line, number


def _review_line(review: Review) -> str:
    body = json.dumps(asdict(review), ensure_ascii=False)
    return f"{_line_checksum(body)} {body}\n"


def _line_checksum(body: str) -> str:
    return hashlib.sha256(body.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _hash_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _hash_json(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
