"""Lists of turns, in any of the usual dialects, to messages; and the notes a reader should have about them.

A turn has `role` and `content`, or `from` and `value`. Tool calls come as OpenAI's `tool_calls`, as its older
`function_call` key, or as a turn of their own with the role `function_call`.
"""

import itertools
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from builder.errors import nearest
from builder.formats.columns import truth
from builder.formats.content_parts import is_parts, read_parts
from builder.formats.parallel_calls import ParsedTurn, behind_their_text, in_parallel, name_results, results_apart
from builder.formats.row_format import Row, RowError, kind_of, optional_text
from builder.formats.thoughts import split_thoughts, with_thoughts
from builder.language.messages import worded
from builder.pictures import with_parts
from builder.published import wrap_tool
from builder.schema import Message, Role
from builder.text import word_list

_CALL = "function_call"
_CALL_OF_MS_SWIFT = "tool_call"
# Text before a call, as LLaMA-Factory takes it.
_MARKED_CALL = re.compile(r"(.*?)\n?<tool_call>(.*?)</tool_call>\s*", re.DOTALL)
REASONING = ("reasoning_content", "reasoning", "thinking")
_WEIGHTS = ("weight", "train", "training", "loss")
# What is read of a turn and of a call in it; others are told of (see `builder.formats.unread`).
TURN_KEYS = frozenset(
    {"role", "from", "content", "value", "name", "tool_calls", _CALL, "tool_call_id", *REASONING, *_WEIGHTS}
)
CALL_KEYS = frozenset({"id", "type", "index", "function", "name", "arguments"})
_NAMES_OF_ROLES: Mapping[Role, str] = {
    "system": "system developer 系统",
    "user": "user human prompter 用户",
    "assistant": f"assistant gpt bot model chatgpt 助手 {_CALL} {_CALL_OF_MS_SWIFT}",
    "tool": "tool observation function function_response tool_response 工具",
}
_ROLE_NAMES = {name: role for role, names in _NAMES_OF_ROLES.items() for name in word_list(names)}
_VALID_ROLES = "system, user (human), assistant (gpt, bot, model), tool (observation), function_call"


def parse_turns(value: Any, field: str) -> tuple[Message, ...]:
    """Read a list of turns, or the JSON text of one.

    Raises:
        RowError: it is no list of turns, or a turn has an unknown role, no content, or calls that cannot be read.
    """
    if isinstance(value, str):
        value = load_json(value, f"'{field}'")
    if not isinstance(value, list):
        raise RowError(
            worded("'{field}' holds {kind_of}, expected a list of turns", field=field, kind_of=kind_of(value))
        )
    if not value:
        raise RowError(worded("'{field}' is an empty list, expected at least one turn", field=field))
    turns = [
        _parse_turn(turn, worded("'{field}', turn {number}", field=field, number=number))
        for number, turn in enumerate(value, 1)
    ]
    if any(turn.get("role") == _CALL_OF_MS_SWIFT for turn in value):
        turns = behind_their_text(turns, [turn.get("role") == _CALL_OF_MS_SWIFT for turn in value])
    return tuple(name_results(results_apart(in_parallel(turns))))


def parse_turn(turn: Any, where: str) -> Message:
    """Read one turn.

    Raises:
        RowError: as `parse_turns` does.
    """
    return _parse_turn(turn, where)[0]


def _parse_turn(turn: Any, where: str) -> ParsedTurn:
    if not isinstance(turn, Mapping):
        raise RowError(
            worded("{where} is {kind_of}, expected an object with role and content", where=where, kind_of=kind_of(turn))
        )
    given = next((turn[key] for key in ("role", "from") if turn.get(key) is not None), None)
    if not isinstance(given, str):
        raise RowError(
            worded(
                "{where} has no role (keys: {listed}); expected role/content or from/value",
                where=where,
                listed=_listed(turn),
            )
        )
    folded = given.strip().casefold()
    role = _ROLE_NAMES.get(folded)
    if role is None:
        raise RowError(
            worded(
                "{where}: unknown role '{given}'{nearest}; valid roles: {valid_roles}",
                where=where,
                given=given,
                nearest=nearest(folded, _ROLE_NAMES),
                valid_roles=_VALID_ROLES,
            )
        )
    content, parts = _content(turn, where)
    calls = turn.get("tool_calls") or None
    if calls is None and turn.get(_CALL) is not None:
        calls = [turn[_CALL]]
    thought = None
    if folded in (_CALL, _CALL_OF_MS_SWIFT) and calls is None:
        thought, text = split_thoughts(content or "")
        marked = _MARKED_CALL.fullmatch(text) if "<tool_call>" in text else None
        content, text = marked.groups() if marked else ("", text)
        calls = load_json(text, where)
    if content is None and calls is None:
        raise RowError(
            worded(
                "{where} has no content (keys: {listed}); expected role/content or from/value",
                where=where,
                listed=_listed(turn),
            )
        )
    if role != "assistant" and calls is not None:
        raise RowError(worded("{where}: a {given} turn cannot call tools", where=where, given=given))
    reasoning, weight = (
        (None, None) if role != "assistant" else (_reasoning(turn, where) or thought, _weight(turn, where))
    )
    canonical, ids = (None, ()) if calls is None else _parse_calls(calls, where)
    message = Message(role, content or "", canonical, _name(turn), reasoning, weight, parts)
    return ParsedTurn(message, ids, None if calls is not None else _identifier(turn.get("tool_call_id")))


def _reasoning(turn: Row, where: str) -> str | None:
    key = next((key for key in REASONING if turn.get(key) and turn[key] is not True), None)
    if key is None:
        return None
    if not isinstance(turn[key], str):
        raise RowError(
            worded("{where}: its {key} is {kind_of}, expected text", where=where, key=key, kind_of=kind_of(turn[key]))
        )
    return str(turn[key])


def _weight(turn: Row, where: str) -> int | None:
    """0 where the turn is not to be trained on: OpenAI's `weight`, Axolotl's `train` and `training`, ms-swift's `loss`."""
    weight = None
    for key in _WEIGHTS:
        given = turn.get(key)
        if given is None or (key == "loss" and not isinstance(given, bool)):  # a number may be a loss that was measured
            continue
        trained = truth(given)
        if trained is None:
            raise RowError(
                worded(
                    "{where}: its {key} is {shown}, expected 0 or 1, or false or true",
                    where=where,
                    key=key,
                    shown=_shown(given),
                )
            )
        weight = weight if trained else 0
    return weight


def _content(turn: Row, where: str) -> tuple[str | None, str | None]:
    """The content, and its parts where there are pictures in it (see `builder.formats.pictures`)."""
    present = [key for key in ("content", "value") if key in turn]
    if not present:
        return None, None
    value = next((turn[key] for key in present if turn[key] is not None), "")
    if isinstance(value, str):
        return value, None
    if is_parts(value):
        whole = with_parts(Message("user", ""), read_parts(value, where))
        return whole.content, whole.parts
    if isinstance(value, Mapping | list):
        raise RowError(
            worded(
                "{where}: its content is {kind_of}, expected text or a list of parts",
                where=where,
                kind_of=kind_of(value),
            )
        )
    return optional_text({"content": value}, "content"), None


def _name(turn: Row) -> str | None:
    name = turn.get("name")
    return name if isinstance(name, str) and name else None


def _identifier(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _listed(turn: Row) -> str:
    return ", ".join(map(str, turn)) or "none"


def load_json(text: str, where: str) -> Any:
    """Read JSON text out of a row.

    Raises:
        RowError: it is not JSON; NaN and infinities are not JSON either.
    """
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise RowError(
            worded("{where} is not JSON ({error}): {text!r}", where=where, error=error, text=text[:60])
        ) from None


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON value")


def canonical_calls(value: Any, where: str) -> str:
    """Tool calls in any of the usual shapes as the JSON array that `Message.tool_calls` holds.

    Raises:
        RowError: not JSON, a call without a name, or arguments that are not an object.
    """
    return _parse_calls(value, where)[0]


def _parse_calls(value: Any, where: str) -> tuple[str, tuple[str, ...]]:
    if isinstance(value, str):
        value = load_json(value, f"{where}: its tool calls")
    calls = value if isinstance(value, list) else [value]
    if not calls:
        raise RowError(worded("{where}: an empty list of tool calls", where=where))
    canonical = []
    for call in calls:
        body = call.get("function", call) if isinstance(call, Mapping) else None
        if not isinstance(body, Mapping) or not isinstance(body.get("name"), str) or not body["name"]:
            raise RowError(
                worded(
                    '{where}: a tool call must be {{"name": …, "arguments": {{…}}}}, found {shown}',
                    where=where,
                    shown=_shown(call),
                )
            )
        arguments = body.get("arguments")
        if isinstance(arguments, str):
            arguments = load_json(arguments, f"{where}: the arguments of {body['name']}") if arguments else {}
        if not isinstance(arguments, Mapping | None):
            raise RowError(
                worded(
                    "{where}: the arguments of {name} are {kind_of}, expected an object",
                    where=where,
                    name=body["name"],
                    kind_of=kind_of(arguments),
                )
            )
        canonical.append({"name": body["name"], "arguments": arguments or {}})
    ids = tuple(_identifier(call.get("id")) or "" for call in calls)
    return json.dumps(canonical, ensure_ascii=False), ids


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)[:60]


def canonical_tools(value: Any) -> str | None:
    """The tools on offer as a JSON array in OpenAI's form, so that equal tools are equal, or None where there are none.

    A tool may be the JSON text of one, and a bare schema is wrapped.

    Raises:
        RowError: not JSON, or not a list of tools.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, str):
        value = load_json(value, "'tools'")
    if isinstance(value, Mapping):
        value = [value]
    if not isinstance(value, list):
        raise RowError(worded("'tools' holds {kind_of}, expected a list of tools", kind_of=kind_of(value)))
    tools = [
        load_json(tool, f"'tools', number {number}") if isinstance(tool, str) else tool
        for number, tool in enumerate(value, 1)
    ]
    return json.dumps(list(map(wrap_tool, tools)), ensure_ascii=False)


def with_system(messages: tuple[Message, ...], system: str | None) -> tuple[tuple[Message, ...], tuple[str, ...]]:
    """Put a row's `system` text before its turns; returns the turns and notes.

    A conversation that begins with its own system turn keeps it, as LLaMA-Factory does, and the other text is noted.
    """
    if not system:
        return messages, ()
    if messages and messages[0].role == "system":
        same = messages[0].content == system
        return messages, () if same else (worded("its 'system' text was not used: the conversation has a system turn"),)
    return (Message("system", system), *messages), ()


def with_preference(
    messages: tuple[Message, ...], chosen: Any, rejected: Any
) -> tuple[tuple[Message, ...], str | None]:
    """Join a row's turns with its chosen and rejected answers; returns the whole conversation and the rejected text.

    An answer is a text, a turn, a list of turns, or a list that repeats the whole conversation. Without `chosen`, the
    turns' own last answer is the chosen one. Reasoning of the rejected one stands before it in its text.

    Raises:
        RowError: the two differ before the last turn, or the rejected one is not plain text.
    """
    if chosen is not None:
        answer = _answer_turns(chosen, "chosen")
        if answer[0].role == "assistant":
            messages = (*messages, *answer)
        else:
            if messages and messages[0].role == "system" != answer[0].role:
                answer = (messages[0], *answer)
            said = {(turn.role, turn.content.strip()) for turn in answer}
            missing = [turn for turn in messages if (turn.role, turn.content.strip()) not in said]
            if missing:
                raise RowError(
                    worded(
                        "'chosen' is a conversation that lacks a turn of the prompt: {content!r}",
                        content=missing[0].content[:40],
                    )
                )
            messages = answer
    if rejected is None:
        return messages, None
    worse = _answer_turns(rejected, "rejected")
    before = worse[:-1]
    if before and before != messages[: len(messages) - 1][-len(before) :]:
        raise RowError(worded("'chosen' and 'rejected' differ before their last turn; only the last answer can differ"))
    if worse[-1].role != "assistant" or worse[-1].tool_calls is not None or worse[-1].parts is not None:
        raise RowError(worded("'rejected' must end in an assistant turn with text"))
    if not messages or messages[-1].role != "assistant":
        raise RowError(
            worded("a 'rejected' answer needs a chosen one: found neither 'chosen' nor a last assistant turn")
        )
    return messages, with_thoughts(worse[-1]).content


def _answer_turns(value: Any, field: str) -> tuple[Message, ...]:
    if isinstance(value, str):
        return (Message("assistant", value),)
    if isinstance(value, Mapping):
        return (parse_turn(value, f"'{field}'"),)
    return parse_turns(value, field)


def check_order(messages: Sequence[Message]) -> tuple[str, ...]:
    """Notes about a conversation that a chat template may refuse or a filter will drop.

    Raises:
        RowError: a tool's result stands before any assistant turn, so that nothing can have asked for it.
    """
    notes = []
    spoken = [message for message in messages if message.role != "system"]
    if spoken and spoken[0].role == "tool":
        raise RowError(worded("a tool's result stands before any assistant turn"))
    for earlier, later in itertools.pairwise(spoken):
        if earlier.role == later.role != "tool":
            notes.append(worded("two {role} turns in a row", role=later.role))
        if later.role == "tool" and earlier.role == "user":
            raise RowError(worded("a tool's result follows a user turn; it must follow an assistant turn"))
        if later.role == "tool" and earlier.role == "assistant" and earlier.tool_calls is None:
            notes.append(worded("a tool's result follows an answer that called no tool"))
    if spoken and spoken[0].role == "assistant":
        notes.append(worded("it starts with an assistant turn"))
    if not any(message.role == "assistant" for message in spoken):
        notes.append(worded("it has no answer"))
    elif spoken[-1].role != "assistant":
        notes.append(worded("it ends with a {role} turn", role=spoken[-1].role))
    elif not spoken[-1].content.strip() and spoken[-1].tool_calls is None:
        notes.append(worded("its answer is empty"))
    return tuple(dict.fromkeys(notes))
