"""Dialogues written down as text, "客户：…⏎客服：…" or "User: …⏎Assistant: …", with or without rules between one and the next.

What speakers are called is found as in a column of dialogues, so that only the words of roles, and pairs of letters, are speakers.
Where there are none, and nearly all lines begin with one of a few names that come again, these are: who answers has to be said.
"""

import re
from collections import Counter
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path

from builder.formats import rows as limits
from builder.formats.conversations.cells import LOOKED_AT, find_labels, is_speaker_word
from builder.formats.conversations.chat import Chat, ChatExport
from builder.formats.conversations.splitting import Labels, Splitter
from builder.formats.conversations.text_lines import LOG_LEVELS, TextFile, open_text
from builder.formats.conversations.utterance import Utterance

# What stands between two dialogues: a rule, a heading, a number with a word for a dialogue.
_BETWEEN = re.compile(
    r"\s{0,9}(?:(?:[-=*_~#—] ?){3,}|#{1,6}\s.*|[【\[]?(?:第?\s{0,4}\d{1,6}\s{0,4}(?:段|组|个)?)?(?:对话|会话|聊天|conversation|dialogue|dialog|chat)"
    r"\s{0,4}[#：:]?\s{0,4}[一二三四五六七八九十\d]{0,6}[】\]]?[:：]?)\s{0,9}",
    re.IGNORECASE,
)
_DIVIDED = ("headings", "rules", "paragraphs", "nothing")
_OF_QUESTIONS = frozenset(("q", "a", "question", "answer", "问", "答", "问题", "答案", "回答", "提问"))
_COLUMN = "text"
_LONGEST = 200  # of a line between two dialogues
_NAMED = re.compile(r"(?P<name>[^\s:：#>*|\d-][^\n:：。？！?!，,]{0,19}?)[ \t]*[:：][ \t]*(?P<text>[^\s/].*)")
# Of the lines that hold something begin with a name; and so many names a chat has.
_MOSTLY, _MOST_NAMES = 0.6, 12


def open_chat(path: Path) -> Chat | None:
    """The file where its lines are surely what speakers say, else None."""
    text = open_text(path)
    if text is None:
        return None
    for divided in _DIVIDED:
        labels = _labels(text, divided)
        if labels is not None and labels.sides.keys() <= _OF_QUESTIONS and _labels(text, "paragraphs") is not None:
            divided = "paragraphs"  # a list of questions, each with its answer
        if labels is not None:
            answers = [word for word, side in labels.sides.items() if side == "assistant"]
            owner = answers[0] if len(answers) == 1 else None
            return Chat(partial(_utterances, text, divided, labels), "TXT", text.details, owner)
    return Chat(partial(_named, text), "TXT", text.details) if _is_named(text) else None


def _labels(text: TextFile, divided: str) -> Labels | None:
    return find_labels({_COLUMN: block} for _, block in islice(_blocks(text, divided), LOOKED_AT))


def _is_between(line: str) -> bool:
    return len(line) <= _LONGEST and _BETWEEN.fullmatch(line) is not None and not is_speaker_word(line.strip(" #*_:："))


def _is_named(text: TextFile) -> bool:
    """Whether lines are what a few people say in turn."""
    names = Counter[str]()
    lines = 0
    for _, line in text.lines():
        match = _NAMED.fullmatch(line.strip())
        if not line.strip() or (match is None and _is_between(line)):
            continue
        lines += 1
        names.update([match["name"]] if match else [])
        if len(names) > _MOST_NAMES or (lines == 1 and match is None):
            return False
    folded = {name.casefold() for name in names}
    again = len(names) > 1 and min(names.values()) > 1
    return again and names.total() >= _MOSTLY * lines and not folded <= LOG_LEVELS


def _named(text: TextFile) -> Iterator[Utterance]:
    part, row, speaker, said = 1, 0, "", list[str]()
    for number, line in text.lines():
        match = _NAMED.fullmatch(line.strip())
        between = match is None and _is_between(line)
        if (match or between) and row:
            yield Utterance(row, f"#{part}", speaker, "\n".join(said).strip())
            row = 0
        if match:
            row, speaker, said = number, match["name"], [match["text"]]
        elif between:
            part = number
        elif row:
            said.append(line)
    if row:
        yield Utterance(row, f"#{part}", speaker, "\n".join(said).strip())


def _blocks(text: TextFile, divided: str) -> Iterator[tuple[int, str]]:
    """The dialogues with the numbers of their first lines: between headings and rules, rules alone, blank lines, or nothing: then
    rules stand between the messages of one dialogue.
    """
    first, lines, size = 0, list[str](), 0
    for number, line in text.lines():
        if divided == "paragraphs":
            ends = not line.strip() or _is_between(line)
        elif divided == "nothing":
            ends = False
            line = "" if _is_between(line) and not line.startswith("#") else line
        else:  # a heading may stand within what somebody says, and above all
            ends = _is_between(line) and (divided == "headings" or not lines or not line.startswith("#"))
        if ends or size > limits.MAX_ROW_BYTES:
            if lines:
                yield first, "\n".join(lines)
            lines, size = [], 0
        if not ends and (lines or line.strip()):
            first = first if lines else number
            lines.append(line)
            size += len(line)
    if lines:
        yield first, "\n".join(lines)


def _utterances(text: TextFile, divided: str, labels: Labels) -> Iterator[Utterance]:
    split = Splitter(labels)
    for number, block in _blocks(text, divided):
        parts, before = split(block)
        if before:
            yield Utterance(number, f"#{number}", "", before)
        for part in parts:
            yield Utterance(number, f"#{number}", part.speaker, part.text)


TRANSCRIPT = ChatExport(name="transcript", title={"en": "dialogues as text", "zh": "文本形式的对话"}, open=open_chat)
