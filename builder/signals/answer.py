"""Whether the answer is right, where the row says how to check it."""

import pyarrow as pa

from builder.answers import AnswerKey, AnswerKeyError, check_answer
from builder.errors import InputFileError
from builder.schema import Sample
from builder.signals.signal import Card, Signal, SignalValue


def measure_answer(sample: Sample) -> tuple[SignalValue, ...]:
    """`passed`, `failed`, or `none` where there is no key; and the part of the answer that was compared.

    Raises:
        InputFileError: the row's answer key cannot be read.
    """
    if sample.answer_key is None:
        return "none", None
    try:
        key = AnswerKey.from_json(sample.answer_key)
    except AnswerKeyError as error:
        raise InputFileError(sample.source, error.message, row=sample.row, remedy=error.remedy) from error
    check = check_answer(key, sample.answer)
    return "passed" if check.passed else "failed", check.found


ANSWER = Signal(
    name="answer",
    columns=(("answer_check", pa.string()), ("answer_found", pa.string())),
    measure=measure_answer,
    card=Card(
        meaning_en="Whether the answer passes the row's own check, and what was found in it; `none` where there is no check.",
        meaning_zh="回答是否通过本行自带的核对，以及核对时找到的内容；没有核对方式时为 `none`。",
        range_en="passed, failed or none",
        range_zh="passed、failed 或 none",
        misses_en="Rows without an answer key.",
        misses_zh="没有答案要点的行。",
    ),
)
