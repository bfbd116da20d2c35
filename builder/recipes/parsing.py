"""From the text of a reply to the task objects in it, or to the reason why there are none.

    ```json
    {"tasks": [{"instruction": "Sort the words.", …}, {"instruction": "Trans        ← cut by length

gives the first object whole and `cut_by_length` for the second. Plain JSON is tried first, then JSON with slips
(`loose_json`), then tasks that were written in another way: under labels, in a table, as YAML (`labelled_text`, `markup`).
Names in either language become `instruction`, `input`, `output`, … (`field_names`). Nothing is guessed: where two readings
are possible there is none, a cut reply gives only the objects that are certainly whole, and case is never changed.
"""

import html
import json
import re
from dataclasses import dataclass, field
from typing import Any

from builder.recipes.field_names import build_object, field_of, find_tasks, holds_tasks, normalise_task
from builder.recipes.labelled_text import read_labels
from builder.recipes.loose_json import LooseReader, NotReadable, exact_float, next_record
from builder.recipes.markup import read_markup
from builder.recipes.tex import keep_tex

_EVIDENCE = 160  # characters of a reply shown as evidence
_MOST_STARTS = 200  # brackets in prose that are tried as JSON, for one reply
_LAYERS = 3  # JSON inside a JSON string inside …

_THOUGHT = r"(?:think|thinking|thought|thoughts|reasoning|scratchpad)"
_THOUGHT_OPENS = re.compile(rf"<{_THOUGHT}>", re.IGNORECASE)
_THOUGHT_CLOSES = re.compile(rf"</{_THOUGHT}>", re.IGNORECASE)
_ANSWER_FOLLOWS = re.compile(r"[ \t]*(?:\r?\n|[{\[]|```|\Z)")
_START = re.compile(r"[{\[｛［]")
_LIKELY_START = re.compile(
    r"""(?:[\[［]\s*)?(?:(?://|\#)[^\n]*\n\s*)*[{｛]\s*(?:(?://|\#)[^\n]*\n\s*)*"""
    r"""(["'“”‘’＂＇`「]?)\s*([^\W\d][\w \\\-]{0,40}?)\s*["'“”‘’＂＇`」]?\s*[:：=]"""
)
_ESCAPED_START = re.compile(r"[{\[]\s*(?:\{\s*)?(?:\\n\s*)*\\\"")


@dataclass(frozen=True, slots=True)
class ParsedReply:
    """The task objects of one reply.

    Attributes:
        values: JSON values, in order, with the names of `field_names.FIELDS`.
        repaired: the text was not JSON and had to be mended, or was read from labels, a table or YAML.
        problem: why the reply, or a part of it, gave nothing: `cut_by_length`, `not_json`, `empty_reply`, or None.
        evidence: the text that shows the problem.
        closed: the JSON that holds them was read to its end, also where the reply was cut behind it.
    """

    values: tuple[Any, ...]
    repaired: bool = False
    problem: str | None = None
    evidence: str = ""
    closed: bool = False


@dataclass(slots=True)
class _Found:
    """What a text holds: objects, whether it looked like JSON at all, and where reading stopped (None: all was read)."""

    values: list[Any] = field(default_factory=list)
    repaired: bool = False
    looked_like_json: bool = False
    stopped: int | None = None


def parse_reply(content: str, finish_reason: str) -> ParsedReply:
    """Find the task objects in a reply.

    Args:
        content: the assistant message's text.
        finish_reason: `length` means that the end is missing.
    """
    cut = finish_reason == "length"
    text = _without_thoughts(content.lstrip("\ufeff\u200b \t\r\n"))
    mended = keep_tex(text)
    found = _find_json(mended)
    found.repaired |= mended != text
    closed = bool(found.values) and found.stopped is None
    if not found.values and not found.looked_like_json:
        written = read_markup(text, cut=cut)
        if written is None:
            written = read_labels(text, cut=cut)
        found = _Found(list(written), repaired=bool(written))
    values = tuple(normalise_task(value) for value in found.values)
    if cut:
        return ParsedReply(values, found.repaired, "cut_by_length", text[-_EVIDENCE:], closed)
    if not values:
        problem = "empty_reply" if _says_nothing(text) else "not_json"
        return ParsedReply((), problem=problem, evidence=content[:_EVIDENCE])
    if found.stopped is not None:
        return ParsedReply(values, found.repaired, "not_json", mended[found.stopped :][:_EVIDENCE])
    return ParsedReply(values, found.repaired, closed=closed)


def _says_nothing(text: str) -> bool:
    """Whether a text is blank, or JSON that is empty or whose list of tasks is."""
    bare = text.strip().removeprefix("```json").removeprefix("```").removesuffix("```").strip()
    if bare in ("", "null"):
        return True
    value, end = _strictly(bare, 0)
    if end != len(bare):
        return False
    named = isinstance(value, dict) and any(holds_tasks(name) and not item for name, item in value.items())
    return named or value in ("", [], {})


def _without_thoughts(text: str) -> str:
    """The text without what was thought before answering; tags inside the answer's strings stay."""
    while opening := _THOUGHT_OPENS.search(text):
        start = _START.search(text)
        if start and start.start() < opening.start():
            break
        closing = _THOUGHT_CLOSES.search(text, opening.end())
        if closing is None:
            return text[: opening.start()]  # the answer never came, or nobody can say where it begins
        text = text[: opening.start()] + text[closing.end() :]
    closing = _THOUGHT_CLOSES.search(text)
    start = _START.search(text)
    if closing is None or (start and _strictly(text, start.start())[1] > closing.start()):
        return text
    if start and _is_likely(text, start.start()) and not _ANSWER_FOLLOWS.match(text, closing.end()):
        return text  # the tag stands inside a string of an answer with slips
    # Some chat templates put the opening tag into the prompt, so that the reply begins inside the thought.
    return text[closing.end() :]


def _strictly(text: str, start: int) -> tuple[Any, int]:
    """The JSON value that begins there and its end, or (None, -1)."""
    try:
        return _DECODER.raw_decode(text, start)
    except (ValueError, RecursionError):
        return None, -1


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=build_object, parse_float=exact_float, parse_constant=_no_constant)


def _find_json(text: str, layer: int = 0) -> _Found:
    found = _Found()
    unwrapped = _unwrapped(text) if layer < _LAYERS else None
    if unwrapped is not None:
        inner = _find_json(keep_tex(unwrapped), layer + 1)
        if inner.values:
            inner.repaired = True
            return inner
    position = 0
    first = -1
    for _ in range(_MOST_STARTS):
        start = _START.search(text, position)
        if start is None:
            break
        at = start.start()
        value, end = _strictly(text, at)
        if end < 0 and not _is_likely(text, at):
            position = at + 1
            continue
        first = at if first < 0 else first
        found.looked_like_json |= end < 0 or bool(find_tasks(value))
        if end < 0:
            found.repaired = True
            value, end = _loosely(text, at, first, found)
        tasks = _tasks_in(value, layer)
        if found.repaired and not tasks and found.values and isinstance(value, dict) and any(map(field_of, value)):
            found.values.pop()  # a part of it stands outside it: a bracket closed too early
            found.stopped = at
        found.values += tasks
        if end < 0:
            break
        position = end
    return found


def _is_likely(text: str, at: int) -> bool:
    """Whether a bracket begins JSON with slips: a name in quotation marks, or one of ours without; no CSS, no set."""
    match = _LIKELY_START.match(text, at)
    return bool(match and (match.group(1) or field_of(match.group(2)) or holds_tasks(match.group(2))))


def _loosely(text: str, at: int, first: int, found: _Found) -> tuple[Any, int]:
    """The value that begins there, and where to go on; a negative end means that nothing after it can be trusted."""
    reader = LooseReader(text, at)
    try:
        value = reader.read()
    except NotReadable:
        found.stopped = at if found.stopped is None else found.stopped
        return None, next_record(text, first, at) or -1
    if reader.broken:
        found.stopped = at if found.stopped is None else found.stopped
        return value, -1
    return value, reader.position


def _tasks_in(value: Any, layer: int) -> list[Any]:
    tasks = find_tasks(value)
    if tasks is not None:
        return tasks
    if layer < _LAYERS and isinstance(value, dict):
        texts = [item for item in value.values() if isinstance(item, str) and item.lstrip()[:1] in ("{", "[")]
        if len(texts) == 1:
            written = keep_tex(texts[0].strip())
            inner, end = _strictly(written, 0)
            if end == len(written):
                return _tasks_in(inner, layer + 1)
    return []


def _unwrapped(text: str) -> str | None:
    """The text inside a JSON string, behind HTML's entities or behind backslashes, or None where it is not wrapped."""
    bare = text.strip().removeprefix("```json").removeprefix("```").removesuffix("```").strip()
    if bare.startswith('"'):
        value, end = _strictly(bare, 0)
        return value if isinstance(value, str) and end == len(bare) else None
    if "&quot;" in text and '"' not in text:
        return html.unescape(text)
    opening = _START.search(text)
    start = _ESCAPED_START.match(text, opening.start()) if opening else None
    if start is None or re.search(r'(?<!\\)"', text[start.start() :]):
        return None
    end = max(text.rfind("}"), text.rfind("]")) + 1
    value, stop = _strictly('"' + text[start.start() : end].replace("\n", "\\n") + '"', 0)
    return value if isinstance(value, str) and stop > 0 else None
