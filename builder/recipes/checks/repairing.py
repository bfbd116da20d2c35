"""Repair: the teacher writes answers anew that failed a check, told what was found."""

from collections.abc import Sequence

from builder.language import Language
from builder.recipes.checks.question import Question, as_lines
from builder.recipes.recipe import Ask

_SHAPE = '{"answers": [{"id": 1, "answer": "…"}]}'

_ENGLISH = """These answers did not pass a check. Each line is one JSON object: a task ("instruction" and "input", or a \
"conversation"), the "answer" that failed, and under "problem" what was found.

{lines}

Work each task out afresh and write the answer that a careful expert would hand in: right, complete, in the form the task \
asks for. It replaces the old one and stands alone: no apology, no word about a correction. The finding may be mistaken; \
trust your own working. Where you cannot do better, write null.

Answer with one JSON object and nothing around it, one entry for each id:
{shape}"""

_CHINESE = """下面这些答案没有通过检查。每行是一个 JSON 对象：一个任务（"instruction" 和 "input"，或一段 "conversation"）、\
未通过的 "answer"，以及检查发现的问题 "problem"。

{lines}

请把每道题从头做一遍，写出行家会交出的答案：正确、完整，形式合乎题意。新答案直接取代旧答案，\
不要道歉，也不要提到改正。检查意见也可能有误，以你自己的推算为准。确实写不出更好的，写 null。

只回复一个 JSON 对象，前后不要有别的内容，每个 id 一项：
{shape}"""

_PROMPTS: dict[Language, str] = {"en": _ENGLISH, "zh": _CHINESE}

# What the teacher is told where a check leaves no words of its own.
FAILED_KEY: dict[Language, str] = {
    "en": "It does not pass the task's own answer check.",
    "zh": "未通过该题自带的答案核对。",
}
OTHERS_SAY: dict[Language, str] = {
    "en": "Answered afresh several times, the task mostly gives: {answer}",
    "zh": "多次重新作答，多数结果是：{answer}",
}


def ask_repair(
    questions: Sequence[Question], answers: Sequence[str], problems: Sequence[str], language: Language
) -> Ask:
    """One request for all answers that failed."""
    more = [{"answer": answer, "problem": problem} for answer, problem in zip(answers, problems, strict=True)]
    text = _PROMPTS[language].format(lines=as_lines(questions, language, more), shape=_SHAPE)
    return Ask([{"role": "user", "content": text}], optional=True)
