"""TRL's rows: `messages` and `tools` for SFTTrainer; `prompt`, `chosen`, `rejected` for DPOTrainer. Unsloth takes the same, but
for pictures: TRL has them in `images`, with a part of type image for each in the turns, Unsloth in these parts.

    {"messages": [{"role": "user", "content": "Weather in Suzhou?"}, {"role": "assistant", "content": "", "tool_calls": […]}, …],
     "tools": "[{\"type\": \"function\", …}]"}

Tools are JSON text, which TRL decodes: as objects in Arrow every tool would have the parameters of all.
"""

import json

from builder.formats import messages, prompt_completion
from builder.formats.row_format import InexpressibleError, check_plain
from builder.formats.targets.target import LINES, Row, Target
from builder.language.messages import worded
from builder.pictures import has_pictures
from builder.published import apart_from_pictures, wrap_tools
from builder.schema import Sample

_TRAINERS = {"sft": "SFTTrainer(assistant_only_loss=True)", "preference": "DPOTrainer"}


def write(sample: Sample) -> tuple[str, Row]:
    """A row to train on, or a preference pair.

    Raises:
        InexpressibleError: it has no answer, or one that is not to be trained on: TRL trains on every answer.
    """
    if sample.rejected is not None:
        pair = prompt_completion.write(sample)
        return "preference", pair | (
            {"tools": json.dumps(pair["tools"], ensure_ascii=False)} if "tools" in pair else {}
        )
    check_plain(sample.messages)
    if not any(turn.role == "assistant" for turn in sample.messages):
        raise InexpressibleError(worded("it has no answer"))
    turns, images = apart_from_pictures(messages.write_turns(sample.messages))
    row: Row = {"messages": turns} | ({"images": images} if images else {})
    return "sft", row if sample.tools is None else row | {"tools": wrap_tools(sample.tools)}


def write_for_unsloth(sample: Sample) -> tuple[str, Row]:
    """The same with each picture in its part, as Unsloth's collator for models that see takes it.

    Raises:
        InexpressibleError: as `write` does.
    """
    kind, row = write(sample)
    if kind == "sft" and has_pictures(sample.messages):
        row = {name: value for name, value in row.items() if name != "images"}
        row["messages"] = messages.write_turns(sample.messages)
    return kind, row


TRL = Target("trl", write, _TRAINERS, suffixes=LINES)
UNSLOTH = Target("unsloth", write_for_unsloth, _TRAINERS, suffixes=LINES)
