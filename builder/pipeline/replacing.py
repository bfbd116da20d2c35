"""A dataset folder that takes over from another one, or is replaced as a whole.

    inherit(old, staged, …)     the ledger, to be read again, and the reviews, to be placed again
    writing(folder)             the folder's lock; a replacement that was cut short is completed first

What replaces a folder is written to its `.rebuild/` first, as a whole dataset folder. Its manifest, written last, is the
decision: from there on every process that opens the folder for writing moves the rest into place. Without it, what was
staged is removed and the folder is as it was.
"""

import contextlib
import json
import shutil
from collections.abc import Collection, Iterator

from builder.pipeline import row_settings
from builder.requests import inheriting
from builder.store.dataset_folder import DatasetFolder
from builder.store.files import disk_errors, remove_temporary_files

_REVIEWS = ("reviews.jsonl", "reviews-unplaced.jsonl")
# Its settings first: with them a folder can be opened, and what was cut short completed.
_WRITTEN_ANEW = (
    *("seedbed.yaml", "samples", "rejections", "signals", "verdicts.parquet", "verdicts-previous.parquet", "publish"),
    *("report.html", "report.json"),
)
_LEDGER = ("ledger.sqlite",)
# Their jobs have no requests, so none of them lacks a reply.
_WITHOUT_REQUESTS = ("procedural",)


@contextlib.contextmanager
def writing(folder: DatasetFolder) -> Iterator[bool]:
    """Hold a folder's lock, with what interrupted writers left behind put right; yields whether one of them was completed."""
    with folder.lock():
        remove_temporary_files(folder.root)
        yield complete_replacement(folder)


def staged_in(folder: DatasetFolder) -> DatasetFolder:
    """The folder in which what replaces another one is written first, with that one's reviews, vectors and categories asked for.

    They are found by their texts, so what was paid for them is never lost, whatever becomes of the rest.
    """
    staged = DatasetFolder(folder.staging)
    staged.reviews, staged.embeddings = folder.reviews, folder.embeddings
    staged.categories_ledger = folder.categories_ledger
    staged.withdraw_manifest()
    return staged


def inherit(source: DatasetFolder, target: DatasetFolder, settings: str, *, moved: bool) -> None:
    """Start a folder from another one's ledger and reviews; the other one stays as it is.

    Args:
        settings: the row settings that the replies are read with (see `row_settings`).
        moved: the two go separate ways from here (see `builder.requests.inheriting`).
    """
    target.inherit_reviews(source)
    meta = {row_settings.KEY: settings}
    # Last: a folder that has a ledger has all that it inherits.
    inheriting.inherit(source.ledger, target.ledger, meta, without_requests=_WITHOUT_REQUESTS, moved=moved)


def complete_replacement(folder: DatasetFolder) -> bool:
    """Move what is staged and decided into place; remove what is staged and not. Can be cut short and called again.

    Returns:
        Whether anything was moved.
    """
    staged = DatasetFolder(folder.staging)
    decided = staged.manifest_hash() is not None
    if decided:
        with disk_errors(folder.root):
            folder.withdraw_manifest()
            ours = folder.known()
            folder.take_over(staged, (*_WRITTEN_ANEW, *_LEDGER))
            _replace_ledger(folder, staged)
            _replace_files(folder, staged, ours)
        folder.write_manifest()
        staged.manifest.unlink()
    if staged.root.exists():
        shutil.rmtree(staged.root)
    return decided


def _replace_ledger(folder: DatasetFolder, staged: DatasetFolder) -> None:
    """A ledger that is there stays, with all that was paid for; only its order of reading changes."""
    if folder.ledger.exists() and staged.ledger.exists():
        inheriting.adopt(folder.ledger, staged.ledger)
    elif staged.ledger.exists():
        staged.ledger.replace(folder.ledger)


def _replace_files(folder: DatasetFolder, staged: DatasetFolder, ours: Collection[str]) -> None:
    files = json.loads(staged.manifest.read_text(encoding="utf-8"))["files"]
    whole = {name.partition("/")[0] for name in files}
    for name in (*_WRITTEN_ANEW, *_REVIEWS):
        old, new = folder.root / name, staged.root / name
        if not new.exists() and (name in whole or name in _REVIEWS):
            continue
        if old.is_dir():
            for path in old.rglob("*"):
                if not path.is_dir() and _is_theirs(folder.name_of(path), ours):
                    to = staged.root / folder.name_of(path)
                    to.parent.mkdir(parents=True, exist_ok=True)
                    path.replace(to)
            shutil.rmtree(old)
        if new.exists():
            new.replace(old)
        else:
            old.unlink(missing_ok=True)


def _is_theirs(name: str, ours: Collection[str]) -> bool:
    """Whether somebody else put a file there; of a table nobody can tell where it is not known what we wrote."""
    return name not in ours and (bool(ours) or not name.endswith((".parquet", "README.md")))
