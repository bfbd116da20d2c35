"""The settings that grown rows depend on: a folder goes on with the ones it was grown with, or is read again as a whole."""

import hashlib
import json
from dataclasses import asdict
from typing import Any

from builder.config import Growth, Settings
from builder.errors import UsageError
from builder.language.messages import listed, worded
from builder.pipeline.sources import Sources
from builder.requests.ledger import Ledger

# What the rows depend on: a run cannot go on with other values. Targets, budgets, caps, addresses and what an endpoint calls the
# members of a request may change.
_SECTIONS = ("seed", "novelty", "filters", "growth", "checks")
_OF_THE_TEACHER = ("provider", "model", "endpoints", "temperature", "max_tokens", "response_format", "faults")
KEY = "row_settings"  # under which the ledger keeps them


def row_settings(settings: Settings, sources: Sources) -> str:
    """The settings that the grown rows depend on, flat, with a hash of the seeds and of the documents; as JSON."""
    dumped = settings.model_dump(mode="json")
    dumped["teacher"]["model"] = settings.teacher.model  # whose own name is written as None
    flat: dict[str, Any] = {}
    for section in _SECTIONS:
        value = dumped[section]
        flat |= {f"{section}.{key}": v for key, v in value.items()} if isinstance(value, dict) else {section: value}
    flat |= {f"teacher.{key}": dumped["teacher"][key] for key in _OF_THE_TEACHER}
    if dumped["teacher"]["extra_body"]:  # which folders of before have none of
        flat["teacher.extra_body"] = dumped["teacher"]["extra_body"]
    flat["seeds (hash of the tasks)"] = _hash([asdict(task) for task, _ in sources.seeds])
    for recipe, pieces in sources.pieces.items():
        if pieces:
            flat[f"{recipe} (hash of the texts)"] = _hash([asdict(piece) for piece in pieces])
    return json.dumps(flat, ensure_ascii=False)


def refuse_other_settings(ledger: Ledger, settings: Settings, sources: Sources) -> None:
    """Store the settings with a new ledger; hold them against those of one that holds replies.

    Raises:
        UsageError: they differ, with every difference and the ways out.
    """
    now, stored = row_settings(settings, sources), ledger.read_meta(KEY)
    other = stored is None or _with_defaults(stored) != json.loads(now)
    if stored is None or (other and (ledger.forget_unanswered() or not ledger.holds_rows())):
        ledger.write_meta(KEY, now)
        return
    before, after = _with_defaults(stored), json.loads(now)
    differences = [
        worded("  - {key}: was {before!r}, is now {after!r}", key=key, before=before.get(key), after=after.get(key))
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key)
    ]
    if differences:
        folder = ledger.path.parent
        raise UsageError(
            worded(
                "{folder}: was grown with other settings\n{differences}",
                folder=folder,
                differences=listed(differences, "\n"),
            ),
            worded(
                "Set them back to go on. To read the replies that are there with these settings, without a "
                "request: `seedbed rebuild {folder} --settings FILE`, with --out for a new folder. To grow on "
                "from them in a new folder: `seedbed build FILE --out NEW --fork {folder}`.",
                folder=folder,
            ),
        )


def _with_defaults(stored: str) -> dict[str, Any]:
    """The settings that a ledger keeps; what an older version did not know was as it is by default."""
    growth = {f"growth.{name}": value for name, value in Growth().model_dump(mode="json").items()}
    return {**growth, **json.loads(stored)}


def _hash(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]
