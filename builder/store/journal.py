"""What was written into a dataset folder since its manifest: a line for each file, on disk before the file is in place.

    {"name": "signals/judge.parquet", "by": "9f1c2a7e", "file": {"sha256": "…", "bytes": 5120, "rows": 12, "columns": […]}}
    {"name": "signals/guessed.parquet", "by": "9f1c2a7e", "file": null}         it is removed
    {"name": "ledger.sqlite", "by": "9f1c2a7e", "file": {"last_attempt": 57}}   see builder.requests.ledger_file

So a run that is killed leaves no file that nobody knows, and the next one need not believe what it finds. `builder.store.files` writes
the lines; `builder.store.manifest` reads them.
"""

import hashlib
import json
import os
import secrets
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

JOURNAL = "MANIFEST-pending.jsonl"

# Where a rebuild writes a whole folder anew, with a journal of its own, before it takes the place of what is there.
STAGING = ".rebuild"
LEDGERS = ("ledger.sqlite", "embeddings/ledger.sqlite", "judge.sqlite", "categories.sqlite")
# Not described by their bytes: they change after the manifest is written and have their own checks.
LIVE_FILES = frozenset(
    {
        *("MANIFEST.json", JOURNAL, ".lock", "reviews.jsonl", "reviews-unplaced.jsonl"),
        "CONTENTS.json",  # of a folder that was copied from an address (see builder.store.working_copy)
        *(f"{ledger}{end}" for ledger in LEDGERS for end in ("", "-wal", "-shm")),
    }
)

# What is known of a file: sha256 and bytes, of Parquet rows and columns too; of a ledger last_attempt and requests (see
# `builder.requests.ledger_file`).
Described = Mapping[str, Any]

_THIS_PROCESS = secrets.token_hex(4)


@dataclass(frozen=True, slots=True)
class Line:
    """What a file is to be from this line on; None where it is removed.

    Attributes:
        happened: a manifest or this process, which lives, says so; another one may have been killed before it was done.
    """

    name: str
    described: Described | None
    happened: bool


class Journal:
    """The journal of one folder.

    Args:
        root: the folder.
    """

    def __init__(self, root: Path) -> None:
        self.path = root / JOURNAL
        self._appending = threading.Lock()

    def note(self, name: str, described: Described | None) -> None:
        """Say, durably, what a file will be."""
        line = json.dumps({"name": name, "by": _THIS_PROCESS, "file": described}, ensure_ascii=False)
        with self._appending, self.path.open("ab") as file:
            # Led by an end of line: one that was cut short cannot spoil this one.
            file.write(f"\n{line}\n".encode("utf-8", "replace"))
            file.flush()
            os.fsync(file.fileno())

    def lines(self) -> Iterator[Line]:
        """What was noted, the oldest first; a line that was cut short or damaged says nothing."""
        try:
            text = self.path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return
        for line in filter(None, text.split("\n")):
            try:
                said = json.loads(line)
                name, described = str(said["name"]), said["file"]
                if described is None or described.keys() >= (
                    {"last_attempt"} if name in LEDGERS else {"sha256", "bytes"}
                ):
                    yield Line(name, described, said["by"] in (None, _THIS_PROCESS))
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                continue

    def begin_with(self, files: Mapping[str, Described]) -> bytes:
        """The journal as it is, led by what a manifest says of files."""
        lines = [
            json.dumps({"name": name, "by": None, "file": file}, ensure_ascii=False) for name, file in files.items()
        ]
        there = self.path.read_bytes() if self.path.is_file() else b""
        return "\n".join(lines).encode("utf-8", "replace") + b"\n" + there


_journals: dict[Path, Journal] = {}


def watch(root: Path) -> Journal:
    """The journal of a folder: from here on what this process writes below it is noted there."""
    return _journals.setdefault(root.absolute(), Journal(root.absolute()))


def note_written(path: Path, content: Path) -> None:
    """Note, before a file takes its place in a watched folder, what it will be.

    Args:
        path: its place.
        content: where it is now.
    """
    if (found := _place(path)) is not None:
        journal, name = found
        journal.note(name, describe(content, table=path.suffix == ".parquet"))


def note(path: Path, described: Described | None) -> None:
    """Note what is known already of a file that takes its place in a watched folder, or, with None, that it is removed."""
    if (found := _place(path, ledgers=True)) is not None:
        journal, name = found
        journal.note(name, described)


def _place(path: Path, *, ledgers: bool = False) -> tuple[Journal, str] | None:
    """The journal that a file belongs to, of the innermost watched folder, and its name there."""
    whole = path.absolute()
    for folder in whole.parents:
        journal = _journals.get(folder)
        if journal is not None:
            name = whole.relative_to(folder).as_posix()
            noted = name not in LIVE_FILES or (ledgers and name in LEDGERS)
            return (journal, name) if noted and not name.startswith(f"{STAGING}/") else None
    return None


def while_written(ledger: Described) -> Described:
    """What is known of a ledger while it is written, and where its writer was killed: what it held at least."""
    return {"last_attempt": ledger["last_attempt"]}


def describe(path: Path, *, table: bool) -> Described:
    """What a manifest says of a file; of a Parquet file its rows and columns too."""
    described: dict[str, Any] = {"sha256": hash_file(path), "bytes": path.stat().st_size}
    if table:
        metadata = pq.read_metadata(path)
        described |= {"rows": metadata.num_rows, "columns": metadata.schema.to_arrow_schema().names}
    return described


def hash_file(path: Path) -> str:
    """SHA-256, as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
