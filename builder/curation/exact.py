"""Rows that repeat an earlier one word for word."""

import hashlib

import polars as pl

from builder.pictures import parts_of
from builder.schema import Sample
from builder.text import normalise


def conversation_fingerprint(sample: Sample) -> bytes:
    """128 bits over the normalised turns, equal for conversations that a reader would call the same."""
    parts = [sample.tools or ""]
    pictures = []
    for turn in sample.messages:
        parts += [turn.role, turn.content, turn.tool_calls or "", turn.name or ""]
        parts += [turn.reasoning] if turn.reasoning else []
        parts += [str(turn.weight)] if turn.weight is not None else []
        if turn.parts is not None:  # which pictures, and where between the texts; capitals of a path count
            pictures += [part.get("image", "") for part in parts_of(turn)]
            parts.append(str(len(pictures)))
    # Each part is normalised by itself: the ends of a part are not the ends of the whole.
    text = "\0".join([*(normalise(part) if part else "" for part in parts), *pictures])
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:16]


def repeated_rows(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows whose conversation repeats an earlier one, in case, width and spacing at most different.

    Roles, tool calls, speakers' names and the tools on offer count; two instances of a task differ in their input.

    Args:
        rows: row, fingerprint and exempt, in preference order.

    Returns:
        row, reason `exact_duplicate` and of: the first row that says the same. Exempt rows are never among them.
    """
    first = pl.col("row").first().over("fingerprint")
    return (
        rows.lazy()
        .select("row", "exempt", reason=pl.lit("exact_duplicate"), of=first)
        .filter((pl.col("row") != pl.col("of")) & ~pl.col("exempt"))
        .select("row", "reason", "of")
        .collect()
    )
