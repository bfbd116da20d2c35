"""Utterances to conversations: put in order, divided where a new one begins, said by turns, each row of the file accounted for.

    row  speaker  text                        becomes
    4    买家     在吗                         user       在吗⏎这款有货吗      (a burst is one turn)
    5    买家     这款有货吗
    6    客服     有的，今天就能发               assistant  有的，今天就能发
    7    客服     [图片]                       left out with its question: `media`
    8    买家     谢谢                         left out: `unanswered`

What is held in memory is some dozen bytes a message; the texts wait in a file.
"""

import math
import os
import tempfile
import weakref
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import NamedTuple

import numpy as np

from builder.formats.conversations.exchanges import Exchanges, Said, Side, said
from builder.formats.conversations.utterance import Utterance
from builder.schema import Message

# Customers are answered within minutes or after a night; what is asked again later the same day is mostly the same matter.
GAP = timedelta(hours=4)
# A question may wait for its answer over a weekend with a holiday.
_LATEST_ANSWER = timedelta(days=5)
_EPOCH = datetime(1970, 1, 1)
# Somebody who comes back while another is served does so now and then; of several served at once each does.
_RETURNS, _RETURNED = 3, 0.2
# Rows that were shuffled go back as often as on.
_NEWEST_FIRST = 4
# One sitting of two people has fewer; a choice, on the side of asking.
_LONG = 60


@dataclass(frozen=True, slots=True)
class Conversation:
    """What becomes one sample.

    Attributes:
        source: which of the sources, from 0.
        name: what the file calls it, or None.
        rows: of the file, of which its turns are made, in order.
        messages: user and assistant by turns, from a question to an answer; a system text may come before.
        begins: when, where the file says.
    """

    source: int
    name: str | None
    rows: tuple[int, ...]
    messages: tuple[Message, ...]
    begins: datetime | None = None


class Speaker(NamedTuple):
    """Somebody who says something.

    Attributes:
        messages: how many.
        conversations: in how many.
        first: how many of them begin with this speaker.
    """

    name: str
    messages: int
    conversations: int
    first: int


class Threads:
    """Utterances of one source or of several, held in a file of their own until they are read as conversations.

    No conversation is of two sources, but speakers of one name are one speaker.

    Args:
        in_chat: see `exchanges.said`.

    Attributes:
        counts: after `conversations` was read to its end, how many rows are `used`, and how many are left out by cause;
            together they are `rows`.
        dropped: how many conversations came to nothing, by the same causes.
    """

    def __init__(self, *sources: Iterable[Utterance], in_chat: bool = True) -> None:
        self._in_chat = in_chat
        self._texts = tempfile.TemporaryFile()  # noqa: SIM115 - closed with what holds it
        weakref.finalize(self, self._texts.close)
        self._speakers: dict[str, int] = {}
        self._names: dict[tuple[int, str | None], int] = {}
        self._speaker, self._thread = array("l"), array("l")
        self._row, self._end, self._time = array("q"), array("q", [0]), array("d")
        for source, utterances in enumerate(sources):
            for utterance in utterances:
                self._add(source, utterance)
        self._texts.flush()
        self._order = self._in_order()
        self.counts: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()

    def _add(self, source: int, utterance: Utterance) -> None:
        data = utterance.text.encode("utf-8", "surrogatepass")
        self._texts.write(data)
        self._end.append(self._end[-1] + len(data))
        self._speaker.append(self._speakers.setdefault(utterance.speaker, len(self._speakers)))
        self._thread.append(self._names.setdefault((source, utterance.conversation), len(self._names)))
        self._row.append(utterance.row)
        self._time.append((utterance.time - _EPOCH).total_seconds() if utterance.time else math.nan)

    def __len__(self) -> int:
        return len(self._row)

    @property
    def names(self) -> int:
        """How many conversations the file tells apart."""
        return len(self._names)

    def _in_order(self) -> Sequence[int]:
        """Places of the utterances by conversation, in the order in which these begin, then by time.

        What is of one time stays in the order of the file, or is turned round where the file has the newest first.
        """
        latest: dict[int, float] = {}
        keys = array("d")
        forwards = backwards = 0
        for thread, time in zip(self._thread, self._time, strict=True):
            before = latest.get(thread, -math.inf)
            if math.isnan(time):  # said after what stands above it
                time = before
            elif before > -math.inf:
                forwards, backwards = forwards + (time > before), backwards + (time < before)
            latest[thread] = time
            keys.append(time)
        step = -1 if backwards > _NEWEST_FIRST * forwards else 1
        # Stable: a question and its answer may stand in one row.
        order = np.lexsort((step * np.array(self._row), np.array(keys), np.array(self._thread)))
        return array("l", order.astype(np.int64).tobytes())

    def speakers(self) -> list[Speaker]:
        """Who says something, those in most conversations first."""
        messages = Counter(self._speaker)
        present: Counter[int] = Counter()
        first: Counter[int] = Counter()
        for places in self._threads():
            present.update({self._speaker[place] for place in places})
            first[self._speaker[places[0]]] += 1
        found = [Speaker(name, messages[n], present[n], first[n]) for name, n in self._speakers.items() if name]
        return sorted(found, key=lambda speaker: (-speaker.conversations, -speaker.messages))

    def together(self) -> Iterator[frozenset[str]]:
        """Who speaks in each conversation of the file."""
        names = list(self._speakers)
        for places in self._threads():
            yield frozenset(names[self._speaker[place]] for place in places) - {""}

    def mixed(self, side: Callable[[str], Side], within: timedelta) -> dict[int, str]:
        """The sources that tell no conversations apart, and why there are several: `at_once` where several people ask at the same
        time, `endless` where there is much and it has no times.

        Args:
            within: how soon somebody who asks again after somebody else counts.
        """
        sides = [side(name) if name else "notice" for name in self._speakers]
        names = list(self._names)
        found: dict[int, str] = {}
        for places in self._threads():
            source, name = names[self._thread[places[0]]]
            if name is not None:
                continue
            asked: dict[int, float] = {}
            last, changes, returns = -1, 0, 0
            for place in places:
                speaker = self._speaker[place]
                if sides[speaker] == "user":
                    if last not in (-1, speaker):
                        changes += 1
                        pause = self._time[place] - asked.get(speaker, -math.inf)
                        returns += not pause > within.total_seconds()
                    asked[speaker], last = self._time[place], speaker
            if returns >= _RETURNS and returns >= _RETURNED * changes:
                found[source] = "at_once"
            elif len(places) > _LONG and all(math.isnan(self._time[place]) for place in places):
                found[source] = "endless"
        return found

    def _threads(self) -> Iterator[list[int]]:
        for _, places in groupby(self._order, key=self._thread.__getitem__):
            yield list(places)

    def conversations(
        self, side: Callable[[str], Side], gap: timedelta | Sequence[timedelta | None] | None = GAP
    ) -> Iterator[Conversation]:
        """The conversations that can be learnt from, in the order in which the sources begin them.

        Args:
            side: of a speaker: who asks, who answers, who is the system, whom to leave out.
            gap: what is asked after a longer pause begins a new conversation; None divides nothing. A list has one a source.
        """
        exchanges = Exchanges()
        self.counts, self.dropped = exchanges.counts, exchanges.dropped
        sides = [side(name) if name else "notice" for name in self._speakers]
        names, speakers = list(self._names), list(self._speakers)
        for places in self._threads():
            source, name = names[self._thread[places[0]]]
            longest = gap[source] if isinstance(gap, Sequence) else gap
            messages = [self._said(place, sides[n], speakers[n]) for place in places for n in [self._speaker[place]]]
            for part in _divided(messages, longest, by_asker=name is None and longest is not None):
                turns = exchanges.of(part)
                if turns:
                    rows = tuple(row for turn in turns for row in turn.rows)
                    yield Conversation(source, name, rows, tuple(turn.message for turn in turns), _when(part))
        assert self.counts.total() == len(self), "rows are in a conversation or left out by cause"

    def _said(self, place: int, side: Side, speaker: str) -> Said:
        start, end = self._end[place], self._end[place + 1]
        text = os.pread(self._texts.fileno(), end - start, start).decode("utf-8", "surrogatepass")
        return said(self._row[place], side, speaker, text, self._time[place], in_chat=self._in_chat)


def _divided(messages: Sequence[Said], gap: timedelta | None, *, by_asker: bool) -> Iterator[list[Said]]:
    """A thread where somebody asks, or is written to, after a pause; an answer stays with what it answers.

    Args:
        by_asker: whether somebody else who asks after an answer begins a new one: the file tells no conversations apart.
    """
    part: list[Said] = []
    last: Said | None = None
    asker: str | None = None
    for one in messages:
        if one.cause in (None, "media"):
            answers = last is not None and one.side == "assistant" and last.side == "user"
            ends = _pauses(last, one, gap, answers=answers)
            if by_asker and last is not None and last.side == "assistant" and one.side == "user":
                ends = ends or (asker is not None and asker != one.speaker)
            if ends:
                yield part
                part = []
            asker = one.speaker if one.side == "user" else None if ends else asker
            last = one
        part.append(one)
    if part:
        yield part


def _pauses(last: Said | None, one: Said, gap: timedelta | None, *, answers: bool) -> bool:
    if gap is None or last is None:
        return False
    longest = max(gap, _LATEST_ANSWER) if answers else gap
    return one.time - last.time > longest.total_seconds()


def _when(part: Sequence[Said]) -> datetime | None:
    time = next((one.time for one in part if not math.isnan(one.time)), None)
    return None if time is None else _EPOCH + timedelta(seconds=time)
