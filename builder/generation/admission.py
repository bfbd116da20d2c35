"""Admission: a reply's candidates against the rules of a task, the row filters and novelty; each becomes rows or rejections.

A candidate is one instance of one task, so that counts close: candidates = admitted rows + rejections. A fault of the task
(its instruction, two outputs for one input) rejects all its instances; a fault of one instance rejects that one.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from builder.recipes.parsing import parse_reply
from builder.recipes.recipe import Instance, Needs, Recipe, Task, Unreadable
from builder.requests.ledger import Received, Request
from builder.requests.sender import read_completion
from builder.schema import Check, Rejection, Sample, task_messages
from builder.similarity import NoveltyIndex
from builder.text import normalise, tokenise

SignalValues = Mapping[str, Any]
MeasureRow = Callable[[Sample], SignalValues]
CheckRow = Callable[[Sample, SignalValues], list[Check]]

_TEXT = 2000  # characters of a rejected candidate kept beside its reason; the ledger has all of it


@dataclass(slots=True)
class Admitted:
    """What one reply gave: rows with their signals, rejections, and the tasks that join the pool."""

    samples: list[Sample]
    signals: list[SignalValues]
    rejections: list[Rejection]
    tasks: list[Task]
    candidates: int = 0


class Admission:
    """Admits candidates one reply at a time, against everything admitted before.

    Args:
        recipe: reads the task objects.
        threshold: of ROUGE-L between instructions.
        measure: signals of one row.
        check: failed checks of one row; the same code as in curation.
        source: of grown rows, such as `alpaca:seedbed-procedural`.
    """

    def __init__(self, recipe: Recipe, threshold: float, *, measure: MeasureRow, check: CheckRow, source: str) -> None:
        self._recipe = recipe
        self._measure = measure
        self._check = check
        self._source = source
        self._index = NoveltyIndex(threshold)
        self.next_row = 0

    def admit_seed(self, task: Task, source: str) -> tuple[list[Sample], list[SignalValues]]:
        """Seeds are always admitted, whatever they are close to; later candidates are held against them."""
        samples = [self._sample(task, instance, source=source, origin_seed=True) for instance in task.instances]
        for sample in samples:
            self._index.add(sample.row, tokenise(task.instruction), task.id)
        return samples, [self._measure(sample) for sample in samples]

    def admit_reply(self, request: Request, received: Received, needs: Needs) -> Admitted:
        """Read one reply and admit what is admissible."""
        admitted = Admitted([], [], [], [])
        completion = read_completion(received.reply) if received.usable else None
        if completion is None:
            admitted.candidates += 1
            self._reject(admitted, request, "bad_reply", received.reply[:_TEXT])
            return admitted
        parsed = parse_reply(completion.content, completion.finish_reason)
        for place, value in enumerate(parsed.values):
            draft = self._recipe.read(value, needs)
            admitted.candidates += 1 if isinstance(draft, Unreadable) else len(draft.instances)
            if isinstance(draft, Unreadable):
                self._reject(admitted, request, draft.reason, _dump(value), evidence=draft.evidence)
            else:
                self._admit_task(admitted, request, replace(draft, id=f"{request.id}-{place}"), needs)
        if parsed.problem is not None:
            admitted.candidates += 1
            self._reject(admitted, request, parsed.problem, completion.content[-_TEXT:], evidence=parsed.evidence)
        return admitted

    def _admit_task(self, admitted: Admitted, request: Request, draft: Task, needs: Needs) -> None:
        problem = self._task_problem(draft, needs)
        if problem is not None:
            for instance in draft.instances:
                self._reject_check(admitted, request, problem, draft, instance)
            return
        first_row = self.next_row
        kept: list[Instance] = []
        seen: set[str] = set()
        for instance in draft.instances:
            check = instance_problem(instance, seen)
            if check is None:
                sample = self._sample(draft, instance, source=self._source, request=request)
                values = self._measure(sample)
                failed = self._check(sample, values)
                check = failed[0] if failed else None
            if check is not None:
                self.next_row = first_row + len(kept)
                self._reject_check(admitted, request, check, draft, instance)
                continue
            seen.add(normalise(instance.input))
            kept.append(instance)
            admitted.samples.append(sample)
            admitted.signals.append(values)
        if kept:
            for row in range(first_row, self.next_row):
                self._index.add(row, tokenise(draft.instruction), draft.id)
            admitted.tasks.append(replace(draft, instances=tuple(kept)))

    def _task_problem(self, draft: Task, needs: Needs) -> Check | None:
        if not draft.instruction:
            return Check("empty_instruction")
        if draft.language != needs.language:
            return Check("wrong_language", evidence=f"asked for {needs.language}, found {draft.language}")
        outputs: dict[str, str] = {}
        for instance in draft.instances:
            if outputs.setdefault(normalise(instance.input), instance.output) != instance.output:
                return Check("conflicting_answers", evidence=instance.input[:_TEXT])
        match = self._index.match(tokenise(draft.instruction))
        if match is not None:
            return Check("too_similar", match.similarity, self._index.threshold, match.row)
        return None

    def _sample(
        self,
        task: Task,
        instance: Instance,
        *,
        source: str,
        origin_seed: bool = False,
        request: Request | None = None,
    ) -> Sample:
        row = self.next_row
        self.next_row += 1
        return Sample(
            row=row,
            task_id=task.id,
            messages=task_messages(task.instruction, instance.input, instance.output),
            category=task.category,
            language=task.language,
            origin="seed" if origin_seed else "generated",
            source=source,
            instruction=task.instruction,
            input=instance.input,
            parents=tuple(request.context["parents"]) if request else (),
            request_id=request.id if request else None,
            answer_key=instance.answer_key,
        )

    def _reject_check(
        self, admitted: Admitted, request: Request, check: Check, draft: Task, instance: Instance
    ) -> None:
        text = _dump({"instruction": draft.instruction, "input": instance.input, "output": instance.output})
        self._reject(admitted, request, check.reason, text, check=check, evidence=check.evidence)

    @staticmethod
    def _reject(
        admitted: Admitted,
        request: Request,
        reason: str,
        text: str,
        *,
        check: Check | None = None,
        evidence: str = "",
    ) -> None:
        position = len(admitted.samples) + len(admitted.rejections)
        value, threshold, of = (check.value, check.threshold, check.of) if check else (None, None, None)
        admitted.rejections.append(
            Rejection(request.id, position, reason, value, threshold, of, evidence, text[:_TEXT])
        )


def instance_problem(instance: Instance, seen_inputs: set[str]) -> Check | None:
    """Self-Instruct's rules for one instance: no empty output, none that ends with a colon, none that repeats its input."""
    if not instance.output:
        return Check("empty_answer")
    if instance.output.endswith((":", "：")):
        return Check("answer_ends_with_colon", evidence=instance.output[-60:])
    if instance.input and instance.input == instance.output:
        return Check("answer_equals_input", evidence=instance.output[:60])
    if normalise(instance.input) in seen_inputs:
        return Check("exact_duplicate", evidence="the same input stands earlier in this task")
    return None


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)[:_TEXT]
