"""Tasks written under labels instead of as JSON, in either language.

    1. Instruction: Name the capital of France.      ### 指令
       Input: <noinput>                              把句子翻译成英文。
       Output: Paris.                                ### 输出：Hello.

The first record shows how the labels are spelt and decorated, and only labels that look the same count: a line "Answer:" in
an output stays in the output. A record whose labels come twice, or in another order, is left out. Free text does not show
where it ends, so the last record is read only where something shows that it is whole.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

# The first group of names that the text uses is what begins a record.
_RECORD_NAMES = (
    ("Task Instruction", "Instruction", "Prompt", "任务指令", "指令"),
    ("Question", "问题", "题目", "Q", "问"),
    ("Task", "任务"),
)
_FIELDS = {
    **{name.casefold(): "instruction" for group in _RECORD_NAMES for name in group},
    **dict.fromkeys(("input", "context", "输入内容", "输入"), "input"),
    **dict.fromkeys(("output", "answer", "response", "a", "输出内容", "输出", "答案", "回答", "答"), "output"),
    **dict.fromkeys(("category", "类别"), "category"),
    **dict.fromkeys(("is classification", "is_classification", "是否分类", "是否为分类任务"), "is_classification"),
}
_NAMES = "|".join(sorted(map(re.escape, _FIELDS), key=len, reverse=True))
_LABEL = re.compile(
    rf"^[ \t]*(?:>[ \t]*)?(?P<mark>[-*•+][ \t]+)?(?P<hashes>\#{{1,6}}[ \t]*)?(?P<bold>\*\*|__)?"
    rf"(?:[(（]?(?P<number>\d{{1,3}})[.)、．）][ \t]*)?(?P<bold2>\*\*|__)?(?P<bracket>[【\[])?"
    rf"(?P<name>{_NAMES})[ \t]*\#?(?P<after>\d{{1,3}})?[】\]]?(?:\*\*|__)?[ \t]*"
    rf"(?:(?P<colon>[:：])(?:\*\*|__)?[ \t]*|(?=\n|\Z))",
    re.IGNORECASE | re.MULTILINE,
)
_INLINE = re.compile(
    r"(?:(?<=[\s。；;，,.、!?！？|])|^)\**(?P<name>Input|Output|Answer|输入|输出|答案)\**[ \t]*[:：]\**[ \t]*",
    re.MULTILINE,
)
_SEPARATOR = re.compile(r"\n[ \t]*(?:#{2,}|-{3,}|={3,}|\*{3,}|_{3,}|#{2,}[ \t]*END[ \t]*#*)[ \t]*\Z", re.IGNORECASE)
_HEADING = re.compile(
    r"\n[ \t]*(?:#{1,6}[ \t]*)?(?:\*\*)?(?:第[ \t]*[\d一二三四五六七八九十]+[ \t]*[个条题项][^\n]*"
    r"|(?:Task|Example|Record|Sample|任务|示例|样例)[ \t]*\#?[\d一二三四五六七八九十]+[^\n]*|\d{1,3}[.)、．][ \t]*)\Z",
    re.IGNORECASE,
)
_LONE_NUMBER = re.compile(r"\n[ \t]*\d{1,3}[.)、．][ \t]*\Z")  # the next record's, or an empty point of a list
_NOTHING = re.compile(
    r"[<(（\[【]?\s*(?:no ?input|none|n/a|empty|无|无输入|无需输入|空|没有|-|—)\s*[>)）\]】]?[.。]?\Z", re.IGNORECASE
)
_FULL_STOP = re.compile(r"[.!?。！？…\"”’')）\]】》}`|]\**\Z")
_FAREWELL = re.compile(
    r"\b(?:let me know|hope (?:this|these|that)|feel free|would you like|happy to|if you(?:'d| would) like|need more)\b"
    r"|希望(?:这些|对你|对您|以上|能)|如需|如果(?:你|您)?(?:还|需要)|请告诉我|还需要|祝你|祝您|以上(?:是|就是|为)",
    re.IGNORECASE,
)
_FENCE = re.compile(r"^[ \t]*(?:```|~~~)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class _Label:
    field: str
    start: int
    end: int
    number: int | None
    look: tuple[object, ...]


def read_labels(text: str, *, cut: bool) -> list[dict[str, str]]:
    """The records of a text, in order.

    Args:
        text: a reply without its thoughts.
        cut: the end is missing: the last record does not count.

    Returns:
        Objects with `instruction`, `output` and, where the record had one, `input`, `category` or `is_classification`.
    """
    text = text.replace("\r\n", "\n")
    labels = _labels(text)
    starts = [index for index, label in enumerate(labels) if label.field == "instruction"]
    if not starts or not _numbered_in_order([labels[index] for index in starts]):
        return []
    end, closed = _body_end(text, labels[0].start)
    headed = bool(_HEADING.search("\n" + text[: labels[starts[0]].start].rstrip()))
    records: list[dict[str, str]] = []
    for order, index in enumerate(starts):
        last = order == len(starts) - 1
        following = starts[order + 1] if not last else len(labels)
        stop = end if last else labels[following].start
        inside = [label for label in labels[index:following] if label.start < stop]
        if not inside:
            continue
        record = _record(text, inside, stop, headed=headed and not last)
        if record is None or (last and not closed and (cut or not _is_whole(text, record))):
            continue
        records.append(record)
    return records


def _labels(text: str) -> list[_Label]:
    """All labels that look like those of the first record."""
    found = [label for match in _LABEL.finditer(text) if (label := _label(match)) is not None]
    names = {str(label.look[0]).casefold() for label in found}
    group = next((group for group in _RECORD_NAMES if names & {name.casefold() for name in group}), ())
    folded = {name.casefold() for name in group}
    found = [label for label in found if label.field != "instruction" or str(label.look[0]).casefold() in folded]
    looks: dict[str, tuple[object, ...]] = {}
    for label in found:
        if label.field == "instruction" or looks:
            looks.setdefault(label.field, label.look)
    return [label for label in found if looks.get(label.field) == label.look]


def _label(match: re.Match[str]) -> _Label | None:
    parts = match.groupdict()
    bold = bool(parts["bold"] or parts["bold2"])
    decorated = bool(parts["hashes"] or bold or parts["bracket"])
    if not parts["colon"] and not decorated:
        return None
    number = parts["number"] or parts["after"]
    look = (
        parts["name"],
        bool(parts["hashes"]),
        bold,
        bool(parts["bracket"]),
        number is not None,
        bool(parts["colon"]),
    )
    field = _FIELDS[parts["name"].casefold()]
    return _Label(field, match.start(), match.end(), int(number) if number else None, look)


def _numbered_in_order(starts: Sequence[_Label]) -> bool:
    numbers = [start.number for start in starts]
    if numbers[0] is None or len(set(numbers)) == 1:
        return True
    return numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def _body_end(text: str, first: int) -> tuple[int, bool]:
    """Where the last record ends at the latest, and whether a fence that was opened before the first one says so."""
    if len(_FENCE.findall(text, 0, first)) % 2 == 0:
        return len(text), False
    fences = [match.start() for match in _FENCE.finditer(text, first)]
    return (fences[-1], True) if len(fences) % 2 else (len(text), False)


def _record(text: str, labels: Sequence[_Label], stop: int, *, headed: bool) -> dict[str, str] | None:
    """One record, or None where its labels are not each there once and in order; `headed`: a heading follows it."""
    stop = labels[0].end + len(_without_rule(text[labels[0].end : stop], headed=headed))
    if any(label.end > stop for label in labels):
        return None
    fields = [label.field for label in labels]
    if len(set(fields)) < len(fields):
        return None
    ends = [label.start for label in labels[1:]] + [stop]
    record = {label.field: text[label.end : end].strip() for label, end in zip(labels, ends, strict=True)}
    if "output" not in record:
        if len(labels) > 1:
            return None
        inline = _inline(text[labels[0].end : stop])
        if inline is None:
            return None
        record = inline
    elif "input" in record and fields.index("input") > fields.index("output"):
        return None
    if _NOTHING.match(record.get("input", "")):
        record["input"] = ""
    return record if _is_clean(record) else None


def _inline(chunk: str) -> dict[str, str] | None:
    """Write a haiku. Input: rain Output: Soft rain …, all in one paragraph."""
    matches = list(_INLINE.finditer(chunk))
    fields = ["instruction"] + [_FIELDS[match["name"].casefold()] for match in matches]
    if fields not in (["instruction", "output"], ["instruction", "input", "output"]):
        return None
    starts = [0] + [match.end() for match in matches]
    ends = [match.start() for match in matches] + [len(chunk)]
    return {field: chunk[start:end].strip() for field, start, end in zip(fields, starts, ends, strict=True)}


def _without_rule(text: str, *, headed: bool) -> str:
    """A record's text without what stands between it and the next one: a rule, and a heading where records have them."""
    text = _without_separators(text)
    if headed and (heading := _HEADING.search(text)):
        text = _without_separators(text[: heading.start()])
    return text


def _without_separators(text: str) -> str:
    while separator := _SEPARATOR.search(text.rstrip()):
        text = text[: separator.start()]
    return text.rstrip()


def _is_clean(record: dict[str, str]) -> bool:
    instruction, output = record.get("instruction", ""), record.get("output", "")
    if not instruction or not output or output.endswith((":", "：")) or _LONE_NUMBER.search(output):
        return False
    if any(len(_FENCE.findall(value)) % 2 for value in record.values()):
        return False
    asked = [instruction, record.get("input", "")]
    return not any(_INLINE.search(value) or any(map(_label, _LABEL.finditer(value))) for value in asked)


def _is_whole(text: str, record: dict[str, str]) -> bool:
    """Whether the last record shows that nothing is missing from it and nothing follows it."""
    if _SEPARATOR.search("\n" + text.rstrip()):
        return not _FAREWELL.search(record["output"].rsplit("\n", 1)[-1])
    output = record["output"]
    if "\n\n" in output or _FAREWELL.search(output.rsplit("\n", 1)[-1]):
        return False
    return bool(_FULL_STOP.search(output))
