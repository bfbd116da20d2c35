"""`seedbed rebuild`: what was bought, read again, and what changed by it."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from builder.cli.options import AsJson, ChangedFolder, Overrides, Quiet, SettingsFile, print_outcome, reporter, say
from builder.language.chinese import is_spoken, spoken

if TYPE_CHECKING:
    from builder.pipeline import Rebuilt


def rebuild(
    folder: ChangedFolder,
    out: Annotated[Path | None, typer.Option(help="A new dataset folder; DIR stays as it is.")] = None,
    settings: SettingsFile = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Read every reply of a grown dataset again, without a request.

    Reads them with the parsers, filters and thresholds of now and writes all rows anew, in place or into another folder.
    """
    from builder import pipeline

    rebuilt = pipeline.rebuild(folder, settings, overrides or (), reporter(quiet), out)
    if not as_json:
        _print_changes(rebuilt)
    print_outcome(rebuilt.outcome, as_json, {"rebuilt": _as_record(rebuilt)})


def _as_record(rebuilt: "Rebuilt") -> Mapping[str, Any]:
    before = rebuilt.before
    return {
        "before": None if before is None else {"candidates": before["candidates"], "rows": before["rows"]},
        "lacking": rebuilt.lacking,
        "unread": rebuilt.unread,
        "reviews": {"placed": rebuilt.reviews, "unplaced": rebuilt.unplaced},
    }


def _print_changes(rebuilt: "Rebuilt") -> None:
    from builder.language.reasons import reason_for

    after = rebuilt.outcome.report
    words = _CHINESE if is_spoken() else _ENGLISH
    if rebuilt.before is None:
        say(words["unfinished"])
    else:
        for part, total, kept in (("candidates", "total", "admitted"), ("rows", "total", "kept")):
            old, new = rebuilt.before[part], after[part]
            reasons = dict.fromkeys((*new["by_reason"], *old["by_reason"]))
            line = words[part].format(f"{old[total]:,} → {new[total]:,}", f"{old[kept]:,} → {new[kept]:,}")
            say(line + (words[f"{part}_for"] if reasons else ""))
            for reason in reasons:
                counts = f"{old['by_reason'].get(reason, 0):,} → {new['by_reason'].get(reason, 0):,}"
                say(f"  {reason_for(reason).label(spoken())}  {counts}")
    for count, name in ((rebuilt.lacking, "lacking"), (rebuilt.unread, "unread")):
        if count:
            say(words[name].format(count))
    if rebuilt.reviews or rebuilt.unplaced:
        say(words["reviews"].format(rebuilt.reviews, rebuilt.unplaced))


_ENGLISH = {
    "unfinished": "The build had not finished, so there are no figures from before.",
    "candidates": "candidates {} · admitted {}",
    "candidates_for": " · rejected for:",
    "rows": "rows {} · kept {}",
    "rows_for": " · dropped for:",
    "lacking": "jobs that lack a reply, not read: {:,}",
    "unread": "jobs that were answered but not needed for the target: {:,}",
    "reviews": "reviewed rows found again: {:,}; not found, kept in reviews-unplaced.jsonl: {:,}",
}
_CHINESE = {
    "unfinished": "之前的构建没有完成，因此没有可对比的数字。",
    "candidates": "候选 {} · 录用 {}",
    "candidates_for": " · 拒收原因：",
    "rows": "数据 {} · 保留 {}",
    "rows_for": " · 去除原因：",
    "lacking": "缺少回复、未读取的任务批次：{:,}",
    "unread": "已有回复、但目标已满而未用到的批次：{:,}",
    "reviews": "重新找到的已审数据：{:,}；未找到、保存在 reviews-unplaced.jsonl 中的：{:,}",
}
