"""The instruction filters that Self-Instruct and Alpaca published, each under a reason of its own.

Sources: Self-Instruct's `bootstrap_instructions.py` and `prepare_for_finetuning.py` (Wang et al. 2023), Alpaca's
`generate_instruction.py` (Taori et al. 2023). They count words between spaces and match whole words by `\\b`. Self-Instruct
collapses white space and compares after `capitalize()`, hence "Write a program" without case; Alpaca compares as it stands.
Case of the data is never changed. ROUGE-L > 0.7 is `novelty.threshold`; a completion of instructions that was cut goes whole
in Self-Instruct, its last task in Alpaca. The rules on outputs are admission's, whatever the preset: Alpaca published none,
and Self-Instruct let one empty input have two outputs.
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
    """The checks that a grown row fails, in the published order.

    An empty output, one that ends in a colon or repeats its input, and two outputs for one input are admission's.
    """
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
    if preset == "self-instruct-classic" and (sample.input or "").strip().endswith(":"):
        yield Check("input_ends_with_colon", evidence=(sample.input or "")[-60:])
