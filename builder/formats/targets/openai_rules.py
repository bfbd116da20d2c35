"""The rules that OpenAI documents for fine-tuning files, checked row by row.

Sources: the API reference (`FineTuneChatRequestInput`, `FineTunePreferenceRequestInput` and the messages of chat completions)
and the guides to supervised fine-tuning and direct preference optimisation.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from builder.language.messages import worded

MIN_EXAMPLES = 10
# Of gpt-4.1, gpt-4.1-mini, gpt-4.1-nano and gpt-4o; a longer example is cut at its end.
MAX_EXAMPLE_TOKENS = 65_536
MAX_TOOLS = 128

_FUNCTION_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_SPEAKER_NAME = re.compile(r"[^\s<|\\/>]{1,64}")
_BAD_FUNCTION_NAME = worded("a function's name is not of 1 to 64 letters from a to z, digits, _ and -")
_ROLES = ("system", "developer", "user", "assistant", "tool")
_MAX_PICTURES = 10  # of an example
_MEMBERS = frozenset({"role", "content", "name", "tool_calls", "tool_call_id", "weight", "refusal"})

# Tokens a character by OpenAI's rule of thumb of four characters a token, and of a character that is no ASCII; and the marks
# around a message. No tokenizer is needed, and the figure errs on the high side.
_TOKENS_PER_ASCII, _TOKENS_PER_OTHER, _TOKENS_PER_MESSAGE = 0.25, 1.0, 4


def problems(row: Mapping[str, Any]) -> list[str]:
    """What OpenAI would refuse about a row; none where it is right.

    Args:
        row: an example of supervised fine-tuning, or one of preference fine-tuning (`input`, `preferred_output`,
            `non_preferred_output`).
    """
    if "input" not in row:
        unknown = [worded("'{key}' is not a member of an example", key=key) for key in row if key not in _EXAMPLE]
        return [*unknown, *_example(row), *_last_answer(row)]
    given = row["input"]
    found: list[str] = [worded("'{key}' is not a member of an example", key=key) for key in row if key not in _PAIR]
    if not isinstance(given, Mapping):
        return [*found, worded("'input' is not an object")]
    found += _example(given)
    turns = given.get("messages")
    if isinstance(turns, list) and turns and isinstance(turns[-1], Mapping) and turns[-1].get("role") == "assistant":
        found.append(worded("'input' ends with an assistant message"))
    for key in _PAIR[1:]:
        found += _output(row.get(key), key)
    return found


_EXAMPLE = ("messages", "tools", "parallel_tool_calls")
_PAIR = ("input", "preferred_output", "non_preferred_output")


def _output(value: Any, key: str) -> list[str]:
    alone = isinstance(value, list) and len(value) == 1 and isinstance(value[0], Mapping)
    if not alone or value[0].get("role") != "assistant":
        return [worded("'{key}' is not a list of one assistant message", key=key)]
    return [f"'{key}': {problem}" for problem in _message(value[0])]


def _example(row: Mapping[str, Any]) -> list[str]:
    turns = row.get("messages")
    if not isinstance(turns, list) or not turns:
        return [worded("'messages' is not a list of at least one message")]
    found: list[str] = []
    for number, turn in enumerate(turns, 1):
        found += [worded("message {number}: {problem}", number=number, problem=problem) for problem in _message(turn)]
    return [*found, *([] if found else _answered(turns)), *_tools(row)]


def _message(turn: Any) -> list[str]:
    if not isinstance(turn, Mapping):
        return [worded("it is not an object")]
    role = turn.get("role")
    if role not in _ROLES:
        return [worded("its role is none of {roles}", roles=", ".join(_ROLES))]
    found: list[str] = [worded("'{key}' is not a member of a message", key=key) for key in turn if key not in _MEMBERS]
    calls = turn.get("tool_calls")
    content = turn.get("content")
    if not isinstance(content, str | list | None):
        found.append(worded("its content is not text"))
    elif not (content.strip() if isinstance(content, str) else content) and not (role == "assistant" and calls):
        found.append(worded("its content is empty"))
    elif isinstance(content, list):
        found += _parts(content, role)
    name = turn.get("name")
    if name is not None and not (isinstance(name, str) and _SPEAKER_NAME.fullmatch(name)):
        found.append(worded("its name has spaces, one of < | \\ / >, or more than 64 characters"))
    weight = turn.get("weight")
    if weight is not None and (role != "assistant" or weight not in (0, 1)):
        found.append(worded("a weight is 0 or 1, and of assistant messages alone"))
    if calls is not None:
        found += _calls(calls) if role == "assistant" else [worded("a {role} message cannot call tools", role=role)]
    if (role == "tool") != isinstance(turn.get("tool_call_id"), str):
        found.append(worded("a tool message, and no other, has a tool_call_id"))
    return found


def _parts(parts: list[Any], role: str) -> list[str]:
    """Texts and pictures, which users show, by an address or as data (vision fine-tuning)."""
    found: list[str] = []
    pictures = 0
    for part in parts:
        kind = part.get("type") if isinstance(part, Mapping) else None
        if kind == "image_url":
            place = part.get("image_url")
            address = place.get("url") if isinstance(place, Mapping) else None
            pictures += 1
            if not isinstance(address, str) or not address.startswith(("http://", "https://", "data:image/")):
                found.append(
                    worded("a picture is neither an address nor data, and OpenAI reads no file of this machine")
                )
            if role != "user":
                found.append(worded("it holds a picture, and only user messages can"))
        elif kind != "text" or not isinstance(part.get("text"), str):
            found.append(worded("a part of its content is neither text nor image_url"))
    if pictures > _MAX_PICTURES:
        found.append(
            worded(
                "it holds {pictures} pictures, more than {max_pictures}", pictures=pictures, max_pictures=_MAX_PICTURES
            )
        )
    return list(dict.fromkeys(found))


def _calls(calls: Any) -> list[str]:
    if not isinstance(calls, list) or not calls:
        return [worded("'tool_calls' is not a list of at least one call")]
    found: list[str] = []
    for call in calls:
        body = call.get("function") if isinstance(call, Mapping) else None
        if not isinstance(body, Mapping) or call.get("type") != "function" or not isinstance(call.get("id"), str):
            found.append(worded('a call is not {{"id": …, "type": "function", "function": {{…}}}}'))
            continue
        if not isinstance(body.get("name"), str) or not _FUNCTION_NAME.fullmatch(body["name"]):
            found.append(_BAD_FUNCTION_NAME)
        if not _is_json_object(body.get("arguments")):
            found.append(worded("a call's arguments are not the JSON text of an object"))
    return found


def _is_json_object(text: Any) -> bool:
    if not isinstance(text, str):
        return False
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _answered(turns: Sequence[Mapping[str, Any]]) -> list[str]:
    """Every call must be answered before anybody else speaks, and every result answer a call; the last turn's may be open."""
    open_calls: set[str] = set()
    seen: set[str] = set()
    for number, turn in enumerate(turns, 1):
        if turn["role"] == "tool":
            if turn["tool_call_id"] not in open_calls:
                return [f"message {number}: its tool_call_id names no open call"]
            open_calls.remove(turn["tool_call_id"])
            continue
        if open_calls:
            return [f"message {number}: the calls before it have no result yet"]
        ids = [call["id"] for call in turn.get("tool_calls") or ()]
        if len({*ids}) < len(ids) or seen & {*ids}:
            return [f"message {number}: two calls have one id"]
        open_calls = {*ids}
        seen |= open_calls
    return []


def _last_answer(row: Mapping[str, Any]) -> list[str]:
    turns = row.get("messages")
    if not isinstance(turns, list) or not all(isinstance(turn, Mapping) for turn in turns):
        return []
    if turns and turns[-1].get("role") != "assistant":
        return [worded("the last message is not the assistant's")]
    if turns and all(turn.get("weight") == 0 for turn in turns if turn.get("role") == "assistant"):
        return [worded("every assistant message has weight 0")]
    return []


def _tools(row: Mapping[str, Any]) -> list[str]:
    tools = row.get("tools")
    found: list[str] = []
    if row.get("parallel_tool_calls") is not None and not (isinstance(row["parallel_tool_calls"], bool) and tools):
        found.append(worded("'parallel_tool_calls' is not true or false, or stands without tools"))
    if tools is None:
        return found
    if not isinstance(tools, list) or not 1 <= len(tools) <= MAX_TOOLS:
        return [*found, worded("'tools' is not a list of 1 to {max_tools} tools", max_tools=MAX_TOOLS)]
    for tool in tools:
        body = tool.get("function") if isinstance(tool, Mapping) and tool.get("type") == "function" else None
        if not isinstance(body, Mapping) or not isinstance(body.get("name"), str):
            return [*found, worded('a tool is not {{"type": "function", "function": {{"name": …}}}}')]
        if not _FUNCTION_NAME.fullmatch(body["name"]):
            return [*found, _BAD_FUNCTION_NAME]
        if not isinstance(body.get("parameters", {}), Mapping):
            return [*found, worded("a tool's parameters are not an object")]
    return found


def count_tokens(row: Mapping[str, Any]) -> int:
    """About how many tokens a row has, by its characters."""
    source = row.get("input", row)
    turns = [*source["messages"], *row.get("preferred_output", ()), *row.get("non_preferred_output", ())]
    texts = [text for turn in turns for text in _texts(turn)]
    if source.get("tools"):
        texts.append(json.dumps(source["tools"], ensure_ascii=False))
    characters = sum(map(len, texts))
    others = sum(len(text) - len(text.encode("ascii", "ignore")) for text in texts)
    return round(
        (characters - others) * _TOKENS_PER_ASCII + others * _TOKENS_PER_OTHER + len(turns) * _TOKENS_PER_MESSAGE
    )


def _texts(turn: Mapping[str, Any]) -> list[str]:
    calls = [call["function"] for call in turn.get("tool_calls") or ()]
    return [str(turn.get("content") or ""), *(part for call in calls for part in (call["name"], call["arguments"]))]
