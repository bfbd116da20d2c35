"""Alpaca triples: `instruction`, `input`, `output`, with optional `system` and `history` ([[question, answer], …])."""

from collections.abc import Sequence
from typing import Any

from builder.formats.columns import find_columns
from builder.formats.row_format import (
    InexpressibleError,
    Row,
    RowError,
    RowFormat,
    SampleParts,
    check_plain,
    kind_of,
    optional_text,
    text_of,
)
from builder.formats.thoughts import check_thoughts, with_thoughts
from builder.formats.turns import canonical_tools, load_json
from builder.language.messages import worded
from builder.pictures import has_pictures
from builder.schema import Message, Sample, compose_prompt


def detect(columns: Sequence[str], rows: Sequence[Row]) -> dict[str, str] | None:
    """Field → column where there are an instruction and an output, else None."""
    found = find_columns(columns, "instruction", "input", "output", "system", "history", "tools")
    return found if "instruction" in found and "output" in found else None


def read(row: Row) -> list[SampleParts]:
    """One sample; earlier rounds in `history` come first.

    `instruction` and `input` are kept only without history, since they must compose to the first user message.

    Raises:
        RowError: a field is not text, or the history is not a list of pairs.
    """
    instruction, added = text_of(row, "instruction"), optional_text(row, "input")
    if not instruction and added:
        instruction, added = added, None
    history = _history(row.get("history"))
    messages = (
        *history,
        Message("user", compose_prompt(instruction, added)),
        Message("assistant", text_of(row, "output")),
    )
    system = text_of(row, "system")
    return [
        SampleParts(
            messages=(Message("system", system), *messages) if system else messages,
            tools=canonical_tools(row.get("tools")),
            instruction=None if history else instruction,
            input=None if history else added,
        )
    ]


def _history(value: Any) -> tuple[Message, ...]:
    if isinstance(value, str):
        value = load_json(value, "'history'") if value.strip() else None
    if value is None:
        return ()
    if not isinstance(value, list):
        raise RowError(worded("'history' holds {kind_of}, expected [[question, answer], …]", kind_of=kind_of(value)))
    turns: list[Message] = []
    for number, pair in enumerate(value, 1):
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise RowError(
                worded(
                    "'history', round {number}: expected [question, answer], found {kind_of}",
                    number=number,
                    kind_of=kind_of(pair),
                )
            )
        question, answer = (text_of({"history": text}, "history") for text in pair)
        turns += [Message("user", question), Message("assistant", answer)]
    return tuple(turns)


def split_system(messages: Sequence[Message]) -> tuple[str | None, tuple[Message, ...]]:
    """The first turn's text where it is a system turn, and the other turns."""
    if messages and messages[0].role == "system":
        return messages[0].content, tuple(messages[1:])
    return None, tuple(messages)


def plain_rounds(sample: Sample) -> tuple[str | None, list[tuple[str, str]]]:
    """The system text and the (question, answer) rounds of a sample that has nothing else; reasoning stands before its answer.

    Raises:
        InexpressibleError: it has tools, pictures, names, turns that are not trained on, an odd order of turns, or no answer.
    """
    check_plain(sample.messages)
    check_thoughts(sample.messages)
    if has_pictures(sample.messages):
        raise InexpressibleError(worded("it holds pictures, which this format has no place for"))
    system, turns = split_system(list(map(with_thoughts, sample.messages)))
    if sample.tools is not None or any(turn.role == "tool" or turn.tool_calls is not None for turn in turns):
        raise InexpressibleError(worded("it has tools"))
    if any(turn.name is not None for turn in turns):
        raise InexpressibleError(worded("its turns name their speakers"))
    if system == "":
        raise InexpressibleError(worded("its system turn is empty"))
    if not turns or turns[-1].role != "assistant":
        raise InexpressibleError(worded("it does not end with an answer"))
    if [turn.role for turn in turns] != ["user", "assistant"] * (len(turns) // 2):
        raise InexpressibleError(worded("its turns do not alternate between user and assistant"))
    return system, [(turns[i].content, turns[i + 1].content) for i in range(0, len(turns), 2)]


def kept_instruction(sample: Sample, prompt: str) -> tuple[str, str]:
    """The sample's own instruction and input where they compose to `prompt`, else the prompt and an empty input."""
    if sample.instruction and compose_prompt(sample.instruction, sample.input) == prompt:
        return sample.instruction, sample.input or ""
    return prompt, ""


def write(sample: Sample) -> dict[str, Any]:
    """One row; `system` and `history` only where the sample has them.

    Raises:
        InexpressibleError: as `plain_rounds` does, and for preference pairs.
    """
    if sample.rejected is not None:
        raise InexpressibleError(worded("it is a preference pair"))
    system, rounds = plain_rounds(sample)
    *earlier, (prompt, answer) = rounds
    instruction, added = kept_instruction(sample, prompt) if not earlier else (prompt, "")
    row: dict[str, Any] = {"instruction": instruction, "input": added, "output": answer}
    if system is not None:
        row["system"] = system
    if earlier:
        row["history"] = [list(pair) for pair in earlier]
    return row


ALPACA = RowFormat(
    name="alpaca",
    title={"en": "Alpaca", "zh": "Alpaca"},
    expects="instruction + output (input, system, history)",
    required=("instruction", "output"),
    detect=detect,
    read=read,
    write=write,
)
