"""Commands that show rows and why they were kept or dropped."""

from typing import Annotated, Any

import typer

from builder.chinese import is_spoken
from builder.cli.options import AsJson, Folder, print_json, say, tell


def show(
    folder: Folder,
    kept: Annotated[bool | None, typer.Option("--kept/--dropped", help="Only rows that were kept, or dropped.")] = None,
    reason: Annotated[str | None, typer.Option(help="Only rows dropped for this reason.")] = None,
    category: Annotated[str | None, typer.Option(help="Only rows of this category.")] = None,
    language: Annotated[str | None, typer.Option(help="Only rows in this language.")] = None,
    origin: Annotated[str | None, typer.Option(help="seed, generated or imported.")] = None,
    search: Annotated[str | None, typer.Option(help="Only rows that hold this text, in any case or width.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many rows.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List rows by filter."""
    from builder.browsing import find_rows

    found, total = find_rows(
        folder,
        kept=kept,
        reason=reason,
        category=category,
        language=language,
        origin=origin,
        search=search,
        limit=limit,
    )
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
    from builder.browsing import explain_row

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
    from builder.reporting.labels import COMPONENT_LABELS, label

    def name_of(component: str) -> str:
        return label(COMPONENT_LABELS, component, "zh") if is_spoken() else component

    moved = ", ".join(f"{name_of(name)} {by:+.2f}" for name, by in quality["moved"].items() if abs(by) >= 0.005)
    words = ("（得分 {:.2f}，平均 {:.2f}{}{}）", "；") if is_spoken() else (" (score {:.2f}, mean {:.2f}{}{})", "; ")
    shown = words[0].format(quality["score"], quality["mean"], words[1] if moved else "", moved)
    return f"{quality['quality']:.2f}{shown}"


def _print_turns(messages: list[dict[str, Any]]) -> None:
    for message in messages:
        text = message["content"] or message["tool_calls"] or ""
        if message["reasoning"]:
            text = f"<think>{message['reasoning']}</think>\n{text}"
        print()
        say(f"  [{message['role']}]" + (" weight 0" if message["weight"] == 0 else ""))
        for line in text.split("\n"):
            say(f"  {line}")


def _plain(value: Any) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value)


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
}
