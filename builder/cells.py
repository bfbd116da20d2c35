"""Cells of a dataset's mix: the rows of one category, language or kind, or of several of these at once.

mathematics        zh        mathematics/zh        */zh/classification        */*/dialogue
"""

import functools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self, get_args

from builder.language.messages import worded
from builder.schema import Kind
from builder.text import normalise

KINDS: tuple[str, ...] = get_args(Kind)
LANGUAGES = ("zh", "en")
ANY = "*"

# Beside the names of `builder.config.CATEGORIES`, those that people and models use for the same, in both languages.
_CATEGORY_NAMES: Mapping[str, tuple[str, ...]] = {
    "writing": ("写作",),
    "rewriting": ("改写",),
    "summarising": ("summarizing", "summarisation", "summarization", "摘要", "总结"),
    "extraction": ("information extraction", "信息抽取", "信息提取"),
    "classification": ("分类",),
    "open_qa": ("open questions", "open question answering", "开放问答"),
    "closed_qa": ("questions on a text", "closed question answering", "阅读问答", "封闭问答"),
    "brainstorming": ("头脑风暴",),
    "translation": ("翻译",),
    "code": ("coding", "programming", "代码", "编程"),
    "mathematics": ("math", "maths", "数学"),
    "reasoning": ("推理",),
    "planning": ("规划",),
    "dialogue": ("对话",),
    "format_following": ("格式遵循",),
    "safety": ("安全",),
    "explanation": ("讲解", "解释"),
    "data_analysis": ("数据分析",),
}
_BETWEEN_WORDS = re.compile(r"[\s_\-]+")


@dataclass(frozen=True, slots=True)
class Cell:
    """What a row must have to be in it; None is any."""

    category: str | None = None
    language: str | None = None
    kind: str | None = None

    @classmethod
    def parse(cls, name: str) -> Self:
        """Read `category/language/kind`; parts at the end may be left off, `*` is any, and a language may stand alone.

        Raises:
            ValueError: more than three parts, an unknown kind, or nothing that narrows it down.
        """
        parts = [part.strip() for part in name.split("/")]
        if len(parts) == 1 and parts[0] in LANGUAGES:
            parts = [ANY, parts[0]]
        if len(parts) > 3 or not all(parts) or all(part == ANY for part in parts):
            raise ValueError(
                worded(
                    "{name!r} is no cell: write category/language/kind, such as mathematics/zh or */*/dialogue",
                    name=name,
                )
            )
        category, language, kind = (None if part == ANY else part for part in (*parts, ANY, ANY)[:3])
        if kind is not None and kind not in KINDS:
            raise ValueError(worded("{name!r}: the kind must be one of {kinds}", name=name, kinds=", ".join(KINDS)))
        return cls(category, language, kind)

    def holds(self, category: str | None, language: str, kind: str | None) -> bool:
        """Whether a row of this category, language and kind is in the cell."""
        return self.contains(Cell(category, language, kind))

    def contains(self, other: "Cell") -> bool:
        """Whether every row of `other` is in this one."""
        return (
            _folded(self.category) in (None, _folded(other.category))
            and self.language in (None, other.language)
            and self.kind in (None, other.kind)
        )

    def overlaps(self, other: "Cell") -> bool:
        """Whether a row can be in both."""
        pairs = (
            (_folded(self.category), _folded(other.category)),
            (self.language, other.language),
            (self.kind, other.kind),
        )
        return all(a is None or b is None or a == b for a, b in pairs)


@functools.lru_cache(4096)
def fold_category(name: str) -> str:
    """A category as categories are compared: without case, width, spaces and hyphens, and in one language."""
    folded = _BETWEEN_WORDS.sub("", normalise(name))
    return _SAME_CATEGORY.get(folded, folded)


def find_category(name: object, among: Iterable[str]) -> str | None:
    """The one of some categories that a name means, as it is spelt there; None where it means none of them."""
    if not isinstance(name, str):
        return None
    folded = fold_category(name)
    return next((category for category in among if fold_category(category) == folded), None)


def _folded(name: str | None) -> str | None:
    return None if name is None else fold_category(name)


_SAME_CATEGORY = {
    _BETWEEN_WORDS.sub("", name): _BETWEEN_WORDS.sub("", category)
    for category, names in _CATEGORY_NAMES.items()
    for name in names
}
