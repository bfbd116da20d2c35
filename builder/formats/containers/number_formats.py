"""Numbers of a workbook as their cells show them: 35 %, 1,234.50, 00123, dates.

A format is up to four sections for positive and negative numbers, zero and text: `#,##0.00;[Red]-#,##0.00` (ECMA-376 part 1,
18.8.31). What is not known here (fractions, conditions, powers of ten) is shown as if it had no format.
"""

import calendar
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

from openpyxl.styles.numbers import is_date_format, is_timedelta_format
from openpyxl.utils.datetime import from_excel

_TOKEN = re.compile(
    r'"([^"]*)"|\\(.)|_.|\*.|\[\$([^\]\-]*)(?:-[^\]]*)?\]|\[(?:[A-Za-z]+[0-9]*)\]|(General)|(.)', re.DOTALL
)
_DIGITS = re.compile(r"(?P<whole>[#0?,]*)(?:\.(?P<part>[#0?]*))?(?P<scale>,*)")
_DATE_TOKEN = re.compile(
    r'"([^"]*)"|\\(.)|\[\$[^\]]*\]|(AM/PM|A/P|上午/下午)|(dddd?|yyyy|yy|mmmm|mmm|mm|m|dd|d|hh|h|ss|s)|([-/ :,.年月日时分秒時])',
    re.IGNORECASE,
)
# Written out or with the year first a date cannot be misread; 01/02/2023 can, and Excel shows it as the reader's own system does.
_PLAIN_ORDER = re.compile(r"^[^dhmsDHMS]*y|年|月|mmm", re.IGNORECASE)
_MONTHS = tuple(calendar.month_name)  # from 1

# Excel's own limit; the time that a format takes to read grows with its square.
_LONGEST = 255

Shown = Callable[[float], str]


def general(number: float) -> str:
    """A number without a format: the 15 digits that Excel keeps."""
    return str(number) if isinstance(number, int) else format(number, ".15g").replace("e+", "E+").replace("e-", "E-")


@dataclass(frozen=True, slots=True)
class DateFormat:
    """How a style shows dates, times or spans of time.

    Attributes:
        code: of the format.
        span: whether it is of a span of time.
    """

    code: str
    span: bool

    def shown(self, number: float, epoch: datetime, *, exact: bool) -> str:
        """The date that a number is.

        Args:
            exact: whether the whole value is wanted, to be compared with others: `2024-05-01 09:03:20`.
        """
        try:
            value = from_excel(number, epoch, timedelta=self.span)
        except (OverflowError, ValueError):
            return "#VALUE!"
        if isinstance(value, timedelta):
            return _span(value)
        if isinstance(value, datetime | date | time):
            value = _rounded(value)
            return _exact(value, self.code) if exact else _dated(value, self.code) or _exact(value, self.code)
        return str(value)


def read_format(code: str) -> DateFormat | Shown | None:
    """What shows the numbers of a style; None where it has no format, or one that is not known."""
    if len(code) <= _LONGEST and is_date_format(code):
        return DateFormat(code, bool(is_timedelta_format(code)))
    sections = [_section(part) for part in _divided(code)]
    if not sections or sections[0] is None or (len(sections) > 1 and sections[1] is None):
        return None
    positive, negative = sections[0], sections[1] if len(sections) > 1 else None
    zero = sections[2] if len(sections) > 2 else None

    def show(number: float) -> str:
        value = Decimal(repr(number))
        if value == 0 and zero is not None:
            return zero(value)
        if value < 0 and negative is not None:
            return negative(-value)
        shown = positive(abs(value))
        return f"-{shown}" if value < 0 and re.search("[1-9]", shown) else shown

    return show


def _divided(code: str) -> Sequence[str]:
    """The sections of a format; a semicolon may be quoted."""
    if code in ("", "General", "@") or len(code) > _LONGEST:
        return ()
    return re.split(r';(?=(?:[^"]*"[^"]*")*[^"]*$)', code)


def _section(code: str) -> Callable[[Decimal], str] | None:
    before, pattern, after = [""], "", ""
    is_general = False
    percent = 0
    for match in _TOKEN.finditer(code):
        quoted, escaped, currency, named, single = match.groups()
        literal = next((text for text in (quoted, escaped, currency) if text is not None), None)
        if single is not None and single in "#0?.,":
            if after:
                return None
            pattern += single
            continue
        is_general = is_general or named is not None
        if single == "%":
            percent += 1
        if single is not None and not single.isdigit() and re.match(r"[A-Za-z/@\[\]]", single):
            return None
        text = literal if literal is not None else single or ""
        if pattern or is_general:
            after += text
        else:
            before[0] += text
    if is_general:
        return None if pattern or percent else lambda value: f"{before[0]}{general(float(value))}{after}"
    digits = _DIGITS.fullmatch(pattern)
    if not pattern or digits is None:
        return None
    whole, part = digits["whole"], digits["part"] or ""
    scale = 100**percent
    thousands = len(whole) - len(whole.rstrip(",")) if "." not in pattern else len(digits["scale"])
    separator = "," if "," in whole.rstrip(",") else ""
    least, most = part.count("0"), len(part)

    def show(value: Decimal) -> str:
        value = (value * scale / 1000**thousands).quantize(Decimal(1).scaleb(-most), ROUND_HALF_UP)
        shown = f"{value:{separator}f}"
        left, _, right = shown.partition(".")
        right = right[:least] + right[least:].rstrip("0")
        left = (
            left.rjust(whole.count("0"), "0")
            if whole.count("0") > 1
            else left
            if whole.count("0") or left != "0"
            else ""
        )
        return f"{before[0]}{left}{'.' + right if right else ''}{after}"

    return show


def _span(value: timedelta) -> str:
    seconds = round(value.total_seconds())
    sign, seconds = ("-", -seconds) if seconds < 0 else ("", seconds)
    return f"{sign}{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def _exact(value: datetime | date | time, code: str) -> str:
    """ISO 8601 with a space; no time where neither the format nor the value has one."""
    if isinstance(value, datetime) and value.time() == time() and not _has_time(code):
        return str(value.date())
    return str(value)


@lru_cache(maxsize=1024)
def _has_time(code: str) -> bool:
    return re.search("[hs]", code, re.IGNORECASE) is not None


def _rounded(value: datetime | date | time) -> datetime | date | time:
    """To the second: 9:03 is 0.37708333 of a day."""
    if isinstance(value, time):
        seconds = min(round(value.second + value.microsecond / 1e6) + 60 * (value.minute + 60 * value.hour), 86_399)
        return time(seconds // 3600, seconds // 60 % 60, seconds % 60)
    if isinstance(value, datetime) and value.microsecond:
        return (value + timedelta(microseconds=500_000)).replace(microsecond=0)
    return value


def _dated(value: datetime | date | time, code: str) -> str | None:
    """A date as its format shows it, where that can be read in one way alone."""
    pieces = _pieces(code) if isinstance(value, datetime) else None
    if pieces is None:
        return None
    assert isinstance(value, datetime)
    return "".join(_piece(value, name) if name else text for name, text in pieces)


@lru_cache(maxsize=1024)
def _pieces(code: str) -> tuple[tuple[str, str], ...] | None:
    """What a format shows, one after another: a part of the date by its name, or a text."""
    code = code.split(";")[0]
    if not _PLAIN_ORDER.search(re.sub(r"\[[^\]]*\]", "", code)):
        return None
    tokens = list(_DATE_TOKEN.finditer(code))
    names = [(token[4] or "").casefold() for token in tokens]
    if sum(len(token[0]) for token in tokens) != len(code) or any(name.startswith("ddd") for name in names):
        return None
    half = any(token[3] for token in tokens)
    pieces = []
    for place, (token, name) in enumerate(zip(tokens, names, strict=True)):
        quoted, escaped, day_half, _, mark = token.groups()
        before = next((other for other in reversed(names[:place]) if other), "")
        after = next((other for other in names[place + 1 :] if other), "")
        if name in ("m", "mm") and (before.startswith("h") or after.startswith("s")):
            name = name.replace("m", "n")  # minutes
        elif half and name.startswith("h"):
            name = name.replace("h", "i")  # of twelve hours
        pieces.append((name or (day_half and "half " + day_half) or "", quoted or escaped or mark or ""))
    return tuple(pieces)


def _piece(value: datetime, name: str) -> str:
    if name.startswith("y"):
        return f"{value.year:04}"[-4 if len(name) == 4 else -2 :]
    if name in ("mmm", "mmmm"):
        return _MONTHS[value.month][: 3 if name == "mmm" else None]
    if name.startswith("half"):
        return (("上午", "下午") if "上" in name else ("AM", "PM"))[value.hour >= 12]
    parts = {"m": value.month, "d": value.day, "h": value.hour, "i": value.hour % 12 or 12, "n": value.minute}
    number = parts.get(name[0], value.second)
    return f"{number:02}" if len(name) == 2 else str(number)
