"""The loss curve as a self-contained SVG."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import altair
import vl_convert

_WORDS = {
    "en": {
        "train": "train",
        "validation": "validation",
        "steps": "Optimiser steps",
        "loss": "Loss (nats per supervised token)",
    },
    "zh": {"train": "训练", "validation": "验证", "steps": "优化步数", "loss": "损失（奈特每受监督词元）"},
}


@dataclass(frozen=True, slots=True)
class LossPoint:
    """One point of the curve: cross-entropy in nats a supervised token after `step` optimiser steps."""

    step: int
    split: Literal["train", "validation"]
    loss: float


def draw_loss(points: Sequence[LossPoint], language: Literal["en", "zh"] = "en") -> str:
    """Draw the curve on a light background.

    Args:
        points: of both splits, in any order.
        language: of the titles.

    Returns:
        SVG text without scripts or outside references.
    """
    words = _WORDS[language]
    values = [{"step": point.step, "split": words[point.split], "loss": round(point.loss, 5)} for point in points]
    colours = altair.Scale(domain=[words["train"], words["validation"]], range=["#3b6fb6", "#d9822b"])
    chart = (
        altair.Chart(altair.InlineData(values=values))
        .mark_line(point=len(values) <= 40)
        .encode(
            x=altair.X("step:Q", title=words["steps"]),
            y=altair.Y("loss:Q", title=words["loss"], scale=altair.Scale(zero=True)),
            color=altair.Color("split:N", title=None, scale=colours),
        )
        .properties(width=560, height=280, background="white")
    )
    svg: str = vl_convert.vegalite_to_svg(chart.to_dict())
    return svg
