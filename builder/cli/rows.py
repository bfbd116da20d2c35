"""Commands that show rows and why they were kept or dropped."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from builder.cli.choosing import with_filters
from builder.cli.options import AsJson, Folder, print_json, say, tell
from builder.language.chinese import is_spoken
from builder.language.messages import worded

if TYPE_CHECKING:
    from builder.queries.records import Line
    from builder.queries.selecting import Filters


# Columns of a terminal: of a cell in front of the texts at most, of the texts at least.
_WIDEST, _NARROWEST = 26, 20


@with_filters
def show(
    folder: Folder,
    filters: "Filters",
    sort: Annotated[
        str, typer.Option(metavar="NAME", help="By a label such as category, or a measured value such as quality.")
    ] = "row",
    descending: Annotated[bool, typer.Option("--descending", help="The greatest first.")] = False,
    sample: Annotated[int | None, typer.Option(min=1, help="Only so many rows, drawn by --seed.")] = None,
    seed: Annotated[int, typer.Option(help="Of the draw.")] = 0,
    limit: Annotated[int, typer.Option(min=1, help="At most so many rows.")] = 20,
    full: Annotated[bool, typer.Option("--full", help="Whole conversations.")] = False,
    as_json: AsJson = False,
) -> None:
    """List rows by filter."""
    from builder.queries.browsing import find_rows

    page = find_rows(folder, filters, limit=limit, sort=sort, descending=descending, sample=sample, seed=seed)
    if as_json:
        print_json({"total": page.total, "rows": [asdict(line) for line in page.lines]})
        return
    for number, text in enumerate(_table(page.lines)):
        say(text)
        if full and number:
            print_turns(_messages(folder, page.lines[number - 1].row))
            print()
    shown = len(page.lines)
    tell(
        worded("{shown:,} of {total:,} rows shown; --limit shows more", shown=shown, total=page.total)
        if page.next
        else worded("{shown:,} of {total:,} rows shown", shown=shown, total=page.total)
    )


def why(
    folder: Folder,
    row: Annotated[str, typer.Argument(help="A row's number or id.", metavar="ROW")],
    as_json: AsJson = False,
) -> None:
    """Explain one row.

    Kept or dropped, every check it failed, and the kept row that it collides with.
    """
    from builder.queries.browsing import explain_row

    explained = explain_row(folder, row)
    if as_json:
        print_json(explained)
        return
    say(explained["headline"])
    for sentence in explained["sentences"]:
        say(f"  - {sentence}")
    for sentence in explained["review_sentences"]:
        say(f"  {_WORDS['review'][is_spoken()]}{sentence}")
    if explained["quality"]:
        say(f"  {_WORDS['quality'][is_spoken()]}{_quality(explained['quality'])}")
    for label in ("task_id", "category", "language", "origin", "source", "parents", "request_id", "answer_key"):
        if explained["sample"].get(label):
            say(f"  {_WORDS[label][is_spoken()]}{_plain(explained['sample'][label])}")
    _print_mends(explained["sample"]["mended"] or [])
    print_turns(explained["sample"]["messages"])
    if explained["other"]:
        print()
        say(f"{explained['other_headline']}")
        print_turns(explained["other"]["messages"])


def _table(lines: "Sequence[Line]") -> list[str]:
    """A header and a line for each row, no wider than the terminal: what is cut off, `why` and --full show."""
    from rich.cells import cell_len, set_cell_size

    native = is_spoken()
    words = ("行", "裁定", "类别", "问题 → 回答") if native else ("row", "verdict", "category", "prompt → answer")
    cells = [words] + [
        (
            str(line.row),
            f"{_verdict(line)}{_review(line.review)}",
            "/".join(part for part in (line.category, line.language) if part),
            f"{line.text} → {line.answer}",
        )
        for line in lines
    ]
    widths = [min(max(cell_len(one[place]) for one in cells), _WIDEST) for place in range(3)]
    left = max(shutil.get_terminal_size((80, 24)).columns - sum(widths) - 6, _NARROWEST)
    return [
        f"{' ' * (widths[0] - cell_len(row))}{row}  {set_cell_size(verdict, widths[1])}  {set_cell_size(where, widths[2])}  "
        + (text if cell_len(text) <= left else f"{set_cell_size(text, left - 1).rstrip()}…")
        for row, verdict, where, text in cells
    ]


def _verdict(line: "Line") -> str:
    if line.kept:
        return ("kept", "保留")[is_spoken()]
    return line.reason or ("not decided", "未裁定")[is_spoken()]


def _messages(folder: Path, row: int) -> list[dict[str, Any]]:
    from builder.store.snapshot import open_snapshot

    found: list[dict[str, Any]] = open_snapshot(folder).sample_records([row], ("row", "messages"))[0]["messages"]
    return found


def _review(review: Mapping[str, Any] | None) -> str:
    """What a person decided, in a few letters: ? where nobody decides, * where the verdict does not obey it yet."""
    if review is None:
        return ""
    words = {"keep": "保留", "drop": "去除", "edit": "修改"} if is_spoken() else {}
    said = words.get(review["decision"], review["decision"]) or ("?" if review["reviews"] else "")
    marks = ("" if review["agreed"] else "!") + ("*" if review["pending"] else "")
    return f" [{said}{marks}]"


def _quality(quality: dict[str, Any]) -> str:
    from builder.language.labels import COMPONENT_LABELS, label

    def name_of(component: str) -> str:
        return label(COMPONENT_LABELS, component, "zh") if is_spoken() else component

    moved = _comma().join(f"{name_of(name)} {by:+.2f}" for name, by in quality["moved"].items() if abs(by) >= 0.005)
    words = ("（得分 {:.2f}，平均 {:.2f}{}{}）", "；") if is_spoken() else (" (score {:.2f}, mean {:.2f}{}{})", "; ")
    shown = words[0].format(quality["score"], quality["mean"], words[1] if moved else "", moved)
    return f"{quality['quality']:.2f}{shown}"


def print_turns(messages: list[dict[str, Any]]) -> None:
    """Print a conversation as a person reads it, turn by turn."""
    from builder.pictures import shown

    for message in messages:
        content = shown(message["content"], message["parts"], "zh" if is_spoken() else "en")
        text = "\n".join(said for said in (content, message["tool_calls"]) if said)
        if message["reasoning"]:
            text = f"<think>{message['reasoning']}</think>\n{text}"
        print()
        say(worded("  [{role}] weight 0", role=message["role"]) if message["weight"] == 0 else f"  [{message['role']}]")
        for line in text.split("\n"):
            say(f"  {line}")


def _print_mends(mends: list[dict[str, str]]) -> None:
    """What was put right, place by place, with the text as the file has it."""
    from builder.language.labels import MEND_LABELS, label
    from builder.leftovers import shown

    kinds: dict[tuple[str, str], list[str]] = {}
    for mend in mends:
        kinds.setdefault((mend["place"], mend["before"]), []).append(
            label(MEND_LABELS, mend["kind"], "zh") if is_spoken() else mend["kind"]
        )
    native = is_spoken()
    words = ("{}{} ({}); the file has:", "{}{}（{}）；文件中为：")[native]
    for (place, before), names in kinds.items():
        say("  " + words.format(_WORDS["mended"][native], _place(place), ("、" if native else ", ").join(names)))
        for line in (shown(before) or ("(nothing)", "（空）")[native]).split("\n"):
            say(f"              {line}")


def _place(place: str) -> str:
    """Where something was mended, in words: turns are counted from 1."""
    native = is_spoken()
    name, _, rest = place.partition("/")
    if name != "messages":
        return _PLACES[name][native]
    number, _, member = rest.partition("/")
    turn = ("turn {}", "第 {} 轮")[native].format(int(number) + 1)
    return f"{turn}{(', {}', '的{}')[native].format(_PLACES[member][native])}" if member else turn


def _plain(value: Any) -> str:
    return _comma().join(value) if isinstance(value, list) else str(value)


def _comma() -> str:
    return "、" if is_spoken() else ", "


# English, Chinese.
_PLACES = {
    "instruction": ("instruction", "指令"),
    "input": ("input", "输入"),
    "rejected": ("worse answer", "较差的回答"),
    "tools": ("tools", "工具"),
    "reasoning": ("reasoning", "思考"),
    "tool_calls": ("calls", "工具调用"),
}
# English, Chinese; each as wide as the widest on a terminal.
_WORDS = {
    "quality": ("quality     ", "质量        "),
    "review": ("review      ", "人工审核    "),
    "task_id": ("task_id     ", "任务        "),
    "category": ("category    ", "类别        "),
    "language": ("language    ", "语言        "),
    "origin": ("origin      ", "来历        "),
    "source": ("source      ", "来源        "),
    "parents": ("parents     ", "上一代      "),
    "request_id": ("request_id  ", "请求        "),
    "answer_key": ("answer_key  ", "答案要点    "),
    "mended": ("mended      ", "已修正      "),
}
