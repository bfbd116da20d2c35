"""What a task's fields are called, in both languages, and how an object under such names becomes one under ours.

    {"指令": "译成英文。", "输入": "你好", "输出": "Hi"}  →  {"instruction": "译成英文。", "input": "你好", "output": "Hi"}

An object that can be understood in two ways (two questions, a question that swallowed the next task, options beside the
question) becomes `{"unclear": why, "found": object}`, which no recipe reads as a task.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

# The first name is ours. Names are compared without case, spaces, hyphens and underscores.
FIELDS: Mapping[str, tuple[str, ...]] = {
    "instruction": (
        "instruction", "task instruction", "question", "prompt", "query",
        "指令", "任务指令", "指示", "问题", "题目", "提问", "任务描述",
    ),
    "input": ("input", "inputs", "task input", "context", "输入", "输入内容", "任务输入", "上下文"),
    "output": (
        "output", "outputs", "task output", "answer", "response", "completion", "expected output",
        "输出", "输出内容", "任务输出", "答案", "回答", "回复", "答复", "参考答案", "期望输出",
    ),
    "instances": ("instances", "实例", "示例", "样例"),
    "category": ("category", "类别", "任务类别"),
    "is_classification": ("is classification", "classification task", "是否分类", "是否为分类任务", "是否分类任务"),
}  # fmt: skip

# A name that is the instruction only where no other name is: beside one it is a title.
_TITLES = ("task", "任务")
# Objects under these names hold the tasks.
LIST_NAMES = (
    "tasks", "task list", "data", "items", "examples", "samples", "results",
    "任务", "任务列表", "数据", "结果", "样本", "列表",
)  # fmt: skip
# Names that other recipes ask for; they come back as they are.
OTHER_NAMES = (
    "number", "编号", "labels", "messages", "role", "content", "system", "language", "answer key", "id",
)  # fmt: skip
# A question that needs one of these cannot be asked without it, and a task has no place for it.
_PARTS_OF_A_QUESTION = ("options", "choices", "passage", "选项", "文章", "材料", "候选答案")
_YES, _NO = ("true", "yes", "是"), ("false", "no", "否")
_DEPTH = 4  # wrappers around the list of tasks: {"result": {"data": {"tasks": "[…]"}}}

_FOLDED = re.compile(r"[\s_\-]+")


def fold_name(name: str) -> str:
    """A name as names are compared."""
    return _FOLDED.sub("", name).casefold()


_FIELD_OF = {fold_name(name): field for field, names in FIELDS.items() for name in names}
_LISTS = {fold_name(name) for name in LIST_NAMES}
_OTHERS = {fold_name(name) for name in OTHER_NAMES}
_PARTS = {fold_name(name) for name in _PARTS_OF_A_QUESTION}

_RECORD_NAME = r"(?:instruction|指令|任务指令)"
# The number before the name is what a swallowed record brings along: "… Output: Paris. 2. Instruction: Translate …".
_NUMBERED_RECORD = re.compile(rf"(?:^|[\s。；;.])\d{{1,3}}\s*[.)、．）]\s*\**{_RECORD_NAME}\**\s*[:：]", re.IGNORECASE)
_RECORD_LINE = re.compile(rf"^(?:[^\S\n]|[#*\-])*+{_RECORD_NAME}\s*+\**+\s*+[:：]", re.IGNORECASE | re.MULTILINE)
_ANSWER_LINE = re.compile(r"^(?:[^\S\n]|[#*\-])*+(?:output|输出)\s*+\**+\s*+[:：]", re.IGNORECASE | re.MULTILINE)
_NEXT_OBJECT = re.compile(
    r"""["'”’]\s*[}｝][\s,，}\]]*[{｛]\s*["'“‘](?:instruction|指令)["'”’]\s*[:：]|"""
    r"""["'”’]\s*[,，]\s*["'“‘](?:instruction|input|output|instances|指令|输入|输出)["'”’]\s*[:：]""",
    re.IGNORECASE,
)
_BRACE = re.compile("[{}｛｝]")


class Records(list[Any]):
    """Several records that were written as one object; a list that holds it takes them all."""


def field_of(name: str) -> str | None:
    """Our name of a field, or None where the name is none of `FIELDS`."""
    return _FIELD_OF.get(fold_name(name))


def is_known(name: str) -> bool:
    """Whether a name is one that a recipe asks for."""
    return fold_name(name) in _FIELD_OF or fold_name(name) in _OTHERS


def holds_tasks(name: str) -> bool:
    """Whether a name is one of `LIST_NAMES`."""
    return fold_name(name) in _LISTS


def build_object(pairs: list[tuple[str, Any]]) -> Any:
    """An object from its members in order; a name that comes twice never overwrites the first.

    `{"instruction": a, "output": b, "instruction": c, "output": d}` is two records; any other repetition is unclear.
    """
    members = dict(pairs)
    if len(members) == len(pairs):
        return members
    width = len(members)
    names = [name for name, _ in pairs]
    repeats = len(pairs) % width == 0 and names == names[:width] * (len(pairs) // width)
    if repeats and field_of(names[0]) in ("instruction", "input"):
        return Records(dict(pairs[start : start + width]) for start in range(0, len(pairs), width))
    return unclear("a name comes twice in one object", [list(pair) for pair in pairs])


def unclear(why: str, found: Any) -> dict[str, Any]:
    """What stands in the place of something that can be understood in two ways."""
    return {"unclear": why, "found": found}


def is_unclear(value: Any) -> bool:
    """Whether `unclear` made this value, or a value inside it."""
    if isinstance(value, dict):
        return value.keys() == {"unclear", "found"} or any(map(is_unclear, value.values()))
    return isinstance(value, list) and any(map(is_unclear, value))


def is_task(value: Any) -> bool:
    """Whether an object has an instruction under any name."""
    if not isinstance(value, dict):
        return False
    if any(field_of(name) == "instruction" for name in value):
        return True
    title = any(fold_name(name) in _TITLES and isinstance(item, str) for name, item in value.items())
    return title and any(field_of(name) in ("output", "instances") for name in value)


def find_tasks(value: Any, depth: int = 0) -> list[Any] | None:
    """The list of tasks in a JSON value, in order and as they were written, or None where there is none."""
    if depth > _DEPTH:
        return None
    if isinstance(value, list):
        items = list(_flattened(value))
        return items if any(isinstance(item, dict) for item in items) else None
    if not isinstance(value, dict):
        return None
    if is_task(value) or (is_unclear(value) and "unclear" in value):
        return [value]
    for name, item in value.items():
        if holds_tasks(name) and (tasks := find_tasks(_without_numbers(item), depth + 1)):
            return tasks
    if value and all(map(is_task, value.values())):
        return list(value.values())
    inner = [item for item in value.values() if isinstance(item, dict | list)]
    lists = [tasks for item in inner if (tasks := find_tasks(item, depth + 1)) and any(map(is_task, tasks))]
    return lists[0] if len(lists) == 1 else None


def _without_numbers(value: Any) -> Any:
    """The values of {"1": {…}, "2": {…}}, and anything else as it is."""
    if isinstance(value, dict) and value and all(isinstance(item, dict) for item in value.values()):
        return list(value.values()) if not any(field_of(name) for name in value) else value
    return value


def _flattened(values: list[Any]) -> Iterator[Any]:
    for value in values:
        if isinstance(value, Records):
            yield from value
        elif isinstance(value, dict) and len(value) == 1 and is_task(inner := next(iter(value.values()))):
            yield inner
        else:
            yield value


def normalise_task(value: Any) -> Any:
    """The same object under our names; what is no object, or has none of the names, comes back unchanged."""
    if not isinstance(value, dict):
        return value
    if is_unclear(value):
        return value if "unclear" in value else unclear("a name comes twice in one object", value)
    if not is_task(value) and not any(field_of(name) == "instances" for name in value):
        return value
    fields = _named(value)
    if fields is None:
        return unclear("two members are the same field", value)
    if any(fold_name(name) in _PARTS and item for name, item in value.items()):
        return unclear("the question needs a member that a task has no place for", value)
    instances = fields.get("instances")
    if isinstance(instances, dict):
        instances = [instances]
    if isinstance(instances, list):
        named = [_named(item) if isinstance(item, dict) else item for item in _flattened(instances)]
        if any(item is None or (isinstance(item, dict) and "instruction" in item) for item in named):
            return unclear("a task inside another one's instances", value)
        fields["instances"] = named
    return unclear("a record that swallowed the next", value) if _swallowed(fields) else fields


def _named(value: dict[str, Any]) -> dict[str, Any] | None:
    """The members under our names, or None where two of them have the same one."""
    names = {name: field_of(name) or name for name in value}
    if "instruction" not in names.values():
        names |= {name: "instruction" for name in value if fold_name(name) in _TITLES}
    if len(set(names.values())) < len(names):
        return None
    fields = {names[name]: item for name, item in value.items()}
    answer = fields.get("is_classification")
    if isinstance(answer, str) and answer.casefold() in _YES + _NO:
        fields["is_classification"] = answer.casefold() in _YES
    return fields


def _swallowed(fields: dict[str, Any]) -> bool:
    texts = [fields.get("instruction"), fields.get("input"), fields.get("output")]
    instances = fields.get("instances")
    for item in instances if isinstance(instances, list) else ():
        if isinstance(item, dict):
            texts += [item.get("input"), item.get("output")]
    return any(isinstance(text, str) and _holds_a_record(text) for text in texts)


def _holds_a_record(text: str) -> bool:
    if "\b" in text or "\f" in text:
        # No text has a backspace or form feed: a path or pattern was written with one backslash too few, and the same
        # text's other tabs and line breaks may be its own.
        return True
    if _NUMBERED_RECORD.search(text):
        return True
    started = _RECORD_LINE.search(text)
    if started and _ANSWER_LINE.search(text, started.end()):
        return True
    return any(_outside_objects(text, match.start()) for match in _NEXT_OBJECT.finditer(text))


def _outside_objects(text: str, end: int) -> bool:
    """Whether no brace is open there, or one was closed before that was never opened."""
    depth = 0
    for brace in _BRACE.findall(text, 0, end):
        depth += 1 if brace in "{｛" else -1
        if depth < 0:
            return True
    return depth == 0
