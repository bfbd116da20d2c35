"""A published dataset as conversations, with every row that cannot be trained on counted under its reason.

One published row, `{"row": 12, "messages": [{"role": "user", …}, {"role": "assistant", …}], "language": "zh", …}`, becomes
one `Conversation`, or one more under `no_assistant_turn`, `unknown_role` or `pictures` in a `Tally`.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa

from builder.errors import InputFileError, IntegrityError, UsageError
from builder.language.messages import worded
from builder.pictures import has_pictures
from builder.published import read_turns
from builder.schema import ROLES, Message, conversation_id
from builder.store.dataset_folder import DatasetFolder, parquet_errors
from builder.store.files import parquet_file
from builder.store.snapshot import consistent, open_snapshot

Split = Literal["train", "validation"]

PICTURES = "pictures"  # which no model here sees: an answer about one would be trained on without it

_NEEDED = ("row", "messages")
_NAMED_ROWS = 5  # row numbers kept for each reason: enough to look some up, small in the record of a large run


@dataclass(frozen=True, slots=True)
class Conversation:
    """One published row as the trainer sees it.

    Attributes:
        row: its number in the dataset folder; errors and tallies name it.
        messages: the turns, oldest first; at least one is the assistant's.
        tools: the tools on offer, a JSON array as a string, or None.
        answer_key: how to check an answer (see `builder.answers`), or None.
    """

    row: int
    messages: tuple[Message, ...]
    tools: str | None = None
    language: str = "und"
    category: str | None = None
    answer_key: str | None = None

    @property
    def answer(self) -> str:
        """The last assistant turn's text."""
        return next((m.content for m in reversed(self.messages) if m.role == "assistant"), "")


@dataclass(slots=True)
class Tally:
    """Rows read, rows used and rows left out by reason, for one split.

    Attributes:
        reasons: how many rows each reason cost.
        rows: the first few row numbers of each reason.
        with_reasoning: rows that hold reasoning, which no template is given and nothing is trained on.
    """

    read: int = 0
    with_reasoning: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    rows: dict[str, list[int]] = field(default_factory=dict)

    def leave_out(self, row: int, reason: str) -> None:
        """Count one row as left out."""
        self.reasons[reason] = self.reasons.get(reason, 0) + 1
        named = self.rows.setdefault(reason, [])
        if len(named) < _NAMED_ROWS:
            named.append(row)

    @property
    def left_out(self) -> int:
        return sum(self.reasons.values())

    @property
    def used(self) -> int:
        return self.read - self.left_out

    def describe(self) -> str:
        """Such as `40 rows read, 38 used, 2 left out (too_long 2: rows 3, 9)`."""
        text = worded(
            "{read:,} rows read, {used:,} used, {left_out:,} left out",
            read=self.read,
            used=self.used,
            left_out=self.left_out,
        )
        if self.with_reasoning:
            text += f", {self.with_reasoning:,} trained on without their reasoning"
        if not self.reasons:
            return text
        parts = (f"{r} {n:,}: rows {', '.join(map(str, self.rows[r]))}" for r, n in sorted(self.reasons.items()))
        return f"{text} ({'; '.join(parts)})"

    def as_record(self) -> dict[str, Any]:
        """What `run.json` holds about the rows of one split."""
        record = {
            "read": self.read,
            "used": self.used,
            "left_out": dict(self.reasons),
            "left_out_rows": dict(self.rows),
        }
        return record | ({"with_reasoning": self.with_reasoning} if self.with_reasoning else {})


@dataclass(frozen=True, slots=True)
class Published:
    """Both splits of a published dataset.

    Attributes:
        manifest_hash: of the dataset folder, or None where it has no whole manifest.
    """

    root: Path
    manifest_hash: str | None
    train: tuple[Conversation, ...]
    validation: tuple[Conversation, ...]
    train_tally: Tally
    validation_tally: Tally

    @property
    def rows_hash(self) -> str:
        """Of what is trained on and evaluated with; unlike the manifest's it stays while only a score or a report changes."""
        found = hashlib.sha256()
        for split, rows in (("train", self.train), ("validation", self.validation)):
            for c in rows:
                line = f"{split} {c.row} {conversation_id(c.messages, c.tools)} {c.answer_key}\n"
                found.update(line.encode("utf-8", "surrogatepass"))
        return found.hexdigest()


@consistent
def read_published(root: Path) -> Published:
    """Read a dataset folder's published rows.

    Args:
        root: the dataset folder.

    Raises:
        UsageError: there is no such folder, or nothing is published in it but rows with pictures.
        IntegrityError: a published file is not readable Parquet.
    """
    folder = open_snapshot(root)
    if folder.manifest.exists() or _parts(folder, "train"):
        folder.check_finished(folder.publish / "data")
    if not _parts(folder, "train"):
        raise UsageError(
            worded("{root}: nothing to train on: publish/data holds no train-*.parquet", root=root),
            worded("Publish the dataset first: `seedbed curate {root}`.", root=root),
        )
    tallies = {"train": Tally(), "validation": Tally()}
    rows = {split: tuple(_read_split(folder, split, tallies[split])) for split in ("train", "validation")}
    if not rows["train"] and tallies["train"].reasons.keys() == {PICTURES}:
        raise UsageError(
            worded("{root}: every training row holds pictures, which are not trained on here", root=root),
            worded(
                "Export them for a trainer of models that see: `seedbed export {root} --format llamafactory "
                "--out FOLDER`, or load publish/ into TRL.",
                root=root,
            ),
        )
    return Published(
        root, folder.manifest_hash(), rows["train"], rows["validation"], tallies["train"], tallies["validation"]
    )


@consistent
def read_difficulty(root: Path) -> dict[int, float]:
    """How hard each row is, 0 to 1, by its number; rows of which nothing is known are left out.

    Args:
        root: the dataset folder.

    Raises:
        UsageError: nothing was measured.
        IntegrityError: the table is not readable.
    """
    folder = open_snapshot(root)
    path = folder.signals / "difficulty.parquet"
    if not path.is_file():
        raise UsageError(
            worded("{root}: train.order easy_to_hard needs signals/difficulty.parquet, which is not there", root=root),
            worded("Run `seedbed curate {root}`, or leave train.order out.", root=root),
        )
    folder.check(path)
    with parquet_errors(path), parquet_file(path) as file:
        table = file.read(["row", "difficulty"])
    scores = zip(table["row"].to_pylist(), table["difficulty"].to_pylist(), strict=True)
    return {row: score for row, score in scores if score is not None}


def _parts(folder: DatasetFolder, split: str) -> list[Path]:
    return sorted((folder.publish / "data").glob(f"{split}-*.parquet"))


def _read_split(folder: DatasetFolder, split: str, tally: Tally) -> Iterator[Conversation]:
    for part in _parts(folder, split):
        try:
            with parquet_file(part) as file:
                table = file.read()
        except (pa.ArrowException, OSError) as error:
            raise IntegrityError(
                worded("{part}: not a readable Parquet file ({name})", part=part, name=type(error).__name__),
                worded("`seedbed verify {root}` shows what else changed; publish the dataset again.", root=folder.root),
            ) from None
        missing = [name for name in _NEEDED if name not in table.column_names]
        if missing:
            raise InputFileError(
                part, worded("no column {missing}: not a file that Seedbed published", missing=", ".join(missing))
            )
        for record in table.to_pylist():
            tally.read += 1
            messages = read_turns(record["messages"], record.get("images"))
            reason = _unusable(messages)
            if reason is None:
                tally.with_reasoning += any(message.reasoning for message in messages)
                yield _conversation(record, messages)
            else:
                tally.leave_out(record["row"], reason)


def _unusable(messages: Sequence[Message]) -> str | None:
    roles = [message.role for message in messages]
    if any(role not in ROLES for role in roles):
        return "unknown_role"
    if "assistant" not in roles:
        return "no_assistant_turn"
    if has_pictures(messages):
        return PICTURES
    return None


def _conversation(record: dict[str, Any], messages: tuple[Message, ...]) -> Conversation:
    return Conversation(
        row=record["row"],
        messages=messages,
        tools=record.get("tools"),
        language=record.get("language") or "und",
        category=record.get("category"),
        answer_key=record.get("answer_key"),
    )
