"""Conversations as people have them to samples: files are looked at, what is not sure is asked, and each row is accounted for."""

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from heapq import merge
from itertools import islice
from pathlib import Path
from typing import Any

from builder.curation.redacting import redact_row
from builder.errors import UsageError
from builder.formats.conversations.exchanges import Exchanges, Side, said
from builder.formats.conversations.source import Source
from builder.formats.conversations.threads import Conversation, Threads
from builder.formats.left_out import tell_left_out
from builder.formats.messages import write
from builder.language.messages import paired, worded
from builder.pipeline.conversion_plan import Plan, unsure
from builder.progress import Reporter
from builder.schema import Message, Sample
from builder.signals.privacy import find_private
from builder.store.files import atomic_path
from builder.store.ownership import check_output
from builder.text import detect_language

# An hour, half a working day, a day; only where counting takes no longer than a breath.
_OTHER_GAPS = (60, 240, 1440)
_COUNTED = 50_000

_SPOKEN = ("user", "assistant", "system")


@dataclass
class Converted:
    """What was written, and what was not.

    Attributes:
        rows: of all sources: `read`, `above` (titles, notes and the header), `header` (the header once more), `outside` (units,
            notes, totals), and those with messages.
        messages: `used`, and by cause those in no conversation; together they are all messages of the rows.
        dropped: conversations that came to nothing, by cause.
        left_out: what of rows that hold conversations is in none, by cause (`builder.formats.left_out`).
        private: how many conversations hold private data.
    """

    conversations: int = 0
    turns: int = 0
    rows: Counter[str] = field(default_factory=Counter)
    messages: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    private: int = 0
    redacted: int = 0


def samples(plan: Plan, converted: Converted) -> Iterator[tuple[Source, Sample]]:
    """The conversations as samples, in the order of the files; `converted` counts what comes to nothing, and has to be new."""
    assert not plan.choices
    roles = plan.roles
    threads = plan.threads.conversations(roles.side, plan.gaps()) if roles is not None else iter(())
    places = [place for place, source in enumerate(plan.sources) if not source.has_speakers]
    settled = (one for place in places for one in _settled(plan, place, converted))
    spoken = ((one, None) for one in threads)
    for number, (conversation, of) in enumerate(merge(spoken, settled, key=lambda pair: pair[0].source)):
        source = plan.sources[conversation.source]
        yield source, _sample(source, number, conversation, of)
    for source in plan.sources:
        converted.rows["above"] += source.above
        if source.reader is not None:
            converted.rows += source.reader.outside
            converted.rows["read"] += source.reader.rows + source.above
            with_messages = source.reader.rows - source.reader.outside.total()
            converted.rows["with_messages"] += with_messages
    converted.messages += plan.threads.counts
    converted.dropped += plan.threads.dropped


_SIDES: Mapping[str, Side] = {"user": "user", "assistant": "assistant", "system": "system"}


def _settled(plan: Plan, place: int, converted: Converted) -> Iterator[tuple[Conversation, Sample | None]]:
    """Conversations whose speakers are roles already."""
    source = plan.sources[place]
    if source.reader is None:
        yield from _of_rows(source, place, converted)
        return
    threads = Threads(source.utterances(), in_chat=False)
    for conversation in threads.conversations(_SIDES.__getitem__, plan.gaps()[place]):
        yield replace(conversation, source=place), None
    converted.messages += threads.counts
    converted.dropped += threads.dropped


def _of_rows(source: Source, place: int, converted: Converted) -> Iterator[tuple[Conversation, Sample]]:
    """Those of rows that each hold one; what is more than texts stays as it is."""
    assert source.samples is not None
    exchanges = Exchanges()
    for sample in source.samples.samples(note=lambda _: None):
        row = int(sample.source.rpartition("#")[2])
        messages = sample.messages
        plain = sample.tools is None and (sample.rejected is None or sample.is_labelled_bad)
        if plain and all(map(_is_plain, messages)):
            said_by = [said(row, _SIDES[m.role], m.role, m.content, math.nan, in_chat=False) for m in messages]
            messages = tuple(turn.message for turn in exchanges.of(said_by))
        else:
            exchanges.counts["used"] += len(messages)
        if messages:
            yield Conversation(place, None, (row,), messages), sample
    converted.messages += exchanges.counts
    converted.dropped += exchanges.dropped
    tally = source.samples.tallies[0]
    converted.left_out += tally.inside
    with_messages, not_whole = tally.seen["read"], tally.left_out.rows
    converted.rows.update(
        read=source.above + with_messages + not_whole, with_messages=with_messages, not_whole=not_whole
    )


def _is_plain(message: Message) -> bool:
    more = (message.tool_calls, message.reasoning, message.weight, message.parts)
    return message.role in _SPOKEN and all(one is None for one in more)


def _sample(source: Source, number: int, conversation: Conversation, of: Sample | None) -> Sample:
    """The sample of a conversation, and what else its row says."""
    first, last = min(conversation.rows), max(conversation.rows)
    place = f"{source.name}#{first}" if first == last else f"{source.name}#{first}-{last}"
    return Sample(
        row=number,
        task_id=place,
        messages=conversation.messages,
        category=of.category if of else None,
        language=of.language if of else detect_language("\n".join(turn.content for turn in conversation.messages)),
        origin="imported",
        source=place,
        tools=of.tools if of else None,
        rejected=of.rejected if of else None,
    )


def record(sample: Sample) -> dict[str, Any]:
    """A sample as a line of the output: `messages` as `curate` reads them, and where they come from."""
    return {**write(sample), "source": sample.source}


def convert(plan: Plan, out: Path, reporter: Reporter, *, overwrite: bool = False) -> Converted:
    """Write the conversations of a plan as JSON Lines, whole or not at all.

    Raises:
        UsageError: something has to be chosen, no conversation came of it, or the output may not be written.
        DiskError: the disk is full or failing.
    """
    if plan.choices:
        raise unsure(plan.choices)
    check_output(out, overwrite=overwrite)
    if out.resolve() in {path.resolve() for path in plan.paths}:
        raise UsageError(worded("{out}: is one of the files that are read", out=out), worded("Choose another name."))
    converted = Converted()
    with atomic_path(out) as temporary, temporary.open("wb") as file, reporter.step(worded("Converting")) as step:
        for _, sample in samples(plan, converted):
            converted.conversations += 1
            converted.turns += len(sample.messages)
            private = any(find_private(message.content) for message in sample.messages)
            converted.private += private
            if private and plan.asked.redact:
                converted.redacted += 1
                sample = redact_row(sample, sample.row)
            line = json.dumps(record(sample), ensure_ascii=False)
            file.write(line.encode("utf-8", "replace") + b"\n")
            if converted.conversations % 1_000 == 0:
                step.set(converted.conversations)
        if not converted.conversations:
            told = paired(tell_left_out(converted.messages, "en"), tell_left_out(converted.messages, "zh")) or worded(
                "rows that hold no message {outside:,}", outside=converted.rows["outside"]
            )
            raise UsageError(worded("no conversation with a question and its answer was found: {told}", told=told))
    return converted


def at_other_gaps(plan: Plan) -> dict[int, int]:
    """Minutes → how many conversations there would be if a pause of so many divided them; empty where none does."""
    if plan.roles is None or not plan.divides or len(plan.threads) > _COUNTED:
        return {}
    tried = {minutes: plan.gaps(timedelta(minutes=minutes)) for minutes in _OTHER_GAPS}
    side = plan.roles.side
    return {minutes: sum(1 for _ in plan.threads.conversations(side, gaps)) for minutes, gaps in tried.items()}


def private_in(plan: Plan, most: int = 2_000) -> int:
    """How many of the first conversations hold private data."""
    found = (any(find_private(m.content) for m in sample.messages) for _, sample in samples(plan, Converted()))
    return sum(islice(found, most))
