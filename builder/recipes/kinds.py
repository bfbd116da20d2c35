"""Lines of a prompt that not every prompt has: the kind of the tasks, and how far the embedded teacher chains operations."""

from collections.abc import Mapping

from builder.recipes.recipe import Needs

_LINES: Mapping[str, Mapping[str, str]] = {
    "en": {
        "classification": "\n- kind: classification, where the output is one of a few labels that the instruction names",
        "generation": "\n- kind: generation, where the output is not one of a few given labels",
    },
    "zh": {
        "classification": "\n- 题型：分类，答案是指令列出的几个标签之一",
        "generation": "\n- 题型：生成，答案不是从几个给定的标签中选出来的",
    },
}


_STEPS: Mapping[str, str] = {"en": "\n- maximum steps: {}", "zh": "\n- 最多步骤：{}"}


def kind_line(needs: Needs) -> str:
    """The line, with its line break before it; empty where any kind will do."""
    return _LINES[needs.language].get(needs.kind or "", "")


def steps_line(needs: Needs) -> str:
    """The line, with its line break before it; empty where the teacher is none that counts steps."""
    return _STEPS[needs.language].format(needs.max_steps) if needs.max_steps else ""
