"""WeChat's messages as tables: what the common tools export as CSV, XLSX or JSON.

    localId,TalkerId,Type,SubType,IsSender,CreateTime,Status,StrContent,StrTime,Remark,NickName,Sender     MemoTrace (留痕)
    消息ID,类型,发送人,时间,内容,备注,昵称,更多信息                                                             MemoTrace, one chat
    id,MsgSvrID,type_name,is_sender,talker,room_name,msg,src,CreateTime              PyWxDump, WeFlow, WeClone (content for msg)
    Time,SenderName,Sender,TalkerName,Talker,Content                                                       chatlog

(Source: the exporters of these programs, which write these headers.)
"""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from builder.formats.columns import fold_name, truth
from builder.formats.conversations.chat import Chat, ChatExport
from builder.formats.conversations.times import Times
from builder.formats.conversations.utterance import Utterance
from builder.formats.reading import RowFile

ME = "我"
# Our field → the headers' names, folded; a tool is known by all of the first names of `needed` fields.
_TOOLS: tuple[tuple[frozenset[str], Mapping[str, tuple[str, ...]]], ...] = (
    (
        frozenset(("talkerid", "type", "issender", "strcontent")),
        {
            "mine": ("issender",),
            "kind": ("type",),
            "text": ("strcontent",),
            "time": ("strtime", "createtime"),
            "speaker": ("remark", "nickname", "sender"),
            "conversation": ("talkerid",),
        },
    ),
    (
        frozenset(("type_name", "is_sender", "talker", "createtime")),
        {
            "mine": ("is_sender",),
            "kind": ("type_name",),
            "text": ("msg", "content"),
            "time": ("createtime",),
            "speaker": ("talker",),
            "conversation": ("room_name",),
        },
    ),
    (
        frozenset(("消息id", "类型", "发送人", "时间", "内容")),
        {"kind": ("类型",), "text": ("内容",), "time": ("时间",), "speaker": ("发送人",)},
    ),
    (
        frozenset(("time", "sendername", "sender", "talkername", "talker", "content")),
        {"text": ("content",), "time": ("time",), "speaker": ("sendername", "sender"), "conversation": ("talker",)},
    ),
)
# WeChat's numbers of kinds, and words that tools write for them; what is none of these is text.
_MARKS = {
    "3": "[图片]",
    "34": "[语音]",
    "42": "[名片]",
    "43": "[视频]",
    "47": "[表情]",
    "48": "[位置]",
    "50": "[通话]",
    "62": "[视频]",
}
_NOTICES = ("10000", "10002", "系统", "撤回", "拍一拍", "添加好友", "system", "recall", "notice")
_WORDS = {
    "图片": "[图片]",
    "image": "[图片]",
    "语音": "[语音]",
    "voice": "[语音]",
    "audio": "[语音]",
    "视频": "[视频]",
    "video": "[视频]",
    "表情": "[表情]",
    "sticker": "[表情]",
    "emoji": "[表情]",
    "gif": "[表情]",
    "文件": "[文件]",
    "file": "[文件]",
    "位置": "[位置]",
    "location": "[位置]",
    "名片": "[名片]",
    "card": "[名片]",
    "链接": "[链接]",
    "link": "[链接]",
    "小程序": "[小程序]",
    "转账": "[转账]",
    "红包": "[红包]",
    "通话": "[语音]",
}


def open_table(file: RowFile) -> Chat | None:
    """The rows where their columns are those of one of these tools, else None."""
    columns = {fold_name(column): column for column in reversed([*file.columns])}
    for needed, fields in _TOOLS:
        found = {field: [columns[name] for name in names if name in columns] for field, names in fields.items()}
        if needed <= columns.keys() and found["text"]:
            owner = ME if "mine" in fields or "发送人" in columns else None
            return Chat(partial(_utterances, file, found), file.container, file.details, owner)
    return None


def _utterances(file: RowFile, fields: Mapping[str, list[str]]) -> Iterator[Utterance]:
    times = Times()
    for row in file.rows():
        values = {field: _first(row.values, columns) for field, columns in fields.items()}
        mine = truth(values["mine"]) is True if "mine" in fields else values["speaker"] == ME
        speaker = ME if mine else values["speaker"] or "对方"
        text = values["text"]
        kind = values.get("kind", "").removesuffix(".0").casefold()
        if any(kind == word or (not word.isdecimal() and word in kind) for word in _NOTICES):
            speaker = ""
        elif kind not in ("", "1", "文本", "text"):
            text = _marked(kind, text)
        yield Utterance(row.number, values.get("conversation") or None, speaker, text, times.read(values["time"]))


def _marked(kind: str, text: str) -> str:
    """What stands for a message that is no text; a quotation, or what a later version calls so, keeps its text."""
    word = next((mark for word, mark in _WORDS.items() if word in kind), None)
    mark = _MARKS.get(kind) or word
    if mark is None and (not text.strip() or text.lstrip().startswith("<")):
        mark = "[链接]"
    return text if mark is None else mark


def _first(values: Mapping[str, Any], columns: list[str]) -> str:
    """The first of some columns that holds something, as text."""
    found = next((values[column] for column in columns if values.get(column) not in (None, "")), "")
    return found if isinstance(found, str) else str(found).removesuffix(".0")


WECHAT_TABLE = ChatExport(
    name="wechat_table",
    title={"en": "WeChat's messages, exported as a table", "zh": "微信聊天记录导出的表格"},
    open_rows=open_table,
)
