"""What `benchmarks.planted` plants, written for it in both languages; {} is filled from the row that a fault is planted in."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

Triple = tuple[str, str, str]  # instruction, input, output


@dataclass(frozen=True, slots=True)
class Texts:
    """One language's plants.

    Attributes:
        refusals, self_mentions, no_answers, other_language: answers; a self-mention ends where the row's own answer begins.
        unclear: instructions.
        missing_code, unseen, pictures, unsafe: whole rows.
        stray: what is put after the first sentence of an answer.
        contacts, secrets: sentences at the end of an answer; {email}, {phone}, {ip}, {identity}, {card}, {key}.
        json_tasks: instruction and a valid answer, which is then broken by the benchmark.
        lists: what is asked for, with {} for the number, and eight items.
        numerals: the words for 4, 5, 6.
        sums: templates of a question and of its answer; {a}, {b}, {wrong}.
        loops: what is said again and again.
        benchmark: held-out items: question and answer.
        traditional: the same questions in traditional characters, where there are any.
    """

    refusals: Sequence[str]
    self_mentions: Sequence[str]
    no_answers: Sequence[str]
    other_language: Sequence[str]
    unclear: Sequence[str]
    missing_code: Sequence[Triple]
    unseen: Sequence[Triple]
    pictures: Sequence[Triple]
    unsafe: Sequence[Triple]
    stray: Sequence[str]
    contacts: Sequence[str]
    secrets: Sequence[str]
    json_tasks: Sequence[tuple[str, str]]
    lists: Sequence[tuple[str, Sequence[str]]]
    numerals: Sequence[str]
    sums: Sequence[tuple[str, str]]
    loops: Sequence[str]
    benchmark: Sequence[tuple[str, str]]
    traditional: Sequence[str] = ()


def _read_texts() -> Mapping[str, Texts]:
    """By language; lists of the file stay lists."""
    file = Path(__file__).with_name("planted.json")
    return {language: Texts(**texts) for language, texts in json.loads(file.read_text(encoding="utf-8")).items()}


TEXTS: Mapping[str, Texts] = _read_texts()
