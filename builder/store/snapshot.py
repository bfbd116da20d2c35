"""One decision of a dataset folder, as readers see it beside a writer; no reader needs the lock.

    open_snapshot(DIR)      DIR/.rebuild where a whole decision waits there to be put in place, else DIR
    @consistent             reads again where another decision took the place of the one that was opened

Every decision is made in `.rebuild/`, a whole dataset folder of its own. Its manifest, written last, is the switch: from there on
it is what readers open, until its files are linked into their places and the folder's own manifest says so. There is no moment at
which a name leads to half a decision, whenever the writer is killed; and there is no link for a copy, an archive or a store of
objects to follow or to lose, so that a folder is moved by any means.
"""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Concatenate, NamedTuple, ParamSpec, TypeVar

from builder.errors import FolderInUseError
from builder.language.messages import worded
from builder.store.dataset_folder import DatasetFolder

# A decision takes longer than most reads; who meets this many in a row reads beside a loop.
_TRIES = 50

_P = ParamSpec("_P")
_T = TypeVar("_T")


def open_snapshot(root: Path) -> DatasetFolder:
    """The folder that holds the decision of now, with the reviews and ledgers of the dataset.

    Raises:
        InputFileError: there is no dataset folder.
    """
    folder = DatasetFolder(root)
    staged = DatasetFolder(folder.staging)
    if staged.manifest_hash() is None:
        return DatasetFolder.open(root)
    staged.called = root
    staged.reviews = folder.reviews
    for name in ("ledger", "judge_ledger", "categories_ledger", "embeddings"):
        if not getattr(staged, name).exists():
            setattr(staged, name, getattr(folder, name))
    return staged


class Decision(NamedTuple):
    """Which decision readers open: equal settings give an equal manifest again, so what counts is the file and its time.

    Attributes:
        waiting: it is still to be put in place.
        file, written: of its manifest: inode, and nanoseconds; 0 where there is none.
    """

    waiting: bool
    file: int
    written: int


def decision_of(root: Path) -> Decision:
    """The decision that readers open now."""
    folder = DatasetFolder(root)
    for waiting, path in ((True, DatasetFolder(folder.staging).manifest), (False, folder.manifest)):
        try:
            found = path.stat()
        except FileNotFoundError:
            continue
        return Decision(waiting, found.st_ino, found.st_mtime_ns)
    return Decision(waiting=False, file=0, written=0)


def consistent(read: Callable[Concatenate[Path, _P], _T]) -> Callable[Concatenate[Path, _P], _T]:
    """Let what reads a folder answer from one decision: where another one took its place meanwhile, it reads that one.

    Args:
        read: opens the folder by `open_snapshot`, and is done with its files when it returns.
    """

    @functools.wraps(read)
    def again(root: Path, /, *arguments: _P.args, **named: _P.kwargs) -> _T:
        for _ in range(_TRIES):
            before = decision_of(root)
            try:
                found = read(root, *arguments, **named)
            except Exception:  # a table whose files are gone looks empty, and anything may come of that
                if decision_of(root) == before:
                    raise
                continue
            if decision_of(root) == before:
                return found
        raise FolderInUseError(
            worded("{root}: decided again faster than it can be read", root=root),
            worded("Wait for the command that changes it, and try again."),
        )

    return again
