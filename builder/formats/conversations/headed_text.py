"""Chats as text in which a line says who speaks and when: WeChat's, QQ's, Feishu's, and what tools write of them.

    2023-05-01 09:03:12 张三⏎你好            QQ's message manager (also 张三(12345), 张三<a@b.c>), MemoTrace, WeFlow
    张三 2023年5月1日 09:03⏎你好, 张三:⏎你好⏎⏎     copied out of WeChat or Feishu on a computer
    —————  2023-05-01  —————⏎张三  09:03⏎⏎你好        forwarded by WeChat as mail
    2023-05-01 09:03:12 张三: 你好, 张三(2023-05-01 09:03:12): 你好

A file keeps to one of these. Where a text could end in a time too (明天 09:03), a line is a speaker's where the name comes again, or
stands after a blank line as all others do. (Source: exports of these programs as public parsers of them document.)
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, partial
from itertools import pairwise
from pathlib import Path

from builder.formats.conversations.chat import Chat, ChatExport
from builder.formats.conversations.text_lines import LOG_LEVELS, TextFile, open_text
from builder.formats.conversations.times import clock_time
from builder.formats.conversations.utterance import Utterance

_DATE = r"(?P<year>\d{4})[-/.年](?P<month>\d{1,2})[-/.月](?P<day>\d{1,2})日?"
_HALF = "上午|下午|凌晨|早上|清晨|中午|傍晚|晚上"
_CLOCK = rf"(?P<half>{_HALF})?[ ]?(?P<hour>\d{{1,2}})[:：](?P<minute>\d{{2}})(?:[:：](?P<second>\d{{2}}))?(?P<after> ?[AaPp][Mm])?"
_NAME = r"(?P<name>[^\s:：][^\n:：]{0,39}?)"
_WHO = r"(?:\((?P<id>\d{5,12})\)|<(?P<mail>[^<>@\s]+@[^<>\s]+)>)?"
_STYLES = {
    "time_name": rf"{_DATE}[ T\t]+{_CLOCK}[ \t]+(?:【[^】]{{1,20}}】)?(?P<name>[^\s:：(][^\n:：]{{0,39}}?|(?=\(\d)){_WHO}[:：]?",
    "name_time": rf"{_NAME}[ \t]+{_DATE}[ \t]+{_CLOCK}",
    "one_line": rf"[\[(（【]?{_DATE}[ T\t]+{_CLOCK}[\])）】]?[ \t,，-]*{_NAME}{_WHO}[ \t]*[:：][ \t]*(?P<text>.*)",
    "name_in_front": rf"{_NAME}[ \t]?[(（\[]{_DATE}[ \t]+{_CLOCK}[)）\]][ \t]*[:：][ \t]*(?P<text>.*)",
    "name_clock": rf"{_NAME}[ \t\u2003]+{_CLOCK}",
    "name_alone": r"(?P<name>[^\s:：#>*\-|][^\n:：。？！?!]{0,19}?)[:：]",
}
_HEADS = {style: re.compile(pattern) for style, pattern in _STYLES.items()}
_IN_ONE_LINE = ("one_line", "name_in_front")
_MAY_END_A_TEXT = ("name_time", "name_clock", "name_alone")
_DAY = re.compile(rf"[—–\-=─*\s]*{_DATE}[—–\-=─*\s]*(?:星期[一二三四五六日天])?[—–\-=─*\s]*")
_LONGEST = 200  # of a line that tells a day
_RULE = re.compile("[=—-]{16,}")
_PARTNER = re.compile("消息(?P<what>对象|分组)[:：](?P<name>.+)")
# At least so many lines are heads, and of the first lines one is.
_LEAST, _SHARE, _FIRST = 2, 0.1, 15
_SOLE = 0.6  # names that come once or twice are as many in a log
_MOSTLY = 0.95
_MOST_NAMES = 100_000


@dataclass
class _Found:
    """How a file is laid out.

    Attributes:
        names: how often each speaker's line comes.
        blanks: how often a blank line stands above it.
        marked: whether speakers have numbers or addresses, or a line names the partner.
    """

    style: str
    names: Counter[str] = field(default_factory=Counter)
    blanks: Counter[str] = field(default_factory=Counter)
    marked: bool = False

    @cached_property
    def blank_before(self) -> bool:
        """Whether a blank line stands above the lines of all who speak again."""
        again = [name for name, count in self.names.items() if count > 1] or list(self.names)
        return sum(self.blanks[name] for name in again) >= _MOSTLY * sum(self.names[name] for name in again)


def open_chat(path: Path) -> Chat | None:
    """The file where lines that say who speaks and when are many and alike, else None."""
    text = open_text(path)
    found = None if text is None else _find(text)
    if text is None or found is None:
        return None
    owner = "我" if "我" in found.names else None
    return Chat(partial(_utterances, text, found), "TXT", text.details, owner)


def _find(text: TextFile) -> _Found | None:
    lines = [line.strip() for line in text.head() if line.strip()]
    counts = Counter(style for line in lines if (style := _style(line)) is not None)
    if not counts:
        return None
    style = max(counts, key=lambda name: (counts[name], -list(_HEADS).index(name)))
    head = _HEADS[style]
    first = any(head.fullmatch(line) for line in lines[:_FIRST])
    if counts[style] < max(_LEAST, _SHARE * len(lines)) or not first:
        return None
    if style == "name_alone" and not head.fullmatch(lines[0]):
        return None
    if style not in _IN_ONE_LINE and _empty_heads(lines, head) > 0.3 * counts[style]:
        return None
    found = _counted(text, style)
    total = found.names.total()
    few = found.marked or len(found.names) <= max(2, _SOLE * total)
    few = few and (style != "name_alone" or min(found.names.values()) > 1)
    levels = {name.casefold() for name in found.names} <= LOG_LEVELS
    return found if few and len(found.names) > 1 and not levels else None


def _day_line(line: str) -> re.Match[str] | None:
    return _DAY.fullmatch(line) if len(line) <= _LONGEST else None


def _style(line: str) -> str | None:
    return next((style for style, head in _HEADS.items() if head.fullmatch(line)), None)


def _empty_heads(lines: list[str], head: re.Pattern[str]) -> int:
    """How many heads have another one right below, and so no text."""
    heads = [head.fullmatch(line) is not None for line in lines]
    return sum(1 for one, other in pairwise(heads) if one and other)


def _counted(text: TextFile, style: str) -> _Found:
    found, above = _Found(style), ""
    for _, line in text.lines():
        line = line.strip()
        match = _HEADS[style].fullmatch(line)
        if match is not None and len(found.names) < _MOST_NAMES:
            found.names[_key(match)] += 1
            found.blanks[_key(match)] += not above or _day_line(above) is not None
            found.marked = found.marked or _identity(match) is not None
        found.marked = found.marked or _PARTNER.fullmatch(line) is not None
        above = line
    return found


def _identity(match: re.Match[str]) -> str | None:
    parts = match.groupdict()
    return parts.get("id") or parts.get("mail")


def _key(match: re.Match[str]) -> str:
    """What a speaker is known by: a number or an address, else the name."""
    return _identity(match) or match["name"].strip(" '\"")


def _utterances(text: TextFile, found: _Found) -> Iterator[Utterance]:
    names: dict[str, str] = {}  # the first under which somebody is seen
    conversation: str | None = None
    day: datetime | None = None
    row, speaker, said, time = 0, "", list[str](), None
    above, rule = "", False
    for number, line in text.lines():
        bare = line.strip()
        match = _HEADS[found.style].fullmatch(bare)
        if match is not None and _is_head(match, found, above):
            yield from _said(row, conversation, speaker, said, time)
            key = _key(match)
            speaker = names.setdefault(key, match["name"].strip(" '\"") or key)
            day = _day(match) if "year" in match.groupdict() else day
            row, time, said = number, _time(match, day), [match.groupdict().get("text") or ""]
        elif (partner := _PARTNER.fullmatch(bare)) is not None and rule:
            conversation = partner["name"].strip() if partner["what"] == "对象" else conversation
        elif _RULE.fullmatch(bare) or (found.style == "name_clock" and (dated := _day_line(bare))):
            yield from _said(row, conversation, speaker, said, time)
            row, rule = 0, True
            day = _day(dated) if not _RULE.fullmatch(bare) and dated else day
        elif row:
            said.append(line)
        elif bare and not rule:
            yield Utterance(number, None, "", bare)  # above the first speaker
        above = bare
    yield from _said(row, conversation, speaker, said, time)


def _is_head(match: re.Match[str], found: _Found, above: str) -> bool:
    """Whether a line that looks so begins what somebody says, and is no text that ends, or begins, with a time."""
    if found.style in _IN_ONE_LINE:
        return True
    blank = not above or _day_line(above) is not None or _RULE.fullmatch(above) is not None
    if found.blank_before:
        return blank or (found.names[_key(match)] > 1 and found.style not in _MAY_END_A_TEXT)
    return found.names[_key(match)] > 1 or found.style not in _MAY_END_A_TEXT


def _day(match: re.Match[str]) -> datetime | None:
    try:
        return datetime(int(match["year"]), int(match["month"]), int(match["day"]))
    except ValueError:
        return None


def _time(match: re.Match[str], day: datetime | None) -> datetime | None:
    if day is None or "hour" not in match.groupdict():
        return None
    return clock_time(day, match["hour"], match["minute"], match["second"], match["half"] or match["after"])


def _said(
    row: int, conversation: str | None, speaker: str, said: list[str], time: datetime | None
) -> Iterator[Utterance]:
    if row:
        yield Utterance(row, conversation, speaker, "\n".join(said).strip(), time)


HEADED_TEXT = ChatExport(
    name="headed_text",
    title={"en": "chat text with times (WeChat, QQ, Feishu)", "zh": "带时间的聊天文本（微信、QQ、飞书等）"},
    open=open_chat,
)
