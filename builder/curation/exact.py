"""Rows that repeat an earlier one word for word."""

from collections.abc import Iterable

from builder.schema import Check, Sample
from builder.text import fingerprint, normalise


def find_exact_duplicates(samples: Iterable[Sample]) -> dict[int, Check]:
    """Rows whose conversation repeats an earlier one, in case, width and spacing at most different.

    Roles, tool calls, speakers' names and the tools on offer count; two instances of a task differ in their input.

    Args:
        samples: in preference order.

    Returns:
        For each repeated row `exact_duplicate`, naming the first row that says the same.
    """
    first: dict[str, int] = {}
    found: dict[int, Check] = {}
    for sample in samples:
        earlier = first.setdefault(conversation_fingerprint(sample), sample.row)
        if earlier != sample.row:
            found[sample.row] = Check("exact_duplicate", of=earlier)
    return found


def conversation_fingerprint(sample: Sample) -> str:
    """32 hex digits over the normalised turns, equal for conversations that a reader would call the same."""
    parts = [sample.tools or ""]
    for turn in sample.messages:
        parts += [turn.role, turn.content, turn.tool_calls or "", turn.name or ""]
    # Each part is normalised by itself: the ends of a part are not the ends of the whole.
    return fingerprint("\0".join(map(normalise, parts)))
