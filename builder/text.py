"""The one normaliser, the one tokenizer for similarity, n-grams, and the language of a text.

Tokens: English text gives exactly what `rouge_score` gives (lower-case runs of `[a-z0-9]`); Chinese characters, kana and
hangul give one token each; words of other non-Latin scripts give one token a word. `rouge_score` alone keeps only
`[a-z0-9]`, so that two identical Chinese sentences score 0.0.
"""

import functools
import hashlib
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import polars as pl

TokenMode = Literal["word", "cjk"]


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What ROUGE-L F1 must exceed: two texts of words, or two of which one has Chinese, Japanese or Korean characters.

    Attributes:
        words, characters: in (0, 1]; at 1 nothing exceeds it.
    """

    words: float
    characters: float

    @property
    def least(self) -> float:
        """The lower one."""
        return min(self.words, self.characters)

    def of(self, some: bool, other: bool) -> float:
        """That of two texts, of each of which it is told whether it is one in characters: the higher of theirs."""
        return max(self.characters if mode else self.words for mode in (some, other))


# Han with its extensions and compatibility forms, the iteration mark and 〇, kana, bopomofo, hangul.
_CJK = (
    "\u3005\u3007\u3040-\u30ff\u3100-\u312f\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uac00-\ud7af"
    "\U00020000-\U0003ffff"
)
_HAN = "\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_KANA = "\u3040-\u30ff\u31f0-\u31ff"
_HANGUL = "\uac00-\ud7af"
# Greek to the end of Georgian and Ethiopic …: scripts written in words. Latin letters with marks are left out on purpose:
# rouge_score drops them, and English decisions must stay exactly as they were.
_OTHER_WORDS = "\u0370-\u1cff"

_TOKEN = f"[a-z0-9]+|[{_CJK}]|[{_OTHER_WORDS}]+"
# The same with runs of CJK characters, each of which is a token.
_TOKEN_RUN = re.compile(f"[a-z0-9]+|[{_CJK}]+|[{_OTHER_WORDS}]+")
# A token is a CJK character exactly if it is no less than this.
FIRST_CHARACTER = "\u3005"
# Letters with marks and general punctuation: beside these only ASCII makes tokens.
_LATIN_TEXT = re.compile("[\x00-\u012f\u0131-\u0239\u2000-\u2069]*")
_ASCII_TOKENS = bytes(ord(chr(code).lower()) if code < 128 and chr(code).isalnum() else 0x20 for code in range(256))
# Texts of these alone are split alike by every engine of regular expressions: no letter but ASCII has a case that changes
# tokens (Kelvin's sign becomes a k), and no full-width letter or digit becomes an ASCII one.
_PLAIN = (
    f"^[\\x00-\\x7f\u0080-\u012f\u0131-\u0239\u2000-\u2069\u3000-\u303f{_CJK}"
    "\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65\U0001f300-\U0001faff]*$"
)
# Classes are written twice: `re` skips to the next character of a class five times as fast as to the next run of it.
_CJK_CHAR = re.compile(f"[{_CJK}]")
_CJK_RUN = re.compile(f"[{_CJK}][{_CJK}]*")
_HAN_RUN = re.compile(f"[{_HAN}][{_HAN}]*")
_KANA_CHAR = re.compile(f"[{_KANA}]")
_HANGUL_CHAR = re.compile(f"[{_HANGUL}]")
_LATIN_WORD = re.compile("[A-Za-z\u00c0-\u024f][A-Za-z\u00c0-\u024f]*")
_OTHER_WORD = re.compile(f"[{_OTHER_WORDS}][{_OTHER_WORDS}]*")
_NOT_CHINESE = re.compile(f"[{_OTHER_WORDS}{_KANA}{_HANGUL}]")
_NOT_LATIN = re.compile(f"[{_OTHER_WORDS}{_HAN}{_KANA}{_HANGUL}]")
# What is left of a word from its first letter or digit on.
_COUNTED = re.compile(r"[^\W_]\S*")
# ASCII, with quotation marks, dashes and Chinese punctuation, which begin and end no word; then letters and digits to w.
_ASCII_BUT_MARKS = re.compile(
    "[\x00-\x7f\u2010-\u2027\u3001-\u3004\u3008-\u301f\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65]*"
)
_ASCII_WORDS = bytes(0x77 if chr(code).isalnum() else 0x20 for code in range(256))
_ASCII_PUNCTUATION = bytes(code for code in range(128) if not chr(code).isalnum() and not chr(code).isspace())
_FULL_WIDTH_WORD = re.compile("[\uff10-\uff19\uff21-\uff3a\uff41-\uff5a]")
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}
_FULL_WIDTH_MARKS = (("，", ","), ("：", ":"), ("；", ";"), ("？", "?"), ("！", "!"), ("（", "("), ("）", ")"))

# What moves a terminal's cursor, ends a line or turns the order of a line round; a lone surrogate cannot be written at all.
_UNSHOWN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

# CJK characters as a share of CJK characters and words together: "用 Python 写一个 for 循环" has 6 of 8 and is Chinese,
# an English sentence that quotes 你好 has 2 of many and is not.
_CJK_SHARE = 0.3


@functools.lru_cache(maxsize=4)  # a row's fingerprint and its other facts ask for the same texts
def word_list(text: str) -> tuple[str, ...]:
    """What stands between blanks: the code has lists of words in lines, as a text has them."""
    return tuple(text.split())


def normalise(text: str) -> str:
    """Fold a text for comparison: NFKC, case folded, runs of white space to one space, ends stripped.

    Full-width letters and digits become half-width (NFKC); traditional characters stay as they are.
    """
    if text.isascii():
        return " ".join(text.lower().split())
    # NFKC maps them so too; where they are all that it would change, it finds that in a tenth of the time.
    for mark, twin in _FULL_WIDTH_MARKS:
        text = text.replace(mark, twin)
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def has_text(text: str) -> bool:
    """Whether a reader sees anything: more than white space, control characters and characters without a width."""
    return any(character.isprintable() and not character.isspace() for character in text)


def visible(text: str, keep: str = "") -> str:
    r"""A text from a file, a model or the settings as a terminal may show it: control characters as escapes such as \x1b.

    Args:
        keep: control characters that stay, such as line ends of ours.
    """
    return _UNSHOWN.sub(lambda found: found[0] if found[0] in keep else _escaped(found[0]), text)


def visible_message(text: str) -> str:
    """A message of ours, whose further lines begin with two spaces: a line end before anything else stands in a value."""
    return _UNSHOWN.sub(
        lambda found: found[0] if found[0] == "\t" or text.startswith("\n  ", found.start()) else _escaped(found[0]),
        text,
    )


def visible_json(text: str) -> str:
    """A JSON document of ours, with the same characters in its strings as JSON escapes them."""
    return _UNSHOWN.sub(lambda found: found[0] if found[0] == "\n" else f"\\u{ord(found[0]):04x}", text)


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode()


def fingerprint(text: str) -> str:
    """32 hex digits of SHA-256 over the normalised text: equal for texts that differ only in case, width or spacing."""
    return hashlib.sha256(normalise(text).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def tokenise(text: str) -> list[str]:
    """Tokens for similarity, in order. English text gives what `rouge_score`'s default tokenizer gives."""
    if text.isascii() or _LATIN_TEXT.fullmatch(text):
        return text.encode("ascii", "replace").translate(_ASCII_TOKENS).decode().split()
    # Full-width punctuation is in no token: only letters and digits need their ASCII twins.
    text = (text.translate(_FULL_WIDTH) if _FULL_WIDTH_WORD.search(text) else text).lower()
    tokens: list[str] = []
    for run in _TOKEN_RUN.findall(text):
        if run < FIRST_CHARACTER:
            tokens.append(run)
        else:
            tokens.extend(run)
    return tokens


def in_characters(tokens: Sequence[str]) -> bool:
    """Whether the `token_mode` of the text that gave these tokens is `cjk`."""
    return max(tokens, default="") >= FIRST_CHARACTER


def tokenise_column(texts: "pl.Series") -> "pl.Series":
    """`tokenise` of each of a column of strings, as a column of lists; several times as fast for plain texts."""
    import polars as pl

    # Lazy, since only then does Polars let other threads run.
    text = pl.col("text")
    tokens = text.str.to_lowercase().str.extract_all(_TOKEN)
    split = texts.alias("text").to_frame().lazy().select(text, tokens=tokens, plain=text.str.contains(_PLAIN)).collect()
    if split["plain"].all():
        return split["tokens"]
    others = split.filter(~pl.col("plain"))["text"]
    right = pl.Series("tokens", [tokenise(text) for text in others], dtype=pl.List(pl.String))
    number = pl.when("plain").then(pl.int_range(pl.len())).otherwise(pl.len() + (~pl.col("plain")).cum_sum() - 1)
    return pl.concat([split["tokens"], right]).gather(split.select(number).to_series())


def token_mode(text: str) -> TokenMode:
    """`cjk` where at least one token is a CJK character, else `word`; named in verdicts so that a score can be read."""
    return "cjk" if _CJK_CHAR.search(text) else "word"


def ngrams(tokens: Sequence[str], n: int) -> list[tuple[str, ...]]:
    """All runs of `n` tokens, in order; empty where there are fewer than `n`."""
    return [tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1)]


def count_words(text: str) -> int:
    """Length in words as a reader counts them: one for each CJK character, one for each word of another script.

    Counts letters with marks as part of their word, unlike `tokenise`, which follows `rouge_score`.
    """
    rest, runs = (text, 0) if text.isascii() else _CJK_RUN.subn(" ", text)
    characters = len(text) - (len(rest) - runs)
    if not rest.isascii() and not _ASCII_BUT_MARKS.fullmatch(rest):
        return characters + len(_COUNTED.findall(rest))
    # As `_COUNTED` counts, in a tenth of the time: a word for each letter or digit after white space, punctuation aside.
    words = rest.encode("ascii", "ignore").translate(_ASCII_WORDS, _ASCII_PUNCTUATION)
    return characters + (b" " + words).count(b" w")


def detect_language(text: str) -> str:
    """Name a text's language by its script: `zh`, `ja`, `ko`, `en`, `other`, or `und` where it has no letters.

    Latin script counts as `en`: a script cannot tell English from French. Any kana makes a mostly-CJK text Japanese when
    kana are at least a tenth of its CJK characters.
    """
    # Most texts are in Latin letters alone, or with Chinese ones: two searches tell so in a fifth of the time.
    if text.isascii() or not _NOT_LATIN.search(text):
        return "en" if _LATIN_WORD.search(text) else "und"
    kana = hangul = other = 0
    if _NOT_CHINESE.search(text):
        kana, hangul = len(_KANA_CHAR.findall(text)), len(_HANGUL_CHAR.findall(text))
        other = len(_OTHER_WORD.findall(text))
    han = sum(map(len, _HAN_RUN.findall(text)))
    latin = len(_LATIN_WORD.findall(text))
    cjk = han + kana + hangul
    total = cjk + latin + other
    if total == 0:
        return "und"
    if cjk >= _CJK_SHARE * total:
        if hangul >= max(han, kana):
            return "ko"
        return "ja" if kana * 10 >= cjk else "zh"
    return "en" if latin >= other else "other"


# Words that carry grammar or politeness more than meaning, in both languages.
_WORDS = """
a an the this that these those of in on at to for from by with as into about it its is are was were be been being do does did
has have had can could may might will would shall should must and or but if then than so such there here i you we me my your
our us he she they them their his her which what who whom whose how when where why s please kindly just also very some any
each every following below above given provide give make
"""
FUNCTION_WORDS = frozenset(_WORDS.split())
FUNCTION_CHARACTERS = frozenset(
    "的了是在和与及或也都就把将被对给为以于从到这那个些一下上请您你我他她它吗呢吧啊着过得地之其并而且"
)
