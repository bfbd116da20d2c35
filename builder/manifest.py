"""A folder's MANIFEST.json: every file that does not change, with its size and SHA-256.

It is written last, so a folder with a valid manifest is complete; before anything in the folder changes it is withdrawn. A file
that nobody wrote since then keeps the hash that stood there: it is not read again, and if it was damaged meanwhile, `verify`
still says so.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from builder import __version__
from builder.files import write_json

MANIFEST_VERSION = 1

# What tells that a file is still the one that was hashed: its inode, size and time of its last change.
_Stamp = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding of `verify`: a path inside the folder and what is wrong with it."""

    path: str
    problem: str


class Manifest:
    """The manifest of one folder.

    Args:
        root: the folder.
    """

    def __init__(self, root: Path) -> None:
        self.path = root / "MANIFEST.json"
        self._root = root
        self._known: dict[Path, tuple[_Stamp, str]] = {}

    def withdraw(self) -> None:
        """Remove the manifest, since files are about to change; it may be missing."""
        try:
            files = self._read()
            written = self.path.stat().st_mtime_ns
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            files, written = {}, 0
        for name, described in files.items():
            path = self._root / name
            stamp = _stamp(path)
            # What changed as the manifest was written, or later, was not hashed for it.
            if stamp is not None and stamp[1] == described["bytes"] and stamp[2] < written:
                self._known[path] = (stamp, described["sha256"])
        self.path.unlink(missing_ok=True)

    def write(self, names: Sequence[str]) -> str:
        """Hash files and write the manifest; returns the manifest's own hash.

        Args:
            names: of the files, relative to the folder.
        """
        hashes = self.hashes([self._root / name for name in names])
        files = {name: _describe(self._root / name, sha256) for name, sha256 in zip(names, hashes, strict=True)}
        body = {"version": MANIFEST_VERSION, "seedbed": __version__, "files": files}
        write_json(self.path, {**body, "sha256": hash_json(body)})
        return hash_json(body)

    def hashes(self, paths: Sequence[Path]) -> list[str]:
        """The SHA-256 of files; each is read once as long as it stays as it is."""
        stamps = [_stamp(path) for path in paths]
        known = [self._known.get(path) for path in paths]
        changed = [
            path
            for path, stamp, before in zip(paths, stamps, known, strict=True)
            if before is None or before[0] != stamp
        ]
        fresh = dict(zip(changed, _hash_files(changed), strict=True))
        for path, stamp in zip(paths, stamps, strict=True):
            if path in fresh and stamp is not None:
                self._known[path] = (stamp, fresh[path])
        return [self._known[path][1] for path in paths]

    def own_hash(self) -> str | None:
        """The manifest's own hash, or None where there is no whole manifest."""
        try:
            return str(json.loads(self.path.read_text(encoding="utf-8"))["sha256"])
        except (OSError, ValueError, KeyError):
            return None

    def verify(self, names: Iterable[str]) -> list[Problem]:
        """Compare every file with the manifest, whatever was known of it; an empty list means all is well.

        Args:
            names: of the files that are there, relative to the folder.
        """
        try:
            files = self._read()
        except FileNotFoundError:
            return [Problem(self.path.name, "missing: the run that writes it did not finish")]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return [Problem(self.path.name, f"damaged ({error})")]
        present = set(names)
        problems = [Problem(name, "missing") for name in sorted(set(files) - present)]
        problems += [Problem(name, "not in the manifest") for name in sorted(present - set(files))]
        both = sorted(present & set(files))
        problems += [
            Problem(name, "its content is not what was written (SHA-256 differs)")
            for name, sha256 in zip(both, _hash_files([self._root / name for name in both]), strict=True)
            if sha256 != files[name]["sha256"]
        ]
        return problems

    def _read(self) -> dict[str, Any]:
        manifest = json.loads(self.path.read_text(encoding="utf-8"))
        claimed = manifest.pop("sha256")
        files: dict[str, Any] = manifest["files"]
        if claimed != hash_json(manifest):
            raise ValueError("its own hash does not match")
        return files


def hash_json(value: Any) -> str:
    """The SHA-256 of a value as JSON, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _stamp(path: Path) -> _Stamp | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _describe(path: Path, sha256: str) -> dict[str, Any]:
    described: dict[str, Any] = {"sha256": sha256, "bytes": path.stat().st_size}
    if path.suffix == ".parquet":
        metadata = pq.read_metadata(path)
        described |= {"rows": metadata.num_rows, "columns": metadata.schema.to_arrow_schema().names}
    return described


def _hash_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _hash_files(paths: Sequence[Path]) -> list[str]:
    """The hashes of files, in threads: hashing leaves the interpreter free."""
    with ThreadPoolExecutor() as pool:
        return list(pool.map(_hash_file, paths))
