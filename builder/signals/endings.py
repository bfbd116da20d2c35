"""Answers that stop in the middle of a sentence, as those of a model that ran out of tokens do.

"The tide turns twice a day. In the harbour it lifts the boats and the"      cut off
"1. Oak\n2. Maple\n3. Birch"                                                 a list without full stops is not
"""

import re

# A shorter line may be a heading, a name or one of verse.
_SHORTEST = 30
# In the same line a sentence ended before: its writer uses full stops.
_SENTENCE_END = re.compile(r"[a-z)\"”’%\d][.!?][)\"”’]*\s+(?=[A-Z\"“])|[。！？][”」』）]?\s*(?=\w)")
_CODE = re.compile(r"```|[{};]\s*$|^[^\S\n]*(?:def|import|return|print|SELECT)\b|</", re.MULTILINE)
_OPENERS = frozenset(["For", "The", "In", "And", "While", "To", "A", "By", "This", "As", "With", "If"])
_MARK = re.compile(r"^(?:\(?\d{1,2}[.)、]|[-*•])\s*")
_WISH = re.compile("祝[^。！？\n]{0,16}[，,]$")
_SHOWN = 40


def find_cut(answer: str) -> str | None:
    """The last words of an answer that breaks off, or None.

    Its last line ends in a Chinese comma; or it is prose with full stops whose last sentence has none, in English with a
    lower-case word at the end, since a name or a title may stand there without one.
    """
    text = answer.rstrip()
    if len(text) < _SHORTEST or not (text[-1].isalpha() or text[-1] in ",，、;；"):
        return None
    line = _MARK.sub("", text.rsplit("\n", 1)[-1].strip())
    if len(line) < _SHORTEST or _CODE.search(text) or _WISH.search(line):
        return None
    return line[-_SHOWN:] if text[-1] in "，、；" or _is_sentence_begun(line) else None


def _is_sentence_begun(line: str) -> bool:
    ends = list(_SENTENCE_END.finditer(line))
    if not ends:
        return False
    begun = line[ends[-1].end() :].split()
    last = begun[-1]
    return not last[-1].isalpha() or not last.isascii() or (len(begun) > 1 and last.islower()) or last in _OPENERS
