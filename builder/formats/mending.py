r"""Faults of form put right in a row as it is read; what was changed is noted with the text as the file has it.

    input "No input"                                        → no input
    "麻雀\u200b和燕子", "Wrens &amp; robins", "caf\u00e9"    → without what tools left behind (`builder.leftovers`)
    assistant: How can I help you?  user: …  assistant: …   → begins with the question
    … assistant: …  user: Thanks!                           → ends with the answer
    user: Hi  user: Where is my parcel?  assistant: …       → one turn of two lines
    arguments {"city": "Suzhou", "unit": null}              → {"city": "Suzhou"}

No more is mended than is sure; the rest stays for the checks of curation.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace

from rapidfuzz import fuzz

from builder.formats.greeting import is_greeting, offers_help
from builder.formats.null_members import without_null_arguments, without_null_members
from builder.formats.row_format import SampleParts
from builder.leftovers import Leftover, clean, is_no_input, leftovers_in, may_hold, without_marker
from builder.pictures import with_texts
from builder.schema import Mend, Message, compose_prompt
from builder.text import has_text, normalise

_MARKER, _NULLS = "no_input_marker", "null_members"
_GREETING, _TRAILING, _JOINED = "greeting", "trailing_question", "joined_turns"
# Percent of `rapidfuzz.fuzz.ratio`: two answers to one question, rather than the parts of one.
_ALIKE = 75.0
_COMPARED = 2_000  # characters: to compare two texts takes time by the product of their lengths
_ENDS_OF_MARKERS = (">", "]", ")", "）", "】")


@dataclass(slots=True)
class _Turn:
    """A turn with what was changed in it: kind, member (none for its content) and text as the file has it."""

    message: Message
    before: str
    mends: list[tuple[str, str, str]] = field(default_factory=list)


def mend(parts: SampleParts, kinds: Collection[str]) -> SampleParts:
    """The row put right, with `mended` saying what was changed; the row itself where nothing was.

    Args:
        kinds: which faults, as `mend.kinds` names them.
    """
    if not kinds or not _may_need(parts):
        return parts
    left = leftovers_in([*_texts(parts)], kinds)
    first = next((place for place, turn in enumerate(parts.messages) if turn.role == "user"), None)
    composed = first is not None and parts.instruction is not None
    composed = composed and parts.messages[first or 0].content == compose_prompt(parts.instruction or "", parts.input)
    fields, mends = _mend_fields(parts, kinds, left)
    turns = [_Turn(message, message.content) for message in parts.messages]
    for place, turn in enumerate(turns):
        if composed and place == first:  # its text is that of the fields, mended there
            turn.message = _asking(turn.message, compose_prompt(fields.instruction or "", fields.input), left)
        else:
            _mend_turn(turn, kinds, left, parts.tools)
    turns, cut = _reordered(turns, kinds, labelled=parts.rejected is not None)
    mends += (
        Mend(kind, "/".join(("messages", str(place), *([member] if member else []))), before)
        for place, turn in enumerate([*turns, *cut])
        for kind, member, before in turn.mends
    )
    if not mends:
        return parts
    mended = replace(fields, messages=tuple(turn.message for turn in turns), mended=(*parts.mended, *mends))
    asked = next((turn.content for turn in mended.messages if turn.role == "user"), None)
    if composed and asked != compose_prompt(mended.instruction or "", mended.input):  # another turn was joined to it
        return replace(mended, instruction=None, input=None)
    return mended


def _asking(message: Message, prompt: str, left: Collection[Leftover]) -> Message:
    """The turn with another content, its pictures where they are."""
    if message.parts is None:
        return replace(message, content=prompt)
    before = message.content
    return with_texts(
        message, lambda text: text.replace(before, prompt) if before and before in text else clean(text, left)[0]
    )


def _may_need(parts: SampleParts) -> bool:
    """Whether a closer look is worth it; of nearly every row it is told here that it is not."""
    turns, before = parts.messages, ""
    for turn in turns:
        role: str = turn.role
        if role != "tool" and (role == before or may_hold(turn.content)):
            return True
        if role == "assistant" and before in ("", "system"):
            return True
        if turn.reasoning is not None and may_hold(turn.reasoning):
            return True
        if turn.tool_calls is not None and "null" in turn.tool_calls:
            return True
        if role == "user" and turn.content[-1:] in _ENDS_OF_MARKERS and without_marker(turn.content) != turn.content:
            return True
        before = role
    ends_open = before == "user" and len(turns) > 1
    if ends_open or (parts.tools is not None and "null" in parts.tools):
        return True
    if parts.rejected is not None and may_hold(parts.rejected):
        return True
    return bool(parts.input) and is_no_input(parts.input or "", parts.instruction or "")


def _texts(parts: SampleParts) -> Iterator[str]:
    """All that is said in a row; calls and results of tools are data."""
    for turn in parts.messages:
        if turn.role != "tool":
            yield turn.content
            if turn.reasoning is not None:
                yield turn.reasoning
    if parts.rejected is not None:
        yield parts.rejected


def _mend_fields(
    parts: SampleParts, kinds: Collection[str], left: Collection[Leftover]
) -> tuple[SampleParts, list[Mend]]:
    """Instruction, input, the worse answer and the tools put right."""
    mends: list[Mend] = []

    def mended(text: str | None, place: str) -> str | None:
        if text is None:
            return None
        changed, found = clean(text, left)
        mends.extend(Mend(kind, place, text) for kind in found)
        return changed

    instruction, rejected = mended(parts.instruction, "instruction"), mended(parts.rejected, "rejected")
    given, tools = parts.input, parts.tools
    if _MARKER in kinds and given and is_no_input(clean(given, left)[0], instruction or ""):
        mends.append(Mend(_MARKER, "input", given))
        given = ""
    elif _MARKER in kinds and not given and instruction and (bare := without_marker(instruction)) != instruction:
        mends.append(Mend(_MARKER, "instruction", parts.instruction or ""))
        instruction = bare
    else:
        given = mended(given, "input")
    if _NULLS in kinds and tools is not None and (whole := without_null_members(tools)) != tools:
        mends.append(Mend(_NULLS, "tools", tools))
        tools = whole
    return replace(parts, instruction=instruction, input=given, rejected=rejected, tools=tools), mends


def _mend_turn(turn: _Turn, kinds: Collection[str], left: Collection[Leftover], tools: str | None) -> None:
    message = turn.message
    if message.role == "tool":
        return
    if message.parts is not None:
        _, found = clean(message.content, left)
        turn.mends += ((kind, "", message.content) for kind in found)
        turn.message = with_texts(message, lambda text: clean(text, left)[0]) if found else message
        return
    content, found = clean(message.content, left)
    turn.mends += ((kind, "", message.content) for kind in found)
    if _MARKER in kinds and message.role == "user" and (whole := without_marker(content)) != content:
        turn.mends.append((_MARKER, "", message.content))
        content = whole
    reasoning, calls = message.reasoning, message.tool_calls
    if reasoning is not None:
        reasoning, found = clean(reasoning, left)
        turn.mends += ((kind, "reasoning", message.reasoning or "") for kind in found)
    if _NULLS in kinds and calls is not None and (kept := without_null_arguments(calls, tools)) != calls:
        turn.mends.append((_NULLS, "tool_calls", calls))
        calls = kept
    if turn.mends:
        turn.message = replace(message, content=content, reasoning=reasoning, tool_calls=calls)


def _reordered(turns: list[_Turn], kinds: Collection[str], *, labelled: bool) -> tuple[list[_Turn], list[_Turn]]:
    """The turns without greetings before the first question and questions after the last answer, neighbours joined.

    Args:
        labelled: the row has a worse answer, which may be the only one: its question stays.

    Returns:
        The turns, and those that were cut from the end.
    """
    cut: list[_Turn] = []
    asked = next((turn.message.content for turn in turns if turn.message.role == "user"), "")
    if offers_help(asked):  # the roles are the other way round
        return turns, cut
    if _GREETING in kinds:
        turns = _without_greetings(turns)
    if _TRAILING in kinds and not labelled:
        end = len(turns)
        while end and turns[end - 1].message.role == "user":
            end -= 1
        if end and turns[end - 1].message.role == "assistant" and any(t.message.role == "user" for t in turns[:end]):
            turns, cut = turns[:end], turns[end:]
            for turn in cut:
                turn.mends = [(_TRAILING, "", turn.before)]
    return _joined(turns) if _JOINED in kinds else turns, cut


def _without_greetings(turns: list[_Turn]) -> list[_Turn]:
    opening = 0
    while opening < len(turns) and turns[opening].message.role == "system":
        opening += 1
    asks = opening
    while asks < len(turns) and _greets(turns[asks].message, has_scene=opening > 0):
        asks += 1
    rest = [turn.message.role for turn in turns[asks:]]
    if asks == opening or rest[:1] != ["user"] or "assistant" not in rest:
        return turns
    first = turns[asks]
    first.mends[:0] = [(_GREETING, "", turn.before) for turn in turns[opening:asks]]
    return [*turns[:opening], *turns[asks:]]


def _greets(turn: Message, *, has_scene: bool) -> bool:
    spoken = turn.role == "assistant" and turn.tool_calls is None and turn.parts is None
    return spoken and is_greeting(turn.content, has_scene=has_scene)


def _joined(turns: Iterable[_Turn]) -> list[_Turn]:
    runs: list[list[_Turn]] = []
    for turn in turns:
        if runs and _continues(runs[-1][-1].message, turn.message):
            runs[-1].append(turn)
        else:
            runs.append([turn])
    return [run[0] if len(run) == 1 else _one_of(run) for run in runs]


def _continues(turn: Message, after: Message) -> bool:
    """Whether one speaker goes on, and both turns as one would say the same.

    What is said goes before a call, and reasoning before what it is about; of two answers to one question neither is the other's
    end.
    """
    apart = turn.role != after.role or turn.role == "tool" or (turn.name, turn.weight) != (after.name, after.weight)
    if apart or turn.tool_calls is not None or after.reasoning is not None or turn.parts or after.parts:
        return False
    one, other = turn.content[:_COMPARED], after.content[:_COMPARED]
    answers = turn.role == "assistant" and after.tool_calls is None
    return not answers or turn.content == after.content or fuzz.ratio(one, other) < _ALIKE


def _one_of(run: list[_Turn]) -> _Turn:
    """The turns of a run as one; what is repeated is said once."""
    said: list[str] = []
    for turn in run:
        text = turn.message.content
        if has_text(text) and not (said and normalise(said[-1]) == normalise(text)):
            said.append(text)
    between = "\n\n" if any("\n\n" in text for text in said) else "\n"
    content = between.join([*(text.rstrip() for text in said[:-1]), *said[-1:]])
    mends = [one for turn in run for one in (*turn.mends, (_JOINED, "", turn.before))]
    return _Turn(replace(run[0].message, content=content, tool_calls=run[-1].message.tool_calls), "", mends)
