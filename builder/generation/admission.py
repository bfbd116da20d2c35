"""Admission: a job's candidates against the rules of a task, the row filters and novelty; each becomes rows or rejections.

A candidate is one instance of one task, so that counts close: candidates = admitted rows + rejections. A fault of the task
(its instruction, two outputs for one input) rejects all its instances; a fault of one instance rejects that one.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from builder.config import Preset
from builder.generation.novelty_index import NoveltyIndex
from builder.recipes import RECIPES
from builder.recipes.evolve import NEARLY_EQUAL, nearly_equal
from builder.recipes.recipe import Draft, Instance, Job, Needs, Outcome, Reading, Task, Unreadable
from builder.schema import Check, Rejection, Sample, task_messages
from builder.similarity import NoveltyKey, novelty_text
from builder.text import Thresholds, normalise, tokenise

SignalValues = Mapping[str, Any]
MeasureRow = Callable[[Sample], SignalValues]
CheckRow = Callable[[Sample, SignalValues], list[Check]]

_DIALOGUE = Instance("", "")  # a dialogue is one candidate and has no instances
_TEXT = 2000  # characters of a rejected candidate kept beside its reason; the ledger has all of it


@dataclass(slots=True)
class Admitted:
    """What one job gave: rows with their signals, rejections, and the tasks that join the pool."""

    samples: list[Sample]
    signals: list[SignalValues]
    rejections: list[Rejection]
    tasks: list[Task]
    candidates: int = 0


class Admission:
    """Admits candidates one job at a time, against everything admitted before.

    Args:
        thresholds: of ROUGE-L between what `key` names.
        key: what is compared, as in curation; `auto` is the instruction.
        measure: signals of one row.
        check: failed checks of one row; the same code as in curation.
        teacher: the model's name, for the source of grown rows, such as `alpaca:seedbed-procedural`.
    """

    def __init__(
        self, thresholds: Thresholds, *, measure: MeasureRow, check: CheckRow, teacher: str, key: NoveltyKey = "auto"
    ) -> None:
        self._key = key
        self._measure = measure
        self._check = check
        self._teacher = teacher
        self._index = NoveltyIndex(thresholds)
        self.next_row = 0
        # What evolve made, by the task that all of a family were evolved from: they are exempt from novelty among themselves.
        self._families: dict[str, str] = {}
        self._evolved: defaultdict[str, list[tuple[int, list[str]]]] = defaultdict(list)

    def admit_seed(self, task: Task, source: str) -> tuple[list[Sample], list[SignalValues]]:
        """Seeds are always admitted, whatever they are close to; later candidates are held against them."""
        samples = [self._sample(task, instance, source=source, origin="seed") for instance in task.instances]
        for sample in samples:
            self._index.add(sample.row, tokenise(novelty_text(sample, self._key)), task.id)
        return samples, [self._measure(sample) for sample in samples]

    def admit_job(self, job: Job, reading: Reading, request_id: str | None) -> Admitted:
        """Admit what is admissible of a job's drafts.

        Args:
            request_id: of the recipe's last request; None where it needed none. Rejections then name the job.
        """
        admitted = Admitted([], [], [], [])
        for place, found in enumerate(reading.found):
            if isinstance(found, Unreadable):
                admitted.candidates += 1
                self._reject(admitted, job, request_id, Check(found.reason, evidence=found.evidence), found.text)
            else:
                # Under a preset English, even where it quotes another language.
                language = found.task.language if job.needs.preset is None else job.needs.language
                task = replace(found.task, id=job.task_id(place), variant_of=found.same_task, language=language)
                admitted.candidates += max(1, len(task.instances))
                held_by = request_id if found.step is None else f"{job.id}.{found.step}"
                self._admit_task(admitted, job, found, task, held_by)
        return admitted

    def _admit_task(self, admitted: Admitted, job: Job, draft: Draft, task: Task, request_id: str | None) -> None:
        compared = self._compared(task)
        evolved = RECIPES[job.recipe].evolves and bool(draft.parents)
        first = draft.parents[0] if evolved else draft.same_task or task.id
        family = self._families.get(first, first)
        problem = (
            task_problem(task, job.needs)
            or (self._too_similar(compared[0], family) if self._of_the_task else None)
            or (self._repeats_family(task, family) if evolved else None)
        )
        if problem is not None:
            for instance in task.instances or (_DIALOGUE,):
                self._reject(admitted, job, request_id, problem, _dump(task, instance))
            return
        first_row = self.next_row
        kept: list[Instance] = []
        novel: list[list[str]] = []
        seen: set[str | Instance] = set()
        for place, instance in enumerate(task.instances or (_DIALOGUE,)):
            outcome = draft.outcomes[place] if draft.outcomes else None
            check = None if task.dialogue else instance_problem(instance, seen, job.needs.preset)
            if check is None and outcome is not None:
                check = outcome.failed
            if check is None and not self._of_the_task:
                check = self._too_similar(compared[place], family)
            if check is None:
                sample = self._sample(
                    task,
                    instance,
                    source=draft.source or f"{job.recipe}:{job.model or self._teacher}",
                    origin="generated",
                    task_id=draft.same_task or task.id,
                    parents=draft.parents or job.parents,
                    request_id=request_id,
                )
                values = self._measure(sample)
                if outcome is not None:
                    values = {**values, **_checked(outcome)}
                failed = self._check(sample, values)
                check = failed[0] if failed else None
            if check is not None:
                self.next_row = first_row + len(kept)
                self._reject(admitted, job, request_id, check, _dump(task, instance))
                continue
            seen.add(_same_instance(instance, job.needs.preset))
            kept.append(instance)
            novel.append(compared[0 if self._of_the_task else place])
            admitted.samples.append(sample)
            admitted.signals.append(values)
        conflict = find_conflict(kept) if job.needs.preset == "self-instruct-classic" else None
        if conflict is not None:
            self.next_row = first_row
            del admitted.samples[-len(kept) :], admitted.signals[-len(kept) :]
            for instance in kept:
                self._reject(admitted, job, request_id, conflict, _dump(task, instance))
            return
        if kept:
            for row, tokens in zip(range(first_row, self.next_row), novel, strict=True):
                self._index.add(row, tokens, family)
            if evolved:
                self._families[task.id] = family
                self._evolved[family].append((first_row, _asked_tokens(task)))
            all_kept = len(kept) == max(1, len(task.instances))
            admitted.tasks.append(task if all_kept else replace(task, instances=tuple(kept)))

    @property
    def _of_the_task(self) -> bool:
        """Whether all rows of a task are compared by the same text, so that it is admitted or rejected as a whole."""
        return self._key in ("auto", "instruction")

    def _compared(self, task: Task) -> list[list[str]]:
        """What each row of a task would be compared by, as curation has it; one for all where it is the same."""
        instances = task.instances[:1] if self._of_the_task else task.instances
        rows = [self._sample(task, instance, source="", origin="generated") for instance in instances or (_DIALOGUE,)]
        self.next_row -= len(rows)
        return [tokenise(novelty_text(row, self._key)) for row in rows]

    def _repeats_family(self, task: Task, family: str) -> Check | None:
        """Evolve's own rule, which its children are held to among themselves too."""
        tokens = _asked_tokens(task)
        for row, others in self._evolved[family]:
            if (score := nearly_equal(tokens, others)) is not None:
                return Check("too_similar", score, NEARLY_EQUAL, row)
        return None

    def _too_similar(self, tokens: Sequence[str], group: str) -> Check | None:
        match = self._index.match(tokens, group)
        return None if match is None else Check("too_similar", match.similarity, match.threshold, match.row)

    def _sample(
        self,
        task: Task,
        instance: Instance,
        *,
        source: str,
        origin: Literal["seed", "generated"],
        task_id: str | None = None,
        parents: tuple[str, ...] = (),
        request_id: str | None = None,
    ) -> Sample:
        row = self.next_row
        self.next_row += 1
        return Sample(
            row=row,
            task_id=task_id or task.id,
            messages=task.dialogue or task_messages(task.instruction, instance.input, instance.output),
            category=task.category,
            language=task.language,
            origin=origin,
            source=source,
            instruction=None if task.dialogue else task.instruction,
            input=None if task.dialogue else instance.input,
            parents=parents,
            request_id=request_id,
            answer_key=instance.answer_key,
            kind=task.kind,
        )

    @staticmethod
    def _reject(admitted: Admitted, job: Job, request_id: str | None, check: Check, text: str) -> None:
        position = len(admitted.samples) + len(admitted.rejections)
        admitted.rejections.append(
            Rejection(
                request_id or job.id,
                position,
                check.reason,
                check.value,
                check.threshold,
                check.of,
                check.evidence,
                text[:_TEXT],
            )
        )


def task_problem(task: Task, needs: Needs) -> Check | None:
    """What is wrong with a task whatever else was admitted: no instruction, another language, two outputs for one input.

    Under a preset the published rules take the place of the latter two.
    """
    if not task.instruction:
        return Check("empty_instruction")
    if needs.preset is not None:
        return None
    if task.language != needs.language:
        return Check("wrong_language", evidence=f"asked for {needs.language}, found {task.language}")
    outputs: dict[str, str] = {}
    for instance in task.instances:
        if outputs.setdefault(normalise(instance.input), instance.output) != instance.output:
            return Check("conflicting_answers", evidence=instance.input[:_TEXT])
    return None


def find_conflict(instances: Sequence[Instance]) -> Check | None:
    """Self-Instruct's rule for the valid instances of a task: one input, unless it is empty, has one output, to the letter."""
    outputs: dict[str, str] = {}
    for instance in instances:
        if instance.input and outputs.setdefault(instance.input, instance.output) != instance.output:
            return Check("conflicting_answers", evidence=instance.input[:_TEXT])
    return None


def _checked(outcome: Outcome) -> SignalValues:
    """How a row was checked, as the columns of `signals/checked.parquet`."""
    return {
        "checked_by": "+".join(outcome.checked_by) or None,
        "agreement": outcome.agreement,
        "judge_score": outcome.judge_score,
        "repaired": outcome.repaired,
    }


def instance_problem(instance: Instance, seen: Collection[str | Instance], preset: Preset | None) -> Check | None:
    """Rules for one instance, after Self-Instruct's: no empty output, none that ends with a colon or repeats its input.

    Under a preset these are the published ones, which are row filters (see `builder.curation.published_rules`); here goes
    only what stands in the task already, to the letter.

    Args:
        seen: what was kept of the task.
    """
    if preset is not None:
        if _same_instance(instance, preset) in seen:
            return Check("exact_duplicate", evidence="the same instance stands earlier in this task")
        return None
    if not instance.output:
        return Check("empty_answer")
    if instance.output.endswith((":", "：")):
        return Check("answer_ends_with_colon", evidence=instance.output[-60:])
    if instance.input and instance.input == instance.output:
        return Check("answer_equals_input", evidence=instance.output[:60])
    if _same_instance(instance, None) in seen:
        return Check("exact_duplicate", evidence="the same input stands earlier in this task")
    return None


def _same_instance(instance: Instance, preset: Preset | None) -> str | Instance:
    """What two instances of a task must not share: the input, or under a preset the whole instance."""
    return normalise(instance.input) if preset is None else replace(instance, answer_key=None)


def _asked_tokens(task: Task) -> list[str]:
    return tokenise("\n".join([task.instruction, *(instance.input for instance in task.instances[:1])]))


def _dump(task: Task, instance: Instance) -> str:
    if task.dialogue:
        return json.dumps([[turn.role, turn.content] for turn in task.dialogue], ensure_ascii=False)
    rows = {"instruction": task.instruction, "input": instance.input, "output": instance.output}
    return json.dumps(rows, ensure_ascii=False)
