"""What `convert` found and did, as it is told in English and Chinese."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from builder.language.chinese import is_spoken
from builder.text import visible

if TYPE_CHECKING:
    from builder.formats.conversations.source import Source
    from builder.pipeline.conversion_plan import Plan
    from builder.pipeline.converting import Converted
    from builder.schema import Sample

_SHOWN = 6  # names of a list
_MOST_NAMES = 200  # of a side, for scripts
_CHARACTERS = 160  # of a turn

_CAUSES: Mapping[str, tuple[str, str]] = {
    "empty": ("nothing was said", "内容为空"),
    "notice": ("notices of the system", "系统提示"),
    "sticker": ("stickers", "表情"),
    "repeated": ("sent twice", "重复发送"),
    "skipped": ("of speakers left out by --roles", "--roles 略去的说话人"),
    "opening": ("before the first question", "首个提问之前（问候等）"),
    "media": ("questions or answers with a picture, voice or file", "问或答中有图片、语音或文件"),
    "unanswered": ("after the last answer", "最后一次回答之后（无人回答）"),
    "no_answer": ("conversations without an answer", "没有回答的对话"),
    "no_question": ("conversations without a question", "没有提问的对话"),
    "tools": ("conversations with a tool's results", "含工具结果的对话"),
    "above": ("above the data: titles, notes, the header", "数据上方（标题、说明、表头）"),
    "header": ("the header once more", "重复的表头"),
    "not_whole": ("that no sample can hold whole", "样本无法完整保留的"),
    "outside": ("units, notes and totals", "单位、备注和合计"),
}
_PASSED = {
    "hidden": ("hidden", "已隐藏"),
    "empty": ("empty", "空表"),
    "none": ("no such conversations", "没有这种对话"),
    "not_named": ("not asked for", "未指定"),
}
_WHY = {
    "given": ("as --roles says", "按 --roles"),
    "names": ("by their names", "按名称"),
    "most": ("they speak in most conversations", "出现在大多数对话中"),
    "owner": ("whose export it is", "导出者本人"),
    "guess": ("a guess", "猜测"),
}


def _say(english: str, chinese: str) -> str:
    return chinese if is_spoken() else english


def _joined(names: list[str]) -> str:
    more = len(names) - _SHOWN
    shown = [visible(name) for name in names[:_SHOWN]] + (
        [_say(f"{more:,} more", f"另有 {more:,} 个")] if more > 0 else []
    )
    return _say(", ", "、").join(shown)


def cause(name: str) -> str:
    """Why a row or message is in no conversation."""
    english, chinese = _CAUSES.get(name, (name, name))
    return _say(english, chinese)


def plan_lines(plan: "Plan") -> Iterator[str]:
    """How the files are read: sheets, headers, columns, speakers, pauses."""
    for source in plan.sources:
        yield _source_line(source)
    for name, why in plan.passed:
        english, chinese = _PASSED[why]
        yield _say(f"{visible(name)}: not read ({english})", f"{visible(name)}：未读取（{chinese}）")
    if plan.roles is not None:
        by_side = plan.by_side()
        why = _say(*_WHY[plan.roles.why])
        answers, asks = _joined(by_side.pop("assistant", [])), _joined(by_side.pop("user", []))
        yield _say(f"who answers: {answers or 'nobody'} ({why})", f"回答的一方：{answers or '无'}（{why}）")
        yield _say(f"who asks: {asks or 'nobody'}", f"提问的一方：{asks or '无'}")
        for names in by_side.values():
            yield _say(f"left out: {_joined(names)}", f"不采用：{_joined(names)}")
    if plan.divides and plan.gap is not None:
        minutes = round(plan.gap.total_seconds() / 60)
        yield _say(
            f"a question after a pause of {minutes:,} minutes begins a new conversation (--gap)",
            f"停顿超过 {minutes:,} 分钟后的提问算作新的对话（--gap）",
        )


def _source_line(source: "Source") -> str:
    title = _say(source.title["en"], source.title["zh"])
    fields = source.layout.columns if source.layout is not None and source.reader is not None else {}
    fields = fields or (source.detected.mapping if source.detected is not None else {})
    arrows = [f"{visible(column)} → {name}" if column != name else name for name, column in fields.items()]
    header = source.header
    place = ""
    if header is not None:
        place = (
            _say(f", header in row {header.row}", f"，表头在第 {header.row} 行")
            if header.row
            else _say(", no header", "，无表头")
        )
    unused = [c for c in (source.table.columns if source.table is not None else ()) if c not in fields.values()]
    rest = _say(f"; not used: {_joined(unused)}", f"；未使用：{_joined(unused)}") if unused and fields else ""
    columns = _say(f"; columns: {', '.join(arrows)}", f"；列：{'、'.join(arrows)}") if arrows else ""
    return _say(f"{visible(source.name)}: ", f"{visible(source.name)}：") + title + place + columns + rest


def sample_lines(number: int, sample: "Sample") -> Iterator[str]:
    """One conversation, a line a turn."""
    yield f"  {number}  {visible(sample.source)}"
    for turn in sample.messages:
        text = " ".join(turn.content.split())
        cut = text if len(text) <= _CHARACTERS else text[:_CHARACTERS] + "…"
        yield f"     {turn.role:<9}  {visible(cut)}"


def done_lines(out: str, converted: "Converted") -> Iterator[str]:
    """What was written, and what of the rows is in no conversation."""
    rows, messages = converted.rows, converted.messages
    yield _say(
        f"{out}: {converted.conversations:,} conversation{'s' if converted.conversations != 1 else ''}, {converted.turns:,} turns",
        f"{out}：{converted.conversations:,} 段对话，{converted.turns:,} 轮",
    )
    apart = [f"{cause(name)} {rows[name]:,}" for name in ("above", "header", "outside", "not_whole") if rows[name]]
    if rows["read"]:
        yield "  " + _say(f"rows      {rows['read']:,}", f"行    {rows['read']:,}") + _listed(apart)
    left_out = {name: count for name, count in messages.items() if count and name != "used"}
    listed = [f"{cause(name)} {count:,}" for name, count in sorted(left_out.items(), key=lambda item: -item[1])]
    used, total = messages["used"], messages.total()
    yield (
        "  "
        + _say(f"messages  {used:,} of {total:,} used", f"消息  共 {total:,} 条，用了 {used:,} 条")
        + _listed(listed)
    )
    if converted.dropped:
        listed = [f"{cause(name)} {count:,}" for name, count in converted.dropped.items()]
        total = converted.dropped.total()
        yield "  " + _say(f"nothing came of {total:,} conversations", f"有 {total:,} 段对话未能采用") + _listed(listed)
    from builder.formats.left_out import tell_left_out

    if left := tell_left_out(converted.left_out, "zh" if is_spoken() else "en"):
        yield "  " + _say(f"left out  {left}", f"未采用  {left}")
    if converted.redacted:
        yield "  " + _say(
            f"private data was replaced in {converted.redacted:,} conversations",
            f"{converted.redacted:,} 段对话中的隐私信息已替换",
        )
    elif converted.private:
        yield "  " + _say(
            f"{converted.private:,} conversations hold private data; --redact replaces it",
            f"{converted.private:,} 段对话含有隐私信息；用 --redact 替换",
        )


def _listed(items: list[str]) -> str:
    return f" ({'; '.join(items)})" if items and not is_spoken() else f"（{'；'.join(items)}）" if items else ""


def summary(out: str, plan: "Plan", converted: "Converted") -> dict[str, Any]:
    """The same for scripts."""
    sides = {side: names[:_MOST_NAMES] for side, names in plan.by_side().items()}
    return {
        "out": out,
        "conversations": converted.conversations,
        "turns": converted.turns,
        "rows": dict(converted.rows),
        "messages": {"all": converted.messages.total(), **converted.messages},
        "nothing_came_of": dict(converted.dropped),
        "left_out": dict(converted.left_out),
        "private": converted.private,
        "redacted": converted.redacted,
        "sources": [_source(source) for source in plan.sources],
        "not_read": [{"name": name, "why": why} for name, why in plan.passed],
        "roles": {"by": plan.roles.why if plan.roles is not None else None, **sides},
        "gap_minutes": plan.gap.total_seconds() / 60 if plan.divides and plan.gap is not None else None,
    }


def _source(source: "Source") -> dict[str, Any]:
    fields = source.layout.columns if source.layout is not None and source.reader is not None else None
    header = source.header
    return {
        "name": source.name,
        "as": source.title["en"],
        "header_row": header.row if header is not None else None,
        "columns": dict(fields or (source.detected.mapping if source.detected is not None else {})),
    }
