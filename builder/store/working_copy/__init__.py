"""A dataset at an address, worked on in a copy on this machine: locks, SQLite and atomic renames need a disk.

    with working_copy(Address.parse("s3://bucket/datasets/ours"), reporter, use="change") as root:
        curate_folder(root, …)            what changed is sent when the block ends well

At the address are the folder's files under their own names, and CONTENTS.json, which lists them with their hashes:

    samples/ signals/ publish/ verdicts.parquet MANIFEST.json …    as in any dataset folder
    CONTENTS.json                                                  the decision: what the dataset is now
    .push/<sha256>                                                 files on their way

Changed files are sent to `.push/` first, then CONTENTS.json is written, then they are copied to their names, MANIFEST.json
last. A reader takes a file from `.push/` while the one under its name is still the old one, so it gets the old or the new
dataset whole, and a push that was cut short is taken up where it stopped. A dataset that was copied there by other means has
no CONTENTS.json, and is read by its manifest.

CONTENTS.json is written only if it is still the one that was fetched. S3 makes sure of that itself; other stores have no lock,
and there two writers that look in the same moment, some milliseconds, are not told apart.
"""

import contextlib
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

from builder.errors import UsageError
from builder.language.messages import worded
from builder.progress import Reporter
from builder.store.addresses import Address
from builder.store.dataset_folder import DatasetFolder
from builder.store.object_store import Store, naming_errors
from builder.store.working_copy.contents import PUSH, Contents, read_contents
from builder.store.working_copy.exchange import Exchange
from builder.store.working_copy.local_copy import STATE, LocalCopy, State, address_of

__all__ = ["Use", "address_of", "working_copy"]

Use = Literal["read", "verify", "change", "make"]


@contextlib.contextmanager
def working_copy(address: Address, reporter: Reporter, *, use: Use) -> Iterator[Path]:
    """The copy of a dataset at an address, brought up to date; errors that pass name the address.

    Args:
        use: `read` it, `verify` it (every file is fetched anew), `change` it, or `make` a new one. The last two send what
            is there when the block ends without an error.

    Raises:
        InputFileError: no dataset is at the address.
        UsageError: a new one was to be made and something is there; or the copy holds changes that were never sent, and
            the address has changed since.
        FolderInUseError: another process works on the copy.
        IntegrityError: a file at the address is not what CONTENTS.json says.
        EndpointError, DiskError: see `builder.store.object_store`.
    """
    copy = _Copy(address, reporter)
    names = {str(copy.root): str(address)}
    with copy.lock(reading=use in ("read", "verify")) as may_change:
        with naming_errors(names):
            copy.bring_up_to_date(use, may_change=may_change)
        with reporter.naming(names):
            yield from _used(copy, use, names)


def _used(copy: "_Copy", use: Use, names: Mapping[str, str]) -> Iterator[Path]:
    if use in ("read", "verify"):
        with naming_errors(names):
            yield copy.root
        return
    copy.begin()
    try:
        with naming_errors(names):
            yield copy.root
    except BaseException:
        copy.end_early()
        raise
    copy.push()


class _Copy:
    def __init__(self, address: Address, reporter: Reporter) -> None:
        if "?" in address.whole:
            raise UsageError(
                worded("{address}: a dataset is many files, and a signed address is for one", address=address)
            )
        self._address = address
        self._reporter = reporter
        self._store = Store(address)
        self._local = LocalCopy(address)
        self._exchange = Exchange(address, self._store, self._local, reporter)
        self.root, self.lock, self.push = self._local.root, self._local.lock, self._exchange.push

    def bring_up_to_date(self, use: Use, *, may_change: bool) -> None:
        """Fetch what is not here, unless the copy has changes of its own."""
        there = read_contents(self._store)
        if self._local.state.changing and there is not None and there.sha256 == self._local.state.sending:
            self._exchange.settle(there)  # the push was cut short after its decision
        elif self._local.state.changing and self._local.unchanged():
            self._local.state.changing = False
        if self._local.state.changing:
            self._take_up(use, there)
        elif use == "make":
            self._check_free(there)
        else:
            self._exchange.fetch(fresh=use == "verify", may_change=may_change)
        if use in ("read", "verify"):
            self._local.share()

    def _take_up(self, use: Use, there: Contents | None) -> None:
        """The copy has changes that were never sent."""
        if (there.sha256 if there else None) != self._local.state.contents:
            raise UsageError(
                worded(
                    "{address}: it was changed by somebody else, and its copy here has changes that were never sent",
                    address=self._address,
                ),
                worded(
                    "Nothing is lost: move the copy, {home}, to another place, and run the command again. What it "
                    "holds, {name}, is a dataset folder like any other.",
                    home=self._local.home,
                    name=self._local.root.name,
                ),
            )
        whole = DatasetFolder(self._local.root).manifest_hash() is not None
        if use == "make" and whole:
            raise UsageError(
                worded("{address}: a dataset was made for it, and could not be sent", address=self._address),
                worded("`seedbed report {address}` sends it.", address=self._address),
            )
        if use == "change" and whole:
            self.push()
        elif use in ("read", "verify"):
            self._reporter.say(
                worded(
                    "{address}: this is the copy here, with changes that were never sent; a command that changes the "
                    "dataset, such as `seedbed report`, sends them",
                    address=self._address,
                )
            )

    def _check_free(self, there: Contents | None) -> None:
        if there is not None:
            raise UsageError(
                worded("{address}: holds a dataset already", address=self._address),
                worded(
                    "Choose another --out, or decide again in place with `seedbed curate {address}`.",
                    address=self._address,
                ),
            )
        others = [name for name in self._store.find() if not name.startswith(f"{PUSH}/")]
        if others:
            raise UsageError(
                worded("{address}: holds other files, such as {others}", address=self._address, others=others[0]),
                worded("Choose an address below which nothing is."),
            )
        shutil.rmtree(self._local.root, ignore_errors=True)
        self._local.state = State(str(self._address))

    def begin(self) -> None:
        """From here on the copy may differ from what is at the address."""
        self._local.state.changing = True
        self._local.save()

    def end_early(self) -> None:
        """After an error: a copy that did not change is as good as before; another one is kept."""
        if self._local.unchanged():
            self._local.state.changing = False
            self._local.save()
        elif self._local.root.exists():
            self._reporter.say(
                worded(
                    "nothing was sent; what was done is kept in {home}, and the next command goes on with it",
                    home=self._local.home,
                )
            )
        else:
            (self._local.home / STATE).unlink(missing_ok=True)
