"""A folder's MANIFEST.json: every file that does not change, with its size and SHA-256; of a ledger its last attempt.

It is written last, so a folder with a valid manifest is complete; before anything in the folder changes it is withdrawn, and what
it says goes into the journal. A hash is taken of what Seedbed writes, as it writes it, and never again: a file that nobody wrote
keeps the hash that stood there, whatever became of its bytes; one that was lost stays in the manifest; one that Seedbed did not
write never gets into it.
"""

import hashlib
import json
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builder import __version__
from builder.language.messages import worded
from builder.store.files import write_bytes, write_json
from builder.store.journal import LEDGERS, LIVE_FILES, Described, Journal, Line, hash_file, watch

MANIFEST_VERSION = 1

# What is found, in words that are compared where what it means for a command differs.
STRAY = worded("not in the manifest")
UNFINISHED = worded("missing: the run that writes it did not finish")
_NOT_AS_WRITTEN = worded("its content is not what was written (SHA-256 differs)")


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
        self._journal = Journal(root)

    def watch(self) -> None:
        """From here on what this process writes into the folder is noted, and is in the next manifest."""
        watch(self._root)

    def withdraw(self) -> None:
        """Remove the manifest, since files are about to change; it may be missing."""
        self.watch()
        if self.path.exists():
            write_bytes(self._journal.path, self._journal.begin_with(self._described()))
            self.path.unlink()

    def write(self) -> str:
        """Write the manifest of all that is known; returns the manifest's own hash."""
        known = self.known()
        body: dict[str, Any] = {
            "version": MANIFEST_VERSION,
            "seedbed": __version__,
            "files": {name: known[name] for name in sorted(known) if name not in LIVE_FILES},
        }
        if ledgers := {name: known[name] for name in LEDGERS if name in known}:
            body["ledgers"] = ledgers
        write_json(self.path, {**body, "sha256": hash_json(body)})
        self._journal.path.unlink(missing_ok=True)
        return hash_json(body)

    def forget_nothing(self) -> None:
        """Remove a journal that says no more than that nothing is there, as after an import that failed."""
        if not self.path.exists() and not self.known():
            self._journal.path.unlink(missing_ok=True)

    def own_hash(self) -> str | None:
        """The manifest's own hash, or None where there is no whole manifest."""
        try:
            return str(self._loaded()["sha256"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def known(self) -> dict[str, Described]:
        """What every file of the folder is to be, ledgers among them: as the manifest says, and the journal after it.

        A process that was killed may have noted a file and not put it in its place; of what the file may be it is what is there.
        """
        said = {n: [Line(n, described, happened=True)] for n, described in self._described().items()}
        for line in self._journal.lines():
            said.setdefault(line.name, []).append(line)
        known = {name: self._settled(name, lines) for name, lines in said.items()}
        return {name: described for name, described in known.items() if described is not None}

    def _settled(self, name: str, lines: Sequence[Line]) -> Described | None:
        possible: list[Described | None] = [None]
        for line in lines:
            possible = [line.described] if line.happened else [*possible, line.described]
        last = possible[-1]
        if name in LEDGERS or all(one == last for one in possible):
            return last
        path = self._root / name
        if not path.is_file():
            return None if None in possible else last
        sha256 = hash_file(path)
        known = [one for one in possible if one is not None]
        return next((one for one in known if one["sha256"] == sha256), known[-1])

    def verify(self, names: Collection[str]) -> list[Problem]:
        """Compare every file with the manifest, whatever was known of it; an empty list means all is well.

        Args:
            names: of the files that are there, relative to the folder.
        """
        if not self.path.exists():
            problems = [Problem(self.path.name, UNFINISHED)]
            known = self.known()
            # What is not known of an unfinished folder need not be damage, unlike what is.
            return (
                problems + compare(self._root, known, [name for name in names if name in known]) if known else problems
            )
        if (damage := self.damage()) is not None:
            return [Problem(self.path.name, damage)]
        return compare(self._root, self.known(), names)

    def damage(self) -> str | None:
        """Why the manifest says nothing although it is there; None where it is whole, or missing."""
        try:
            self._read()
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return worded("damaged ({error})", error=error)
        return None

    def _described(self) -> dict[str, Described]:
        """What the manifest itself says of files; nothing where it is missing or damaged."""
        try:
            manifest = self._read()
            return {**manifest["files"], **manifest.get("ledgers", {})}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return {}

    def _read(self) -> dict[str, Any]:
        manifest: dict[str, Any] = self._loaded()
        claimed = manifest.pop("sha256")
        dict(manifest["files"])
        if claimed != hash_json(manifest):
            raise ValueError(worded("its own hash does not match"))
        return manifest

    def _loaded(self) -> Any:
        try:
            return json.loads(self.path.read_text(encoding="utf-8"))
        except RecursionError:
            raise ValueError("nested too deeply") from None


def compare(
    root: Path, known: dict[str, Described], present: Collection[str], *, by_size: bool = False
) -> list[Problem]:
    """Compare the files of a folder with what they are to be; ledgers are compared by their own means.

    Args:
        known: what they are to be, by their names.
        present: the names of those that are there.
        by_size: do not read them.
    """
    expected = {name: described for name, described in known.items() if name not in LEDGERS}
    problems = [Problem(name, worded("missing")) for name in sorted(set(expected) - set(present))]
    problems += [Problem(name, STRAY) for name in sorted(set(present) - set(expected))]
    both = sorted(set(present) & set(expected))
    cut = {name for name in both if (root / name).stat().st_size != expected[name]["bytes"]}
    read = [name for name in both if name not in cut and not by_size]
    hashes = dict(zip(read, hash_files([root / name for name in read]), strict=True))
    wrong = [name for name in both if name in cut or (name in hashes and hashes[name] != expected[name]["sha256"])]
    return problems + [Problem(name, _NOT_AS_WRITTEN) for name in wrong]


def hash_json(value: Any) -> str:
    """The SHA-256 of a value as JSON, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def hash_files(paths: Sequence[Path]) -> list[str]:
    """The hashes of files, in threads: hashing leaves the interpreter free."""
    with ThreadPoolExecutor() as pool:
        return list(pool.map(hash_file, paths))
