"""Tasks of people who are described in a line each, by a file or by the teacher (after PersonaHub, Ge et al. 2024).

material  {"people": [{"text": "A tram driver who plans her retirement", "source": "people.txt#12"}]}; none where the teacher makes them
1. people {"tasks": [{"description": "A tram driver who plans her retirement"}]}
2. tasks  {"tasks": [{"person": 1, "instruction": "Compare the two pension offers.", "category": "reasoning", …}]}
"""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builder.config import Growth
from builder.errors import InputFileError, UsageError
from builder.language.messages import worded
from builder.progress import Reporter
from builder.recipes.alpaca import read
from builder.recipes.kinds import kind_line, steps_line
from builder.recipes.parsing import parse_reply
from builder.recipes.recipe import Ask, Draft, Drawing, Job, Reading, Recipe, Unreadable
from builder.requests.completion import Completion
from builder.store.object_store import local_files
from builder.text import detect_language

_MEMBERS = ("persona", "description", "人物")
_REMEDY = worded(
    'Write one person a line in a .txt, {{"persona": "…"}} a line in a .jsonl, or a column persona in a .csv.'
)
_LONGEST = 1000  # characters; a longer one is no short description
# Under `tasks`, where replies are looked for.
_PEOPLE_SHAPE = '{"tasks": [{"description": "…"}]}'
_SHAPE = (
    '{"tasks": [{"person": 1, "instruction": "…", "category": "…", "is_classification": false, '
    '"instances": [{"input": "…", "output": "…"}]}]}'
)
_INVENT = {
    "en": """Describe people who could come to an assistant with a request, one sentence each: what they do, what they know about, \
what occupies them just now.

- Real life in its breadth: trades, schools, offices, homes, hobbies; all ages; few experts in computing.
- Concrete enough that one can tell what this person would ask and another would not.
- No names, nobody famous, nothing that marks a real person.

What is needed:
- number of people: {count}
- their requests are about: {categories}
- language: English

Answer with one JSON object and nothing around it:
{shape}""",
    "zh": """请描述一些可能来向助手求助的人，每人一句话：做什么的，熟悉什么，眼下正为什么事忙。

- 各行各业、男女老少都要有：手艺人、学生、职员、居家的、有爱好的；搞计算机的不要多。
- 写得具体，让人看得出这个人会问什么，换一个人就不会这样问。
- 不写姓名，不写名人，不要能对上真人的信息。

具体要求：
- 人数：{count}
- 他们的需求涉及：{categories}
- 语言：中文

只回复一个 JSON 对象，前后不要有别的内容：
{shape}""",
}
_ASK = {
    "en": """These people each come to an assistant:

{people}

Write the requests that they would make, spread evenly among them and in their order.

- It is what this person needs in their own life or work, in the words that they would use; they do not introduce themselves.
- The instruction stands on its own with its input: put material to work on into "input", else leave it empty.
- The output is what a careful expert would answer: correct, complete, no preamble.
- "person" is the number of the one who asks.
- "is_classification" is true where the output is one of a few labels that the instruction names.

What is needed:
- number of tasks: {tasks}
- language: English
- categories: {categories}{kind}
- instances per task: {instances}{steps}

Answer with one JSON object and nothing around it:
{shape}""",
    "zh": """下面这些人各自来向助手求助：

{people}

请写出他们会提的要求，每人的数量尽量相同，按上面的次序来。

- 是这个人在生活或工作里真会遇到的事，用他自己的口吻说，不必自我介绍。
- 指令配上输入就能看懂：要处理的材料放进 "input"，没有就留空。
- "output" 写行家会给出的答案：正确、完整，不说客套话。
- "person" 填提问者的编号。
- 答案只能从指令列出的几个标签里选时，"is_classification" 为 true。

具体要求：
- 任务数量：{tasks}
- 语言：中文
- 类别：{categories}{kind}
- 每个任务的实例数：{instances}{steps}

只回复一个 JSON 对象，前后不要有别的内容：
{shape}""",
}


@dataclass(frozen=True, slots=True)
class Persona:
    """Somebody who asks: the description, and where it stands, such as `people.txt#12`."""

    text: str
    source: str
    language: str


def load(growth: Growth) -> tuple[Persona, ...]:
    """The people of `growth.personas`; none where it names no file.

    Raises:
        UsageError: nobody is described in one of `growth.languages`.
        InputFileError: a file is none of txt, jsonl and csv, or has lines that describe nobody; all of them are named at once.
    """
    if not growth.personas:
        return ()
    with local_files(growth.personas, Reporter(quiet=True)) as files:
        people = [person for file in files for person in _read_file(file)]
    wanted = {person.text: person for person in people if person.language in growth.languages}
    if not wanted:
        raise UsageError(
            worded(
                "growth.personas: nobody is described in {languages}", languages=" or ".join(sorted(growth.languages))
            ),
            worded("Describe people in the languages of growth.languages, or name theirs there."),
        )
    return tuple(wanted.values())


def _read_file(path: Path) -> list[Persona]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputFileError(path, worded("is not UTF-8 (byte {start}): save it as UTF-8", start=error.start)) from None
    people, wrong = [], []
    for number, found in _lines(path, text):
        description = " ".join(found.split()) if isinstance(found, str) else ""
        if 0 < len(description) <= _LONGEST:
            people.append(Persona(description, f"{path.name}#{number}", detect_language(description)))
        else:
            wrong.append(number)
    if wrong or not people:
        named = ", ".join(map(str, wrong[:10])) + ("…" if len(wrong) > 10 else "")
        problem = (
            worded("rows {named} describe nobody in at most {longest} characters", named=named, longest=_LONGEST)
            if wrong
            else worded("describes nobody")
        )
        raise InputFileError(path, problem, remedy=_REMEDY)
    return people


def _lines(path: Path, text: str) -> Iterator[tuple[int, Any]]:
    """Each row's number, from 1, and what stands where the description should."""
    match path.suffix.lower():
        case ".txt":
            yield from ((number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip())
        case ".jsonl":
            for number, line in enumerate(text.split("\n"), 1):
                if line.strip():
                    yield number, _described(_parsed(line))
        case ".csv":
            for number, row in enumerate(csv.DictReader(text.splitlines(keepends=True)), 1):
                yield number, _described(row)
        case suffix:
            raise InputFileError(
                path,
                worded("a file of people ends in .txt, .jsonl or .csv, not in {suffix}", suffix=suffix or "nothing"),
            )


def _parsed(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _described(row: Any) -> Any:
    return next((row[name] for name in _MEMBERS if name in row), None) if isinstance(row, dict) else row


def draw(drawing: Drawing) -> dict[str, Any]:
    """The material of a job: the next people of the file, as many as tasks; nothing where the teacher makes them."""
    people: Sequence[Persona] = drawing.pieces
    count = min(drawing.needs.tasks, len(people))
    chosen = [people[(drawing.drawn * count + place) % len(people)] for place in range(count)]
    return {"people": [{"text": one.text, "source": one.source} for one in chosen]} if chosen else {}


def proceed(job: Job, replies: Sequence[Completion]) -> Ask | Reading:
    """One request with people of the file; else one for people before it."""
    given: Sequence[Mapping[str, str]] = job.material.get("people", ())
    if not given and not replies:
        return _ask(_INVENT, job, count=job.needs.tasks, shape=_PEOPLE_SHAPE)
    people = given or _invented(replies[0], job.needs.tasks)
    if not people:
        return Reading((Unreadable("not_a_task", worded("describes nobody"), replies[0].content),))
    own = replies if given else replies[1:]
    if own:
        return _read_reply(own[0], job, people)
    listed = "\n".join(f"{number}. {one['text']}" for number, one in enumerate(people, 1))
    needs = job.needs
    return _ask(
        _ASK,
        job,
        people=listed,
        tasks=needs.tasks,
        kind=kind_line(needs),
        instances=needs.instances,
        steps=steps_line(needs),
        shape=_SHAPE,
    )


def _ask(prompts: Mapping[str, str], job: Job, **values: str | int) -> Ask:
    text = prompts[job.needs.language].format(categories=", ".join(job.needs.categories), **values)
    return Ask([{"role": "user", "content": text}])


def _invented(reply: Completion, most: int) -> Sequence[Mapping[str, str]]:
    """The people of a reply, whose rows name them."""
    parsed = parse_reply(reply.content, reply.finish_reason)
    found = [value.get("description") if isinstance(value, dict) else value for value in parsed.values]
    texts = [" ".join(text.split())[:_LONGEST] for text in found if isinstance(text, str)]
    return [{"text": text, "source": f"persona:{text}"} for text in dict.fromkeys(texts) if text][:most]


def _read_reply(reply: Completion, job: Job, people: Sequence[Mapping[str, str]]) -> Reading:
    parsed = parse_reply(reply.content, reply.finish_reason)
    found: list[Draft | Unreadable] = []
    for place, value in enumerate(parsed.values):
        task = read(value, job.needs.categories)
        # Who is not named is the one whose turn it is: the requests were asked for in the people's order.
        named = value.get("person") if isinstance(value, dict) else None
        who = named - 1 if type(named) is int and 0 < named <= len(people) else place * len(people) // job.needs.tasks
        person = people[min(who, len(people) - 1)]
        found.append(task if isinstance(task, Unreadable) else Draft(task, source=person["source"]))
    if parsed.problem is not None:
        found.append(Unreadable(parsed.problem, parsed.evidence, reply.content))
    return Reading(tuple(found))


PERSONA = Recipe("persona", proceed, draw, load, requests=lambda growth: 1 if growth.personas else 2, shows_tasks=False)
