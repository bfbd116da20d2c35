"""What an answer thought before it, as a `<think>` block at its beginning: taken out of the text, and put before it again.

<think>\\n7 × 13 = 91\\n</think>\\n\\nNo.    the text "No." with the reasoning "7 × 13 = 91"
"""

import re
from collections.abc import Iterable
from dataclasses import replace

from builder.formats.row_format import InexpressibleError, Row, SampleParts, optional_text
from builder.language.messages import worded
from builder.schema import Message

_OPEN = "<think>"
_BLOCK = re.compile(r"\s*<think>(.*?)</think>", re.DOTALL)
# A sentence about the tags themselves: "<think> opens the reasoning and </think> closes it."
_ABOUT = re.compile(
    r" (?:opens|closes|marks|starts|begins|ends|means|and|tags?|or|contains|wraps|holds|tells|is|are)\b|\s?(?:是|表示|标签|标记|用于|代表|和|与)"
)


def split_thoughts(text: str) -> tuple[str | None, str]:
    """The reasoning of a text that begins with a closed `<think>` block, and the rest; None and the text where it does not.

    An empty block, which Qwen3's template writes where a model is not to think, is the reasoning "". What `join_thoughts`
    wrote comes back to the letter; of other texts the blanks around the block go.
    """
    if _OPEN not in text:
        return None, text
    block = _BLOCK.match(text)
    if block is None:
        return None, text
    inside, after = block[1], text[block.end() :]
    ours = inside.startswith("\n") and inside.endswith("\n") and len(inside) > 1
    nested = _OPEN in inside and not ours  # where it ends is not sure
    if nested or (_ABOUT.match(inside) and _ABOUT.match(after)):
        return None, text
    inside = inside[1:-1] if ours and inside.strip() else inside.strip()
    return inside, after[2:] if ours and after.startswith("\n\n") else after.lstrip()


def join_thoughts(reasoning: str | None, text: str) -> str:
    """The text behind its reasoning, as DeepSeek's and Qwen's templates have it."""
    return f"<think>\n{reasoning}\n</think>\n\n{text}" if reasoning else text


def check_thoughts(messages: Iterable[Message]) -> None:
    """Refuse reasoning that could not be told from its answer once it stands in the text.

    Raises:
        InexpressibleError: such as one that holds the mark of its own end.
    """
    for turn in messages:
        if turn.reasoning and split_thoughts(join_thoughts(turn.reasoning, turn.content)) != (
            turn.reasoning,
            turn.content,
        ):
            raise InexpressibleError(
                worded("its reasoning holds a mark such as </think>, which this format ends reasoning with")
            )


def with_thoughts(turn: Message) -> Message:
    """The turn with its reasoning in its text."""
    return (
        replace(turn, content=join_thoughts(turn.reasoning, turn.content), reasoning=None) if turn.reasoning else turn
    )


def apart(turn: Message) -> Message:
    """An assistant's turn with a `<think>` block at its beginning taken out of its text.

    A turn whose file gives its reasoning apart keeps that; its block goes only where it says the same.
    """
    if turn.role != "assistant" or _OPEN not in turn.content or turn.parts is not None:
        return turn
    thought, text = split_thoughts(turn.content)
    if thought is None or (turn.reasoning and thought.strip() not in ("", turn.reasoning.strip())):
        return turn
    return replace(turn, content=text, reasoning=turn.reasoning or thought or None)


def set_apart(parts: SampleParts, fields: Row) -> SampleParts:
    """What a row says with reasoning apart from its answers: out of their texts, or of the last one in a column of its own.

    The worse answer of a pair is a text alone, with its reasoning before it.
    """
    thought = optional_text(fields, "reasoning") if fields.get("reasoning") else None
    rejected = parts.rejected
    if rejected and _OPEN in rejected:
        rejected = join_thoughts(*split_thoughts(rejected))
    if thought is None and rejected is parts.rejected:
        for turn in parts.messages:
            if _OPEN in turn.content:
                break
        else:
            return parts
    turns, notes = tuple(map(apart, parts.messages)), parts.notes
    if thought is not None:
        thought = split_thoughts(thought)[0] or thought
        if not turns or turns[-1].role != "assistant":
            notes = (*notes, worded("its reasoning was not used: it does not end with an answer"))
        elif turns[-1].reasoning not in (None, thought):
            notes = (*notes, worded("its reasoning was not used: its answer has its own"))
        else:
            turns = (*turns[:-1], replace(turns[-1], reasoning=thought))
    return replace(parts, messages=turns, rejected=rejected, notes=notes)
