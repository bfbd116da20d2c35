"""Looking at a build from another terminal."""

import shlex
import sys
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from builder.cli.options import AsJson, Folder, print_json
from builder.language.chinese import is_spoken, spoken
from builder.text import visible

if TYPE_CHECKING:
    from builder.pipeline.looking import Status


def status(
    folder: Folder,
    costs: Annotated[bool, typer.Option("--costs", help="What an admitted row cost, by teacher, recipe, …")] = False,
    as_json: AsJson = False,
) -> None:
    """Show how far a build is.

    Reads only: also while another process is building the folder.
    """
    from builder import pipeline
    from builder.cli.estimating import print_costs
    from builder.pipeline.looking import look

    if costs:
        print_costs(folder, as_json)
        return
    if as_json:
        print_json(pipeline.status(folder))
    else:
        _print_status(look(folder))


def _print_status(found: "Status") -> None:
    from rich.console import Console

    from builder.language.reasons import reason_for
    from builder.progress import panel

    words = _CHINESE if is_spoken() else _ENGLISH
    console = Console(file=sys.stdout, highlight=False)
    console.print(visible(str(found.root)), markup=False, soft_wrap=True)
    if found.growing is not None:
        shown = panel(found.growing, console.width, spoken(), lambda key: reason_for(key).label(spoken()))
        console.print(shown, soft_wrap=True)
    if found.spending is not None:
        console.print(words["ledger"].format(**found.counts()), markup=False, soft_wrap=True)
    for batch in found.batches:
        since = datetime.fromtimestamp(batch.since).strftime("%Y-%m-%d %H:%M")
        line = words["batch"].format(id=batch.id or "—", n=batch.requests, since=since)
        console.print(visible(line), markup=False, soft_wrap=True)
    if any(found.reviews.values()):
        console.print(words["reviews"].format(**found.reviews), markup=False, soft_wrap=True)
    console.print(visible(_state(found, words)), markup=False, soft_wrap=True)


def _state(found: "Status", words: Mapping[str, Any]) -> str:
    if found.process is not None:
        return str(words["running"].format(process=found.process))
    if found.finished and not found.missing:
        return str(words["finished"].format(**found.rows))
    root = shlex.quote(str(found.root))
    command = f"seedbed build {shlex.quote(str(found.root / 'seedbed.yaml'))} --out {root}"
    return str(words["stopped"].format(command=command))


_ENGLISH = {
    "ledger": "ledger: {requests:,} requests in {attempts:,} attempts; {received:,} received, {failed:,} failed, "
    "{unknown:,} unknown",
    "batch": "batch {id}: {n:,} requests at the endpoint since {since}",
    "reviews": "reviews: {reviewed:,} rows; reviewers disagree about {disagreeing:,}, {pending:,} wait for `seedbed curate`",
    "running": "running: process {process}",
    "finished": "finished: {rows:,} rows, {kept:,} kept",
    "stopped": "not running; go on with {command}",
}
_CHINESE = {
    "ledger": "账本：{requests:,} 个请求，共发送 {attempts:,} 次；收到 {received:,}，失败 {failed:,}，结果未知 {unknown:,}",
    "batch": "批次 {id}：{n:,} 个请求在接口处理，始于 {since}",
    "reviews": "人工审核：{reviewed:,} 行；意见不一 {disagreeing:,} 行，等待 `seedbed curate` 重新判定 {pending:,} 行",
    "running": "正在运行：进程 {process}",
    "finished": "已完成：共 {rows:,} 行，保留 {kept:,} 行",
    "stopped": "没有在运行；继续请执行 {command}",
}
