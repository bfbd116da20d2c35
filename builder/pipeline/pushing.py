"""Sending a finished folder's published rows, with their card and croissant.json, to the Hugging Face hub."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from builder import hub
from builder.errors import IntegrityError, UsageError
from builder.language.messages import worded
from builder.pipeline.looking import verify
from builder.pipeline.publishing import read_report
from builder.progress import Reporter
from builder.reporting.croissant import as_text, completed
from builder.store.dataset_folder import DatasetFolder
from builder.store.journal import Described

_CARD = "README.md"


@dataclass(frozen=True, slots=True)
class Parcel:
    """What is to be sent, and where to.

    Attributes:
        licensed: whether the settings name a licence.
    """

    target: hub.Target
    files: tuple[hub.File, ...]
    licensed: bool


def prepare_push(
    root: Path,
    repository: str,
    *,
    revision: str = "main",
    private: bool | None = None,
    message: str | None = None,
    overwrite: bool = False,
) -> Parcel:
    """What `push_folder` would send; nothing is sent, and nobody is asked.

    croissant.json gets the members that name its place; every other file is sent as it is in the folder.

    Args:
        message: of the commit; None says how many rows there are.
        overwrite: replace rows and a card that `push` did not put there.

    Raises:
        UsageError: a name that no repository or branch has, or nothing was published.
        IntegrityError: a file is not what was written, or the folder is not finished.
    """
    folder = DatasetFolder.open(root)
    rows = folder.published_files()
    target = hub.Target(
        repository, hub.address_of_hub(), revision, private, message or _message(folder, rows), overwrite
    )
    hub.check_target(target)
    if not folder.publish.is_dir() or not rows:
        folder.check_finished()
        raise UsageError(
            worded("{root}: no rows are published", root=root),
            worded("Run `seedbed curate {root}`, which keeps those that pass.", root=root),
        )
    if not folder.croissant.is_file() and folder.name_of(folder.croissant) not in folder.known():
        raise UsageError(
            worded("{root}: an older version published it, without croissant.json", root=root),
            worded("`seedbed report {root}` writes it.", root=root),
        )
    folder.check_finished()
    folder.refuse(verify(root))
    described = json.loads(folder.croissant.read_text(encoding="utf-8"))
    return Parcel(target, tuple(_files(folder, target, described)), "license" in described)


def push_folder(parcel: Parcel, reporter: Reporter) -> hub.Pushed:
    """Send what was prepared; raises what `builder.hub.push` raises."""
    return hub.push(parcel.target, parcel.files, reporter)


def _message(folder: DatasetFolder, rows: Mapping[str, Described]) -> str:
    count = sum(int(file["rows"]) for file in rows.values())
    return f"{count:,} rows of {read_report(folder)['name']}" if rows else "no rows"


def _files(folder: DatasetFolder, target: hub.Target, described: dict[str, object]) -> list[hub.File]:
    known = folder.known()
    published = datetime.fromtimestamp(folder.manifest.stat().st_mtime, UTC).date().isoformat()
    whole = completed(
        described,
        address=target.address,
        revision=target.revision,
        publisher=target.repository.partition("/")[0],
        published=published,
    )
    files = []
    for name in sorted(name for name in known if name.startswith(f"{folder.publish.name}/")):
        path, inside = folder.root / name, name.partition("/")[2]
        if path == folder.croissant:
            content = as_text(whole).encode()
        elif inside == _CARD:
            content = path.read_bytes()
            if hashlib.sha256(content).hexdigest() != known[name]["sha256"]:
                raise IntegrityError(worded("{path}: it changed while it was being read", path=path))
        else:
            files.append(hub.File(inside, path, int(known[name]["bytes"]), str(known[name]["sha256"])))
            continue
        files.append(hub.File(inside, content, len(content), hashlib.sha256(content).hexdigest()))
    return files
