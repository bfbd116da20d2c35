"""OpenAI's rows for preference fine-tuning: `input` with messages and tools, `preferred_output`, `non_preferred_output`."""

from collections.abc import Mapping, Sequence

from builder.formats.columns import find_columns
from builder.formats.row_format import Row, RowError, RowFormat, SampleParts, kind_of
from builder.formats.turns import canonical_tools, parse_turns, with_preference
from builder.language.messages import worded

_FIELDS = ("input", "chosen", "rejected")


def detect(columns: Sequence[str], rows: Sequence[Row]) -> dict[str, str] | None:
    """Field → column where the three are there under OpenAI's names, else None."""
    found = find_columns(columns, *_FIELDS)
    named = {"chosen": "preferred_output", "rejected": "non_preferred_output", "input": "input"}
    return found if found == named else None


def read(row: Row) -> list[SampleParts]:
    """One preference pair.

    Raises:
        RowError: `input` is no object with messages, or an answer is no turn.
    """
    given = row.get("input")
    if not isinstance(given, Mapping):
        raise RowError(worded("'input' holds {kind_of}, expected an object with messages", kind_of=kind_of(given)))
    asked = parse_turns(given.get("messages"), "input.messages")
    messages, rejected = with_preference(asked, row.get("chosen"), row.get("rejected"))
    return [SampleParts(messages, canonical_tools(given.get("tools")), rejected)]


OPENAI_PREFERENCE = RowFormat(
    name="openai_preference",
    title={"en": "OpenAI preference pairs", "zh": "OpenAI 偏好对"},
    expects="input (messages) + preferred_output + non_preferred_output",
    required=("input",),
    detect=detect,
    read=read,
)
