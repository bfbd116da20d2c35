"""Axolotl's rows, and the YAML beside them that trains on them.

Arguments and tools are JSON text, which its loader decodes: in Arrow one column cannot hold the arguments of different tools. A
turn that is not trained on has `training: false`. Its DPO strategy reads `role` and `content`
alone, so there reasoning stands in the text.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from builder.formats import prompt_completion
from builder.formats.messages import write_turns
from builder.formats.row_format import InexpressibleError
from builder.formats.targets.target import DataFile, Row, Target
from builder.formats.thoughts import check_thoughts, with_thoughts
from builder.language.messages import worded
from builder.pictures import has_pictures
from builder.published import wrap_tools
from builder.schema import Sample
from builder.store.ownership import check_output


def write(sample: Sample) -> tuple[str, Row]:
    """A row to train on, or a preference pair.

    Raises:
        InexpressibleError: it has no answer to train on; or it holds pictures, or is a preference pair with calls or tools.
    """
    if has_pictures(sample.messages):
        raise InexpressibleError(worded("it holds pictures, which this format has no place for"))
    if sample.rejected is not None:
        return "preference", _pair(sample)
    if not any(turn.role == "assistant" and turn.weight != 0 for turn in sample.messages):
        raise InexpressibleError(worded("it has no answer to train on"))
    row: Row = {"messages": [_turn(turn) for turn in write_turns(sample.messages)]}
    if sample.tools is not None:
        row["tools"] = wrap_tools(sample.tools)
    return "sft", row


def _turn(turn: Row) -> Row:
    for call in turn.get("tool_calls", ()):
        call["function"] = call["function"] | {
            "arguments": json.dumps(call["function"]["arguments"], ensure_ascii=False)
        }
    if "weight" in turn:
        turn["training"] = bool(turn.pop("weight"))
    return turn


def _pair(sample: Sample) -> Row:
    if sample.tools is not None or any(turn.tool_calls is not None for turn in sample.messages):
        raise InexpressibleError(worded("it is a preference pair with tools, which this format has no place for"))
    check_thoughts(sample.messages)
    row = prompt_completion.write(replace(sample, messages=tuple(map(with_thoughts, sample.messages))))
    messages = [{"role": turn["role"], "content": turn["content"]} for turn in row["prompt"]]
    return {
        "messages": messages,
        "chosen": row["chosen"][0],
        "rejected": {"role": "assistant", "content": sample.rejected},
    }


# What a first run needs beside the data; the model is the one thing to choose.
_TRAINING = {
    "base_model": "Qwen/Qwen2.5-0.5B-Instruct",
    "sequence_len": 4096,
    "micro_batch_size": 1,
    "gradient_accumulation_steps": 8,
    "num_epochs": 2,
    "optimizer": "adamw_torch",
    "lr_scheduler": "cosine",
    "learning_rate": 2e-5,
    "val_set_size": 0,
}


def settings(file: DataFile) -> dict[str, Any]:
    """The settings that train on a data file, run in its folder.

    Sources: Axolotl 0.19's `SFTDataset` and `DPODataset` schemas, and its `chat_template` strategies.
    """
    data: dict[str, Any] = {"path": file.path.name, "ds_type": "json", "split": "train", "field_messages": "messages"}
    if file.kind == "preference":
        data |= {"type": "chat_template.default", "field_chosen": "chosen", "field_rejected": "rejected"}
    else:
        data |= {
            "type": "chat_template",
            "roles_to_train": ["assistant"],
            "train_on_eos": "turn",
            "message_field_training": "training",
        }
    data["roles"] = {role: [role] for role in ("system", "user", "assistant", "tool")}
    method = {"rl": "dpo"} if file.kind == "preference" else {"train_on_inputs": False}
    return _TRAINING | method | {"datasets": [data], "output_dir": f"outputs/{file.path.stem}"}


def _beside(folder: Path, name: str, files: list[DataFile]) -> dict[str, str]:
    return {
        f"{file.path.stem}.yaml": f"# cd here, choose base_model, then: axolotl train {file.path.stem}.yaml\n"
        + yaml.safe_dump(settings(file), sort_keys=False, allow_unicode=True)
        for file in files
    }


def _check(folder: Path, name: str, overwrite: bool) -> None:
    for kind in AXOLOTL.kinds:
        check_output(folder / f"{AXOLOTL.data_name(name, kind)}.yaml", overwrite=overwrite)


AXOLOTL = Target(
    "axolotl",
    write,
    {"sft": "axolotl train {name}.yaml", "preference": "axolotl train {name}.yaml"},
    layout="folder",
    suffixes=(".jsonl",),
    check=_check,
    beside=_beside,
)
