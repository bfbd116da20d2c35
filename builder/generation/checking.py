"""Right answers: a recipe whose jobs go on, after their drafts are read, with requests that check them.

    drafts ─▶ answer key ─▶ agreement ─▶ judge ─▶ admission
                   └──── failed ────┴──▶ repair ─▶ the same checks once more

A candidate with an answer key is settled by it, for nothing; the others are paid for. All of it stays a pure function of the
job and its replies, so that a job interrupted between two checks goes on from the replies in the ledger.
"""

from collections import Counter
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field, replace

from builder.answers import AnswerKey, check_answer
from builder.config import Agreement, Checks, Judge, Preset
from builder.generation.admission import instance_problem, task_problem
from builder.language import Language
from builder.recipes.checks.agreeing import agreement, ask_blind, common_answer, is_long
from builder.recipes.checks.judging import ask_judge, read_marks
from builder.recipes.checks.question import Question, read_answers
from builder.recipes.checks.repairing import FAILED_KEY, OTHERS_SAY, ask_repair
from builder.recipes.recipe import Ask, CheckName, CheckStep, Draft, Job, Outcome, Reading, Recipe, Task, Unreadable
from builder.requests.sender import Completion
from builder.schema import Check, Message, conversation_id, task_messages

_EVIDENCE = 160  # characters of what a check found, kept as evidence

Steps = Generator[Ask, Completion, None]


def checked(recipe: Recipe, checks: Checks) -> Recipe:
    """The same recipe with the checks of the settings behind it; the recipe itself where none is on."""
    if not checks.enabled:
        return recipe

    def proceed(job: Job, replies: Sequence[Completion]) -> Ask | Reading:
        own = 0
        while isinstance(action := recipe.proceed(job, replies[:own]), Ask):
            if own == len(replies):
                return action
            own += 1
        return _resume(_Checking(job, action, own, checks), replies[own:])

    return replace(recipe, proceed=proceed)


def _resume(checking: "_Checking", replies: Sequence[Completion]) -> Ask | Reading:
    """Feed the checks the replies that are there; their next request, or how the job ends."""
    steps = checking.steps()
    try:
        ask = next(steps)
        for reply in replies:
            ask = steps.send(reply)
    except StopIteration:
        return checking.reading()
    return ask


@dataclass(slots=True)
class _Candidate:
    """One answer that is checked: the draft it belongs to, its place there, and what was found so far."""

    draft: int
    instance: int
    question: Question
    answer: str
    key: AnswerKey | None
    samples: list[str] = field(default_factory=list)
    checked_by: list[CheckName] = field(default_factory=list)
    undecided: list[CheckName] = field(default_factory=list)
    agreement: float | None = None
    judge_score: float | None = None
    failed: Check | None = None
    problem: str = ""
    step: int | None = None

    def decide(self, check: CheckName, failed: Check | None, problem: str = "") -> None:
        self.checked_by.append(check)
        self.failed, self.problem = failed, problem

    def outcome(self) -> Outcome:
        return Outcome(
            tuple(self.checked_by),
            tuple(self.undecided),
            self.agreement,
            self.judge_score,
            self.failed,
            self.step is not None,
        )


class _Checking:
    """The checks of one job.

    Args:
        reading: what the recipe read.
        own_steps: how many requests that took.
    """

    def __init__(self, job: Job, reading: Reading, own_steps: int, checks: Checks) -> None:
        self._job = job
        self._reading = reading
        self._own_steps = own_steps
        self._checks = checks
        self._language: Language = "zh" if job.needs.language == "zh" else "en"
        self._candidates = list(_candidates(job, reading.found))
        self._rewritten: list[_Candidate] = []
        self._taken: list[CheckStep] = []
        self._repairs = 0

    def steps(self) -> Steps:
        """The requests, one after the other; each is sent its reply."""
        unkeyed = [c for c in self._candidates if c.key is None]
        yield from self._sample(unkeyed, self._checks.agreement)
        yield from self._hold(self._candidates)
        if self._checks.repair:
            yield from self._repair([c for c in self._candidates if c.failed is not None])
            yield from self._hold(self._rewritten)

    def reading(self) -> Reading:
        """What was read, with the outcome of every check; rewritten answers stand at the end as drafts of their own."""
        outcomes = {(c.draft, c.instance): c.outcome() for c in self._candidates}
        found: list[Draft | Unreadable] = []
        for place, draft in enumerate(self._reading.found):
            if isinstance(draft, Draft):
                count = max(1, len(draft.task.instances))
                draft = replace(draft, outcomes=tuple(outcomes.get((place, at), Outcome()) for at in range(count)))
            found.append(draft)
        found += [self._as_draft(candidate) for candidate in self._rewritten]
        return Reading(tuple(found), tuple(self._taken), self._repairs)

    def _sample(self, candidates: Sequence[_Candidate], settings: Agreement) -> Steps:
        """Gather blind answers; an answer written anew later is held against the same ones."""
        if not candidates:
            return
        for _ in range(settings.samples):
            self._taken.append("agreement")
            answers = read_answers((yield ask_blind([c.question for c in candidates], self._language)))
            for number, candidate in enumerate(candidates, 1):
                if number in answers:
                    candidate.samples.append(answers[number])

    def _hold(self, candidates: Sequence[_Candidate]) -> Steps:
        """Hold candidates against their key, or against blind answers and then the judge."""
        for candidate in candidates:
            if candidate.key is not None:
                self._hold_against_key(candidate, candidate.key)
            elif self._checks.agreement.samples:
                _hold_against_samples(candidate, self._checks.agreement, self._language)
        if self._checks.judge.enabled:
            yield from self._judge([c for c in candidates if c.key is None and c.failed is None], self._checks.judge)

    def _hold_against_key(self, candidate: _Candidate, key: AnswerKey) -> None:
        found = check_answer(key, candidate.answer)
        failed = None if found.passed else Check("wrong_answer", evidence=found.found[:_EVIDENCE])
        candidate.decide("key", failed, FAILED_KEY[self._language])

    def _judge(self, candidates: Sequence[_Candidate], settings: Judge) -> Steps:
        if not candidates:
            return
        self._taken.append("judge")
        questions, answers = [c.question for c in candidates], [c.answer for c in candidates]
        marks = read_marks((yield ask_judge(questions, answers, self._language)))
        for number, candidate in enumerate(candidates, 1):
            mark = marks.get(number)
            if mark is None:
                candidate.undecided.append("judge")
                continue
            candidate.judge_score = mark.score
            failed = None
            if mark.score < settings.min_score:
                failed = Check("judged_poor", mark.score, float(settings.min_score), evidence=mark.problem[:_EVIDENCE])
            candidate.decide("judge", failed, mark.problem)

    def _repair(self, failing: Sequence[_Candidate]) -> Steps:
        if not failing:
            return
        self._repairs = len(failing)
        self._taken.append("repair")
        step = self._own_steps + len(self._taken) - 1
        ask = ask_repair(
            [c.question for c in failing], [c.answer for c in failing], [c.problem for c in failing], self._language
        )
        answers = read_answers((yield ask))
        self._rewritten = [
            _Candidate(c.draft, c.instance, c.question, answers[number], c.key, c.samples, step=step)
            for number, c in enumerate(failing, 1)
            if number in answers
        ]

    def _as_draft(self, candidate: _Candidate) -> Draft:
        """A rewritten answer: the same task, with the conversation that it replaces as its last parent."""
        old = self._reading.found[candidate.draft]
        assert isinstance(old, Draft)
        task = old.task
        # A task that loses its only answer goes on as this one; beside others it stays one task with them.
        alone = len(task.instances) <= 1
        if task.dialogue:
            replaced = task.dialogue
            task = replace(task, dialogue=(*replaced[:-1], Message("assistant", candidate.answer)))
        else:
            instance = task.instances[candidate.instance]
            replaced = task_messages(task.instruction, instance.input, instance.output)
            task = replace(task, instances=(replace(instance, output=candidate.answer),))
        parents = old.parents or self._job.parents
        return replace(
            old,
            task=task,
            parents=(*parents, conversation_id(replaced)),
            same_task=old.same_task or (None if alone else self._job.task_id(candidate.draft)),
            step=candidate.step,
            outcomes=(candidate.outcome(),),
        )


def _candidates(job: Job, found: Iterable[Draft | Unreadable]) -> Iterable[_Candidate]:
    """What is worth paying a check for: what admission rejects at sight is left out."""
    passage = "" if job.material.get("include") else str(job.material.get("text", ""))
    for place, draft in enumerate(found):
        if isinstance(draft, Unreadable) or task_problem(draft.task, job.needs) is not None:
            continue
        task = draft.task
        if task.dialogue:
            if task.dialogue[-1].role == "assistant" and task.dialogue[-1].content:
                yield _Candidate(
                    place, 0, Question("", "", task.dialogue[:-1], passage), task.dialogue[-1].content, None
                )
            continue
        yield from _of_instances(place, task, passage, job.needs.preset)


def _of_instances(place: int, task: Task, passage: str, preset: Preset | None) -> Iterable[_Candidate]:
    for at, instance in enumerate(task.instances):
        if instance_problem(instance, (), preset) is None:
            key = AnswerKey.from_json(instance.answer_key) if instance.answer_key is not None else None
            yield _Candidate(place, at, Question(task.instruction, instance.input, (), passage), instance.output, key)


def _hold_against_samples(candidate: _Candidate, settings: Agreement, language: Language) -> None:
    """The share of blind answers that join the answer decides, unless the task has no one right text."""
    samples = candidate.samples
    if 2 * len(samples) <= settings.samples:  # most samples were cut, damaged or abstained
        candidate.undecided.append("agreement")
        return
    candidate.agreement = agreement(candidate.answer, samples)
    common, largest = common_answer(samples)
    failed = None
    if candidate.agreement < settings.threshold:
        if largest < settings.threshold and is_long(candidate.answer):
            candidate.undecided.append("agreement")
            return
        failed = Check("answers_disagree", candidate.agreement, settings.threshold, evidence=common[:_EVIDENCE])
    candidate.decide("agreement", failed, OTHERS_SAY[language].format(answer=common))


_CHECK_OF = {"wrong_answer": "key", "answers_disagree": "agreement", "judged_poor": "judge"}


@dataclass(slots=True)
class CheckTally:
    """What the checks of all admitted jobs came to.

    Attributes:
        verdicts: candidates by check and `passed`, `failed` or `undecided`.
        repairs: `asked`, `written` and `passed`.
        steps: what a request was for, by job id and step; requests that are not in it grew candidates.
    """

    verdicts: Counter[tuple[CheckName, str]] = field(default_factory=Counter)
    repairs: Counter[str] = field(default_factory=Counter)
    steps: dict[tuple[str, int], CheckStep] = field(default_factory=dict)

    def add(self, job: Job, reading: Reading, steps: Sequence[int]) -> None:
        """Count one job.

        Args:
            steps: the numbers of the requests that it took in all.
        """
        checks = steps[len(steps) - len(reading.check_steps) :]
        self.steps |= {(job.id, number): check for number, check in zip(checks, reading.check_steps, strict=True)}
        self.repairs["asked"] += reading.repairs
        for draft in reading.found:
            for outcome in draft.outcomes if isinstance(draft, Draft) else ():
                self._count(outcome)

    def _count(self, outcome: Outcome) -> None:
        failed_by = _CHECK_OF[outcome.failed.reason] if outcome.failed is not None else None
        for check in outcome.checked_by:
            self.verdicts[check, "failed" if check == failed_by else "passed"] += 1
        for check in outcome.undecided:
            self.verdicts[check, "undecided"] += 1
        if outcome.repaired:
            self.repairs["written"] += 1
            self.repairs["passed"] += outcome.failed is None
