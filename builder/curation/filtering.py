"""Row filters: what can be judged from one row and its signals, at admission and again in curation."""

from collections.abc import Iterator, Mapping

from builder.config import Filters
from builder.curation.blocked_words import find_blocked_word
from builder.curation.published_rules import check_published
from builder.schema import Check, Sample
from builder.signals import SignalValue


def check_row(sample: Sample, values: Mapping[str, SignalValue], filters: Filters) -> list[Check]:
    """Every check that a row fails, the decisive one first; an empty list where it passes.

    Instructions are held to a length only where they are instructions (seeds and grown tasks); the default blocked words
    apply to grown tasks, a list in the settings to all rows. A row without letters, such as a sum, is in every language.
    `filters.rules` holds grown rows to published rules alone.

    Args:
        sample: the row.
        values: all columns of all signals for it; None counts as nothing found.
        filters: the thresholds.
    """
    if filters.rules is not None and sample.origin == "generated":
        return [*check_published(sample, filters.rules), *_check_answer_is_there(sample)]
    return [
        *_check_answer_is_there(sample),
        *_check_lengths(sample, values, filters),
        *_check_content(sample, values, filters),
        *_check_language(sample, values, filters),
        *_check_blocked_words(sample, filters),
    ]


def _check_answer_is_there(sample: Sample) -> Iterator[Check]:
    last = next((turn for turn in reversed(sample.messages) if turn.role == "assistant"), None)
    if last is None or not (last.content.strip() or last.tool_calls):
        yield Check("no_answer")


def _check_lengths(sample: Sample, values: Mapping[str, SignalValue], filters: Filters) -> Iterator[Check]:
    if sample.origin != "imported":
        yield from _below("instruction_too_short", values["instruction_words"], filters.min_instruction_words)
        yield from _above("instruction_too_long", values["instruction_words"], filters.max_instruction_words)
    yield from _above("prompt_too_long", values["prompt_words"], filters.max_prompt_words)
    words = _number(values["answer_words"])
    if words is not None and sample.answer.strip():
        # A mark alone ("?", "√", ">") has no words and still answers: it counts as one.
        yield from _below("answer_too_short", max(words, 1), filters.min_answer_words)
    yield from _above("answer_too_long", words, filters.max_answer_words)


def _check_content(sample: Sample, values: Mapping[str, SignalValue], filters: Filters) -> Iterator[Check]:
    if filters.drop_wrong_answers and values["answer_check"] == "failed":
        yield Check("wrong_answer", evidence=_text(values["answer_found"]))
    if filters.drop_refusals and values["refusal"]:
        yield Check("refusal", evidence=_text(values["refusal_phrase"]))
    for check in _above("repetitive", values["repetition"], filters.max_repetition):
        yield Check(check.reason, check.value, check.threshold, evidence=sample.answer.strip()[:80])


def _check_language(sample: Sample, values: Mapping[str, SignalValue], filters: Filters) -> Iterator[Check]:
    if filters.drop_language_mismatch and values["language_mismatch"]:
        yield Check("language_mismatch", evidence=f"{values['prompt_language']} → {values['answer_language']}")
    if filters.languages is not None and sample.language not in (*filters.languages, "und"):
        yield Check("language_not_wanted", evidence=sample.language)


def _check_blocked_words(sample: Sample, filters: Filters) -> Iterator[Check]:
    if filters.blocked_words is None and sample.origin != "generated":
        return
    instruction = sample.instruction
    if instruction is None:
        instruction = next((turn.content for turn in sample.messages if turn.role == "user"), "")
    word = find_blocked_word(instruction, filters.blocked_words)
    if word is not None:
        yield Check("blocked_word", evidence=word)


def _above(reason: str, value: SignalValue, threshold: float) -> Iterator[Check]:
    number = _number(value)
    if number is not None and number > threshold:
        yield Check(reason, number, float(threshold))


def _below(reason: str, value: SignalValue, threshold: float) -> Iterator[Check]:
    number = _number(value)
    if number is not None and number < threshold:
        yield Check(reason, number, float(threshold))


def _number(value: SignalValue) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _text(value: SignalValue) -> str:
    return value if isinstance(value, str) else ""
