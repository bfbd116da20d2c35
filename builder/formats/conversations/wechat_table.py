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
from builder.formats.conversations.notices import MARKS
from builder.formats.conversations.times import Times
from builder.formats.conversations.utterance import Utterance
from builder.formats.reading import RowFile
from builder.text import word_list

ME = "我"
# Columns by which a tool is known, folded, and our field → the columns that may hold it.
_TOOLS: tuple[tuple[str, Mapping[str, str]], ...] = (
    (
        "talkerid type issender strcontent",
        {"mine": "issender", "kind": "type", "text": "strcontent", "time": "strtime createtime"}
        | {"speaker": "remark nickname sender", "conversation": "talkerid"},
    ),
    (
        "type_name is_sender talker createtime",
        {"mine": "is_sender", "kind": "type_name", "text": "msg content", "time": "createtime"}
        | {"speaker": "talker", "conversation": "room_name"},
    ),
    ("消息id 类型 发送人 时间 内容", {"kind": "类型", "text": "内容", "time": "时间", "speaker": "发送人"}),
    (
        "time sendername sender talkername talker content",
        {"text": "content", "time": "time", "speaker": "sendername sender", "conversation": "talker"},
    ),
)
# WeChat's numbers of kinds; tools write words for them too. What is none of these is text.
_NUMBERS = {
    "3": "图片",
    "34": "语音",
    "42": "名片",
    "43": "视频",
    "47": "表情",
    "48": "位置",
    "50": "通话",
    "62": "视频",
}
_NOTICES = ("10000", "10002", "系统", "撤回", "拍一拍", "添加好友", "system", "recall", "notice")


def open_table(file: RowFile) -> Chat | None:
    """The rows where their columns are those of one of these tools, else None."""
    columns = {fold_name(column): column for column in reversed([*file.columns])}
    for needed, fields in _TOOLS:
        found = {field: [columns[n] for n in word_list(names) if n in columns] for field, names in fields.items()}
        if {*word_list(needed)} <= columns.keys() and found["text"]:
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
    mark = (
        f"[{_NUMBERS[kind]}]"
        if kind in _NUMBERS
        else next((mark for word, mark in MARKS.items() if word in kind), None)
    )
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
