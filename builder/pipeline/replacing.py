"""A dataset folder that takes over from another one, or is replaced as a whole.

    deciding(folder)            a folder beside, in which what this one holds is decided again
    inherit(old, staged, …)     the ledger, to be read again, and the reviews, to be placed again
    writing(folder)             the folder's lock; a replacement that was cut short is completed first

What replaces a folder is written to its `.rebuild/` first, as a whole dataset folder. Its manifest, written last, is the
decision: from there on readers open what is staged (see `builder.store.snapshot`), and every process that opens the folder for
writing puts it in place. Without it, what was staged is removed and the folder is as it was.
"""

import contextlib
import json
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path

from builder.pipeline import row_settings
from builder.recipes import RECIPES
from builder.requests import inheriting
from builder.store.dataset_folder import DatasetFolder
from builder.store.files import disk_errors, keep_copy, remove_temporary_files
from builder.store.journal import note

_REVIEWS = ("reviews.jsonl", "reviews-unplaced.jsonl")
# Its settings first: with them a folder can be opened, and what was cut short completed.
_WRITTEN_ANEW = (
    *(
        "seedbed.yaml",
        "samples",
        "rejections",
        "signals",
        "search",
        "verdicts.parquet",
        "verdicts-previous.parquet",
        "publish",
    ),
    *("report.html", "report.json"),
)
# What a folder that is decided again begins with. Its report is read for what is taken over from the last one.
_TAKEN_ALONG = (
    *("samples", "rejections", "signals", "search", "verdicts.parquet", "verdicts-previous.parquet", "publish"),
    "report.json",
)
_LEDGER = ("ledger.sqlite",)
# Their jobs have no requests, so none of them lacks a reply.
_WITHOUT_REQUESTS = tuple(recipe.name for recipe in RECIPES.values() if recipe.computed)


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


def _linked(folder: DatasetFolder) -> DatasetFolder:
    """A folder in the place for staging that holds what another one does, without a copy where the disk can do it.

    No file is written in place, so what is linked stays as it is. The ledgers are those of the folder itself.
    """
    staged, known = staged_in(folder), folder.known()
    with disk_errors(staged.root):
        for name in _TAKEN_ALONG:
            path = folder.root / name
            for file in path.rglob("*") if path.is_dir() else [path]:
                if file.is_file():
                    inside = file.relative_to(folder.root)
                    keep_copy(file, staged.root / inside, known.get(inside.as_posix()))
    for name in _LEDGER:
        if name in known:
            note(staged.root / name, known[name])
    staged.called = folder.called
    staged.ledger, staged.judge_ledger = folder.ledger, folder.judge_ledger
    return staged


@contextlib.contextmanager
def deciding(folder: DatasetFolder) -> Iterator[DatasetFolder]:
    """Yield a folder beside, which holds what this one does; once it is finished, it takes this one's place.

    New vectors and categories that were asked for go to the folder itself, whose manifest is written anew for them.
    """
    staged = _linked(folder)
    try:
        yield staged
    finally:
        folder.refresh_manifest()
        complete_replacement(folder)


def inherit(source: DatasetFolder, target: DatasetFolder, settings: str, *, moved: bool) -> None:
    """Start a folder from another one's ledger and reviews; the other one stays as it is.

    Args:
        settings: the row settings that the replies are read with (see `row_settings`).
        moved: the two go separate ways from here (see `builder.requests.inheriting`).
    """
    target.reviews.inherit(source.reviews)
    meta = {row_settings.KEY: settings}
    # Last: a folder that has a ledger has all that it inherits.
    inheriting.inherit(source.ledger, target.ledger, meta, without_requests=_WITHOUT_REQUESTS, moved=moved)


def complete_replacement(folder: DatasetFolder) -> bool:
    """Put what is staged and decided in place; remove what is staged and not. Can be cut short and called again.

    Returns:
        Whether anything was put in place.
    """
    staged = DatasetFolder(folder.staging)
    decided = staged.manifest_hash() is not None
    if decided:
        with disk_errors(folder.root):
            ours = folder.known()
            folder.take_over(staged, (*_WRITTEN_ANEW, *_LEDGER))
            _replace_ledger(folder, staged)
            _replace_files(folder, staged, ours)
            folder.write_manifest()
            staged.manifest.unlink()  # from here on readers open the folder itself
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
    """Link what is staged into its place: readers stand on the staged files until all of them are there."""
    files = json.loads(staged.manifest.read_text(encoding="utf-8"))["files"]
    whole = {name.partition("/")[0] for name in files}
    for name in _WRITTEN_ANEW:
        old, new = folder.root / name, staged.staging / name
        _link(staged, name)
        if not new.exists() and name in whole:
            continue
        if old.is_dir():
            for path in old.rglob("*"):
                if not path.is_dir() and _is_theirs(folder.name_of(path), ours):
                    to = staged.staging / folder.name_of(path)
                    to.parent.mkdir(parents=True, exist_ok=True)
                    path.replace(to)
            _move_away(old, staged.staging / f"{name}.old")
        if new.exists():
            new.replace(old)
        else:
            old.unlink(missing_ok=True)
    for name in _REVIEWS:
        if (staged.root / name).exists():
            (staged.root / name).replace(folder.root / name)


def _link(staged: DatasetFolder, name: str) -> None:
    """What is staged under a name, once more beside it; what a killed writer linked already stays, with all that it holds."""
    path = staged.root / name
    for file in path.rglob("*") if path.is_dir() else [path]:
        new = staged.staging / file.relative_to(staged.root)
        if file.is_file() and not new.exists():
            keep_copy(file, new, None)


def _move_away(old: Path, place: Path) -> None:
    """Leave the name free for a moment only: to remove many files takes longer."""
    if place.exists():
        shutil.rmtree(place)
    old.replace(place)


def _is_theirs(name: str, ours: Collection[str]) -> bool:
    """Whether somebody else put a file there; of a table nobody can tell where it is not known what we wrote."""
    return name not in ours and (bool(ours) or not name.endswith((".parquet", "README.md")))
