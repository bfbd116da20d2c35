"""Whether a text carries an answer: decided by rules that can be read, without a model.

    ungrounded(chunk, "When does the ferry leave?", "At 9:40.", "the ferry leaves at 9:15")
    → "the quote is not in the text: the ferry leaves at 9:15"

An answer passes if

1. its quote is in the text, as `builder.text.normalise` folds both (spaces beside a CJK character and the shape of quotation
   marks and dashes do not count);
2. every number of it is in the text or the instruction, in digits or in words;
3. every name of it is: capitalised words inside a sentence, words in Latin letters in a Chinese answer, titles in 《》, and
   what looks like a Chinese person's name (a surname that is no other word, after 是, 叫, 由 and the like);
4. at least `COVERAGE` of its content is: English words without function words and endings, pairs of neighbouring Chinese
   characters without function characters.

An answer that its quote holds word for word needs no more than rule 1.

This is a net for what a teacher made up, not proof: a wrong combination of right words passes.
"""

import re
import unicodedata
from collections.abc import Iterator

from builder.text import normalise

# On the 30 hand-made answers of tests/fixtures/grounding.json, the grounded ones reach 0.5 and more and the ungrounded ones
# that pass rules 1 to 3 at most 0.33.
COVERAGE = 0.5

_CJK = "\u3005\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uac00-\ud7af\U00020000-\U0003ffff"
_BESIDE_CJK = re.compile(f"(?<=[{_CJK}]) | (?=[{_CJK}])")
_MARKS = str.maketrans("“”„‘’‚–—−‐‑", "\"\"\"'''-----")
_CLOSING = "。.!！ \"'"
_CJK_RUN = re.compile(f"[{_CJK}]+")
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_NUMBER = re.compile(r"\d+(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?")
_TITLE = re.compile("《([^》]{1,80})》")
# Surnames that hardly begin another word; 高, 林, 马, 周 and the like would refuse 高兴, 林地, 马上, 周末.
_PERSON = re.compile(
    f"(?:^|(?<=[是叫为由让和与、：:，]))([王李张刘陈杨赵吴徐孙朱胡郭罗郑梁谢宋韩冯邓曹彭曾董潘袁蔡蒋魏吕沈姚卢][{_CJK}]{{1,2}}?)"
    "(?=$|[的和与说先女、，。；！？（(])"
)
_SENTENCE_ENDS = ".!?:\n。！？："
# A chance to be a number: followed by a counter or unit; 十分 (very) is none.
_ZH_NUMERAL = re.compile(
    "[零〇一二两三四五六七八九十百千万]+(?=[个名位艘只次年月日天号小点分秒米公里人家条座张本台间层倍度元岁页章节种项成户斤公吨](?!美|好|高兴))"
)
_ZH_DIGITS = {c: i for i, c in enumerate("零一二三四五六七八九")} | {"两": 2, "〇": 0}
_EN_NUMERALS = {
    name: str(value)
    for value, name in enumerate(
        (
            *("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen"),
            *("fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty"),
        ),
        2,
    )
}
_EN_FUNCTION = frozenset(
    {
        "a", "about", "above", "according", "after", "again", "against", "all", "also", "although", "am", "an",
        "and", "answer", "any", "are", "as", "at", "be", "because", "been", "before", "being", "below",
        "between", "both", "but", "by", "can", "cannot", "could", "did", "do", "does", "doing", "down",
        "during", "each", "either", "false", "for", "from", "further", "had", "has", "have", "having", "he",
        "her", "here", "hers", "him", "his", "how", "i", "if", "in", "into", "is", "it", "its", "itself",
        "just", "may", "me", "mentioned", "might", "more", "most", "must", "my", "neither", "no", "nor", "not",
        "of", "off", "on", "once", "one", "only", "or", "other", "our", "out", "over", "own", "passage", "per",
        "same", "says", "shall", "she", "should", "since", "so", "some", "states", "such", "text", "than",
        "that", "the", "their", "them", "then", "there", "these", "they", "this", "those", "through", "to",
        "too", "true", "under", "until", "up", "upon", "very", "was", "we", "were", "what", "when", "where",
        "whether", "which", "while", "who", "whom", "whose", "why", "will", "with", "within", "without",
        "would", "yes", "you", "your",
    }
)  # fmt: skip
_ZH_FUNCTION = frozenset(
    "的了是在和与及也都就而且被把将从到对向由以之其这那有为于着过吗呢吧啊即则或还又再很更最会能可要因所并但"
)
_ENDINGS = ("ingly", "edly", "ing", "ies", "ied", "ed", "es", "ly", "s", "e", "y")
_SHORTEST_STEM = 3


def ungrounded(chunk: str, instruction: str, answer: str, quote: str) -> str | None:
    """What shows that the text does not carry the answer, or None where it does.

    Args:
        chunk: the text that the answer must come from.
        instruction: may name numbers and names itself, such as the labels to choose from.
        quote: the words of the text that are said to carry the answer.
    """
    if not any(map(str.isalnum, quote)):
        return "no quote"
    if _folded(quote) not in _folded(chunk):
        return f"the quote is not in the text: {quote[:120]}"
    if _folded(answer).strip(_CLOSING) in _folded(quote):
        return None
    known = f"{chunk}\n{instruction}"
    missing = sorted(_numbers(answer) - _numbers(known) - _numbers(_spaced(known)))
    if missing:
        return f"numbers that the text does not hold: {', '.join(missing)}"
    known_words = {_stem(word) for word in _words(known)}
    names = [name for name in _names(answer) if _stem(name.casefold()) not in known_words]
    quoted = (*_TITLE.findall(answer), *_PERSON.findall(answer))
    names += [name for name in quoted if _folded(name) not in _folded(known)]
    if names:
        return f"names that the text does not hold: {', '.join(names)}"
    share, unknown = coverage(known, answer)
    if share < COVERAGE:
        return f"{share:.0%} of the answer's content is in the text; not there: {', '.join(unknown[:12])}"
    return None


def coverage(known: str, answer: str) -> tuple[float, list[str]]:
    """The share of an answer's content that a text holds, from 0 to 1, and what of it the text does not hold.

    An answer without content of its own (yes, 是) is covered.
    """
    there, plain = set(_content(known)), unicodedata.normalize("NFKC", _spaced(known))
    numbers = _numbers(known)
    units = list(dict.fromkeys(_content(answer)))
    unknown = [
        unit
        for unit in units
        if unit not in there and _EN_NUMERALS.get(unit) not in numbers and not (_CJK_RUN.match(unit) and unit in plain)
    ]
    return (1 - len(unknown) / len(units) if units else 1.0), unknown


def _folded(text: str) -> str:
    return _BESIDE_CJK.sub("", normalise(text.translate(_MARKS)).translate(_MARKS))


def _spaced(text: str) -> str:
    """Digits that a layout pulled apart from their words: 第 3 页."""
    return _BESIDE_CJK.sub("", text)


def _numbers(text: str) -> set[str]:
    """Numbers in digits, and small ones in words, as digits without thousands marks and closing zeros."""
    text = unicodedata.normalize("NFKC", text)
    found = {_plain(number.replace(",", "")) for number in _NUMBER.findall(text)}
    found |= {_EN_NUMERALS[word] for word in _words(text) if word in _EN_NUMERALS}
    return found | {_zh_value(numeral) for numeral in _ZH_NUMERAL.findall(text) if numeral not in "一"}


def _plain(number: str) -> str:
    whole, _, part = number.partition(".")
    whole, part = whole.lstrip("0") or "0", part.rstrip("0")
    return f"{whole}.{part}" if part else whole


def _zh_value(numeral: str) -> str:
    """The value of a numeral below 100 as digits; a larger one stands for itself."""
    tens, ten, ones = numeral.partition("十")
    if len(tens) > 1 or len(ones) > 1 or not {*tens, *ones} <= _ZH_DIGITS.keys():
        return numeral
    if not ten:
        return str(_ZH_DIGITS[tens])
    return str(10 * (_ZH_DIGITS[tens] if tens else 1) + (_ZH_DIGITS[ones] if ones else 0))


def _words(text: str) -> list[str]:
    """Words of scripts that are written in words, folded."""
    return _WORD.findall(_CJK_RUN.sub(" ", normalise(text.translate(_MARKS))))


def _names(answer: str) -> Iterator[str]:
    """Capitalised words that no sentence begins with, and words in Latin letters in a Chinese answer."""
    chinese = _CJK_RUN.search(answer) is not None
    plain = unicodedata.normalize("NFKC", answer.translate(_MARKS))
    for match in _WORD.finditer(_CJK_RUN.sub(lambda run: "。" * len(run.group()), plain)):
        word = match.group()
        if word.casefold() in _EN_FUNCTION:
            continue
        inside = word[0].isupper() and not _begins_sentence(plain, match.start())
        if inside or (chinese and len(word) > 1):
            yield word


def _begins_sentence(text: str, at: int) -> bool:
    """Whether a place is the text's first, or only white space and quotation marks part it from the end of a sentence."""
    if at == 0:
        return True
    while at and text[at - 1] in "\"'(":
        at -= 1
    while at and text[at - 1].isspace() and text[at - 1] != "\n":
        at -= 1
    return at > 0 and text[at - 1] in _SENTENCE_ENDS


def _content(text: str) -> Iterator[str]:
    for word in _words(text):
        if word not in _EN_FUNCTION:
            yield _stem(word) if word not in _EN_NUMERALS else word
    for run in _CJK_RUN.findall(unicodedata.normalize("NFKC", text)):
        part = ""
        for character in (*run, "的"):
            if character not in _ZH_FUNCTION:
                part += character
                continue
            yield from (part[at : at + 2] for at in range(len(part) - 1)) if len(part) > 1 else part
            part = ""


def _stem(word: str) -> str:
    """A word without possessive and ending: opens, opened and opening are one."""
    word = word.removesuffix("'s")
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST_STEM:
            return word.removesuffix(ending)
    return word
