"""LLaMA-Factory's folder: data files and the `dataset_info.json` that names their columns and tags.

Its Alpaca loader joins instruction and input with one line break where Seedbed's rows have a blank line, so the whole prompt
goes into `instruction`: what is trained is what the messages say. Its ShareGPT loader wants user and assistant by turns, so
the results of parallel calls stand in one turn, joined as its own loader for OpenAI's rows joins them:

    {"from": "function_call", "value": "Both cities.\n<tool_call>[{\"name\": …}, {\"name\": …}]</tool_call>"},
    {"from": "observation", "value": "sunny\n</tool_response>\n<tool_response>\nrain"}

`<image>` stands in the texts for the pictures in `images`. Reasoning stands before the answer, as its templates have it. Read in
and run with llamafactory 0.9.5.
"""

import itertools
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from builder.errors import InputFileError, UsageError
from builder.formats import sharegpt
from builder.formats.alpaca import plain_rounds, split_system
from builder.formats.parallel_calls import JOINED_RESULTS
from builder.formats.pictures import with_markers
from builder.formats.row_format import InexpressibleError, check_plain
from builder.formats.targets.target import DataFile, Row, Target
from builder.formats.thoughts import check_thoughts, join_thoughts, with_thoughts
from builder.language.messages import worded
from builder.pictures import has_pictures, is_local, pictures_in
from builder.schema import Message, Sample
from builder.store.ownership import check_output

INFO = "dataset_info.json"

_TAGS = {
    "role_tag": "from",
    "content_tag": "value",
    "user_tag": sharegpt.TAGS["user"],
    "assistant_tag": sharegpt.TAGS["assistant"],
    "observation_tag": sharegpt.TAGS["tool"],
    "function_tag": sharegpt.CALL_TAG,
    "system_tag": sharegpt.TAGS["system"],
}
_CALLS = ("<tool_call>", "</tool_call>")


def write(sample: Sample) -> tuple[str, Row]:
    """An Alpaca row for one question and one answer (`single`), else a ShareGPT row (`chat`, `preference`).

    Raises:
        InexpressibleError: LLaMA-Factory would leave the row out or stop at it: its turns must alternate between user or tool
            and assistant, and end with an answer; or it would train on a turn of weight 0.
    """
    check_plain(sample.messages)
    check_thoughts(sample.messages)
    if (single := _single_round(sample)) is not None:
        return "single", single
    _check_pictures(sample)
    messages, images = with_markers(sample.messages)
    system, turns = split_system(messages)
    written = _alternating(turns)
    row: Row = {"conversations": [{"from": "system", "value": system}] * (system is not None) + written}
    if sample.rejected is not None:
        row["chosen"] = row["conversations"].pop()
        row["rejected"] = {"from": sharegpt.TAGS["assistant"], "value": sample.rejected}
    if sample.tools is not None:
        row["tools"] = json.dumps([_described(tool) for tool in json.loads(sample.tools)], ensure_ascii=False)
    if images:
        row["images"] = images
    return "chat" if sample.rejected is None else "preference", row


def _check_pictures(sample: Sample) -> None:
    """Its loader opens files alone, and counts no picture of a system text."""
    if has_pictures(turn for turn in sample.messages if turn.role == "system"):
        raise InexpressibleError(worded("its system text holds a picture, which LLaMA-Factory has no place for"))
    if not all(map(is_local, pictures_in(sample.messages))):
        raise InexpressibleError(
            worded("a picture is no file but an address or data, which LLaMA-Factory does not fetch")
        )


def _single_round(sample: Sample) -> Row | None:
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


def _alternating(turns: Sequence[Message]) -> list[dict[str, str]]:
    """The turns with the results of parallel calls joined."""
    written: list[dict[str, str]] = []
    roles: list[bool] = []
    for is_result, run in itertools.groupby(turns, lambda turn: turn.role == "tool"):
        several = list(run)
        if is_result:
            written.append(_result(several))
            roles.append(False)
            continue
        written += map(_turn, several)
        roles += (turn.role == "assistant" for turn in several)
    expected = [False, True] * (len(roles) // 2)
    if not roles or roles != expected or any(turn.role == "system" for turn in turns):
        raise InexpressibleError(
            worded("its turns do not alternate between user (or tool) and assistant up to an answer")
        )
    return written


def _result(results: Sequence[Message]) -> dict[str, str]:
    turn = {"from": sharegpt.TAGS["tool"], "value": JOINED_RESULTS.join(result.content for result in results)}
    alone = results[0].name if len(results) == 1 else None
    return turn if alone is None else turn | {"name": alone}


def _turn(message: Message) -> dict[str, str]:
    name = {} if message.name is None else {"name": message.name}
    if message.tool_calls is None:
        return {"from": sharegpt.TAGS[message.role], "value": with_thoughts(message).content} | name
    calls = json.loads(message.tool_calls)
    # Its loader looks for marks in the whole value; within JSON they can be written so that it does not see them.
    text = json.dumps(calls[0] if len(calls) == 1 else calls, ensure_ascii=False).replace("<", "\\u003c")
    if message.content or message.reasoning:
        said = join_thoughts(message.reasoning, f"{message.content}\n" if message.content else "")
        if any(mark in said for mark in _CALLS):
            raise InexpressibleError(
                worded("the text before a call holds <tool_call>, by which LLaMA-Factory finds the call")
            )
        text = f"{said}{_CALLS[0]}{text}{_CALLS[1]}"
    return {"from": sharegpt.CALL_TAG, "value": text} | name


def _described(tool: Any) -> Any:
    """A tool with the parameters that its templates look for: one that takes nothing takes an empty object."""
    if not isinstance(tool, dict):
        return tool
    if isinstance(tool.get("function"), dict):
        return {**tool, "function": _described(tool["function"])}
    given = tool.get("parameters")
    return {**tool, "parameters": {"type": "object", "properties": {}, **(given if isinstance(given, dict) else {})}}


def describe(file: DataFile) -> dict[str, Any]:
    """The entry in `dataset_info.json` for a data file."""
    optional = {name: name for name in ("system", "tools", "images") if name in file.columns}
    if file.kind == "single":
        columns = {"prompt": "instruction", "query": "input", "response": "output"}
        return {"file_name": file.path.name, "formatting": "alpaca", "columns": columns | optional}
    columns = {"messages": "conversations"} | optional
    entry: dict[str, Any] = {
        "file_name": file.path.name,
        "formatting": "sharegpt",
        "columns": columns,
        "tags": _TAGS,
    }
    if file.kind == "preference":
        entry["ranking"] = True
        columns |= {"chosen": "chosen", "rejected": "rejected"}
    return entry


def _check(folder: Path, name: str, overwrite: bool) -> None:
    check_output(folder / INFO, overwrite=True)  # other entries stay
    info = _read_info(folder / INFO)
    for kind in LLAMA_FACTORY.kinds:
        one = LLAMA_FACTORY.data_name(name, kind)
        if one in info and not overwrite:
            raise UsageError(
                worded("{folder}: describes a data set {the_one} already", folder=folder / INFO, the_one=one),
                worded("Choose another --name or folder, or have it replaced with --overwrite."),
            )


def _beside(folder: Path, name: str, files: list[DataFile]) -> dict[str, str]:
    info = _read_info(folder / INFO)
    written = {file.path.stem: describe(file) for file in files}
    gone = {LLAMA_FACTORY.data_name(name, kind) for kind in LLAMA_FACTORY.kinds} - written.keys()
    info = {one: entry for one, entry in info.items() if one not in gone} | written
    return {INFO: json.dumps(info, ensure_ascii=False, indent=_indent(folder / INFO)) + "\n"}


def _indent(path: Path) -> str:
    """The file's own indentation, so that what changes in it is what is added."""
    found = re.match(r"\s*\{\s*\n([ \t]+)\"", path.read_text(encoding="utf-8")) if path.exists() else None
    return found[1] if found else " "


def _read_info(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        info = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputFileError(
            path,
            worded("not readable as JSON ({name})", name=type(error).__name__),
            remedy=worded("Mend or remove it."),
        ) from None
    if not isinstance(info, dict):
        raise InputFileError(path, worded("expected an object {{name: {{…}}}}"), remedy=worded("Mend or remove it."))
    return info


def _remarks(sample: Sample, row: Row) -> list[str]:
    """What some of its 121 templates stop at; the names are of templates of texts."""
    calling = [turn for turn in sample.messages if turn.tool_calls is not None]
    found: list[str] = []
    if any(turn.content or turn.reasoning for turn in calling):
        found.append(
            worded(
                "a text stands before a call, which LLaMA-Factory's templates gemma, llama2, mistral and lfm2 stop at"
            )
        )
    if any(len(json.loads(turn.tool_calls or "[]")) > 1 for turn in calling):
        found.append(
            worded("it calls several tools at once, which LLaMA-Factory's templates glm4 and chatglm3 stop at")
        )
    return found


LLAMA_FACTORY = Target(
    "llamafactory",
    write,
    {
        "single": "dataset: {name}, stage: sft",
        "chat": "dataset: {name}, stage: sft",
        "preference": "dataset: {name}, stage: dpo",
    },
    layout="folder",
    suffixes=(".json",),
    complete=True,
    check=_check,
    beside=_beside,
    remarks=_remarks,
)
