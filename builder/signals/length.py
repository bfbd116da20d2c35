"""How long the instruction, the prompt and the answer are, in words as a reader counts them."""

import pyarrow as pa

from builder.schema import Sample
from builder.signals.signal import Card, Signal, SignalValue, join_turns, task_text
from builder.text import count_words


def measure_length(sample: Sample) -> tuple[SignalValue, ...]:
    """Words of the instruction, of everything before the last answer, and of the last answer."""
    task, prompt = task_text(sample), join_turns(sample)
    task_words = count_words(task)
    return task_words, task_words if prompt == task else count_words(prompt), count_words(sample.answer)


LENGTH = Signal(
    name="length",
    columns=(("instruction_words", pa.int64()), ("prompt_words", pa.int64()), ("answer_words", pa.int64())),
    measure=measure_length,
    card=Card(
        meaning_en="Words of the instruction, of the whole prompt and of the answer; a Chinese character counts as one.",
        meaning_zh="指令、完整提示和回答的长度（词数）；一个汉字算一个词。",
        range_en="whole numbers from 0",
        range_zh="从 0 起的整数",
        misses_en="Nothing: it counts.",
        misses_zh="无：只是计数。",
    ),
)
