"""Commands about money: what a build will take, and what its rows cost."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from builder.cli.options import AsJson, Overrides, SettingsFile, print_json, read_settings, say
from builder.errors import UsageError
from builder.language.chinese import is_spoken, spoken_words
from builder.language.messages import worded

if TYPE_CHECKING:
    from builder.pipeline.estimating import Estimate, Figures


def estimate(
    settings_path: Annotated[Path | None, typer.Argument(help="The settings file.", metavar="SETTINGS")] = None,
    target: Annotated[int | None, typer.Option(help="Grown rows to publish.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="A dataset folder that was begun: measure instead of assuming.")
    ] = None,
    latency: Annotated[float | None, typer.Option(min=0, help="Seconds from a request to its reply.")] = None,
    settings: SettingsFile = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Estimate requests, tokens, cost and time.

    Sends nothing. The figures are assumptions until --out names a folder with a pilot in it, such as one that was built with
    --set budget.max_requests=50.
    """
    from builder.pipeline.estimating import estimate as make_estimate

    if settings_path is not None and settings is not None:
        raise UsageError(worded("the settings are given twice"), worded("Name the file once: `seedbed estimate FILE`."))
    read = read_settings(settings_path or settings, overrides, target=target)
    made = make_estimate(read, out, latency=latency)
    if as_json:
        print_json(made.as_record())
    else:
        _print_estimate(made, is_spoken())


def _print_estimate(made: "Estimate", chinese: bool) -> None:
    words = spoken_words(_WORDS)
    say(words["measured" if made.measured else "assumed"].format(rows=made.target, model=made.model))
    if made.spent.requests:
        say(
            words["spent"].format(
                rows=made.rows,
                requests=made.spent.requests,
                tokens=made.spent.prompt_tokens + made.spent.completion_tokens,
                cost=_money(made.spent.cost, made.currency, words),
            )
        )
    columns = [made.remaining[bound] for bound in ("low", "likely", "high")]
    rows: list[list[str]] = [
        [words["remaining"], words["low"], words["likely"], words["high"]],
        [words["requests"], *(f"{column.requests:,}" for column in columns)],
        [words["prompt"], *(f"{column.prompt_tokens:,}" for column in columns)],
        [words["reply"], *(f"{column.completion_tokens:,}" for column in columns)],
        [words["cost"], *(_money(column.cost, made.currency, words) for column in columns)],
        [words["time"], *(_time(column) for column in columns)],
    ]
    _print_table(rows)
    say(words["basis"].format(admission=made.admission, size=made.bytes_per_token))
    if made.price is None:
        say(words["no_price"].format(model=made.model))
    elif made.price.noted:
        say(words["noted"].format(noted=made.price.noted))
    if made.saturates_at is not None:
        say(words["saturates"].format(rows=made.saturates_at))


def print_costs(folder: Path, as_json: bool) -> None:
    """Print what the admitted rows of a folder cost, by teacher, recipe, category and language, and how long endpoints took."""
    from builder.queries.costs import costs

    found = costs(folder)
    if as_json:
        print_json(found)
        return
    words = spoken_words(_WORDS)
    currency = found["currency"]
    for name in ("teacher", "recipe", "category", "language"):
        lines = [
            *((line["key"], line) for line in found[name]),
            (words["without"], found["without_rows"]),
            (words["total"], found["total"]),
        ]
        heading = [words[name], words["rows"], words["requests"], words["prompt"], words["reply"], words["cost"]]
        table = [[*heading, words["per_row"]]]
        for key, line in lines:
            tokens = [f"{line[column]:,.0f}" for column in ("prompt_tokens", "completion_tokens")]
            money = [_money(line[column], currency, words) for column in ("cost", "cost_per_row")]
            table.append(
                [
                    key,
                    f"{line['rows']:,}",
                    f"{line['requests']:,.1f}",
                    *tokens,
                    money[0],
                    money[1] if line["rows"] else "-",
                ]
            )
        _print_table(table)
        print()
    if found["unstated"]:
        say(words["unstated"].format(replies=found["unstated"]))
    if found["latency"]:
        _print_table(_latency_table(found["latency"], words))


def _latency_table(lines: Sequence[Mapping[str, Any]], words: Mapping[str, Any]) -> list[list[str]]:
    return [
        [words["endpoint"], words["answers"], words["median"], words["p95"]],
        *([line["key"], f"{line['answers']:,}", f"{line['median']:,.2f} s", f"{line['p95']:,.2f} s"] for line in lines),
    ]


def _print_table(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    for first, *others in rows:
        cells = [" " * (width - _width(cell)) + cell for cell, width in zip(others, widths[1:], strict=True)]
        say("  ".join([first + " " * (widths[0] - _width(first)), *cells]))


def _width(text: str) -> int:
    """Columns on a terminal: two for a wide character."""
    from rich.cells import cell_len

    return cell_len(text)


def _money(amount: float | None, currency: str, words: Mapping[str, Any]) -> str:
    if amount is None:
        return str(words["unknown"])
    return f"{amount:,.2f} {currency}" if amount >= 1 or amount == 0 else f"{amount:.2g} {currency}"


def _time(figures: "Figures") -> str:
    seconds = round(figures.seconds or 0)
    hours, minutes = seconds // 3600, seconds % 3600 // 60
    if hours:
        return f"{hours:,} h {minutes} min"
    return f"{minutes} min" if seconds >= 120 else f"{seconds} s"


# In English and Chinese.
_WORDS = {
    "assumed": (
        "{rows:,} rows with {model}: assumed, nothing is measured yet; nothing was sent",
        "用 {model} 生成 {rows:,} 条：尚无实测，按假设估算；没有发送任何请求",
    ),
    "measured": (
        "{rows:,} rows with {model}: from what the folder's ledger measured; nothing was sent",
        "用 {model} 生成 {rows:,} 条：按账本实测估算；没有发送任何请求",
    ),
    "spent": (
        "so far   {rows:,} rows, {requests:,} requests, {tokens:,} tokens, {cost}",
        "已有 {rows:,} 条，已发 {requests:,} 次请求，{tokens:,} 个词元，{cost}",
    ),
    "remaining": ("remaining", "还需"),
    "low": ("low", "低"),
    "likely": ("likely", "可能"),
    "high": ("high", "高"),
    "requests": ("requests", "请求"),
    "prompt": ("prompt tokens", "提示词元"),
    "reply": ("reply tokens", "回复词元"),
    "cost": ("cost", "费用"),
    "time": ("time", "时间"),
    "unknown": ("unknown", "未知"),
    "basis": (
        "admission {admission:.0%} of the candidates, {size:.1f} bytes a token",
        "候选录用率 {admission:.0%}，每个词元 {size:.1f} 字节",
    ),
    "no_price": (
        "The price of {model} is not known: --set 'budget.prices={{{model}: {{input: 0.5, output: 1.5}}}}' for a "
        "million tokens.",
        "不知道 {model} 的价格，请给出每百万词元的价格：--set 'budget.prices={{{model}: {{input: 0.5, output: 1.5}}}}'",
    ),
    "noted": ("Price as noted on {noted}; list prices change.", "价格记于 {noted}；标价会变。"),
    "saturates": (
        "By the decline so far the run would end by saturation near {rows:,} rows, before its target.",
        "照目前的下降趋势，大约 {rows:,} 条时就会饱和而停，到不了目标。",
    ),
    "teacher": ("teacher", "教师"),
    "recipe": ("recipe", "配方"),
    "category": ("category", "类别"),
    "language": ("language", "语言"),
    "rows": ("rows", "条数"),
    "per_row": ("a row", "每条"),
    "without": ("(no row from it)", "（没有录用）"),
    "unstated": (
        "{replies:,} replies without usage, counted at their ceiling",
        "{replies:,} 条回复没有说明用量，按上限计",
    ),
    "total": ("total", "合计"),
    "endpoint": ("endpoint", "端点"),
    "answers": ("answers", "回复"),
    "median": ("median", "中位延迟"),
    "p95": ("95 % within", "95% 不超过"),
}
