"""ms-swift's rows: `messages` with the roles `tool_call` and `tool_response`, `loss`, and tools as JSON text.

    {"messages": [{"role": "user", "content": "Weather?"}, {"role": "tool_call", "content": "{\"name\": …, \"arguments\": {…}}"},
        {"role": "tool_response", "content": "sunny"}, {"role": "assistant", "content": "Sunny.", "loss": true}], "tools": "[…]"}

A preference pair has its whole worse conversation in `rejected_messages`: `rejected_response` would stand for everything after
the last user turn, calls and their results too, and a file cannot hold both. Its loader drops every other key of a turn, so
reasoning goes into the text.
"""

import json
from itertools import pairwise

from builder.formats.pictures import with_markers
from builder.formats.row_format import InexpressibleError
from builder.formats.targets.target import LINES, Row, Target
from builder.formats.thoughts import check_thoughts, join_thoughts
from builder.language.messages import worded
from builder.published import wrap_tools
from builder.schema import Message, Sample


def write(sample: Sample) -> tuple[str, Row]:
    """A row to train on, or a preference pair.

    Raises:
        InexpressibleError: a system turn stands after the first turn, or there is no last answer.
    """
    if any(turn.role == "system" for turn in sample.messages[1:]):
        raise InexpressibleError(worded("it has a system turn after its first turn"))
    if not sample.messages or sample.messages[-1].role != "assistant":
        raise InexpressibleError(worded("it does not end with an answer"))
    check_thoughts(sample.messages)
    messages, images = with_markers(sample.messages)
    row: Row = {"messages": [turn for message in messages for turn in _turns(message)]}
    if images:
        row["images"] = images
    if sample.tools is not None:
        row["tools"] = wrap_tools(sample.tools)
    if sample.rejected is None:
        return "sft", row
    if sample.messages[-1].weight == 0:
        raise InexpressibleError(worded("its last answer is not to be trained on (weight 0)"))
    before = [turn for message in messages[:-1] for turn in _turns(message)]
    return "preference", row | {"rejected_messages": [*before, {"role": "assistant", "content": sample.rejected}]}


def _turns(message: Message) -> list[Row]:
    """A message as its turns: the text, and one for each call."""
    loss = {} if message.weight is None else {"loss": bool(message.weight)}
    if message.role == "tool":
        name = {} if message.name is None else {"name": message.name}
        return [{"role": "tool_response", "content": message.content} | name]
    if message.tool_calls is None:
        return [{"role": message.role, "content": join_thoughts(message.reasoning, message.content)} | loss]
    text = join_thoughts(message.reasoning, message.content)
    said = [{"role": "assistant", "content": text} | loss] if text else []
    calls = [json.dumps(call, ensure_ascii=False) for call in json.loads(message.tool_calls)]
    return [*said, *({"role": "tool_call", "content": call} | loss for call in calls)]


def _remarks(sample: Sample, row: Row) -> list[str]:
    if any(one.role == other.role == "user" for one, other in pairwise(sample.messages)):
        return [worded("two user turns in a row, which ms-swift joins with nothing between them")]
    return []


MS_SWIFT = Target(
    "ms-swift",
    write,
    {"sft": "swift sft --dataset {file}", "preference": "swift rlhf --rlhf_type dpo --dataset {file}"},
    suffixes=LINES,
    remarks=_remarks,
)
