"""Calls that were made together and their results: one turn of calls, then its results in their order or by their names.

user, function_call weather, function_call clock, observation 晴, observation 12:00
    user, assistant [weather, clock], tool 晴 (weather), tool 12:00 (clock)
"""

import json
import operator
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from builder.schema import Message

# Between the results of parallel calls in one turn, as LLaMA-Factory joins them.
JOINED_RESULTS = "\n</tool_response>\n<tool_response>\n"


class ParsedTurn(NamedTuple):
    """One turn, the ids of its calls, and the id of the call that it answers; a message keeps no ids."""

    message: Message
    calls: tuple[str, ...]
    answers: str | None


def in_parallel(turns: Sequence[ParsedTurn]) -> Sequence[ParsedTurn]:
    """Turns of calls alone that follow one another, as ShareGPT's `function_call` turns do, as one turn of parallel calls.

    What comes between them in a sequence of calls is a result; without one they were made together, and chat templates take
    one assistant turn before its results.
    """
    called = [message.tool_calls is not None for message, *_ in turns]
    if not any(map(operator.and_, called, called[1:])):
        return turns
    joined: list[ParsedTurn] = []
    for message, ids, answered in turns:
        before = joined[-1].message if joined else None
        if (
            before is None
            or message.tool_calls is None
            or before.tool_calls is None
            or message.content
            or message.reasoning
            or (message.name, message.weight) != (before.name, before.weight)
        ):
            joined.append(ParsedTurn(message, ids, answered))
            continue
        calls = json.dumps([*json.loads(before.tool_calls), *json.loads(message.tool_calls)], ensure_ascii=False)
        joined[-1] = ParsedTurn(replace(before, tool_calls=calls), (*joined[-1].calls, *ids), None)
    return joined


def behind_their_text(turns: Sequence[ParsedTurn], behind: Sequence[bool]) -> list[ParsedTurn]:
    """Turns of ms-swift's, where a call that an answer makes beside its text is a turn after it.

    Args:
        behind: of each turn whether it is such a call.
    """
    joined: list[ParsedTurn] = []
    for turn, is_call in zip(turns, behind, strict=True):
        before = joined[-1].message if joined else turn.message
        said = before.role == "assistant" and before.tool_calls is None and before.weight == turn.message.weight
        if joined and said and is_call:
            joined[-1] = ParsedTurn(replace(before, tool_calls=turn.message.tool_calls), turn.calls, None)
        else:
            joined.append(turn)
    return joined


def results_apart(turns: Sequence[ParsedTurn]) -> list[ParsedTurn]:
    """The turns with joined results of parallel calls one by one."""
    apart: list[ParsedTurn] = []
    calls = 0
    for turn in turns:
        message = turn.message
        results = message.content.split(JOINED_RESULTS) if calls > 1 and message.role == "tool" else []
        if results and len(results) == calls and message.name is None and message.parts is None:
            apart += (ParsedTurn(Message("tool", result), (), None) for result in results)
        else:
            apart.append(turn)
        calls = len(turn.calls)
    return apart


def name_results(turns: Sequence[ParsedTurn]) -> list[Message]:
    """Name the results of parallel calls by the ids they answer, or by their order, since a message keeps no ids."""
    messages: list[Message] = []
    start = 0
    while start < len(turns):
        message, ids, _ = turns[start]
        messages.append(message)
        end = start + 1
        while end < len(turns) and turns[end][0].role == "tool":
            end += 1
        results = turns[start + 1 : end] if len(ids) > 1 else ()
        called = [call["name"] for call in json.loads(message.tool_calls or "[]")] if results else []
        if len(set(called)) < len(called) and all(result.answers in ids for result in results):
            # names alone would give them to one another's calls
            results = sorted(results, key=lambda result: ids.index(result.answers or ""))
        for position, (result, _, answered) in enumerate(results):
            name = dict(zip(ids, called, strict=True)).get(answered) if answered else None
            if name is None and len(results) == len(called):
                name = called[position]
            messages.append(replace(result, name=result.name or name))
        start = start + 1 + len(results)
    return messages
