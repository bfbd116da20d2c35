"""OpenAI's fine-tuning files: supervised examples, or preference pairs; each row is checked by its documented rules.

{"messages": [{"role": "user", "content": "Weather in Suzhou?"}, {"role": "assistant", "tool_calls": [{"id": "call_1", "type":
    "function", "function": {"name": "get_weather", "arguments": "{\"city\": \"Suzhou\"}"}}]}, …], "tools": […]}
{"input": {"messages": […]}, "preferred_output": [{…}], "non_preferred_output": [{…}]}
"""

import json

from builder.formats.messages import write_turns
from builder.formats.row_format import InexpressibleError
from builder.formats.targets import openai_rules
from builder.formats.targets.target import DataFile, Row, Target
from builder.language.messages import worded
from builder.published import wrap_tools
from builder.schema import Sample


def write(sample: Sample) -> tuple[str, Row]:
    """A supervised example, or a preference pair.

    Raises:
        InexpressibleError: it has reasoning, or OpenAI's rules do not allow it; the text says which.
    """
    if any(turn.reasoning for turn in sample.messages):
        raise InexpressibleError(worded("a turn has reasoning, which this format has no place for"))
    turns = [_turn(turn) for turn in write_turns(sample.messages)]
    if any(turn["role"] == "tool" and "tool_call_id" not in turn for turn in turns):
        raise InexpressibleError(worded("a tool's result answers no call"))
    tools: Row = {}
    if sample.tools is not None and (listed := json.loads(wrap_tools(sample.tools))):
        tools["tools"] = listed
        if any(len(turn.get("tool_calls", ())) > 1 for turn in turns):
            tools["parallel_tool_calls"] = True
    if sample.rejected is None:
        row: Row = {"messages": turns, **tools}
    else:
        row = _pair(turns, sample.rejected)
        row["input"] |= tools
    if found := openai_rules.problems(row):
        raise InexpressibleError(found[0])
    return "sft" if sample.rejected is None else "preference", row


def _turn(turn: Row) -> Row:
    """A turn as OpenAI has it: arguments as text, no empty content beside calls, and no name of a result, whose id says it."""
    calls = turn.get("tool_calls", ())
    for call in calls:
        call["function"] = call["function"] | {
            "arguments": json.dumps(call["function"]["arguments"], ensure_ascii=False)
        }
    if isinstance(turn["content"], list):
        turn = turn | {"content": _content(turn["content"])}
    left_out = {"content"} if calls and not turn["content"] else {"name"} if turn["role"] == "tool" else set()
    return {key: value for key, value in turn.items() if key not in left_out}


def _content(parts: list[Row]) -> str | list[Row]:
    """Parts with pictures as OpenAI names them; a content of text alone is a text."""
    if all(part["type"] == "text" for part in parts):
        return "".join(part["text"] for part in parts)
    return [
        part if part["type"] == "text" else {"type": "image_url", "image_url": {"url": part["image"]}} for part in parts
    ]


def _pair(turns: list[Row], rejected: str) -> Row:
    if not turns or turns[-1]["role"] != "assistant":
        raise InexpressibleError(worded("it is a preference pair that does not end with an answer"))
    if turns[-1].get("weight") == 0:
        raise InexpressibleError(worded("its last answer is not to be trained on (weight 0)"))
    *asked, better = ({key: value for key, value in turn.items() if key != "weight"} for turn in turns)
    return {
        "input": {"messages": asked},
        "preferred_output": [better],
        "non_preferred_output": [{"role": "assistant", "content": rejected}],
    }


def _remarks(sample: Sample, row: Row) -> list[str]:
    limit = openai_rules.MAX_EXAMPLE_TOKENS
    if openai_rules.count_tokens(row) <= limit:
        return []
    return [
        worded(
            "longer than {limit:,} tokens, counted by characters: OpenAI cuts the end of such an example", limit=limit
        )
    ]


def _advice(file: DataFile) -> str | None:
    if file.rows >= openai_rules.MIN_EXAMPLES:
        return None
    return worded("OpenAI takes files of {min_examples} examples or more", min_examples=openai_rules.MIN_EXAMPLES)


OPENAI = Target(
    "openai",
    write,
    {"sft": 'method {{"type": "supervised"}}', "preference": 'method {{"type": "dpo"}}'},
    suffixes=(".jsonl",),
    tokens=openai_rules.count_tokens,
    remarks=_remarks,
    advice=_advice,
)
