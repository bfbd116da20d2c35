"""The copy on this machine: its place, its lock, and what is known of its files."""

import contextlib
import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from builder.errors import FolderInUseError, IntegrityError
from builder.language.messages import worded
from builder.store.addresses import Address
from builder.store.files import disk_errors, write_json
from builder.store.working_copy.contents import LOCAL_ONLY, Entry

STATE = "copy.json"


@dataclass(slots=True)
class State:
    """What this machine knows of its copy.

    Attributes:
        contents: hash of the contents that were fetched or sent last; None before.
        sending: hash of the contents that a push is about to write.
        changing: a command has the copy for writing, or had when it was cut short.
        files: name → hash, bytes, mtime in nanoseconds.
    """

    address: str
    contents: str | None = None
    sending: str | None = None
    changing: bool = False
    files: dict[str, tuple[str, int, int]] = field(default_factory=dict)


def address_of(root: Path) -> str | None:
    """The address that a folder is the copy of; None for any other folder."""
    try:
        return str(json.loads((root.parent / STATE).read_text(encoding="utf-8"))["address"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _cache() -> Path:
    """`$SEEDBED_CACHE`, else the user's cache folder."""
    named = os.environ.get("SEEDBED_CACHE")
    if named:
        return Path(named).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "seedbed"


class LocalCopy:
    """The copy of what is at an address.

    Attributes:
        home: a folder of the copy's own in the cache.
        root: the dataset folder in it.
        state: as it was saved last.
    """

    def __init__(self, address: Address) -> None:
        self.home = (_cache() / hashlib.sha256(address.whole.encode()).hexdigest()[:16]).resolve()
        self.root = self.home / (address.name or "dataset")
        self.state = State(str(address))

    @contextlib.contextmanager
    def lock(self, *, reading: bool) -> Iterator[bool]:
        """Hold the copy; yields whether it may be changed, which it may not while others read it."""
        with disk_errors(self.home):
            self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(self.home / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            alone = _locked(descriptor, fcntl.LOCK_EX)
            if not alone and not (reading and _locked(descriptor, fcntl.LOCK_SH)):
                raise FolderInUseError(
                    worded(
                        "{address}: another process works on its copy in {home}",
                        address=self.state.address,
                        home=self.home,
                    ),
                    worded("Wait for it to end, or name another folder for copies in SEEDBED_CACHE."),
                )
            self._load()
            self._descriptor = descriptor
            yield alone
        finally:
            os.close(descriptor)

    def share(self) -> None:
        """Let others read it too; it must not be changed any more."""
        fcntl.flock(self._descriptor, fcntl.LOCK_SH)

    def place(self, name: str, arriving: Path) -> None:
        """Move a file that arrived to its place."""
        path = self.root / name
        with disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            arriving.replace(path)
        self.note(name, hash_file(path))

    def note(self, name: str, sha256: str) -> None:
        """Remember a file as it is now."""
        state = (self.root / name).stat()
        self.state.files[name] = (sha256, state.st_size, state.st_mtime_ns)

    def is_here(self, name: str, entry: Entry) -> bool:
        """Whether a file is as it is at the address, and was not touched since."""
        known, path = self.state.files.get(name), self.root / name
        if known is None or not path.is_file():
            return False
        state = path.stat()
        return known == (entry.sha256, state.st_size, state.st_mtime_ns)

    def unchanged(self) -> bool:
        """Whether every file is what was fetched or sent last."""
        known = {name: (sha256, size) for name, (sha256, size, _) in self.state.files.items()}
        return self.state.contents is not None and self.hashes() == known

    def hashes(self) -> dict[str, tuple[str, int]]:
        """Hash and bytes of each file; one that looks as it did is not read again."""
        hashes: dict[str, tuple[str, int]] = {}
        for name in self.local_names():
            state = (self.root / name).stat()
            sha256, size, mtime = self.state.files.get(name, ("", -1, -1))
            same = (size, mtime) == (state.st_size, state.st_mtime_ns)
            hashes[name] = (sha256 if same else hash_file(self.root / name), state.st_size)
        return hashes

    def local_names(self) -> list[str]:
        """The names of the dataset's files."""
        paths = (path.relative_to(self.root).as_posix() for path in self.root.rglob("*") if path.is_file())
        return sorted(name for name in paths if not LOCAL_ONLY.search(name))

    def _load(self) -> None:
        path = self.home / STATE
        if not path.is_file() or not self.root.is_dir():
            return
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
            files = {name: (sha256, size, mtime) for name, (sha256, size, mtime) in kept.pop("files").items()}
            self.state = State(**kept, files=files)
        except (ValueError, TypeError, KeyError, AttributeError):
            raise IntegrityError(
                worded("{path}: damaged", path=path),
                worded("Move {home} to another place and run the command again.", home=self.home),
            ) from None

    def save(self) -> None:
        """Keep the state for the next process."""
        write_json(self.home / STATE, asdict(self.state))


def _locked(descriptor: int, how: int) -> bool:
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def hash_file(path: Path) -> str:
    """SHA-256, as 64 hex digits."""
    with disk_errors(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
