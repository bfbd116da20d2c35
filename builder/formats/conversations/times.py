"""Times as tables and exports of chats write them, in Chinese and English: to datetimes that can be compared.

2023-5-1 9:03, 2023/05/01 上午9:03, 2023年5月1日 09:03:12, 2023-05-01T09:03:00+08:00, 20230501090312
5月1日 09:03, 01/05/2023 9:03 PM, 1 May 2023, 09:03, May 1, 2023 at 9:03 AM, 9:03
45047.377 (a spreadsheet's day), 1682903000, 1682903000123 (seconds and milliseconds since 1970)
"""

import calendar
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone
from typing import Literal

from builder.text import word_list

Order = Literal["day", "month"]  # which of 01/02/2023 comes first

_HALF = "上午|下午|凌晨|早上|早晨|清晨|中午|傍晚|晚上|午夜|[ap]\\.?m\\.?"
_CLOCK = (
    rf"(?P<half>{_HALF})?\s*(?P<hour>\d{{1,2}})(?:[:：点时]\s*(?P<minute>\d{{1,2}})?(?:[:：分]\s*(?P<second>\d{{1,2}})?(?:[.,]\d+)?秒?)?)"
    rf"\s*(?P<after>{_HALF})?\s*(?P<zone>z|utc|gmt|[+-]\d{{2}}:?\d{{2}})?(?:\s*\([a-z ]+\))?"
)
_MONTH = "(?P<name>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
_WEEKDAY = r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,?\s+)?"
_AFTER_DAY = r"(?:\s*(?:星期|周|礼拜)[一二三四五六日天])?(?:[t,，]|\s+at|\s+-)?\s*"
_DATES = (
    r"(?P<year>\d{4})\s*[-/.年]\s*(?P<month>\d{1,2})\s*[-/.月]\s*(?P<day>\d{1,2})日?",
    r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})",
    r"(?P<month>\d{1,2})月(?P<day>\d{1,2})日",
    r"(?P<one>\d{1,2})[-/.](?P<two>\d{1,2})[-/.](?P<year>\d{4}|\d{2})",
    rf"{_WEEKDAY}(?P<day>\d{{1,2}})(?:st|nd|rd|th)?[ -]{_MONTH}\.?,?[ -]+(?P<year>\d{{4}}|\d{{2}})",
    rf"{_WEEKDAY}{_MONTH}\.?[ -](?P<day>\d{{1,2}})(?:st|nd|rd|th)?,?[ -]+(?P<year>\d{{4}}|\d{{2}})",
)
_FORMS = (
    *(re.compile(f"{date}(?:{_AFTER_DAY}{_CLOCK})?", re.IGNORECASE) for date in _DATES),
    re.compile(rf"{_WEEKDAY}{_MONTH} (?P<day>\d{{1,2}}) {_CLOCK} (?P<year>\d{{4}})", re.IGNORECASE),
)
_CLOCK_ONLY = re.compile(_CLOCK, re.IGNORECASE)
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})")
_NUMBER = re.compile(r"\d{5}(?:\.\d+)?|\d{10}(?:\.\d+)?|\d{13}|\d{16}")
_MONTHS = {name.casefold(): number for number, name in enumerate(calendar.month_abbr) if name}
_HALVES = dict.fromkeys(word_list("am 上午 凌晨 早上 早晨 清晨 午夜"), 0)
_HALVES |= dict.fromkeys(word_list("pm 下午 晚上 中午 傍晚"), 12)
# A year in which every date exists, for dates without one.
_NO_YEAR = 2000
_LONGEST = 48
_LAST_SERIAL = 80_000  # in 2119
_EXCEL_EPOCH = datetime(1899, 12, 30)
_UNIX_EPOCH = datetime(1970, 1, 1)
_UNITS = {10: 1.0, 13: 1e-3, 16: 1e-6}
_YEARS = range(1970, 2120)


class Times:
    """Reads the times of one column, from the top: a date without a year, or a time without a date, goes on from the one above.

    Args:
        order: of day and month where only the file as a whole tells.
    """

    def __init__(self, order: Order = "day") -> None:
        self._order = order
        self._last: datetime | None = None
        self._years = self._days = 0

    def read(self, text: str) -> datetime | None:
        """A time, or None where the text is none."""
        text = text.strip()
        if not text or len(text) > _LONGEST or not any(map(str.isdigit, text)):
            return None
        try:
            return self._number(text) or self._date(text) or self._clock(text)
        except (ValueError, OverflowError):
            return None

    def _number(self, text: str) -> datetime | None:
        if compact := _COMPACT.fullmatch(text):
            year, month, day, hour, minute, second = map(int, compact.groups())
            return datetime(year, month, day, hour, minute, second) if year in _YEARS else None
        if not _NUMBER.fullmatch(text):
            return None
        whole = text.partition(".")[0]
        if len(whole) == 5:
            return _EXCEL_EPOCH + timedelta(seconds=round(float(text) * 86_400)) if float(text) < _LAST_SERIAL else None
        found = _UNIX_EPOCH + timedelta(seconds=float(text) * _UNITS[len(whole)])
        return found if found.year in _YEARS and found.year >= 1990 else None

    def _date(self, text: str) -> datetime | None:
        match = next((match for form in _FORMS if (match := form.fullmatch(text))), None)
        if match is None:
            return None
        parts = match.groupdict()
        if parts.get("one"):
            day, month = (parts["one"], parts["two"]) if self._order == "day" else (parts["two"], parts["one"])
            parts |= {"day": day, "month": month}
        month_number = _MONTHS[parts["name"].casefold()] if parts.get("name") else int(parts["month"])
        year = parts.get("year")
        if year is None:
            found = datetime(_NO_YEAR, month_number, int(parts["day"]))
            if self._last is not None and self._last - found > timedelta(days=180):
                self._years += 1
            self._last = found
            if (month_number, found.day) == (2, 29):  # of a leap year, which the years counted here need not be
                found -= timedelta(days=1)
            return _with_clock(found.replace(year=_NO_YEAR + self._years), parts)
        number = int(year) + (2000 if len(year) == 2 else 0)
        return _with_clock(datetime(number, month_number, int(parts["day"])), parts) if number in _YEARS else None

    def _clock(self, text: str) -> datetime | None:
        match = _CLOCK_ONLY.fullmatch(text)
        if match is None:
            return None
        found = _with_clock(datetime(_NO_YEAR, 1, 1), match.groupdict())
        if self._last is not None and self._last - found > timedelta(hours=6):
            self._days += 1
        self._last = found
        return found + timedelta(days=self._days)


def _with_clock(day: datetime, parts: dict[str, str | None]) -> datetime:
    if parts.get("hour") is None:
        return day
    half = parts.get("half") or parts.get("after")
    found = clock_time(day, parts["hour"] or "", parts.get("minute") or "0", parts.get("second"), half)
    if found is None:
        raise ValueError("no time of a day")
    zone = (parts.get("zone") or "").casefold()
    if zone[:1] in ("+", "-"):
        minutes = int(zone[1:3]) * 60 + int(zone[-2:])
        offset = timezone(timedelta(minutes=minutes if zone[0] == "+" else -minutes))
        found = found.replace(tzinfo=offset).astimezone(UTC).replace(tzinfo=None)
    return found


def clock_time(day: datetime, hour: str, minute: str, second: str | None, half: str | None) -> datetime | None:
    """A day's time as a clock of 12 or 24 hours shows it; None where there is no such time."""
    hours = int(hour)
    folded = re.sub(r"[.\s]", "", half or "").casefold()
    if folded in _HALVES and hours <= 12:
        late = folded == "中午" and hours in (10, 11)  # 中午 11:50
        hours = hours if late else hours % 12 + _HALVES[folded]
    if hours > 23 or int(minute) > 59 or int(second or 0) > 59:
        return None
    return day.replace(hour=hours, minute=int(minute), second=int(second or 0))


def is_time(text: str) -> bool:
    """Whether a text is a time, whichever of its numbers is the day."""
    return Times("day").read(text) is not None or Times("month").read(text) is not None


def has_date(text: str) -> bool:
    """Whether a text is a time with its date."""
    return is_time(text) and not _CLOCK_ONLY.fullmatch(text.strip())


def order_of(texts: Iterable[str]) -> tuple[Order, bool]:
    """Which of 01/02/2023 is the day, and whether the texts tell: one of the two is over 12, or only one order goes forwards."""
    firsts = seconds = 0
    steps: dict[Order, int] = {"day": 0, "month": 0}
    last: dict[Order, datetime] = {}
    for text in texts:
        match = _FORMS[3].fullmatch(text.strip())
        if match is None:
            continue
        one, two = int(match["one"]), int(match["two"])
        firsts, seconds = max(one, firsts), max(two, seconds)
        for order in steps:
            found = Times(order).read(text)
            if found is not None:
                steps[order] += order in last and found < last[order]
                last[order] = found
    if not firsts:
        return "day", True
    if (firsts > 12) != (seconds > 12):
        return ("day" if firsts > 12 else "month"), True
    if steps["day"] != steps["month"]:
        return ("day" if steps["day"] < steps["month"] else "month"), True
    return "day", False
