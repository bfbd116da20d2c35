"""One chat a cell: which column of a table holds whole dialogues, and which words in it are the speakers'.

    客户：在吗⏎客服：您好，请讲           User: Hi Assistant: Hello. Note: we close at 5.           A：几点了 B：九点

A speaker's word recurs in the column, stands at the beginning of a line or of a sentence, and has a colon or brackets; what merely
looks so (`Note:`, 时间：9:00) is neither the word of a role nor one of a pair of letters. Measured on our own cells, see the tests.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from builder.formats.conversations.exchanges import Side
from builder.formats.conversations.roles import fold_speaker, is_role_word, side_by_name
from builder.formats.conversations.splitting import NUMBERED, TIME, Labels, Splitter, plain_lines
from builder.formats.row_format import Row
from builder.text import word_list

_ORDER = ("user", "assistant", "notice")
# Rows that are looked at to learn the words, and characters of each.
LOOKED_AT = 2_000
_CHARACTERS = 6_000
_MOST_LABELS = 50_000
# Of the cells: that begin with a speaker, that have both sides, that hold a word for it to recur.
_BEGIN, _BOTH, _RECURS = 0.9, 0.8, 0.5
# Of the cells: that have more than a question and its answer, for a word to be a speaker's whatever stands beside it.
_SEVERAL = 0.2
# A word that is a role and hardly anything else need not recur as often: the system, a second agent.
_RARE = 0.02
_ALSO_OTHERWISE = frozenset(
    word_list(
        "model store shop service support member admin doctor teacher tutor student guest operator staff"
        " caller merchant vendor notice notification tool function 老师 医生 学生 患者 家长 官方 人工 运营 销售"
        " 店铺 管家 会员 通知 工具"
    )
)
_OF_MODELS = frozenset(("user", "human", "assistant", "gpt", "chatgpt", "model", "bot", "ai", "用户", "助手", "人类"))
# That may follow a text without a space or a mark between, where nothing else divides a column.
_TIGHT = ("客户", "客服", "用户", "助手", "问", "答", "买家", "卖家", "顾客", "商家", "店家", "机器人", "医生", "患者")
_PAIRS = (
    *(("q", "a"), ("问", "答"), ("a", "b"), ("甲", "乙"), ("speaker 1", "speaker 2"), ("person 1", "person 2")),
    *(("question", "answer"), ("问题", "答案"), ("问题", "回答"), ("提问", "回答"), ("prompt", "response")),
    *(("you", "chatgpt"), ("you", "claude")),
)
# Colons with a possible label before them, and words in brackets.
_COLON = re.compile(rf"([^\n:：]{{1,40}}?)(?:[ \t]{{1,8}}{TIME})?[ \t]{{0,8}}[:：]")
_BRACKETS = re.compile(r"(?:^|\n)[ \t]*[\[【<(（]\|?([^\]】>)）|\n:：]{1,20})\|?[\]】>)）]")
_HEADING = re.compile(r"^#{1,6}[ \t]([^\n:：]{1,24})$", re.MULTILINE)
_FORM_LINE = re.compile(r"^[ \t]*([^\s:：][^\n:：]{0,19})[:：]", re.MULTILINE)
_ENDS = re.compile("[。！？；，,!?.;…”』」】）)~～]")
_STRIP = " \t#*_[]【】<>「」『』()（）|/-•>"
_QUOTES = re.compile("['\"“”‘’「」『』]")
_BLANKS = re.compile(r"[ \t]+")
_LEADING_TIME = re.compile(rf"^[ \t]*{TIME}[ \t,，-]*", re.MULTILINE)
_FOLLOWING_TIME = re.compile(rf"[ \t]{{1,8}}{TIME}[ \t]{{0,8}}$", re.MULTILINE)
_TAIL = re.compile(f"{NUMBERED}$")


def find_labels(rows: Iterable[Row], columns: Sequence[str] | None = None) -> Labels | None:
    """The column of dialogues and its speakers, or None where no column is surely one.

    Args:
        rows: as many as are to be looked at.
        columns: those that may be it; None are all.
    """
    texts: dict[str, list[str]] = {}
    for row in rows:
        for column, value in row.items():
            if isinstance(value, str) and (columns is None or column in columns) and value.strip():
                texts.setdefault(column, []).append(value[:_CHARACTERS])
    by_length = sorted(texts, key=lambda column: -sum(map(len, texts[column])))
    for column in by_length:
        sides = _sides(texts[column])
        for tight in (False, True) if sides else ():
            labels = Labels(column, sides, tight)
            if _fits(texts[column], labels):
                return labels
    return None


def is_speaker_word(text: str) -> bool:
    """Whether a text is a word that a speaker goes by, and nothing else."""
    return is_role_word(text) or any(fold_speaker(text) in pair for pair in _PAIRS)


def _sides(texts: Sequence[str]) -> dict[str, Side]:
    counts: Counter[str] = Counter()
    for text in texts:
        if len(counts) < _MOST_LABELS:
            counts.update(_candidates(text))
    total = len(texts)
    known: dict[str, Side] = {}
    for word, count in counts.items():
        side = side_by_name(word)
        plain = word not in _ALSO_OTHERWISE and is_role_word(word)
        if side in ("user", "assistant", "notice") and count >= (_RARE if plain else _RECURS) * total:
            known[word] = side
    known = {word: side for word, side in known.items() if _is_whole(word, known, counts)}
    known |= _with_names(counts, known, total)
    if {"user", "assistant"} <= set(known.values()) and not _is_form(texts, known):
        people = {word for word, side in known.items() if side != "notice"}
        told = people <= _OF_MODELS  # the system tells a model what to do, and people what happens
        ordered = sorted(known.items(), key=lambda item: (_ORDER.index(item[1]), item[0]))
        return {word: "system" if told and side == "notice" else side for word, side in ordered}
    recurring = {word for word, count in counts.items() if count >= _RECURS * total}
    for asks, answers in _PAIRS:
        if {asks, answers} <= recurring:
            return {asks: "user", answers: "assistant"}
    return {}


def _with_names(counts: Mapping[str, int], known: Mapping[str, Side], total: int) -> dict[str, Side]:
    """Roles that have other names in other cells, 客服小美 and 客服小丽, `agent smith` and `agent jones`: the word with a star."""
    groups: Counter[str] = Counter()
    for word, count in counts.items():
        first, _, name = word.partition(" ")
        if word.isascii() and name.isalpha() and is_role_word(first):
            groups[f"{first} *"] += count
        for size in (1, 2, 3) if not word.isascii() else ():
            if len(word) > size + 1 and is_role_word(word[:-size]):
                groups[f"{word[:-size]}*"] += count
    found: dict[str, Side] = {}
    for word, count in groups.items():
        base = word.rstrip(" *")
        side = side_by_name(base)
        alone = any(other == base or other.startswith(base) for other in known)
        if not alone and side in ("user", "assistant") and count >= _BEGIN * total:
            found[word] = side
    return found


def _is_form(texts: Sequence[str], known: Mapping[str, Side]) -> bool:
    """Whether cells are forms, `Agent: Tom⏎Customer: Ann⏎Topic: bill`: each word once, and others beside them as often."""
    labels = Labels("", {word: side for word, side in known.items() if side != "notice"})
    split = Splitter(labels)
    several = sum(len(split(text)[0]) > 2 for text in texts)
    if several >= _SEVERAL * len(texts) or {"问", "答"} & known.keys():
        return False
    uncertain = any(
        all(word in _ALSO_OTHERWISE for word, one in known.items() if one == side) for side in ("user", "assistant")
    )
    lines = Counter(word for text in texts for word in _line_heads(text))
    return uncertain or any(count >= max(2, _RECURS * len(texts)) for word, count in lines.items() if word not in known)


def _line_heads(text: str) -> set[str]:
    """Words that begin a line and have a colon, folded."""
    text = _candidate_lines(text)
    return {_folded(line[1]) for line in _FORM_LINE.finditer(text)}


def _is_whole(word: str, known: Mapping[str, Side], counts: Mapping[str, int]) -> bool:
    """Whether a word is neither the end of a longer one nearly always, nor a shorter one with something before it."""
    longer = any(other != word and other.endswith(word) and counts[other] >= _BEGIN * counts[word] for other in known)
    shorter = any(other != word and word.endswith(other) and counts[word] < _BEGIN * counts[other] for other in known)
    return not longer and not shorter


def _candidate_lines(text: str) -> str:
    """A cell without times at the beginnings and ends of its lines, and with single blanks."""
    return _LEADING_TIME.sub("", _FOLLOWING_TIME.sub(":", _BLANKS.sub(" ", plain_lines(text))))


def _candidates(text: str) -> set[str]:
    """What may be the word of a speaker in a cell, folded."""
    text = _candidate_lines(text)
    found = {_folded(match[1]) for marks in (_BRACKETS, _HEADING) for match in marks.finditer(text)}
    for match in _COLON.finditer(text):
        before = match[1]
        if match.start() == 0 or text[match.start() - 1] == "\n":
            found.add(_folded(before))
        words = _ENDS.split(before.replace("##", "."))[-1].strip(_STRIP).split()
        found |= {_folded(" ".join(words[-size:])) for size in (1, 2, 3) if len(words) >= size}
    found |= {word for word in _TIGHT if f"{word}：" in text}
    return {word for word in found if 0 < len(word) <= 24 and not _QUOTES.search(word)}


def _folded(word: str) -> str:
    """A label as it is compared: without marks around it; a role's also without a number or a name after it."""
    folded = fold_speaker(word.strip(_STRIP))
    bare = _TAIL.sub("", folded)
    return bare if bare and bare != folded and side_by_name(bare) is not None else folded


def _fits(texts: Sequence[str], labels: Labels) -> bool:
    """Whether nearly all cells begin with a speaker and go on with the other side; by turns where words are tight."""
    split = Splitter(labels)
    begin = both = 0
    for text in texts:
        parts, before = split(text)
        sides = [part.side for part in parts]
        by_turns = not labels.tight or all(one != other for one, other in pairwise(sides))
        begin += not before and bool(parts)
        both += {"user", "assistant"} <= set(sides) and by_turns
    return begin >= _BEGIN * len(texts) and both >= (_BEGIN if labels.tight else _BOTH) * len(texts)
