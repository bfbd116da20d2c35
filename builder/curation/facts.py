"""What decisions need of a row beside its signals, taken from its text once and kept as `signals/facts.parquet`."""

import hashlib
from collections.abc import Iterable

import pyarrow as pa

from builder.curation.blocked_words import find_blocked_word
from builder.curation.exact import conversation_fingerprint
from builder.curation.redacting import redaction_of
from builder.schema import Sample
from builder.signals import SignalValue
from builder.signals.signal import table_schema, task_text
from builder.similarity import NoveltyKey, novelty_text
from builder.text import normalise

FACTS = "facts"
FACTS_VERSION = 3

_EVIDENCE_CHARACTERS = 80


def facts_schema(novelty_key: NoveltyKey) -> pa.Schema:
    """The schema of the table; its version names what the novelty texts are."""
    return table_schema(
        f"{FACTS}/{FACTS_VERSION}/{novelty_key}",
        [
            pa.field("answered", pa.bool_(), nullable=False),
            pa.field("answer_has_text", pa.bool_(), nullable=False),
            pa.field("answer_beginning", pa.string(), nullable=False),
            pa.field("blocked_word", pa.string()),
            pa.field("fingerprint", pa.binary(16), nullable=False),
            pa.field("novelty_text", pa.string(), nullable=False),
            pa.field("wording", pa.binary(8)),
            pa.field("given", pa.binary(8)),
            pa.field("redaction_of", pa.int64()),
        ],
    )


def row_facts(sample: Sample) -> dict[str, SignalValue]:
    """Facts that the row filters use.

    Returns:
        answered: the last assistant turn says something or calls a tool; answer_has_text; answer_beginning: its first
        80 characters; blocked_word: the first word of the default list in a grown instruction, or None.
    """
    last = next((turn for turn in reversed(sample.messages) if turn.role == "assistant"), None)
    answer = "" if last is None else last.content.strip()
    return {
        "answered": last is not None and bool(answer or last.tool_calls),
        "answer_has_text": bool(answer),
        "answer_beginning": answer[:_EVIDENCE_CHARACTERS],
        "blocked_word": find_blocked_word(task_text(sample), None) if sample.origin == "generated" else None,
    }


def facts_table(samples: Iterable[Sample], novelty_key: NoveltyKey) -> pa.Table:
    """The facts of rows, in their order.

    Args:
        novelty_key: whose text `novelty_text` is.

    Returns:
        `row`, the columns of `row_facts`, `fingerprint` (128 bits, equal for conversations that a reader would call the
        same), `novelty_text`, hashes of the instruction (`wording`) and of its normalised input (`given`), null where there
        is no instruction, and the row that it is the redaction of, null where it is none.
    """
    records = [
        {
            "row": sample.row,
            **row_facts(sample),
            "fingerprint": conversation_fingerprint(sample),
            "novelty_text": novelty_text(sample, novelty_key),
            "wording": None if sample.instruction is None else _hash(sample.instruction),
            "given": None if sample.instruction is None else _hash(normalise(sample.input or "")),
            "redaction_of": redaction_of(sample.source),
        }
        for sample in samples
    ]
    return pa.Table.from_pylist(records, schema=facts_schema(novelty_key))


def _hash(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
