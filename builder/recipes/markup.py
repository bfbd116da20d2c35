"""Tasks in a Markdown table, in YAML or between tags.

    | Instruction | Input | Output |     - instruction: Name a colour.     <instruction>Name a colour.</instruction>
    |---|---|---|                          output: Red.                     <output>Red.</output>
    | Name a colour. | | Red. |

A row with another number of cells than its heading, a YAML text with a comment or a line break inside it, and a record whose
end is not certain are left out.
"""

import html
import json
import re
from collections.abc import Iterator
from typing import Any

import yaml

from builder.recipes.field_names import field_of, is_task
from builder.recipes.tex import keep_tex

_RULE = re.compile(r"\s*+\|?\s*+:?-{2,}+:?\s*+(?:\|\s*+:?-{2,}+:?\s*+)*+\|?\s*+\Z")
_CELL_END = re.compile(r"(?<!\\)\|")
_BREAK = re.compile(r"(?:(?<!\s)\s++)?<br\s*+/?>\s*+", re.IGNORECASE)
_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_NO_INPUT = ("-", "—", "无", "（无）", "n/a", "none", "<noinput>")
_COUNTS = ("#", "no", "no.", "id", "序号", "编号", "№")

_YAML_ITEM = re.compile(r"^[ \t]*-[ \t]+[\"']?([^\W\d][\w ]{0,20})[\"']?:(?:[ \t]|$)", re.MULTILINE)
_YAML_MARKS = re.compile(r"^[ \t]*(?:-[ \t]+)?\w+:[ \t]*[\"'|>]", re.MULTILINE)
_YAML_END = re.compile(r"\n(?=[^\s\-#])|\n(?=[ \t]*```)|\n(?=---)")
_FULL_STOP = re.compile(r"[.!?。！？…\"”’')）\]】》}`]\Z")

_OPENING = re.compile(r"<([A-Za-z_]{1,20}|[\u4e00-\u9fff]{1,8})>|<([A-Za-z_]{1,20})\s*/>")
_ENTITY = re.compile(r"&(?:lt|gt|amp|quot|#\d+|apos);")


def read_markup(text: str, *, cut: bool) -> list[dict[str, Any]] | None:
    """The records of a text, in order, or None where it is none of the three.

    Args:
        text: a reply without its thoughts.
        cut: the end is missing: the last record counts only where its mark-up closes it.
    """
    for read in (_read_table, _read_yaml, _read_elements):
        records = read(text, cut)
        if records is not None:
            return records
    return None


def _read_table(text: str, cut: bool) -> list[dict[str, Any]] | None:
    lines = text.split("\n")
    for number in range(len(lines) - 1):
        if "|" not in lines[number] or not _RULE.match(lines[number + 1]):
            continue
        heading = [re.sub(r"[*`]", "", cell).strip() for cell in _cells(lines[number])]
        names = [field_of(name) or name for name in heading]
        if "output" in names and is_task(dict.fromkeys(names, "")):
            closed = lines[number].rstrip().endswith("|")
            return [
                row
                for line in _table_lines(lines[number + 2 :], closed, cut)
                if (row := _row(names, _cells(line))) is not None
            ]
    return None


def _table_lines(lines: list[str], closed: bool, cut: bool) -> list[str]:
    """The rows that are certainly whole: where rows end with a bar, those that do."""
    rows = [line for line in lines if "|" in line and not _RULE.match(line)]
    if closed:
        return [line for line in rows if line.rstrip().endswith("|") and not line.rstrip().endswith("\\|")]
    return rows[:-1] if rows and (cut or rows[-1] == lines[-1]) else rows


def _cells(line: str) -> list[str]:
    line = line.strip().removeprefix("|")
    if line.endswith("|") and not line.endswith("\\|"):
        line = line[:-1]
    return [cell.strip().replace("\\|", "|") for cell in _CELL_END.split(line)]


def _row(names: list[str], cells: list[str]) -> dict[str, Any] | None:
    if len(cells) != len(names) or len(set(names)) < len(names):
        return None
    row: dict[str, Any] = {}
    for name, cell in zip(names, cells, strict=True):
        cell = _BREAK.sub("\n", cell)
        if _TAG.search(cell) and cell.casefold() not in _NO_INPUT:
            return None
        if name.casefold() not in _COUNTS:
            row[name] = "" if name == "input" and cell.casefold() in _NO_INPUT else cell
    return row if row.get("output") else None


def _read_yaml(text: str, cut: bool) -> list[dict[str, Any]] | None:
    first = _YAML_ITEM.search(text)
    if first is None or field_of(first.group(1)) is None:
        return None
    end = _YAML_END.search(text, first.end())
    block = text[first.start() : end.start() if end else len(text)]
    try:
        # An alias can make a small text as large as it likes.
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(block, Loader=yaml.BaseLoader)):
            return []
        node = yaml.compose(block, Loader=yaml.BaseLoader)
    except (yaml.YAMLError, ValueError, RecursionError):
        # Without YAML's marks the lines are plain labels.
        return [] if _YAML_MARKS.search(block) else None
    if not isinstance(node, yaml.SequenceNode):
        return []
    items = node.value
    if not end and items and (cut or not _FULL_STOP.search(block.rstrip())):
        items = items[:-1]
    records = [_from_yaml(item, block) for item in items]
    tasks = [record for record in records if is_task(record)]
    if tasks and all(len(task) == 1 for task in tasks):
        return None  # each label is a bullet of its own
    return tasks


def _from_yaml(node: yaml.Node, block: str) -> Any:
    """A node's value; None where a text may not be what was meant."""
    if isinstance(node, yaml.ScalarNode):
        return _scalar(node, block)
    if isinstance(node, yaml.SequenceNode):
        values = [_from_yaml(item, block) for item in node.value]
        return None if None in values else values
    members: dict[str, Any] = {}
    for name, item in node.value:
        if not isinstance(name, yaml.ScalarNode) or name.value in members:
            return None
        value = _from_yaml(item, block)
        if value is None:
            return None
        members[name.value] = value
    return members


def _scalar(node: yaml.ScalarNode, block: str) -> str | None:
    start, end = node.start_mark.index, node.end_mark.index
    if node.style in ("|", ">"):
        return str(node.value).rstrip("\n")
    written = block[start:end]
    line_end = block.find("\n", end)
    rest = block[end : line_end if line_end >= 0 else len(block)]
    if "\n" in written or rest.strip():
        return None
    if node.style == '"' and "\\" in written:
        return _unescaped(written)
    return "" if node.style is None and node.value in ("null", "~", "") else str(node.value)


def _unescaped(written: str) -> str | None:
    """A text in quotation marks with its escapes as JSON has them; YAML's own (`\\a`, `\\e`, `\\v`) no model means."""
    try:
        value = json.loads(keep_tex(written))
    except ValueError:
        return None
    return str(value)


def _read_elements(text: str, cut: bool) -> list[dict[str, Any]] | None:
    records: list[dict[str, Any]] = []
    for tag, inside in _elements(_inside_wrappers(text)):
        name = field_of(tag)
        if name is None:
            continue
        value = _element_text(inside)
        if name == "instruction":
            records.append({})
        if not records or name in records[-1] or value is None:
            return []
        records[-1][name] = value
    if not records:
        return None
    return [record for record in records if record.get("output")]


def _elements(text: str) -> Iterator[tuple[str, str]]:
    """The outermost elements in order: the name of each, and what stands in it; a tag that is never closed is none."""
    position = 0
    unclosed: set[str] = set()
    while opening := _OPENING.search(text, position):
        name = opening.group(1)
        position = opening.end()
        if name is None:
            yield opening.group(2), ""
        elif name not in unclosed:
            end = text.find(f"</{name}>", position)
            if end < 0:
                unclosed.add(name)
                continue
            yield name, text[position:end]
            position = end + len(name) + 3


def _inside_wrappers(text: str) -> str:
    """The text without the tags around fields, such as <task>, which would hide what they hold."""
    return re.sub(r"</?(?:tasks?|items?|examples?|samples?|records?|data|任务|样本|示例)(?:\s[^<>]*)?>", "\n", text)


def _element_text(text: str) -> str | None:
    """What stands between two tags, or None where a tag of ours stands in it or its entities may be meant as they are."""
    tags = [tag.strip("</> ").split(" ")[0] for tag in _TAG.findall(text)]
    if any(field_of(tag) for tag in tags if tag):
        return None
    if _ENTITY.search(text):
        return None if tags else html.unescape(text).strip()
    return text.strip()
