"""Agreement: the teacher answers the same tasks again without seeing the answers, and most must say the same.

The idea of self-consistency (Wang et al. 2022) turned to filtering: an answer stands where enough blind answers join it.
"""

import json
import re
from collections.abc import Sequence

from builder.answers import AnswerKey, CheckKind, check_answer
from builder.language import Language
from builder.recipes.checks.question import Question, as_lines
from builder.recipes.recipe import Ask
from builder.similarity import similarity
from builder.text import normalise, tokenise

_SHAPE = '{"answers": [{"id": 1, "answer": "…"}]}'

_ENGLISH = """Answer every task below. Each line is one JSON object: a task with its "instruction" and "input", or a \
"conversation" whose last message awaits its reply.

{lines}

Work each one out on its own and check it before you write it down. Give the answer alone, the way it would be handed in: \
no working, no preamble, in the form the task asks for. Where a task cannot be answered, write null.

Answer with one JSON object and nothing around it, one entry for each id:
{shape}"""

_CHINESE = """请回答下面每一道题。每行是一个 JSON 对象，要么是带有 "instruction" 和 "input" 的任务，\
要么是一段等你接话的对话 "conversation"。

{lines}

逐题独立求解，核对无误后再写。只写最终答案，也就是直接交出去的内容：不写过程，不说套话，形式以题目要求为准。\
实在答不了的写 null。

只回复一个 JSON 对象，前后不要有别的内容，每个 id 一项：
{shape}"""

_PROMPTS: dict[Language, str] = {"en": _ENGLISH, "zh": _CHINESE}

# Tokens beyond which an answer is a text: two right ones are then worded differently.
_LONG = 40
# ROUGE-L from which two long answers count as saying the same. A choice of this project: answers that give the same content
# in the same order share half their tokens, two free texts about one subject rarely do.
_SAME_TEXT = 0.5
_NUMBER = re.compile(r"[-+−]?\d[\d,]*(?:\.\d+)?")


def ask_blind(questions: Sequence[Question], language: Language) -> Ask:
    """One sample: all questions, none of their answers; at temperature 1, so that samples can differ."""
    text = _PROMPTS[language].format(lines=as_lines(questions, language), shape=_SHAPE)
    return Ask([{"role": "user", "content": text}], temperature=1.0, optional=True)


def agreement(answer: str, samples: Sequence[str]) -> float:
    """The share of the samples that say the same as an answer, 0 to 1.

    Args:
        samples: blind answers, at least one.
    """
    return sum(same_answer(answer, sample) for sample in samples) / len(samples)


def common_answer(samples: Sequence[str]) -> tuple[str, float]:
    """The answer that most samples give, in the words of the first of them, and their share; the first among equals."""
    shares = [agreement(sample, samples) for sample in samples]
    best = shares.index(max(shares))
    return samples[best], shares[best]


def is_long(answer: str) -> bool:
    """Whether an answer is a text that can be worded in many ways, rather than a value."""
    return len(tokenise(answer)) > _LONG


def same_answer(left: str, right: str) -> bool:
    """Whether two answers say the same: short ones by the kinds of answer keys that fit them, long ones by ROUGE-L."""
    if is_long(left) or is_long(right):
        return similarity(tokenise(left), tokenise(right)) >= _SAME_TEXT
    return _passes(left, right) or _passes(right, left)


def _passes(key: str, text: str) -> bool:
    return any(check_answer(AnswerKey("", kind, key), text).passed for kind in _kinds(key))


def _kinds(answer: str) -> tuple[CheckKind, ...]:
    """A list is compared item by item, so that 、 and a comma are the same; a lone number may have words around it."""
    if _NUMBER.fullmatch(normalise(answer)):
        return "choice", "number"
    try:
        structured = isinstance(json.loads(answer), dict | list)
    except (ValueError, RecursionError):
        structured = False
    return ("json",) if structured else ("choice", "list")
