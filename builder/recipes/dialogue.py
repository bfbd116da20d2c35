"""A conversation of 2 to 5 rounds that grows out of one task, with a system prompt where the job asks for one.

reply     {"tasks": [{"system": "You are a patient tutor.", "messages": [{"role": "user", "content": "…"},
                      {"role": "assistant", "content": "…"}, {"role": "user", "content": "…"}, …]}]}
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from builder.recipes.parsing import parse_reply
from builder.recipes.recipe import Ask, Draft, Drawing, Job, Reading, Recipe, Task, Unreadable, demonstration, one_task
from builder.requests.sender import Completion
from builder.schema import Message, Role
from builder.text import detect_language, normalise

FEWEST_ROUNDS, MOST_ROUNDS = 2, 5
_SYSTEM_SHARE = 0.5

_PROMPTS = {
    "en": """Here is a task that somebody once gave to an assistant:

{parent}

Write the conversation of another user who comes with a need of this sort, in another situation and with material of their \
own, which stands in full in what they say. A round is one message of the user and the assistant's answer to it. Each \
message follows from the ones before: the user takes up the last answer (asks about a point of it, corrects it, adds a \
condition, wants the next step), and the assistant builds on all that was said. The user writes the way people type; the \
assistant is correct, complete and to the point, and never speaks for the user.

{system}
- rounds: {rounds}
- system prompt: {with_system}
- language: English

Answer with one JSON object and nothing around it:
{shape}""",
    "zh": """下面是有人交给助手的一条任务：

{parent}

请写一段对话：另一位用户带着类似的需求来了，处境不同，材料也是他自己的，而且完整地写在他的话里。\
一轮指用户说一次、助手答一次。每句话都要接着前面说：用户顺着上一个回答往下走（追问其中一点、指出不对、\
添一个条件，或要下一步），助手则以说过的全部内容为基础来答。用户说话像平时打字那样自然；\
助手答得正确、完整、不绕弯，绝不替用户说话。

{system}
- 对话轮数：{rounds}
- 系统提示：{with_system}
- 语言：中文

只回复一个 JSON 对象，前后不要有别的内容：
{shape}""",
}
_SYSTEM: Mapping[str, Mapping[bool, str]] = {
    "en": {
        True: 'Under "system", say in a sentence or two who the assistant is and how it should answer; it keeps to that.\n',
        False: "There is no system prompt.\n",
    },
    "zh": {
        True: '在 "system" 里用一两句话交代助手是谁、该怎样回答，助手全程照此行事。\n',
        False: "不写系统提示。\n",
    },
}
_YES_NO = {"en": {True: "yes", False: "no"}, "zh": {True: "要", False: "不要"}}
_SHAPES = {
    True: '{"tasks": [{"system": "…", "messages": [{"role": "user", "content": "…"}, '
    '{"role": "assistant", "content": "…"}]}]}',
    False: '{"tasks": [{"messages": [{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}]}]}',
}
_ROLES: Mapping[str, Role] = {
    "system": "system",
    "user": "user",
    "human": "user",
    "用户": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "助手": "assistant",
}


def draw(drawing: Drawing) -> dict[str, Any]:
    """The material of a job: how many rounds, each number as likely, and whether with a system prompt (every second)."""
    rng = drawing.rng
    return {"rounds": rng.randint(FEWEST_ROUNDS, MOST_ROUNDS), "system": rng.random() < _SYSTEM_SHARE}


def proceed(job: Job, replies: Sequence[Completion]) -> Ask | Reading:
    """One request about the job's only demonstration, the task that the conversation grows out of."""
    (parent,) = job.demonstrations
    if replies:
        return read_dialogue(parent, replies[0])
    language, with_system = job.needs.language, bool(job.material["system"])
    text = _PROMPTS[language].format(
        parent=demonstration(parent, 1),
        system=_SYSTEM[language][with_system],
        rounds=job.material["rounds"],
        with_system=_YES_NO[language][with_system],
        shape=_SHAPES[with_system],
    )
    return Ask([{"role": "user", "content": text}])


def read_dialogue(parent: Task, reply: Completion) -> Reading:
    """Every conversation of a reply; one that is none is named, and one that was cut by length is not guessed at."""
    parsed = parse_reply(reply.content, reply.finish_reason)
    found: list[Draft | Unreadable] = []
    for value in parsed.values:
        turns = _read_turns(value)
        problem = turns if isinstance(turns, str) else _problem(turns)
        if isinstance(turns, str) or problem is not None:
            found.append(Unreadable("not_a_dialogue", problem or "", json.dumps(value, ensure_ascii=False)))
            continue
        asked = [turn.content for turn in turns if turn.role == "user"]
        task = Task("", asked[0], (), parent.category, detect_language("\n".join(asked)), False, turns)
        found.append(Draft(task, parents=(parent.id,)))
    if parsed.problem is not None:
        found.append(Unreadable(parsed.problem, parsed.evidence, reply.content))
    return Reading(tuple(found))


def _read_turns(value: Any) -> tuple[Message, ...] | str:
    """The turns, the system prompt first, or what is wrong with them."""
    messages = value.get("messages", value.get("conversation")) if isinstance(value, dict) else None
    if not isinstance(messages, list):
        return 'no list under "messages"'
    turns: list[Message] = []
    system = value.get("system")
    if isinstance(system, str) and system.strip():
        turns.append(Message("system", system.strip()))
    for message in messages:
        role = message.get("role") if isinstance(message, dict) else None
        content = message.get("content") if isinstance(message, dict) else None
        known = _ROLES.get(role.strip().casefold()) if isinstance(role, str) else None
        if known is None:
            return f"turn {len(turns) + 1} has the role {role!r}"
        if not isinstance(content, str) or not content.strip():
            return f"turn {len(turns) + 1} ({known}) holds no text"
        turns.append(Message(known, content.strip()))
    return tuple(turns)


def _problem(turns: Sequence[Message]) -> str | None:
    """Why turns are no conversation: roles that do not alternate, a wrong number of rounds, a turn that comes twice."""
    spoken = turns[1:] if turns and turns[0].role == "system" else turns
    for place, turn in enumerate(spoken):
        expected = "assistant" if place % 2 else "user"
        if turn.role != expected:
            return f"turn {place + 1} is {turn.role}'s, expected {expected}"
    if len(spoken) % 2:
        return "it ends with the user"
    rounds = len(spoken) // 2
    if not FEWEST_ROUNDS <= rounds <= MOST_ROUNDS:
        return f"{rounds} rounds, expected {FEWEST_ROUNDS} to {MOST_ROUNDS}"
    asked = [normalise(turn.content) for turn in spoken[::2]]
    repeated = next((text for place, text in enumerate(asked) if text in asked[:place]), None)
    return f"the user says the same twice: {repeated[:60]}" if repeated is not None else None


DIALOGUE = Recipe("dialogue", proceed, draw, tasks=one_task, one_instance=True, of_a_parent=True, gives_dialogues=True)
