"""What a dataset's judge is asked, and what the ledger holds of its replies.

    rows 7, 9 and 12 ──▶ job 0 {"rows": ["6f0c…", "a913…", "04be…"], "first": 48213} ──▶ {"scores": [{"id": 48213, …}, …]}

Rows are known by the hash of their conversation: equal rows share a mark, and rows that are numbered anew keep theirs.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from builder.config import Settings
from builder.generation.pool import to_request
from builder.language import Language
from builder.pictures import has_pictures
from builder.recipes.checks.judging import ask_judge, read_abstentions, read_marks
from builder.recipes.checks.question import Question
from builder.recipes.recipe import Job, Needs
from builder.requests.ledger import Entry, Request
from builder.requests.sender import Completion, read_completion
from builder.schema import Sample

JUDGE = "judge"

State = Literal["marked", "at_admission", "abstained", "unreadable", "refused", "too_long", "no_answer", "pictures"]

# As many answers as growing has checked at once by default (growth.tasks_per_request): the rubric is paid for once.
_ROWS_PER_REQUEST = 8
_BYTES_PER_REQUEST = 24_000  # some 6,000 to 8,000 tokens
# Bytes beyond which a row is not sent: a request that exceeds the model's context is refused by all endpoints.
_LONGEST_ROW = 64_000
# Ids start at five digits: an answer that says what "id 1" deserves names none of them.
_FIRST_ID, _LAST_ID = 10_000, 90_000


@dataclass(frozen=True, slots=True)
class Judged:
    """What came of one row: a score from 1 to 5, or why there is none; `problem` in the judge's words."""

    state: State
    score: float | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows that one request is about.

    Attributes:
        first: the id of the first of them in the request.
    """

    samples: tuple[Sample, ...]
    first: int
    request: Request

    def context(self) -> Mapping[str, object]:
        """What the ledger keeps of it."""
        return {"rows": [sample.id for sample in self.samples], "first": self.first}


def unjudgeable(sample: Sample) -> State | None:
    """Why a row cannot be sent to a judge; None where it can."""
    if not sample.answer.strip():
        return "no_answer"
    if has_pictures(sample.messages):
        return "pictures"  # which a teacher is not shown
    return "too_long" if _size(sample) > _LONGEST_ROW else None


def batches(samples: Iterable[Sample]) -> Iterator[tuple[Sample, ...]]:
    """Rows in groups of one language, in their order."""
    groups: dict[Language, list[Sample]] = {"en": [], "zh": []}
    for sample in samples:
        group = groups[_language(sample)]
        full = len(group) == _ROWS_PER_REQUEST or sum(map(_size, [*group, sample])) > _BYTES_PER_REQUEST
        if group and full:
            yield tuple(group)
            group.clear()
        group.append(sample)
    yield from (tuple(group) for group in groups.values() if group)


def new_batch(number: int, samples: Sequence[Sample], settings: Settings) -> Batch:
    """The request for some rows of one language.

    Args:
        number: of the job.
    """
    rows = [sample.id for sample in samples]
    digest = hashlib.sha256(json.dumps([settings.seed, number, rows]).encode()).digest()
    first = _FIRST_ID + int.from_bytes(digest[:4], "big") % (_LAST_ID - _FIRST_ID)
    language = _language(samples[0])
    ask = ask_judge([_question(s) for s in samples], [s.answer for s in samples], language, first)
    needs = Needs(tasks=len(rows), language=language, categories=(), instances=1, max_steps=None)
    job = Job(number, JUDGE, needs, (), seed=int.from_bytes(digest[4:8], "big") >> 1)
    return Batch(tuple(samples), first, to_request(job, 0, ask, settings))


def read_judged(entries: Iterable[Entry], max_attempts: int) -> dict[str, Judged]:
    """What the replies of a ledger say, by the hashes of the rows' conversations; of several about one row the last.

    Args:
        entries: of the ledger.
        max_attempts: how often a request is sent whose replies are no completions; then its rows are unreadable.
    """
    judged: dict[str, Judged] = {}
    for entry in entries:
        for step in entry.steps:
            received = step.received
            if received is None or received.refused or not (received.usable or step.attempts >= max_attempts):
                continue  # lost with a run that was killed, or refused: its rows are asked about anew
            completion = read_completion(received.reply)
            rows = dict(enumerate(entry.context["rows"], entry.context["first"]))
            judged |= {rows[number]: found for number, found in _read(completion, rows).items()}
    return judged


def _read(completion: Completion | None, numbers: Iterable[int]) -> dict[int, Judged]:
    marks = read_marks(completion) if completion is not None else {}
    abstentions = read_abstentions(completion) if completion is not None else {}
    found: dict[int, Judged] = {}
    for number in numbers:
        if number in marks:
            found[number] = Judged("marked", marks[number].score, marks[number].problem or None)
        elif number in abstentions:
            found[number] = Judged("abstained", problem=abstentions[number] or None)
        else:
            found[number] = Judged("unreadable")
    return found


def _question(sample: Sample) -> Question:
    """The instruction with its input where they are the whole prompt, else the conversation before the answer."""
    if sample.instruction is not None and len(sample.prompt) == 1:
        return Question(sample.instruction, sample.input or "")
    return Question("", "", sample.prompt)


def _language(sample: Sample) -> Language:
    return "zh" if sample.language == "zh" else "en"


def _size(sample: Sample) -> int:
    """Bytes of a row's texts."""
    return sum(len(turn.content.encode("utf-8", "replace")) for turn in sample.messages)
