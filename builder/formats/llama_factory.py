"""LLaMA-Factory's folder: data files and the `dataset_info.json` that names their columns and tags.

Its Alpaca loader joins instruction and input with one line break where Seedbed's rows have a blank line, so the whole prompt
goes into `instruction`: what is trained is what the messages say. Reasoning stands before the answer, as its templates have it.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

from builder.formats import sharegpt
from builder.formats.alpaca import plain_rounds, split_system
from builder.formats.row_format import InexpressibleError
from builder.schema import Message, Sample

Kind = Literal["single", "chat", "preference"]
KINDS: tuple[Kind, ...] = ("single", "chat", "preference")

_TAGS = {
    "role_tag": "from",
    "content_tag": "value",
    "user_tag": sharegpt.TAGS["user"],
    "assistant_tag": sharegpt.TAGS["assistant"],
    "observation_tag": sharegpt.TAGS["tool"],
    "function_tag": sharegpt.CALL_TAG,
    "system_tag": sharegpt.TAGS["system"],
}


def write(sample: Sample) -> dict[str, Any]:
    """An Alpaca row for one question and one answer, else a ShareGPT row.

    Raises:
        InexpressibleError: LLaMA-Factory would leave the row out: its turns must alternate between user or tool and
            assistant, and end with an answer; or it would train on a turn of weight 0.
    """
    sample = replace(sample, messages=tuple(map(_with_thoughts, sample.messages)))
    single = _single_round(sample)
    if single is not None:
        return single
    _, turns = split_system(sample.messages)
    asks = [turn.role in ("user", "tool") for turn in turns]
    if len(turns) % 2 or asks != [True, False] * (len(turns) // 2) or any(turn.role == "system" for turn in turns):
        raise InexpressibleError("its turns do not alternate between user (or tool) and assistant up to an answer")
    return sharegpt.write(sample)


def _with_thoughts(turn: Message) -> Message:
    if not turn.reasoning or turn.tool_calls is not None:
        return turn
    return replace(turn, content=f"<think>\n{turn.reasoning}\n</think>\n\n{turn.content}", reasoning=None)


def _single_round(sample: Sample) -> dict[str, Any] | None:
    if sample.rejected is not None:
        return None
    try:
        system, rounds = plain_rounds(sample)
    except InexpressibleError:
        return None
    if len(rounds) != 1:
        return None
    row = {"instruction": rounds[0][0], "input": "", "output": rounds[0][1]}
    return row if system is None else row | {"system": system}


def kind_of_row(row: dict[str, Any]) -> Kind:
    """Which data file a row belongs to."""
    if "instruction" in row:
        return "single"
    return "preference" if "rejected" in row else "chat"


def dataset_name(folder: str, kind: Kind) -> str:
    """The data set's name: the folder's for single questions, with an ending for the others."""
    own = kind == "single" and folder != "dataset_info"  # that file describes the data sets
    return folder if own else f"{folder}_{kind}"


def complete_columns(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows with one set of columns; a missing system text or list of tools is an empty text, as the loader expects."""
    columns = dict.fromkeys(key for row in rows for key in row)
    return [{column: row.get(column, "") for column in columns} for row in rows]


def describe(kind: Kind, file_name: str, row: dict[str, Any]) -> dict[str, Any]:
    """The entry in `dataset_info.json` for a data file whose rows have the columns of `row`."""
    optional = {name: name for name in ("system", "tools") if name in row}
    if kind == "single":
        columns = {"prompt": "instruction", "query": "input", "response": "output"}
        return {"file_name": file_name, "formatting": "alpaca", "columns": columns | optional}
    columns = {"messages": "conversations"} | optional
    entry: dict[str, Any] = {"file_name": file_name, "formatting": "sharegpt", "columns": columns, "tags": _TAGS}
    if kind == "preference":
        entry["ranking"] = True
        columns |= {"chosen": "chosen", "rejected": "rejected"}
    return entry
