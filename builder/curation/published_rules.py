"""The filters of rows that Self-Instruct and Alpaca published, each under a reason of its own.

Sources: Self-Instruct's `bootstrap_instructions.py` and `prepare_for_finetuning.py` (Wang et al. 2023), Alpaca's
`generate_instruction.py` (Taori et al. 2023). They count words between spaces and match whole words by `\\b`. Self-Instruct
collapses white space and compares after `capitalize()`, hence "Write a program" without case; Alpaca compares as it stands.
Case of the data is never changed. Alpaca published no rule for inputs and outputs; an empty output goes all the same, as
`no_answer`. What is not decided row by row stands elsewhere: ROUGE-L > 0.7 is `novelty.threshold`, replies that were cut are
`builder.recipes.recipe.dropping_cut_replies`, and a task whose input has two outputs, or an instance that stands in it twice,
is `builder.generation.admission`.
"""

import re
import string
from collections.abc import Iterator

from builder.config import Preset
from builder.schema import Check, Sample

_FEWEST, _MOST = 4, 150  # "<= 3 or > 150 words"
_SELF_INSTRUCT_WORDS = (
    "image", "images", "graph", "graphs", "picture", "pictures", "file", "files", "map", "maps", "draw", "plot", "go to",
)  # fmt: skip
_BLOCKED: dict[Preset, tuple[str, ...]] = {
    "self-instruct-classic": _SELF_INSTRUCT_WORDS,
    "alpaca-classic": (*_SELF_INSTRUCT_WORDS, "video", "audio", "music", "flowchart", "diagram"),
}
_PATTERNS = {preset: re.compile(rf"\b(?:{'|'.join(words)})\b", re.IGNORECASE) for preset, words in _BLOCKED.items()}
_PROGRAM = "Write a program"


def check_published(sample: Sample, preset: Preset) -> Iterator[Check]:
    """The checks that a grown row fails, in the published order."""
    yield from _check_instruction(sample, preset)
    if preset == "self-instruct-classic":
        yield from _check_instance((sample.input or "").strip(), sample.answer.strip())


def _check_instruction(sample: Sample, preset: Preset) -> Iterator[Check]:
    instruction = (sample.instruction or "").strip()
    if preset == "self-instruct-classic":
        instruction = " ".join(instruction.split())
    words = len(instruction.split())
    if words < _FEWEST:
        yield Check("instruction_too_short", words, _FEWEST)
    if words > _MOST:
        yield Check("instruction_too_long", words, _MOST)
    blocked = _PATTERNS[preset].search(instruction)
    if blocked:
        yield Check("blocked_word", evidence=blocked.group())
    begins = instruction if preset == "alpaca-classic" else instruction.capitalize()
    if begins.startswith(_PROGRAM):
        yield Check("starts_with_write_a_program", evidence=instruction[:60])
    if instruction[:1] and instruction[0] in string.punctuation:
        yield Check("starts_with_punctuation", evidence=instruction[:60])
    if not instruction[:1].isascii():
        yield Check("starts_with_non_ascii", evidence=instruction[:60])


def _check_instance(given: str, output: str) -> Iterator[Check]:
    if given == output:
        yield Check("answer_equals_input", evidence=output[:60])
    if not output:
        yield Check("empty_answer")
    if given.endswith(":"):
        yield Check("input_ends_with_colon", evidence=given[-60:])
    if output.endswith(":"):
        yield Check("answer_ends_with_colon", evidence=output[-60:])
