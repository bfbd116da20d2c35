"""The names that files use for our fields, in English and Chinese."""

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from builder.errors import UsageError, nearest

# Earlier names win where a file has several of them; the others are reported as unused.
NAMES: Mapping[str, tuple[str, ...]] = {
    "instruction": ("instruction", "指令"),
    "input": ("input", "输入", "context", "上下文", "背景", "材料", "补充", "补充信息"),
    "output": ("output", "输出"),
    "question": (
        "question",
        "prompt",
        "query",
        "problem",
        "user",
        "问题",
        "提问",
        "题目",
        "提示",
        "提示词",
        "任务",
        "用户",
    ),
    "answer": (
        "response",
        "answer",
        "completion",
        "reply",
        "solution",
        "assistant",
        "回答",
        "答案",
        "回复",
        "答复",
        "助手",
    ),
    "history": ("history", "历史", "历史对话"),
    "system": ("system", "system_prompt", "系统", "系统提示", "系统提示词"),
    "messages": ("messages", "消息"),
    "conversations": ("conversations", "conversation", "dialogue", "对话"),
    "tools": ("tools", "functions", "工具"),
    "prompt": ("prompt", "提示"),
    "completion": ("completion", "补全"),
    "chosen": ("chosen", "chosen_response", "偏好回答"),
    "rejected": ("rejected", "rejected_response", "非偏好回答"),
    "label": ("label", "kto_tag"),
    "instances": ("instances", "实例"),
    "category": ("category", "类别", "分类"),
    "language": ("language", "lang", "语言"),
    "task_id": ("task_id",),
    "id": ("id", "编号"),
    "name": ("name", "名称"),
    "is_classification": ("is_classification", "是否分类"),
    "answer_key": ("answer_key",),
}

# What a person may write on the left of --map field=column.
MAPPABLE = tuple(
    field for field in NAMES if field not in ("question", "answer", "name", "is_classification", "answer_key")
)

_LANGUAGE_NAMES = {
    "chinese": "zh",
    "中文": "zh",
    "汉语": "zh",
    "简体中文": "zh",
    "繁體中文": "zh",
    "english": "en",
    "英文": "en",
    "英语": "en",
}

_TRUTHS = {"true": True, "false": False, "1": True, "0": False, "1.0": True, "0.0": False}


def fold_name(name: str) -> str:
    """A column's name as it is compared: width, case, surrounding space, and space or hyphen for `_` do not matter."""
    return "_".join(unicodedata.normalize("NFKC", name).casefold().replace("-", " ").split())


def find_column(columns: Sequence[str], *fields: str) -> str | None:
    """The file's column for the first of our fields that it has under any of its names, or None."""
    folded = {fold_name(column): column for column in reversed(columns)}
    return next((folded[name] for field in fields for name in NAMES[field] if name in folded), None)


def find_columns(columns: Sequence[str], *fields: str) -> dict[str, str]:
    """Field → column for those of the fields that the file has."""
    found = {field: find_column(columns, field) for field in fields}
    return {field: column for field, column in found.items() if column is not None}


def check_mapping(mapping: Mapping[str, str]) -> None:
    """Refuse a mapping from fields that do not exist.

    Raises:
        UsageError: naming the field and the nearest valid one.
    """
    for field in mapping:
        if field not in MAPPABLE:
            raise UsageError(
                f"--map {field}={mapping[field]}: unknown field '{field}'{nearest(field, MAPPABLE)}",
                f"Fields are {', '.join(MAPPABLE)}; write field=column.",
            )


def truth(value: Any) -> bool | None:
    """Whether an answer is labelled as good (KTO's `label`), or None where the value says neither."""
    if isinstance(value, bool):
        return value
    return _TRUTHS.get(str(value).strip().casefold())


def language_code(name: str | None) -> str | None:
    """`zh`, `en`, … from what a column says (`zh-CN`, `English`, `中文`), or None where it says nothing."""
    if name is None or not name.strip():
        return None
    folded = name.strip().casefold()
    return _LANGUAGE_NAMES.get(folded, folded.replace("_", "-").split("-")[0])
