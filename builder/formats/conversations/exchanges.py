"""What was said in one conversation to turns that can be learnt from: questions with their answers, the rest left out by cause."""

from collections import Counter
from collections.abc import Sequence
from typing import Literal, NamedTuple

from builder.formats.conversations.notices import kind_of_message
from builder.schema import Message

Side = Literal["user", "assistant", "system", "notice", "skip", "tool"]


class Said(NamedTuple):
    """One message, looked at by itself."""

    row: int
    side: Side
    speaker: str
    text: str
    time: float
    cause: str | None  # why it is left out by itself, as `left_out` names it


class Turn(NamedTuple):
    """What one side says before the other does; `media` where a part of it is a picture, a voice message or a file."""

    side: Side
    rows: list[int]
    texts: list[str]
    media: bool

    @property
    def message(self) -> Message:
        """As a sample has it: messages in a row are lines."""
        assert self.side in ("system", "user", "assistant")
        return Message(self.side, "\n".join(self.texts))


def said(row: int, side: Side, speaker: str, text: str, time: float, *, in_chat: bool = True) -> Said:
    """A message with the cause for which it is left out by itself, if any.

    Args:
        time: in seconds; NaN where it is not known.
        in_chat: whether the system and stickers speak too; in a table of questions and answers `[negative]` is an answer.
    """
    text = text.strip()
    cause: str | None = None
    if not text:
        cause = "empty"
    elif side in ("skip", "notice"):
        cause = "skipped" if side == "skip" else "notice"
    elif side != "system":
        kind = kind_of_message(text, speaker)
        cause = kind if kind == "media" or (in_chat and kind != "said") else None
    return Said(row, side, speaker, text, time, cause)


class Exchanges:
    """Takes conversations one after another.

    Attributes:
        counts: how many rows are `used`, and how many are left out by cause.
        dropped: how many conversations came to nothing, by the same causes.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()

    def of(self, part: Sequence[Said]) -> list[Turn]:
        """The turns that can be learnt from; none where nothing is asked and answered."""
        turns = self._joined(part)
        sides = {turn.side for turn in turns}
        why = None
        if "tool" in sides:
            why = "tools"
        elif not sides & {"user", "assistant"}:
            why = "notice"
        elif len(sides & {"user", "assistant"}) < 2:
            why = "no_answer" if "user" in sides else "no_question"
        if why is not None:
            return self._drop(turns, why)
        system = [turn for turn in turns[:1] if turn.side == "system"]
        rest = turns[len(system) :]
        if rest[0].side == "assistant":
            self._count("opening", rest.pop(0))
        if rest and rest[-1].side == "user":
            self._count("unanswered", rest.pop())
        if not rest:  # somebody asks after the only answer
            return self._drop(system, "no_question")
        exchanges = list(zip(rest[::2], rest[1::2], strict=True))
        self._count("media", *(turn for pair in exchanges if any(t.media for t in pair) for turn in pair))
        kept = [turn for pair in exchanges if not any(t.media for t in pair) for turn in pair]
        if not kept:
            return self._drop(system, "media")
        self._count("used", *system, *kept)
        return [*system, *kept]

    def _joined(self, part: Sequence[Said]) -> list[Turn]:
        """Turns of what is left when each message is looked at by itself; a picture stays as a mark of its turn."""
        turns: list[Turn] = []
        last: Said | None = None
        for said in part:
            cause = said.cause
            # NaN equals nothing: without a time nothing is said twice
            if cause is None and last is not None and said[1:5] == last[1:5]:
                cause = "repeated"
            if cause is None and said.side == "system" and turns:
                cause = "notice"
            if cause not in (None, "media"):
                self.counts[str(cause)] += 1
                continue
            last = said
            if not turns or turns[-1].side != said.side:
                turns.append(Turn(said.side, [], [], False))
            if cause == "media":
                turns[-1] = turns[-1]._replace(media=True)
            else:
                turns[-1].texts.append(said.text)
            turns[-1].rows.append(said.row)
        return turns

    def _count(self, cause: str, *turns: Turn) -> None:
        if turns:
            self.counts[cause] += sum(len(turn.rows) for turn in turns)

    def _drop(self, turns: Sequence[Turn], cause: str) -> list[Turn]:
        self._count(cause, *turns)
        self.dropped[cause] += 1
        return []
