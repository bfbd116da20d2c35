"""What the embedded teacher asks about a document that a prompt holds: questions whose answers it can find or count there.

    <document id="3f9a1c0b7d2e">            ↓
    The ferry leaves at 9:15. …             {"instruction": "Copy the sentence that holds the word “ferry”.",
    </document id="3f9a1c0b7d2e">            "output": "The ferry leaves at 9:15.", "quote": "The ferry leaves at 9:15."}

It understands nothing of the text: it copies sentences, finds what stands beside what, and counts.
"""

import json
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from builder.answers import AnswerKey, CheckKind
from builder.procedural.families import Language

_DOCUMENT = re.compile(
    r"^<document id=\"(?P<mark>[0-9a-f]{12})\">\n(?P<text>.*)\n</document id=\"(?P=mark)\">$", re.DOTALL | re.MULTILINE
)
_SENTENCE = re.compile(
    # From where a sentence can begin: no part of one is tried again.
    r"(?<![^。！？!?.\n])(?<![^。！？!?.\n][.](?=\S))"
    r"[^。！？!?.\n]++(?:[.](?=\S)[^。！？!?.\n]++)*+(?:[。！？!?]+|[.]+(?=\s|$))"
)
_EN_WORD = re.compile(r"[A-Za-z]{4,}")
_HAN_RUN = re.compile("[\u4e00-\u9fff]+")
_NUMBER = re.compile(r"(?<![\w.,:])\d+(?:\.\d+)?(?![\w,:]|\.\d)", re.ASCII)
_PHRASE_RUN: Mapping[Language, re.Pattern[str]] = {
    "en": re.compile("(?<![A-Za-z])[A-Za-z]+(?: [A-Za-z]+){2,}"),
    "zh": re.compile("[\u4e00-\u9fff]{5,}"),
}
_AFTER: Mapping[Language, re.Pattern[str]] = {
    "en": re.compile(" ?([A-Za-z]+(?: [A-Za-z]+){1,4})"),
    "zh": re.compile("([\u4e00-\u9fff]{3,8})"),
}
_CLOSING = " 。！？!?."
_SHORTEST, _LONGEST = 4, 300  # characters of a sentence that is worth copying
_GLUE = re.compile("[的了是在和与及也都就而且被把将从到对向由以之其这那有为于着过不]")
_TRIES = 12


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A document in a prompt, and the prompt without it."""

    text: str
    rest: str


def read_excerpt(prompt: str) -> Excerpt | None:
    """The document that a prompt holds between its two marks, or None. What the document says is no part of the rest."""
    match = _DOCUMENT.search(prompt)
    return Excerpt(match["text"], prompt[: match.start()] + prompt[match.end() :]) if match else None


def ask_about(text: str, language: Language, count: int, rng: random.Random) -> list[dict[str, Any]]:
    """Up to `count` tasks with different instructions; fewer where the text holds too little to ask about."""
    sentences = [s.group().strip() for s in _SENTENCE.finditer(text)]
    sentences = [sentence for sentence in sentences if _SHORTEST <= len(sentence) <= _LONGEST]
    tasks: dict[str, dict[str, Any]] = {}
    for _ in range(count * _TRIES if sentences else 0):
        if len(tasks) == count:
            break
        task = rng.choice(_LESSONS)(text, sentences, language, rng)
        if task is not None:
            tasks.setdefault(task["instruction"], task)
    return list(tasks.values())


_Lesson = Callable[[str, list[str], Language, random.Random], "dict[str, Any] | None"]


def _copy_sentence(text: str, sentences: list[str], language: Language, rng: random.Random) -> dict[str, Any] | None:
    """Copy the sentence that holds a phrase."""
    sentence = rng.choice(sentences)
    words = _phrase(text, sentence, language, rng)
    return _task("copy_sentence", language, rng, sentence, sentence, words=words) if words else None


def _count_word(text: str, sentences: list[str], language: Language, rng: random.Random) -> dict[str, Any] | None:
    """How often a word occurs, with three numbers to choose from, so that the answer's number is in the instruction."""
    words = [word for word in sorted(set(_terms(text, language))) if 1 < _occurrences(word, text, language) < 6]
    if not words:
        return None
    word = rng.choice(words)
    holding = next((s for s in sentences if _occurrences(word, s, language)), None)
    if holding is None:
        return None
    count = _occurrences(word, text, language)
    lowest = max(1, count - rng.randint(0, 2))
    labels = [str(lowest + step) for step in range(3)]
    options = f"{labels[0]}, {labels[1]} or {labels[2]}" if language == "en" else "、".join(labels)
    return _task("count_word", language, rng, str(count), holding, words=word, options=options)


def _beside_number(text: str, sentences: list[str], language: Language, rng: random.Random) -> dict[str, Any] | None:
    """Which number stands right before some words."""
    numbered = [(s, number) for s in sentences for number in _NUMBER.finditer(s)]
    if not numbered:
        return None
    sentence, number = rng.choice(numbered)
    after = _AFTER[language].match(sentence[number.end() :])
    if after is None or text.count(after[1]) != 1:
        return None
    return _task("beside_number", language, rng, number.group(), sentence, words=after[1])


def _following(text: str, sentences: list[str], language: Language, rng: random.Random) -> dict[str, Any] | None:
    """What comes right after a phrase: the next word, or the next two characters."""
    sentence = rng.choice(sentences)
    words = _phrase(text, sentence, language, rng)
    if not words:
        return None
    after = re.match(r" ([A-Za-z]+)" if language == "en" else "([\u4e00-\u9fff]{2})", sentence.partition(words)[2])
    return _task("following", language, rng, after[1], sentence, words=words) if after else None


def _edge(text: str, sentences: list[str], language: Language, rng: random.Random) -> dict[str, Any] | None:
    """The last word, or the last two characters, of the sentence that holds a phrase."""
    sentence = rng.choice(sentences)
    words = _phrase(text, sentence, language, rng)
    last = re.search("[A-Za-z]+$" if language == "en" else "[\u4e00-\u9fff]{2}$", sentence.rstrip(_CLOSING))
    if not words or last is None or last.start() < sentence.index(words) + len(words):
        return None
    return _task("last_word", language, rng, last.group(), sentence, words=words)


def _phrase(text: str, sentence: str, language: Language, rng: random.Random) -> str:
    """Some words in a row that the text holds once, or an empty string: one word alone would make all questions alike."""
    runs = [run for run in _PHRASE_RUN[language].findall(sentence) if text.count(run) == 1]
    if not runs:
        return ""
    run = rng.choice(runs)
    if language == "zh":
        length = rng.randint(5, 9)
        start = rng.randint(0, max(0, len(run) - length))
        phrase = run[start : start + length]
    else:
        tokens = run.split(" ")
        length = rng.randint(3, 6)
        start = rng.randint(0, max(0, len(tokens) - length))
        phrase = " ".join(tokens[start : start + length])
    return phrase if text.count(phrase) == 1 else ""


_LESSONS: tuple[_Lesson, ...] = (_copy_sentence, _count_word, _beside_number, _following, _edge)

_CHECKS: Mapping[str, tuple[str, CheckKind, bool]] = {
    "copy_sentence": ("extraction", "exact", False),
    "count_word": ("closed_qa", "choice", True),
    "beside_number": ("closed_qa", "number", False),
    "following": ("extraction", "exact", False),
    "last_word": ("extraction", "exact", False),
}
_WORDINGS: Mapping[str, Mapping[Language, tuple[str, ...]]] = {
    "copy_sentence": {
        "en": (
            "Quote the whole sentence with “{words}”.",
            "“{words}”: copy that sentence.",
            "Where is “{words}” said? Write the sentence out.",
        ),
        "zh": ("抄出含有“{words}”的整句。", "“{words}”出自哪句话？原样写出。", "摘录提到“{words}”的那一句。"),
    },
    "count_word": {
        "en": ("How many times does the word “{words}” occur: {options}?", "Count “{words}” and choose: {options}."),
        "zh": ("“{words}”一共出现了几次？从{options}中选一个。", "数一数“{words}”，选项有{options}。"),
    },
    "beside_number": {
        "en": ("Which number stands before “{words}”?", "Fill the gap with a figure: “… {words}”."),
        "zh": ("紧挨在“{words}”前面的数字是多少？", "“……{words}”，省略处是哪个数？"),
    },
    "following": {
        "en": ("Which word follows “{words}”?", "“{words} …”: give the next word.", "After “{words}” comes what?"),
        "zh": ("“{words}”后面是哪两个字？", "接着写两个字：“{words}……”", "原文在“{words}”之后的两个字是什么？"),
    },
    "last_word": {
        "en": ("With which word does the sentence about “{words}” end?", "Last word of the sentence with “{words}”?"),
        "zh": ("含“{words}”的那句以哪两个字收尾？", "写出“{words}”所在句的最后两个字。"),
    },
}


def _task(name: str, language: Language, rng: random.Random, answer: str, quote: str, **values: str) -> dict[str, Any]:
    category, check, is_classification = _CHECKS[name]
    return {
        "instruction": rng.choice(_WORDINGS[name][language]).format_map(values),
        "category": category,
        "is_classification": is_classification,
        "output": answer,
        "quote": quote,
        "answer_key": json.loads(AnswerKey(f"document:{name}", check, answer).to_json()),
    }


def _terms(text: str, language: Language) -> list[str]:
    """Words that a question can be about: English ones of four letters, Chinese ones as far as glue characters show them."""
    if language == "en":
        return _EN_WORD.findall(text)
    parts = [part for run in _HAN_RUN.findall(text) for part in _GLUE.split(run)]
    whole = [part for part in parts if 2 <= len(part) <= 4]
    return whole or [part[:2] for part in parts if len(part) > 1]


def _occurrences(word: str, text: str, language: Language) -> int:
    if language == "en":
        return len(re.findall(rf"(?<![A-Za-z]){word}(?![A-Za-z])", text, re.IGNORECASE))
    return text.count(word)
