"""The one definition of a sample, of a rejection and of a verdict, with their Arrow schemas.

A row is its number: every table about rows is keyed by `row`. `id` is a hash of the canonical messages, an attribute that
two equal rows share.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from itertools import accumulate
from typing import Any, Literal

import pyarrow as pa

SCHEMA_VERSION = 1

Role = Literal["system", "user", "assistant", "tool"]
ROLES: tuple[Role, ...] = ("system", "user", "assistant", "tool")


Origin = Literal["seed", "generated", "imported"]
Kind = Literal["classification", "generation", "dialogue"]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn.

    Attributes:
        role: system, user, assistant or tool (a tool's result).
        content: the text; empty where the turn is only tool calls.
        tool_calls: a JSON array of `{"name": str, "arguments": object}` as a string, or None.
        name: the speaker's or the tool's name, or None.
        reasoning: what an assistant turn thought before its content, apart from it, or None.
        weight: 0 where an assistant turn is not to be trained on, else None.
        parts: where the turn holds pictures, its content part by part: a JSON array of `{"type": "text", "text": str}` and
            `{"type": "image", "image": str}`, a path or an address; `content` is then the texts alone, joined by line breaks.
    """

    role: Role
    content: str
    tool_calls: str | None = None
    name: str | None = None
    reasoning: str | None = None
    weight: int | None = None
    parts: str | None = None


@dataclass(frozen=True, slots=True)
class Mend:
    """A fault of form that was put right when the row was read.

    Attributes:
        kind: which, as `mend.kinds` names it.
        place: of what was changed: `instruction`, `input`, `rejected`, `tools`, `messages/2` for a turn as the row now has it, or
            `messages/2/reasoning` for what it holds beside its content; of what was cut: the turn that it stood before.
        before: the text as the file has it.
    """

    kind: str
    place: str
    before: str


@dataclass(frozen=True, slots=True)
class Sample:
    """An admitted row: one conversation and where it comes from.

    Attributes:
        row: its number in the dataset folder, from 0.
        task_id: instances and phrasings of one task share it.
        tools: the tools on offer, a JSON array as a string, or None.
        rejected: the worse last answer where the row is a preference pair, or None; the only one where the row was labelled
            bad (`label: false`), whose messages then end before it.
        instruction: kept where the source had one; with `input` it composes to the first user message.
        language: `zh`, `en`, … as `builder.text.detect_language` names them.
        kind: `classification` where the answer is one of a few labels, `dialogue` where there are several rounds, else
            `generation`; None where it is not known.
        source: the seed file, the imported file, or `recipe:teacher` for grown rows.
        parents: ids of seed tasks or rows that this one was grown from; `ledger:r000012-3` is a task that was shown to the
            teacher and was in the dataset no more when this row was admitted (after a rebuild, or in a fork).
        request_id: the ledger's key of the request whose reply held it; None where there was none.
        answer_key: how to check an answer (see `builder.answers`), or None.
        mended: what was put right when the row was read.
        redaction_of: the row that it is without its private data, or None.
    """

    row: int
    task_id: str
    messages: tuple[Message, ...]
    category: str | None
    language: str
    origin: Origin
    source: str
    tools: str | None = None
    rejected: str | None = None
    instruction: str | None = None
    input: str | None = None
    parents: tuple[str, ...] = ()
    request_id: str | None = None
    answer_key: str | None = None
    kind: Kind | None = None
    mended: tuple[Mend, ...] = ()
    redaction_of: int | None = None

    @property
    def id(self) -> str:
        return conversation_id(self.messages, self.tools)

    @property
    def answer(self) -> str:
        """The last assistant turn's text, or an empty string where there is none."""
        for message in reversed(self.messages):
            if message.role == "assistant":
                return message.content
        return ""

    @property
    def is_labelled_bad(self) -> bool:
        """Whether its only last answer is the worse one: the source says that it is bad, and has no better one in the row."""
        return self.rejected is not None and (not self.messages or self.messages[-1].role != "assistant")

    @property
    def prompt(self) -> tuple[Message, ...]:
        """All turns before the last assistant turn."""
        if self.messages and self.messages[-1].role == "assistant":  # nearly every row
            return self.messages[:-1]
        for index in range(len(self.messages) - 1, -1, -1):
            if self.messages[index].role == "assistant":
                return self.messages[:index]
        return self.messages


@dataclass(frozen=True, slots=True)
class Rejection:
    """A candidate that was not admitted.

    Attributes:
        request_id: the request whose reply held it; the job, such as `r000012`, where it needed none.
        position: its place in that reply, from 0; -1 where the whole reply could not be read.
        reason: the decisive reason, one of the keys in `builder.language.reasons`.
        value: the measured value, where the reason has one (for example the similarity).
        threshold: what it was held against.
        of: the row that it collides with, or None.
        evidence: a short text that shows the problem.
        text: the candidate as read, as JSON, or the reply's beginning where nothing could be read.
    """

    request_id: str
    position: int
    reason: str
    value: float | None = None
    threshold: float | None = None
    of: int | None = None
    evidence: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """One failed check of one row, with what was measured and what it was held against."""

    reason: str
    value: float | None = None
    threshold: float | None = None
    of: int | None = None
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Kept or dropped, the decisive reason, and every check that failed."""

    row: int
    kept: bool
    reason: str | None = None
    of: int | None = None
    checks: tuple[Check, ...] = ()
    split: Literal["train", "validation"] | None = None


MESSAGE_TYPE = pa.struct(
    [
        pa.field("role", pa.string(), nullable=False),
        pa.field("content", pa.string(), nullable=False),
        pa.field("tool_calls", pa.string()),
        pa.field("name", pa.string()),
        pa.field("reasoning", pa.string()),
        pa.field("weight", pa.int8()),
        pa.field("parts", pa.string()),
    ]
)

MEND_TYPE = pa.struct([pa.field(name, pa.string(), nullable=False) for name in ("kind", "place", "before")])

SAMPLE_SCHEMA = pa.schema(
    [
        pa.field("row", pa.int64(), nullable=False),
        pa.field("id", pa.string(), nullable=False),
        pa.field("task_id", pa.string(), nullable=False),
        pa.field("messages", pa.list_(MESSAGE_TYPE), nullable=False),
        pa.field("tools", pa.string()),
        pa.field("rejected", pa.string()),
        pa.field("instruction", pa.string()),
        pa.field("input", pa.string()),
        pa.field("category", pa.string()),
        pa.field("language", pa.string(), nullable=False),
        pa.field("origin", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("parents", pa.list_(pa.string()), nullable=False),
        pa.field("request_id", pa.string()),
        pa.field("answer_key", pa.string()),
        pa.field("kind", pa.string()),
        pa.field("mended", pa.list_(MEND_TYPE)),
        pa.field("redaction_of", pa.int64()),
    ],
    metadata={"seedbed.schema": f"sample/{SCHEMA_VERSION}"},
)

REJECTION_SCHEMA = pa.schema(
    [
        pa.field("request_id", pa.string(), nullable=False),
        pa.field("position", pa.int32(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("value", pa.float64()),
        pa.field("threshold", pa.float64()),
        pa.field("of", pa.int64()),
        pa.field("evidence", pa.string(), nullable=False),
        pa.field("text", pa.string(), nullable=False),
    ],
    metadata={"seedbed.schema": f"rejection/{SCHEMA_VERSION}"},
)

CHECK_TYPE = pa.struct(
    [
        pa.field("reason", pa.string(), nullable=False),
        pa.field("value", pa.float64()),
        pa.field("threshold", pa.float64()),
        pa.field("of", pa.int64()),
        pa.field("evidence", pa.string(), nullable=False),
    ]
)

VERDICT_SCHEMA = pa.schema(
    [
        pa.field("row", pa.int64(), nullable=False),
        pa.field("kept", pa.bool_(), nullable=False),
        pa.field("reason", pa.string()),
        pa.field("of", pa.int64()),
        pa.field("checks", pa.list_(CHECK_TYPE), nullable=False),
        pa.field("split", pa.string()),
    ],
    metadata={"seedbed.schema": f"verdict/{SCHEMA_VERSION}"},
)


_CANONICAL = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def conversation_id(messages: Iterable[Message], tools: str | None = None) -> str:
    """Hash a conversation: 16 hex digits of SHA-256 over its canonical JSON. Equal conversations get equal ids."""
    canonical = _CANONICAL.encode([[*map(_canonical_turn, messages)], tools])
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _canonical_turn(turn: Message) -> list[Any]:
    # Members that came later count only where they say something: reviews and parents name rows by the ids they had before.
    later = [turn.reasoning, turn.weight, *([turn.parts] if turn.parts is not None else [])]
    return [turn.role, turn.content, turn.tool_calls, turn.name, *(later if any(m is not None for m in later) else [])]


def compose_prompt(instruction: str, input: str | None) -> str:
    """Join an instruction and its input to the text of the first user message: a blank line between the two."""
    return f"{instruction}\n\n{input}" if instruction and input else instruction or input or ""


def task_messages(instruction: str, input: str | None, output: str, system: str | None = None) -> tuple[Message, ...]:
    """The conversation of an Alpaca-style triple."""
    turns = (
        Message("user", compose_prompt(instruction, input)),
        Message("assistant", output),
    )
    return (Message("system", system), *turns) if system else turns


def as_record(item: Sample | Rejection | Verdict) -> dict[str, Any]:
    """A plain dict in the field order of the item's Arrow schema, ready for `pa.Table.from_pylist`."""
    if isinstance(item, Sample):
        record: dict[str, Any] = {name: getattr(item, name) for name in SAMPLE_SCHEMA.names}
        record["messages"] = [_shallow(message) for message in item.messages]
        record["parents"] = list(item.parents)
        record["mended"] = [_shallow(mend) for mend in item.mended] or None
        return record
    record = _shallow(item)
    if isinstance(item, Verdict):
        record["checks"] = [_shallow(check) for check in item.checks]
    return record


def samples_table(samples: Sequence[Sample]) -> pa.Table:
    """Samples as a table, column by column: several times faster than from a record for each."""
    turns = [turn for sample in samples for turn in sample.messages]
    offsets = pa.array([0, *accumulate(len(sample.messages) for sample in samples)], pa.int32())
    messages = pa.StructArray.from_arrays(
        [pa.array([getattr(turn, field.name) for turn in turns], field.type) for field in MESSAGE_TYPE],
        fields=list(MESSAGE_TYPE),
    )
    columns = [
        pa.ListArray.from_arrays(offsets, messages)
        if field.name == "messages"
        else pa.array([[_shallow(mend) for mend in sample.mended] or None for sample in samples], field.type)
        if field.name == "mended"
        else pa.array([getattr(sample, field.name) for sample in samples], field.type)
        for field in SAMPLE_SCHEMA
    ]
    return pa.Table.from_arrays(columns, schema=SAMPLE_SCHEMA)


def _shallow(item: Message | Mend | Check | Rejection | Verdict) -> dict[str, Any]:
    return {field.name: getattr(item, field.name) for field in fields(item)}


_LATER_MEMBERS = ("tool_calls", "name", "reasoning", "weight", "parts")  # that an older file may lack


def sample_from_record(record: dict[str, Any]) -> Sample:
    """The inverse of `as_record` for samples; columns that an older file lacks read as nulls."""
    return Sample(
        row=record["row"],
        task_id=record["task_id"],
        messages=tuple(
            Message(m["role"], m["content"], *(m.get(name) for name in _LATER_MEMBERS)) for m in record["messages"]
        ),
        category=record.get("category"),
        language=record["language"],
        origin=record["origin"],
        source=record["source"],
        tools=record.get("tools"),
        rejected=record.get("rejected"),
        instruction=record.get("instruction"),
        input=record.get("input"),
        parents=tuple(record.get("parents") or ()),
        request_id=record.get("request_id"),
        answer_key=record.get("answer_key"),
        kind=record.get("kind"),
        mended=tuple(Mend(**mend) for mend in record.get("mended") or ()),
        redaction_of=record.get("redaction_of"),
    )


def verdict_from_record(record: dict[str, Any]) -> Verdict:
    """The inverse of `as_record` for verdicts."""
    return Verdict(
        row=record["row"],
        kept=record["kept"],
        reason=record["reason"],
        of=record["of"],
        checks=tuple(Check(**check) for check in record["checks"]),
        split=record["split"],
    )
