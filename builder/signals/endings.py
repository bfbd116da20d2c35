"""Answers that stop in the middle of a sentence, as those of a model that ran out of tokens do.

"The tide turns twice a day. In the harbour it lifts the boats and the"      cut off
"1. Oak\n2. Maple\n3."                                                       cut off
"1. Oak\n2. Maple\n3. Birch"                                                 a list without full stops is not
"Come and see the harbour. #boats #tides"                                    neither are tags, addresses, names
"""

import re

# A shorter text may be a heading, a name or one of verse.
_SHORTEST = 30
# Texts of that many characters fill the 256 to 512 tokens at which models were stopped; shorter ones just lack a full stop.
_LONG = 1_000
# In the same line a sentence ended before: its writer uses full stops.
_SENTENCE_END = re.compile(r"[a-z)\"”’%\d][.!?][)\"”’]*\s+(?=[A-Z\"“])|[。！？][”」』）]?\s*(?=\w)")
_CODE = re.compile(r"```|[{};]\s*$|^[^\S\n]*(?:def|import|return|print|SELECT)\b|</", re.MULTILINE)
_MARK = re.compile(r"^(?:\(?\d{1,2}[.)、]|[-*•])\s*")
# Words with which no English sentence ends; those with which one may ("to be proud of", "what it is") are not among them.
_HANGING_EN = re.compile(
    r"\b(?:the|an|and|or|but|nor|because|although|unless|whereas|whose|their|its|our|your|my|than|into|between|during"
    r"|including|such as|as well as|in order to|due to|according to|(?:is|are|was|were|of|in|on|for|with|by|to|from|as|at)"
    r" (?:a|an|the))$"
)
# The same in Chinese; 于 and 和 end words too (终于, 温和).
_HANGING_ZH = re.compile(
    r"(?:以及|或者|并且|而且|不仅|不但|但是|因为|由于|如果|虽然|例如|比如|诸如|包括|通过|对于|关于|基于|位于|取决于|有助于|致力于"
    r"|从而|因而|促使|即使|以便|正在|这些|那些|其中的?|[^参赋给授]与|[^温缓平饱中柔总谐随祥亲共]和|[^忍谦转礼]让|[^抑]或)$"
)
# A letter's last line, a wish, and what is held apart by marks on purpose: tags, addresses, fields, keys.
_CLOSING = re.compile(
    r"(?:祝[^。！？\n]{0,16}|(?:此致|敬礼|谢谢|敬上|谨上|顺颂[^，,]{0,6})"
    r"|\b(?:regards|sincerely|yours|truly|faithfully|love|cheers|wishes|thanks|you|respectfully|cordially|warmly))[，,]$",
    re.IGNORECASE,
)
_NO_PROSE = re.compile(r"#\w|\||@|https?:|www\.|\d{5}|[=<>]|\t|\b[A-Z]{1,3}[.)] ")
_BARE_MARK = re.compile(r"\n[^\S\n]{0,8}(\d{1,2})[.)、]?\Z")
_CJK = re.compile("[\u3005-\u9fff]")
_SHOWN = 40
_FEWEST_WORDS = 4


def find_cut(answer: str) -> str | None:
    """The last words of an answer that breaks off, or None.

    It ends in a Chinese comma, or in a word or comma after which more must come and a line that ended sentences before; or in a
    list's next number alone; or, where it is so long that a limit was near, in prose whose last sentence has no full stop, in English with a
    lower-case word, since a name or a title may stand there without one.
    """
    text = answer.rstrip()
    if len(text) < _SHORTEST:
        return None
    if _is_next_number(text):
        return text[-_SHOWN:]
    last = text[-1]
    if not (last.isalpha() or last in ",，、;；"):
        return None
    line = _MARK.sub("", text.rsplit("\n", 1)[-1].strip())
    if len(line) < _SHORTEST or _CODE.search(text) or _CLOSING.search(line):
        return None
    ends = list(_SENTENCE_END.finditer(line))
    begun = line[ends[-1].end() :] if ends else line if last in "，、；" else ""
    if not begun or _NO_PROSE.search(begun):
        return None
    return line[-_SHOWN:] if _hangs(begun) or (len(text) >= _LONG and _is_prose(begun)) else None


def _is_next_number(text: str) -> bool:
    """Whether the last line is the number of an item that never came."""
    mark = _BARE_MARK.search(text)
    if mark is None or mark.group()[-1].isdecimal():
        return False
    before = rf"(?m)^[^\S\n]{{0,8}}{int(mark.group(1)) - 1}[.)、][^\S\n]{{0,4}}\S"
    return re.search(before, text[: mark.start()]) is not None


def _hangs(begun: str) -> bool:
    if begun[-1] in ",，、;；":
        return len(begun) > 1
    return bool(_HANGING_EN.search(begun[-20:]) or _HANGING_ZH.search(begun[-8:]))


def _is_prose(begun: str) -> bool:
    words = begun.split()
    return _CJK.search(begun) is None and len(words) >= _FEWEST_WORDS and words[-1].islower()
