"""TRL's rows: `prompt` and `completion`, or `prompt`, `chosen` and `rejected`, as texts or as lists of messages."""

import json
from collections.abc import Sequence
from typing import Any

from builder.formats.alpaca import plain_rounds
from builder.formats.columns import find_column, find_columns
from builder.formats.messages import write_rejected, write_turns
from builder.formats.row_format import InexpressibleError, Row, RowError, RowFormat, SampleParts, optional_text, text_of
from builder.formats.turns import canonical_tools, parse_turns, with_preference, with_system
from builder.language.messages import worded
from builder.pictures import has_pictures
from builder.published import apart_from_pictures, wrap_tools
from builder.schema import Message, Sample, compose_prompt


def detect(columns: Sequence[str], rows: Sequence[Row]) -> dict[str, str] | None:
    """Field → column where there is a completion, or a chosen and a rejected answer, else None."""
    found = find_columns(columns, "prompt", "completion", "chosen", "rejected", "system", "tools")
    if "chosen" in found and "rejected" in found:
        asks = find_column(columns, "prompt", "instruction", "question")
        found |= {"prompt": asks} if asks is not None else {}
        return found | find_columns(columns, "input")
    return found if "prompt" in found and "completion" in found else None


def read(row: Row) -> list[SampleParts]:
    """One sample; a prompt that is a text becomes the user message and the kept instruction.

    Raises:
        RowError: the row has neither a completion nor a chosen answer, or its turns cannot be read.
    """
    completion, chosen, rejected = row.get("completion"), row.get("chosen"), row.get("rejected")
    if not {"completion", "chosen"} & row.keys():
        raise RowError(worded("it has neither 'completion' nor 'chosen'"))
    prompt = row.get("prompt")
    instruction = added = None
    asked: tuple[Message, ...] = ()
    if isinstance(prompt, list):
        asked = parse_turns(prompt, "prompt")
    elif "prompt" in row:
        instruction, added = text_of(row, "prompt"), optional_text(row, "input")
        asked = (Message("user", compose_prompt(instruction, added)),)
    elif not isinstance(chosen, list):
        raise RowError(worded("it has no 'prompt', and 'chosen' is not a whole conversation"))
    asked, notes = with_system(asked, optional_text(row, "system"))
    if isinstance(completion, list):
        asked = (*asked, *parse_turns(completion, "completion"))
    elif chosen is None:
        asked = (*asked, Message("assistant", text_of(row, "completion")))
    messages, worse = with_preference(asked, chosen, rejected)
    tools = canonical_tools(row.get("tools"))
    return [SampleParts(messages, tools, worse, instruction, added, notes=notes)]


def write(sample: Sample) -> dict[str, Any]:
    """One row of message lists, the form that a trainer's chat template applies to.

    Raises:
        InexpressibleError: the sample does not end with an answer that is to be trained on, or asks nothing.
    """
    if not sample.messages or sample.messages[-1].role != "assistant":
        raise InexpressibleError(worded("it does not end with an answer"))
    if sample.messages[-1].weight == 0:
        raise InexpressibleError(worded("its last answer is not to be trained on (weight 0)"))
    written, images = apart_from_pictures(write_turns(sample.messages))
    *prompt, answer = written
    if not prompt:
        raise InexpressibleError(worded("it has no prompt"))
    if has_pictures(sample.messages[-1:]):
        raise InexpressibleError(worded("its answer holds a picture, which this format has no place for"))
    row: dict[str, Any] = {"prompt": prompt}
    if images:
        row["images"] = images
    if sample.rejected is None:
        row["completion"] = [answer]
    else:
        row |= {"chosen": [answer], "rejected": [write_rejected(sample.rejected)]}
    if sample.tools is not None:
        row["tools"] = json.loads(wrap_tools(sample.tools))
    return row


def write_flat(sample: Sample) -> dict[str, Any]:
    """One row of texts, for tables.

    Raises:
        InexpressibleError: the sample is more than one question and one answer.
    """
    system, rounds = plain_rounds(sample)
    if system is not None:
        raise InexpressibleError(worded("it has a system turn, which a prompt as text has no place for"))
    if len(rounds) > 1:
        raise InexpressibleError(worded("it has several rounds, which a prompt as text has no place for"))
    prompt, answer = rounds[0]
    if sample.rejected is None:
        return {"prompt": prompt, "completion": answer}
    return {"prompt": prompt, "chosen": answer, "rejected": sample.rejected}


PROMPT_COMPLETION = RowFormat(
    name="prompt_completion",
    title={"en": "prompt–completion", "zh": "提示–补全"},
    expects="prompt + completion, or prompt + chosen + rejected",
    required=(),
    detect=detect,
    read=read,
    write=write,
)
