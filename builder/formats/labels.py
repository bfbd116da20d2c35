"""Answers that their file labels as good or bad, as KTO's files do.

{"prompt": "2+2?", "completion": "5", "label": false}    a sample with `rejected` 5 and no answer, which is never published
{"prompt": "2+2?", "completion": "4", "label": true}     a sample with the answer 4, and `rejected` 5
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from builder.errors import InputFileError
from builder.formats.columns import truth
from builder.formats.row_format import RowError, SampleParts
from builder.formats.thoughts import with_thoughts
from builder.language.messages import worded
from builder.schema import Message, conversation_id
from builder.text import normalise


def read_label(value: Any) -> bool | None:
    """Whether the row's answer is labelled as good, or None where nothing is said.

    Raises:
        RowError: something else is said.
    """
    if value is None or not str(value).strip():
        return None
    label = truth(value)
    if label is None:
        raise RowError(
            worded(
                "its label is {value!r}, expected true or false (1 or 0); where it says something else, give it "
                "another name, such as --map category=label",
                value=str(value)[:40],
            )
        )
    return label


def bad_answers(rows: Iterable[SampleParts], path: Path, guessed: str | None) -> dict[str, str]:
    """The first answer that is labelled as bad to each prompt, by the prompt's id; a pair's worse answer is text alone.

    Args:
        guessed: the labels' column where nobody said that it holds them.

    Raises:
        InputFileError: true and false have one answer each, again and again, such as yes and no: a guessed column as likely
            names the answer's class, which makes none of them bad.
    """
    bad: dict[str, str] = {}
    counts = Counter[bool | None]()
    said: dict[bool | None, set[str]] = {True: set(), False: set(), None: set()}
    for parts in rows:
        prompt, answer = _prompt_and_answer(parts)
        if answer is None:
            continue
        counts[parts.label] += 1
        if len(said[parts.label]) < 2:
            said[parts.label].add(normalise(answer.content))
        if parts.label is False and answer.tool_calls is None:
            bad.setdefault(conversation_id(prompt, parts.tools), with_thoughts(answer).content)
    one_each = len(said[True]) == len(said[False]) == 1 and said[True] != said[False]
    if guessed is not None and one_each and min(counts[True], counts[False]) > 1:
        raise InputFileError(
            path,
            worded(
                "its column '{guessed}' may say whether an answer is good, or name its class: all answers of one "
                "label are equal",
                guessed=guessed,
            ),
            remedy=worded("Say which with --map label={guessed} or --map category={guessed}.", guessed=guessed),
        )
    return bad


def by_label(parts: SampleParts, bad: Mapping[str, str]) -> SampleParts:
    """A bad answer is no answer, but the worse one; a good one has a bad one to the same prompt beside it."""
    prompt, answer = _prompt_and_answer(parts)
    if parts.label is None or answer is None:
        return parts
    if not parts.label:
        said = with_thoughts(answer).content
        return replace(parts, messages=prompt, rejected=said if answer.content else answer.tool_calls or said)
    worse = bad.get(conversation_id(prompt, parts.tools), answer.content)
    alone = len(parts.messages) == len(prompt) + 1
    return replace(parts, rejected=worse) if alone and worse != answer.content else parts


def _prompt_and_answer(parts: SampleParts) -> tuple[tuple[Message, ...], Message | None]:
    """The last answer, which a label is about, and the turns before it and before answers just before it."""
    places = [place for place, turn in enumerate(parts.messages) if turn.role == "assistant"]
    if not places:
        return parts.messages, None
    before = places[-1]
    while before and parts.messages[before - 1].role == "assistant":
        before -= 1
    return parts.messages[:before], parts.messages[places[-1]]
