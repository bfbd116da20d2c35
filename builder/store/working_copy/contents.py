"""What is at an address: CONTENTS.json, or the manifest of a dataset that was copied there by other means."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from builder.errors import IntegrityError
from builder.language.messages import worded
from builder.store.addresses import Address
from builder.store.journal import LEDGERS
from builder.store.object_store import Store

CONTENTS = "CONTENTS.json"
MANIFEST = "MANIFEST.json"
PUSH = ".push"
# Locks, what SQLite shares between processes, unfinished writes and rebuilds belong to a machine.
LOCAL_ONLY = re.compile(r"(^|/)\.lock$|-shm$|(^|/)\.[^/]*\.tmp[^/]*$|^\.rebuild/")
_MAX_BYTES = 64 * 2**20  # some 400,000 files
# Not in a manifest, and part of the dataset all the same.
_LIVE = ("reviews.jsonl", "reviews-unplaced.jsonl", *LEDGERS)
_SHA256 = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Entry:
    """One file as it is at the address; a hash of None is not known, and the file fetched each time."""

    sha256: str | None
    bytes: int | None


@dataclass(frozen=True, slots=True)
class Contents:
    """What is at the address: its own hash, the files by name, and names that the last push gave up."""

    sha256: str
    files: Mapping[str, Entry]
    removed: tuple[str, ...] = ()


def read_contents(store: Store) -> Contents | None:
    """What a store's address holds; None where no dataset is there.

    Raises:
        IntegrityError: it cannot be read as such.
    """
    body = store.read(CONTENTS, _MAX_BYTES)
    if body is not None:
        return parse_contents(store.address, body)
    manifest = store.read(MANIFEST, _MAX_BYTES)
    if manifest is None:
        return None
    described = parse_contents(store.address, manifest)
    live = [name for name in _LIVE if store.exists(name)]
    more = {MANIFEST: Entry(described.sha256, len(manifest)), **dict.fromkeys(live, Entry(None, None))}
    return Contents(described.sha256, {**described.files, **more})


def contents_body(files: Mapping[str, tuple[str, int]], removed: Sequence[str]) -> bytes:
    """CONTENTS.json for files by name, each with its hash and bytes."""
    described = {name: {"sha256": sha256, "bytes": size} for name, (sha256, size) in files.items()}
    return (json.dumps({"version": 1, "files": described, "removed": removed}, indent=1) + "\n").encode()


def parse_contents(address: Address, body: bytes) -> Contents:
    """CONTENTS.json or a manifest, by anybody: names stay below the folder, hashes are hashes.

    Raises:
        IntegrityError: it is neither.
    """
    try:
        tree = json.loads(body)
        files = {name: Entry(str(e["sha256"]), int(e["bytes"])) for name, e in tree["files"].items()}
        removed = tuple(map(str, tree.get("removed", ())))
        if not all(_is_safe(name) for name in (*files, *removed)):
            raise ValueError("a name that is no name of a dataset's file")
        if not all(_SHA256.fullmatch(entry.sha256 or "") for entry in files.values()):
            raise ValueError("a hash that is none")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise IntegrityError(
            worded(
                "{address}: {contents} or {manifest} is damaged ({name})",
                address=address,
                contents=CONTENTS,
                manifest=MANIFEST,
                name=type(error).__name__,
            ),
            worded("Restore it from a copy."),
        ) from None
    return Contents(hashlib.sha256(body).hexdigest(), files, removed)


def _is_safe(name: str) -> bool:
    parts = name.split("/")
    whole = not any(part in ("", ".", "..") or "\\" in part or "\0" in part for part in parts)
    return whole and parts[0] != PUSH and name != CONTENTS and not LOCAL_ONLY.search(name)
