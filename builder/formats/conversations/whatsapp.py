"""WhatsApp's export of a chat, `_chat.txt` or `WhatsApp Chat with ….txt`.

    [01/05/2023, 09:03:12] Anna: Hi            on iPhones; left-to-right marks stand before what nobody typed
    01/05/23, 9:03 am - Anna: Hi               on Android; lines go on until the next time
    2023/5/1 上午9:03 - 张三: 你好

The order of day, month and year is the phone's. A number over 12 tells it; else the order in which time never runs backwards;
else (then nothing depends on it) day first, as most of the world has it. (Source: WhatsApp's help on exporting chats, and exports
that public parsers of it document, in English, Chinese, German and Finnish.)
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path

from builder.formats.conversations.chat import Chat, ChatExport
from builder.formats.conversations.notices import kind_of_message
from builder.formats.conversations.text_lines import LOG_LEVELS, TextFile, open_text
from builder.formats.conversations.times import clock_time
from builder.formats.conversations.utterance import Utterance

_MARKS = "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\ufeff"
_HEAD = re.compile(
    r"(?P<bracket>\[)?(?P<a>\d{1,4})[./-](?P<b>\d{1,2})[./-](?P<c>\d{1,4})\.?,?[ \u202f]+(?:klo |at |às |à |um |a las )?"
    r"(?P<before>上午|下午|凌晨|早上|清晨|中午|傍晚|晚上)?[ \u202f]?(?P<hour>\d{1,2})[:.](?P<minute>\d{2})(?:[:.](?P<second>\d{2}))?"
    r"[ \u202f\u00a0]?(?P<after>[AaPp]\.?[ \u202f\u00a0]?[Mm]\.?)?(?(bracket)\]|[ \u202f]+[-–])[ \u202f]+(?P<rest>.*)"
)
_HYPHENS = re.compile(r"\[\d{4}-\d+-\d+ ")
_EDITED = re.compile(r"[\u200e ]{0,4}<(?:This message was edited|此消息已编辑|已编辑)>$")
# A marker of something attached, above its caption.
_ATTACHED = re.compile(
    r"(?:<(?:attached|附件)[:：] ?.+>|.+\.\w{2,5} \((?:file attached|文件附件|已附加文件)\))$", re.IGNORECASE
)
# The same after its caption, on iPhones.
_OMITTED = re.compile(r"\u200e([^\u200e\n]{3,40} omitted)\.?$")
_DELETED = re.compile(
    r"(?:this message was deleted|you deleted this message|null|(?:missed )?(?:group )?(?:voice|video) call\b.{0,60}"
    r"|[您你]?(?:已)?删除了?(?:此|这条)消息|(?:此|这条)消息已(?:被)?删除|(?:未接)?(?:语音|视频)通话.{0,20})[.。]?",
    re.IGNORECASE,
)
_IN_BRACKETS = re.compile(r"<[^<>\n@/]{4,40}>")
_INVISIBLE = re.compile("[\u200e\u200f\u2068\u2069]")
_MEDIA = "<Media omitted>"
# What a notice may hold before its colon, and a name hardly does.
_NO_NAME = re.compile('["“”„]|(?:changed|created|added|removed|更改|修改|创建|加入|邀请)')
_LONGEST_NAME = 80


@dataclass(slots=True)
class _Days:
    """What all dates of a file say of their order."""

    year_first: bool = True
    possible: frozenset[str] = frozenset(("dmy", "mdy"))
    backwards: Counter[str] = field(default_factory=Counter)
    _last: dict[str, datetime] = field(default_factory=dict)

    def see(self, match: re.Match[str]) -> None:
        self.year_first = self.year_first and len(match["a"]) == 4
        for order in ("dmy", "mdy"):
            day = _day(match, order)
            if day is None:
                self.possible -= {order}
                continue
            if order in self._last and day < self._last[order]:
                self.backwards[order] += 1
            self._last[order] = day

    @property
    def order(self) -> str:
        if self.year_first:
            return "ymd"
        return min(("dmy", "mdy"), key=lambda order: (order not in self.possible, self.backwards[order]))


def _day(match: re.Match[str], order: str) -> datetime | None:
    values = dict(zip(order, (match["a"], match["b"], match["c"]), strict=True))
    year = int(values["y"])
    try:
        return datetime(year + 2000 if year < 100 else year, int(values["m"]), int(values["d"]))
    except ValueError:
        return None


def _head(line: str) -> re.Match[str] | None:
    match = _HEAD.match(line.lstrip(_MARKS + " "))
    # [2023-05-01 09:03:12] is another tool's: WhatsApp has a comma where it has hyphens
    return None if match is not None and _HYPHENS.match(match[0]) else match


def open_chat(path: Path) -> Chat | None:
    """The file where its first line and others begin with WhatsApp's times, else None."""
    text = open_text(path)
    if text is None:
        return None
    lines = [line for line in text.head() if line.strip(_MARKS + " ")]
    heads = [match for line in lines if (match := _head(line)) is not None]
    speakers = {name for match in heads if (name := _speaker(match["rest"])[0])}
    if (
        len(heads) < 2
        or _head(lines[0]) is None
        or not speakers
        or {name.casefold() for name in speakers} <= LOG_LEVELS
    ):
        return None
    days = _Days()
    for _, line in text.lines():
        if (match := _head(line)) is not None:
            days.see(match)
    return Chat(partial(_utterances, text, days.order), "TXT", {**text.details, "dates": days.order})


def _utterances(text: TextFile, order: str) -> Iterator[Utterance]:
    row, speaker, said, time = 0, "", list[str](), None
    for number, line in text.lines():
        match = _head(line)
        if match is None:
            said.append(line)
            continue
        if row:
            yield from _messages(row, speaker, said, time)
        day = _day(match, order)
        half = match["before"] or match["after"]
        time = clock_time(day, match["hour"], match["minute"], match["second"], half) if day is not None else None
        row = number
        speaker, first = _speaker(match["rest"])
        said = [first]
    if row:
        yield from _messages(row, speaker, said, time)


def _speaker(rest: str) -> tuple[str, str]:
    """Who said a line's text, and the text; nobody, where it is a notice."""
    rest = rest.strip(_MARKS + " ")
    name, colon, text = rest.partition(": ")
    if not colon and rest.endswith(":"):
        name, colon, text = rest[:-1], ":", ""
    if not colon or len(name) > _LONGEST_NAME or _NO_NAME.search(name):
        return "", rest
    return name.strip(_MARKS + " ~"), text


def _messages(row: int, speaker: str, said: list[str], time: datetime | None) -> Iterator[Utterance]:
    """What stands in one entry: the marker of a file apart from its caption, and what nobody typed under nobody's name."""
    typed = not said[0].startswith("\u200e")
    if len(said) > 1 and _ATTACHED.fullmatch(said[0].strip(_MARKS + " ")):
        yield Utterance(row, None, speaker, said.pop(0).strip(_MARKS + " "), time)
        typed = True
    text = _EDITED.sub("", "\n".join(said).strip())
    if (omitted := _OMITTED.search(text)) is not None and omitted.start() > 0:
        yield Utterance(row, None, speaker, omitted[1], time)
        text = text[: omitted.start()]
    text = _INVISIBLE.sub("", text).strip()
    if _IN_BRACKETS.fullmatch(text):
        text = _MEDIA  # some picture or file, in the phone's language
    if _DELETED.fullmatch(text):
        media = text == "null"  # a picture to be seen once
        speaker, text = (speaker, _MEDIA) if media else ("", text)
    elif not typed and kind_of_message(text, speaker) == "said":
        text = _MEDIA  # some picture or file, in the phone's language
    yield Utterance(row, None, speaker, text, time)


WHATSAPP = ChatExport(
    name="whatsapp", title={"en": "WhatsApp's export", "zh": "WhatsApp 导出的聊天记录"}, open=open_chat
)
