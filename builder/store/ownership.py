"""Whose a place on the disk is: the folders that are datasets of ours, and the files that an output may replace.

A dataset folder is known by the mark in its `.lock`, which is written before anything else; one that was copied without its
lock, or made before there was a mark, by its manifest, or by settings beside rows or a ledger of ours.
"""

import json
import os
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from builder.errors import InputFileError, UsageError
from builder.language.messages import worded
from builder.store.files import check_name, is_temporary

MARK = "seedbed dataset folder\n"

_LITTER = frozenset({".DS_Store", "Thumbs.db", "desktop.ini", ".directory", "lost+found"})
# A command that is cut short before there is a dataset leaves at most these: a folder that was not put in place, vectors and
# categories that were paid for, and what is noted of them; a fork also the reviews that it begins with.
_CATEGORIES = ("categories.sqlite", "categories.sqlite-wal", "categories.sqlite-shm")
NOT_YET = frozenset({".rebuild", "embeddings", "MANIFEST-pending.jsonl", *_CATEGORIES})
_NOT_YET_FORKED = NOT_YET | {"reviews.jsonl", "reviews-unplaced.jsonl"}
_LEDGER = frozenset({"ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm"})
_OLD_LOCK = re.compile(r"\d*\n?")  # of a process, without the mark
_LEDGER_BEGINS = 1 << 16  # bytes of a ledger or its log in which its tables are named


def others_in(root: Path, *, but: frozenset[str] = frozenset()) -> list[str]:
    """The names in a folder that somebody put there; none where there is no folder.

    Args:
        but: names that do not count either.
    """
    if not root.exists():
        return []
    if not root.is_dir():
        raise InputFileError(root, worded("a file where a folder was expected"))
    lock = {".lock"} if _lock_text(root) is not None else set()
    names = {path.name for path in root.iterdir()} - _LITTER - but - lock
    return sorted(name for name in names if not is_temporary(name))


def is_dataset(root: Path) -> bool:
    """Whether a folder is a dataset of ours, finished or not."""
    begun = any((root / name).exists() for name in ("seedbed.yaml", "ledger.sqlite", ".rebuild"))
    if (_lock_text(root) or "").startswith(MARK):
        return begun
    return _has_manifest(root) or (
        (root / "seedbed.yaml").is_file() and (_has_rows(root / "samples" / "part-00000.parquet") or _has_ledger(root))
    )


def check_folder(root: Path) -> None:
    """Make sure that a dataset folder may be written here: it is one of ours, or there is nothing in it.

    Raises:
        UsageError: it holds other files, or is a part of a dataset folder; or its name cannot be used.
    """
    check_name(root)
    place = _place_of(root)
    if is_dataset(place):
        return
    expected = _NOT_YET_FORKED if (_lock_text(place) or "").startswith(MARK) else frozenset()
    if _has_ledger(place):  # alone: its rows can be read from it
        expected |= _LEDGER
    if others := others_in(place, but=expected):
        raise UsageError(
            worded(
                "{root}: not a dataset folder, and holds other files, such as {others}", root=root, others=others[0]
            ),
            worded("Choose a folder that is empty or not there yet; nothing in this one was changed."),
        )
    if (around := dataset_around(root)) is not None:
        raise UsageError(
            worded("{root}: inside the dataset folder {around}", root=root, around=around),
            worded("Choose a place outside of it."),
        )


def check_output(path: Path, *, overwrite: bool) -> None:
    """Make sure that a file may be written at a path.

    Args:
        overwrite: whether the user wants a file that is there replaced.

    Raises:
        UsageError: it is inside a dataset folder, is there already, or is no file that could be replaced; or its name cannot
            be used.
    """
    check_name(path)
    if (around := dataset_around(path)) is not None:
        raise UsageError(
            worded("{path}: inside the dataset folder {around}", path=path, around=around),
            worded("Choose a place outside of it."),
        )
    place = _place_of(path)
    if not os.path.lexists(place):
        return
    if not place.is_file():
        raise UsageError(
            worded("{path}: is there, and not as a file that could be replaced", path=path),
            worded("Choose another name."),
        )
    if not overwrite:
        raise UsageError(
            worded("{path}: exists already", path=path),
            worded("Choose another name, or have it replaced with --overwrite."),
        )


def _place_of(path: Path) -> Path:
    """Where a path leads once the folders in it are made: `new/../thesis` is there although `new` is not."""
    return Path(os.path.realpath(path.parent)) / path.name


def dataset_around(path: Path) -> Path | None:
    """The dataset folder that a path is, or is in; None where there is none."""
    whole = Path(os.path.realpath(path))
    return next((folder for folder in (whole, *whole.parents) if is_dataset(folder)), None)


def _lock_text(root: Path) -> str | None:
    """What is in a folder's lock; None where there is none, or one of somebody else's."""
    begins = _beginning(root / ".lock", 100)
    text = "?" if begins is None else begins.decode("utf-8", "replace")
    return text if text.startswith(MARK) or _OLD_LOCK.fullmatch(text) else None


def _has_manifest(root: Path) -> bool:
    try:
        manifest = json.loads(_beginning(root / "MANIFEST.json", -1) or b"")
    except (ValueError, RecursionError):
        return False
    return isinstance(manifest, dict) and {"seedbed", "files", "sha256"} <= manifest.keys()


def _has_rows(part: Path) -> bool:
    try:
        return part.is_file() and {"row", "task_id", "messages"} <= {*pq.read_schema(part).names}
    except (OSError, pa.ArrowException):
        return False


def _has_ledger(root: Path) -> bool:
    files = (_beginning(root / name, _LEDGER_BEGINS) for name in ("ledger.sqlite", "ledger.sqlite-wal"))
    return any(b"reply_sha256" in (beginning or b"") for beginning in files)


def _beginning(path: Path, size: int) -> bytes | None:
    """The first bytes of a file; None where there is none that can be read."""
    try:
        if not path.is_file():  # a pipe would be waited for
            return None
        with path.open("rb") as file:
            return file.read(size)
    except OSError:
        return None
