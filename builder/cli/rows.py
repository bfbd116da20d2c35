"""Commands that show rows and why they were kept or dropped."""

from typing import Annotated, Any

import typer

from builder.cli.options import (
    AsJson,
    Category,
    Folder,
    Kept,
    Language,
    Mended,
    Origin,
    Reason,
    Rows,
    Search,
    Split,
    print_json,
    say,
    tell,
)
from builder.language.chinese import is_spoken


def show(
    folder: Folder,
    kept: Kept = None,
    reason: Reason = None,
    category: Category = None,
    language: Language = None,
    origin: Origin = None,
    search: Search = None,
    mended: Mended = False,
    rows: Rows = None,
    split: Split = "all",
    limit: Annotated[int, typer.Option(min=1, help="At most so many rows.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List rows by filter."""
    from builder.queries.browsing import find_rows
    from builder.queries.selecting import Filters

    filters = Filters(
        kept=kept,
        reason=reason,
        category=category,
        language=language,
        origin=origin,
        search=search,
        mended=mended,
        rows=rows,
        split=split,
    )
    found, total = find_rows(folder, filters, limit=limit)
    if as_json:
        print_json({"total": total, "rows": found})
        return
    for row in found:
        say(_one_line(row))
    tell(f"{len(found):,} of {total:,} rows shown" + ("; --limit shows more" if len(found) < total else ""))


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
    if explained["quality"]:
        say(f"  {_WORDS['quality'][is_spoken()]}{_quality(explained['quality'])}")
    for label in ("task_id", "category", "language", "origin", "source", "parents", "request_id", "answer_key"):
        if explained["sample"].get(label):
            say(f"  {_WORDS[label][is_spoken()]}{_plain(explained['sample'][label])}")
    _print_mends(explained["sample"]["mended"] or [])
    _print_turns(explained["sample"]["messages"])
    if explained["other"]:
        print()
        say(f"{explained['other_headline']}")
        _print_turns(explained["other"]["messages"])


def _one_line(row: dict[str, Any]) -> str:
    verdict = ("保留" if is_spoken() else "kept") if row["kept"] else row["reason"]
    from rich.cells import cell_len

    where = "/".join(str(part) for part in (row["category"], row["language"]) if part)
    return f"{row['row']:>8}  {verdict}{' ' * (22 - cell_len(verdict))} {where}{' ' * (22 - cell_len(where))} {row['text']}"


def _quality(quality: dict[str, Any]) -> str:
    from builder.language.labels import COMPONENT_LABELS, label

    def name_of(component: str) -> str:
        return label(COMPONENT_LABELS, component, "zh") if is_spoken() else component

    moved = _comma().join(f"{name_of(name)} {by:+.2f}" for name, by in quality["moved"].items() if abs(by) >= 0.005)
    words = ("（得分 {:.2f}，平均 {:.2f}{}{}）", "；") if is_spoken() else (" (score {:.2f}, mean {:.2f}{}{})", "; ")
    shown = words[0].format(quality["score"], quality["mean"], words[1] if moved else "", moved)
    return f"{quality['quality']:.2f}{shown}"


def _print_turns(messages: list[dict[str, Any]]) -> None:
    from builder.pictures import shown

    for message in messages:
        content = shown(message["content"], message["parts"], "zh" if is_spoken() else "en")
        text = "\n".join(said for said in (content, message["tool_calls"]) if said)
        if message["reasoning"]:
            text = f"<think>{message['reasoning']}</think>\n{text}"
        print()
        say(f"  [{message['role']}]" + (" weight 0" if message["weight"] == 0 else ""))
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
