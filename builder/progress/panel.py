"""The figures of a growth in words: a panel of a few lines for people, one line of `name=value` for logs.

Growing     ━━━━━━━━━━━━━━━━──────────────────────  412 of 1,000 rows  41 %
candidates  655 = 412 admitted + 243 rejected
rejected    Too similar 120 · Cut off by length 80 · others 43
in flight   12 of at most 16 · 3 backing off
spent       0.8412 + 0.2000 held of 5.0000 USD
pace        131 rows a minute · 4 min left
"""

from collections.abc import Callable, Mapping

from rich.cells import cell_len
from rich.text import Text

from builder.progress.growing import Growing, Spent, Traffic

WIDEST = 78  # columns: longer lines are not read at a glance
_BAR = 40
_MOST_OUT = 2  # endpoints that are named

# In English and Chinese.
_WORDS: Mapping[str, tuple[str, str]] = {
    "growing": ("Growing", "生成"),
    "rows": ("{reached:,} of {target:,} rows", "{reached:,} / {target:,} 条"),
    "candidates": ("candidates", "候选"),
    "closes": (
        "{candidates:,} = {admitted:,} admitted + {rejected:,} rejected",
        "{candidates:,} = 收录 {admitted:,} + 未收录 {rejected:,}",
    ),
    "rejected": ("rejected", "未收录"),
    "others": ("others", "其他"),
    "none": ("none", "无"),
    "traffic": ("in flight", "在途"),
    "limit": ("{in_flight:,} of at most {limit:,}", "{in_flight:,}，最多 {limit:,}"),
    "batch": ("{n:,} in batch {id} · {state} · {done:,} done", "{n:,}，在批次 {id} 中 · {state} · 已完成 {done:,}"),
    "backing_off": ("{n:,} backing off", "{n:,} 个等待重试"),
    "out": ("out", "停用"),
    "more_out": ("and {n:,} more endpoints", "另有 {n:,} 个接口"),
    "spent": ("spent", "花费"),
    "no_cap": ("no cap", "不设上限"),
    "of_cap": ("{used} of {cap} {unit}", "{used} / 上限 {cap} {unit}"),
    "reserving": ("{used} + {reserved} held of {cap} {unit}", "{used} + 预留 {reserved} / 上限 {cap} {unit}"),
    "pace": ("pace", "速度"),
    "rate": ("{rows} rows a minute", "每分钟 {rows} 条"),
    "left": ("{time} left", "还需 {time}"),
    "unknown": ("—", "—"),
    "seconds": ("{n} s", "{n} 秒"),
    "minutes": ("{n} min", "{n} 分钟"),
    "hours": ("{h} h {m} min", "{h} 小时 {m} 分钟"),
    "requests": ("requests", "次请求"),
    "tokens": ("tokens", "token"),
    "finishing": (
        "finishing {n:,} requests on their way, at most {seconds:.0f} s; Ctrl-C again stops now",
        "正在等 {n:,} 个已发出的请求返回，最多 {seconds:.0f} 秒；再按一次 Ctrl-C 立即停止",
    ),
}
_COUNTED = ("requests", "tokens")  # other units are money
_HEADINGS = ("growing", "candidates", "rejected", "traffic", "out", "spent", "pace")


def panel(figures: Growing, width: int, language: str, label: Callable[[str], str]) -> Text:
    """The figures for people, in fewer than 12 lines.

    Args:
        width: columns of the terminal; no line is longer, and none than 78.
        language: `zh` or `en`.
        label: a reason's key → its words in that language.
    """
    words, width = {name: pair[language == "zh"] for name, pair in _WORDS.items()}, min(width, WIDEST)
    indent = max(cell_len(words[key]) for key in _HEADINGS) + 2
    room = width - indent
    lines: list[tuple[str, str | Text]] = [
        ("growing", _bar(figures, room, words)),
        ("candidates", _closes(figures, words)),
        ("rejected", _fit_reasons(figures.rejected, room, words, label)),
    ]
    if figures.traffic is not None:
        lines.append(("traffic", _traffic(figures.traffic, words)))
        lines += [("out", text) for text in _out(figures.traffic, words)]
    lines += [("spent", text) for text in _spent(figures.spent, words)]
    if figures.traffic is not None:
        lines.append(("pace", _pace(figures, words)))
    shown = Text(no_wrap=True)
    last = ""
    for heading, content in lines:
        line = Text().append(_pad(words[heading] if heading != last else "", indent), style="dim").append(content)
        line.truncate(width, overflow="ellipsis")
        shown.append(line).append("\n")
        last = heading
    shown.right_crop(1)
    return shown


def plain_line(figures: Growing) -> str:
    """The figures for logs, as `name=value`: the same names in every language, so that scripts find them.

    Such as `growing rows=412/1000 candidates=655 admitted=412 rejected=243 too_similar=120 … in_flight=12/16 backing_off=0
    out=0 requests=90/- tokens=12345+4000/- rows_per_minute=131 seconds_left=270`; `+` is reserved, `-` is not known or no cap.
    """
    fields = [
        f"rows={figures.reached}/{figures.target}",
        f"candidates={figures.candidates}",
        f"admitted={figures.admitted}",
        f"rejected={sum(figures.rejected.values())}",
        *(f"{reason}={count}" for reason, count in figures.rejected.items()),
    ]
    if (traffic := figures.traffic) is not None:
        fields.append(f"in_flight={traffic.in_flight}/{_or_dash(traffic.limit)}")
        fields += [f"backing_off={traffic.backing_off}", f"out={len(traffic.out)}"]
        if traffic.batch is not None:
            fields += [
                f"batch={traffic.batch or '-'}",
                f"batch_state={traffic.batch_state or '-'}",
                f"batch_done={traffic.batch_done}",
            ]
    for one in figures.spent:
        reserved = f"+{one.reserved:.12g}" if one.reserved else ""
        fields.append(f"{one.unit}={one.used:.12g}{reserved}/{_or_dash(one.cap)}")
    fields += [
        f"rows_per_minute={_or_dash(figures.rows_per_minute)}",
        f"seconds_left={_or_dash(figures.seconds_left)}",
    ]
    return " ".join(["growing", *fields])


def finishing(requests: int, seconds: float, language: str) -> str:
    """What the first Ctrl-C does, in one line."""
    return _WORDS["finishing"][language == "zh"].format(n=requests, seconds=seconds)


def _bar(figures: Growing, room: int, words: Mapping[str, str]) -> Text:
    # Rounded down: 99.9 % is not all.
    said = f"{words['rows'].format(reached=figures.reached, target=figures.target)}  {_percent(figures)} %"
    length = min(_BAR, room - cell_len(said) - 2)
    if length < 4:
        return Text(said)
    full = length * figures.reached // max(1, figures.target)
    return (
        Text()
        .append("━" * full, style="green")
        .append("─" * (length - full), style="dim")
        .append(f"  {said}", style="bold")
    )


def _percent(figures: Growing) -> int:
    return 100 * figures.reached // max(1, figures.target)


def _closes(figures: Growing, words: Mapping[str, str]) -> str:
    rejected = sum(figures.rejected.values())
    return words["closes"].format(candidates=figures.candidates, admitted=figures.admitted, rejected=rejected)


def _fit_reasons(rejected: Mapping[str, int], room: int, words: Mapping[str, str], label: Callable[[str], str]) -> str:
    """As many of the commonest reasons as there is room for, and the sum of the others."""
    if not rejected:
        return words["none"]
    counts = list(rejected.items())
    shown: list[str] = []
    for place, (reason, count) in enumerate(counts):
        rest = sum(other for _, other in counts[place + 1 :])
        more = [f"{words['others']} {rest:,}"] if rest else []
        if shown and cell_len(" · ".join([*shown, f"{label(reason)} {count:,}", *more])) > room:
            shown.append(f"{words['others']} {count + rest:,}")
            break
        shown.append(f"{label(reason)} {count:,}")
    return " · ".join(shown)


def _traffic(traffic: Traffic, words: Mapping[str, str]) -> str:
    if traffic.batch is not None:
        return words["batch"].format(
            n=traffic.in_flight, id=traffic.batch, state=traffic.batch_state, done=traffic.batch_done
        )
    if traffic.limit is None:
        said = f"{traffic.in_flight:,}"
    else:
        said = words["limit"].format(in_flight=traffic.in_flight, limit=traffic.limit)
    return f"{said} · {words['backing_off'].format(n=traffic.backing_off)}" if traffic.backing_off else said


def _out(traffic: Traffic, words: Mapping[str, str]) -> list[str]:
    reasons = [reason if name in reason else f"{name}: {reason}" for name, reason in traffic.out.items()]
    more = [words["more_out"].format(n=len(reasons) - _MOST_OUT)] if len(reasons) > _MOST_OUT else []
    return [*reasons[:_MOST_OUT], *more]


def _spent(spent: tuple[Spent, ...], words: Mapping[str, str]) -> list[str]:
    """One line for each cap, and the money that has none; where there is no cap, what was used."""
    capped = [_of_cap(one, one.cap, words) for one in spent if one.cap is not None]
    money = [_used(one, words) for one in spent if one.cap is None and one.unit not in _COUNTED]
    if capped:
        return [*capped, *money]
    used = [_used(one, words) for one in spent]
    return [" · ".join([*used, words["no_cap"]])]


def _used(one: Spent, words: Mapping[str, str]) -> str:
    return f"{_amount(one.used, one.unit)} {words.get(one.unit, one.unit)}"


def _of_cap(one: Spent, cap: float, words: Mapping[str, str]) -> str:
    decimals = 2 if cap >= 10 else 4
    used, reserved, most = (_amount(value, one.unit, decimals) for value in (one.used, one.reserved, cap))
    form = words["reserving" if one.reserved else "of_cap"]
    return form.format(used=used, reserved=reserved, cap=most, unit=words.get(one.unit, one.unit))


def _amount(value: float, unit: str, decimals: int = 2) -> str:
    if unit not in _COUNTED:
        return f"{value:,.{decimals}f}"
    if value < 10_000:
        return f"{value:,.0f}"
    return f"{value / 1e6:.2f}M" if value >= 1e6 else f"{value / 1e3:.1f}k"


def _pace(figures: Growing, words: Mapping[str, str]) -> str:
    rate, left = figures.rows_per_minute, figures.seconds_left
    if rate is None:
        return words["unknown"]
    time = words["unknown"] if left is None else _duration(left, words)
    rows = f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}"
    return f"{words['rate'].format(rows=rows)} · {words['left'].format(time=time)}"


def _duration(seconds: float, words: Mapping[str, str]) -> str:
    """In steps of 5 seconds below two minutes, else in minutes: what is less is guessed."""
    if seconds < 120:
        return words["seconds"].format(n=max(5, round(seconds / 5) * 5))
    minutes = round(seconds / 60)
    if minutes < 120:
        return words["minutes"].format(n=minutes)
    return words["hours"].format(h=f"{minutes // 60:,}", m=minutes % 60)


def _pad(text: str, width: int) -> str:
    return text + " " * (width - cell_len(text))


def _or_dash(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}" if value >= 100 or float(value).is_integer() else f"{value:.2g}"
