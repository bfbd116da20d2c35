"""A remark for the person who reads a report or a terminal, in both languages."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Note:
    """One remark; `warning` where the result differs from what the settings ask for."""

    level: Literal["info", "warning"]
    text_en: str
    text_zh: str
