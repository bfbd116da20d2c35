"""Many ways to ask for one task, its answers unchanged (the idea of Flan's templates, Wei et al. 2022).

    parent    "Sort these 3 words by length."
    reply     {"tasks": [{"instruction": "Put the 3 words in order of length, please."}, {"instruction": "…"}]}
    drafts    the parent's instances under each wording; all share its task_id and are exempt from novelty among themselves

What a wording must keep can be checked: numbers, quotations, and the labels that the parent names.
"""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from builder.recipes.parsing import parse_reply
from builder.recipes.recipe import Ask, Draft, Job, Reading, Recipe, Task, Unreadable
from builder.requests.sender import Completion
from builder.text import detect_language, normalise

_PROMPTS = {
    "en": """People ask for the same thing in many ways. Here is a task and one example of it:

{parent}

Word the instruction anew, so that whoever follows a new wording gives exactly the answers of the old one. Turn it into a \
question, a curt note, a polite request, a remark with a reason; change the order of its parts; use other words where other \
words mean the same. Keep every number (as digits), every quotation, every label and every condition as it stands, add none, \
and do not put the example's data in.

- number of phrasings: {count}
- language: English

Answer with one JSON object and nothing around it:
{{"tasks": [{{"instruction": "…"}}]}}""",
    "zh": """同一件事，各人有各人的问法。下面是一条任务和它的一个实例：

{parent}

请把指令换几种说法，照哪一种去做，得到的答案都和原来一模一样。可以改成问句、便条、客气的请求，\
或者先说缘由再提要求；可以调换先后，用意思相同的别的词。所有数字（写成阿拉伯数字）、引文、标签和条件都原样保留，\
不多不少；不要把实例里的材料写进去。

- 说法数量：{count}
- 语言：中文

只回复一个 JSON 对象，前后不要有别的内容：
{{"tasks": [{{"instruction": "…"}}]}}""",
}

_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
# "step 2:", "(1)", "1." at the start of a line: marks of order, which another wording need not have.
_MARK = re.compile(
    r"\bstep \d+\b|\(\d{1,2}\)|（\d{1,2}）|第\d+步|^[^\S\n]*\d{1,2}[.、)]\s", re.IGNORECASE | re.MULTILINE
)
_QUOTATION = re.compile(
    r"\"([^\"\n]+)\"|“([^”\n]{1,1000})”|「([^」\n]{1,1000})」|《([^》\n]{1,1000})》|`([^`\n]+)`|‘([^’\n]{1,1000})’"
)


def proceed(job: Job, replies: Sequence[Completion]) -> Ask | Reading:
    """One request about the job's only demonstration, the parent."""
    (parent,) = job.demonstrations
    if replies:
        return read_phrasings(parent, job.needs.tasks, replies[0])
    example = parent.instances[0]
    shown = {"instruction": parent.instruction, "input": example.input, "output": example.output}
    text = _PROMPTS[job.needs.language].format(parent=json.dumps(shown, ensure_ascii=False), count=job.needs.tasks)
    return Ask([{"role": "user", "content": text}])


def read_phrasings(parent: Task, most: int, reply: Completion) -> Reading:
    """The parent's instances under each new wording, at most `most` of them."""
    parsed = parse_reply(reply.content, reply.finish_reason)
    found: list[Draft | Unreadable] = []
    seen = {normalise(parent.instruction)}
    for value in parsed.values:
        wording = value.get("instruction") if isinstance(value, dict) else None
        if not isinstance(wording, str) or not wording.strip():
            text = json.dumps(value, ensure_ascii=False)
            found.append(Unreadable("not_a_task", 'no text under "instruction"', text))
        elif normalise(wording) in seen:
            found.append(Unreadable("exact_duplicate", "the task or an earlier wording again", wording))
        elif change := find_change(parent, wording):
            found.append(Unreadable("phrasing_changed", change, wording))
        elif len(seen) > most:
            found.append(Unreadable("over_cap", f"more than the {most} wordings that were asked for", wording))
        else:
            seen.add(normalise(wording))
            variant = replace(
                parent, id="", instruction=wording.strip(), language=detect_language(wording), variant_of=parent.id
            )
            found.append(Draft(variant, parents=(parent.id,), same_task=parent.id))
    if parsed.problem is not None:
        found.append(Unreadable(parsed.problem, parsed.evidence, reply.content))
    return Reading(tuple(found))


def find_change(parent: Task, wording: str) -> str | None:
    """What a wording lost or added, as evidence for `phrasing_changed`; None where all that can be checked is the same."""
    before, after = _numbers(parent.instruction), _numbers(wording)
    if before != after:
        return _describe("number", before - after, after - before)
    quotations = {text for groups in _QUOTATION.findall(parent.instruction) for text in groups if text}
    lost = {text for text in quotations if normalise(text) not in normalise(wording)}
    if lost:
        return _describe("quotation", lost, ())
    labels = {i.output for i in parent.instances} if parent.is_classification else set()
    named = {label for label in labels if label and normalise(label) in normalise(parent.instruction)}
    lost = {label for label in named if normalise(label) not in normalise(wording)}
    return _describe("label", lost, ()) if lost else None


def _numbers(text: str) -> set[str]:
    return set(_NUMBER.findall(_MARK.sub(" ", text)))


def _describe(what: str, lost: Iterable[str], added: Iterable[str]) -> str:
    parts = [f"{what} lost: {', '.join(sorted(lost))}"] if lost else []
    parts += [f"{what} added: {', '.join(sorted(added))}"] if added else []
    return "; ".join(parts)


PHRASINGS = Recipe(
    "phrasings", proceed, tasks=lambda growth: growth.phrasings_per_task, of_a_parent=True, once_each=True
)
