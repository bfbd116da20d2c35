"""What moves between an address and the copy here: only files that differ, and the decision before the files' own names."""

import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path

from builder.errors import EndpointError, FolderInUseError, InputFileError, IntegrityError, UsageError
from builder.language.messages import worded
from builder.progress import Reporter
from builder.store.addresses import Address
from builder.store.dataset_folder import DatasetFolder
from builder.store.object_store import Store, transfer
from builder.store.working_copy.contents import (
    CONTENTS,
    MANIFEST,
    PUSH,
    Contents,
    Entry,
    contents_body,
    parse_contents,
    read_contents,
)
from builder.store.working_copy.local_copy import LocalCopy, hash_file

_TRIES = 3  # to read a dataset while others write it


class Exchange:
    """Fetches what is at an address into the copy here, and sends what changed in it."""

    def __init__(self, address: Address, store: Store, local: LocalCopy, reporter: Reporter) -> None:
        self._address = address
        self._store = store
        self._local = local
        self._reporter = reporter

    def fetch(self, *, fresh: bool, may_change: bool) -> None:
        """Fetch the files that differ; where somebody writes meanwhile, what they wrote."""
        before: str | None = None
        for _ in range(_TRIES):
            contents = self._check_there(read_contents(self._store))
            if contents.sha256 == before:
                break
            before = contents.sha256
            lacking = {
                n: e for n, e in contents.files.items() if fresh or e.sha256 is None or not self._local.is_here(n, e)
            }
            if not may_change:
                if any(entry.sha256 for entry in lacking.values()):
                    raise FolderInUseError(
                        worded(
                            "{address}: another process reads its copy in {home}, which has to be brought up to date",
                            address=self._address,
                            home=self._local.home,
                        ),
                        worded("Wait for it to end, or name another folder for copies in SEEDBED_CACHE."),
                    )
                return
            damaged = self._fetch_files(contents, lacking)
            if damaged is None:
                return
        raise IntegrityError(
            worded(
                "{address}: its content is not what {contents} says (SHA-256 differs)",
                address=self._address / str(damaged),
                contents=CONTENTS,
            ),
            worded(
                "Restore it from a copy. Where a whole dataset was copied over another one, remove {contents} there.",
                contents=CONTENTS,
            ),
        )

    def _fetch_files(self, contents: Contents, lacking: Mapping[str, Entry]) -> str | None:
        """Fetch files, and remove what is no part of the dataset; the name of a file that is not what it should be."""
        size = sum(entry.bytes or 0 for entry in lacking.values())
        arriving = self._local.home / ".arriving"
        try:
            with contextlib.ExitStack() as stack:
                label = f"Fetching {self._address}"
                told = stack.enter_context(transfer(self._reporter, label, size)) if lacking else lambda _: None
                for name, entry in lacking.items():
                    if not self._arrives(name, entry, arriving, told):
                        return name
                    self._local.place(name, arriving)
        finally:
            arriving.unlink(missing_ok=True)
            self._local.save()
        for name in self._local.local_names():
            if name not in contents.files:
                (self._local.root / name).unlink()
                self._local.state.files.pop(name, None)
        self._local.state.contents = contents.sha256
        self._local.save()
        return None

    def _arrives(self, name: str, entry: Entry, arriving: Path, told: Callable[[int], None]) -> bool:
        """Whether a file can be fetched as it should be, from its place or from where it was sent to."""
        for place in (name, f"{PUSH}/{entry.sha256}"):
            with contextlib.suppress(InputFileError):
                self._store.fetch(place, arriving, told)
                if entry.sha256 in (None, hash_file(arriving)):
                    return True
        return False

    def _check_there(self, contents: Contents | None) -> Contents:
        """Raises `InputFileError` where no dataset is at the address."""
        if contents is None:
            raise InputFileError(
                str(self._address),
                worded("no dataset is there: neither {contents} nor {manifest}", contents=CONTENTS, manifest=MANIFEST),
                remedy=worded("`seedbed curate FILES --out ADDRESS` makes one."),
            )
        return contents

    def push(self) -> None:
        """Send what changed; nothing is sent where nothing did.

        Raises:
            UsageError: somebody else has written there since; what was done is kept.
            EndpointError: it could not be sent; the next push goes on where this one stopped.
        """
        if DatasetFolder(self._local.root).manifest_hash() is None:
            raise UsageError(
                worded("{address}: nothing was sent, since the dataset is not finished", address=self._address),
                worded("It is kept in {home}.", home=self._local.home),
            )
        try:
            self._send()
        except EndpointError as error:
            error.remedy += f" What was done is kept in {self._local.home}; `seedbed report {self._address}` sends it."
            raise

    def _send(self) -> None:
        if self._local.unchanged():
            self._local.state.changing = False
            self._local.save()
            return
        files, there = self._local.hashes(), self._check_same() or Contents("", {})
        # What the last push gave up is still there where that push was cut short.
        left = {name for name in there.removed if self._store.exists(name)}
        body = contents_body(files, sorted((there.files.keys() | left) - files.keys()))
        new = parse_contents(self._address, body)
        changed = {e.sha256: name for name, e in new.files.items() if e.sha256 and there.files.get(name) != e}
        self._stage({sha256: self._local.root / name for sha256, name in changed.items()})
        self._local.state.sending = new.sha256
        self._local.save()
        replaced = self._store.version(CONTENTS)
        self._check_same()
        if not self._store.write(CONTENTS, body, over=replaced) and read_contents(self._store) != new:
            raise self._conflict()  # where it is the new one, only the store's answer was lost
        self.settle(new)

    def _stage(self, paths: Mapping[str, Path]) -> None:
        there = set(self._store.find(PUSH))
        sizes = {sha256: path.stat().st_size for sha256, path in paths.items()}
        with transfer(self._reporter, f"Sending to {self._address}", sum(sizes.values())) as told:
            for sha256, path in paths.items():
                name = f"{PUSH}/{sha256}"
                if name not in there or self._store.size(name) != sizes[sha256]:
                    self._store.put(path, name)
                told(sizes[sha256])

    def settle(self, contents: Contents) -> None:
        """The decision is made: all else follows from it, and can be done again."""
        self._put_in_place(contents)
        self._local.state.files = {}
        for name, entry in contents.files.items():
            self._local.note(name, str(entry.sha256))
        self._local.state.contents, self._local.state.sending, self._local.state.changing = contents.sha256, None, False
        self._local.save()

    def _put_in_place(self, contents: Contents) -> None:
        staged = self._store.find(PUSH)
        for name in sorted(contents.files, key=lambda name: name == MANIFEST):
            at = f"{PUSH}/{contents.files[name].sha256}"
            if at in staged:
                self._store.copy(at, name)
        self._store.remove((*contents.removed, *staged))

    def _check_same(self) -> Contents | None:
        there = read_contents(self._store)
        if (there.sha256 if there else None) != self._local.state.contents:
            raise self._conflict()
        return there

    def _conflict(self) -> UsageError:
        return UsageError(
            worded(
                "{address}: somebody else has written there since it was fetched, and nothing was sent",
                address=self._address,
            ),
            worded(
                "What was done is kept in {home}: move that to another place, and run the command again on what "
                "is there now.",
                home=self._local.home,
            ),
        )
