"""The one normaliser, the one tokenizer for similarity, n-grams, and the language of a text.

Tokens: English text gives exactly what `rouge_score` gives (lower-case runs of `[a-z0-9]`); Chinese characters, kana and
hangul give one token each; words of other non-Latin scripts give one token a word. `rouge_score` alone keeps only
`[a-z0-9]`, so that two identical Chinese sentences score 0.0.
"""

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import polars as pl

TokenMode = Literal["word", "cjk"]

# Han with its extensions and compatibility forms, the iteration mark and 〇, kana, bopomofo, hangul.
_CJK = (
    "\u3005\u3007\u3040-\u30ff\u3100-\u312f\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uac00-\ud7af"
    "\U00020000-\U0003ffff"
)
_HAN = "\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
# Greek to the end of Georgian and Ethiopic …: scripts written in words. Latin letters with marks are left out on purpose:
# rouge_score drops them, and English decisions must stay exactly as they were.
_OTHER_WORDS = "\u0370-\u1cff"

_TOKEN = re.compile(f"[a-z0-9]+|[{_CJK}]|[{_OTHER_WORDS}]+")
# Texts of these alone are split alike by every engine of regular expressions: no letter but ASCII has a case that changes
# tokens (Kelvin's sign becomes a k), and no full-width letter or digit becomes an ASCII one.
_PLAIN = (
    f"^[\\x00-\\x7f\u0080-\u012f\u0131-\u0239\u2000-\u2069\u3000-\u303f{_CJK}"
    "\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65\U0001f300-\U0001faff]*$"
)
_CJK_CHAR = re.compile(f"[{_CJK}]")
_HAN_RUN = re.compile(f"[{_HAN}]+")
_KANA_RUN = re.compile("[\u3040-\u30ff\u31f0-\u31ff]+")
_HANGUL_RUN = re.compile("[\uac00-\ud7af]+")
# A CJK character, or what is left of a word from its first letter or digit on.
_COUNTED = re.compile(rf"[{_CJK}]|[^\W_{_CJK}][^\s{_CJK}]*")
_LATIN_WORD = re.compile("[A-Za-z\u00c0-\u024f]+")
_OTHER_LETTER = re.compile(f"[{_OTHER_WORDS}]+")
_FULL_WIDTH_WORD = re.compile("[\uff10-\uff19\uff21-\uff3a\uff41-\uff5a]")
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}

# CJK characters as a share of CJK characters and words together: "用 Python 写一个 for 循环" has 6 of 8 and is Chinese,
# an English sentence that quotes 你好 has 2 of many and is not.
_CJK_SHARE = 0.3


def normalise(text: str) -> str:
    """Fold a text for comparison: NFKC, case folded, runs of white space to one space, ends stripped.

    Full-width letters and digits become half-width (NFKC); traditional characters stay as they are.
    """
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def fingerprint(text: str) -> str:
    """32 hex digits of SHA-256 over the normalised text: equal for texts that differ only in case, width or spacing."""
    return hashlib.sha256(normalise(text).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def tokenise(text: str) -> list[str]:
    """Tokens for similarity, in order. English text gives what `rouge_score`'s default tokenizer gives."""
    # Full-width punctuation is in no token: only letters and digits need their ASCII twins.
    return _TOKEN.findall((text.translate(_FULL_WIDTH) if _FULL_WIDTH_WORD.search(text) else text).lower())


def tokenise_column(texts: "pl.Series") -> "pl.Series":
    """`tokenise` of each of a column of strings, as a column of lists; several times as fast for plain texts."""
    import polars as pl

    # Lazy, since only then does Polars let other threads run.
    text = pl.col("text")
    tokens = text.str.to_lowercase().str.extract_all(_TOKEN.pattern)
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
    return len(_COUNTED.findall(text))


def detect_language(text: str) -> str:
    """Name a text's language by its script: `zh`, `ja`, `ko`, `en`, `other`, or `und` where it has no letters.

    Latin script counts as `en`: a script cannot tell English from French. Any kana makes a mostly-CJK text Japanese when
    kana are at least a tenth of its CJK characters.
    """
    if text.isascii():  # the same answer, in a fifth of the time
        return "en" if _LATIN_WORD.search(text) else "und"
    han = sum(map(len, _HAN_RUN.findall(text)))
    kana = sum(map(len, _KANA_RUN.findall(text)))
    hangul = sum(map(len, _HANGUL_RUN.findall(text)))
    latin = len(_LATIN_WORD.findall(text))
    other = len(_OTHER_LETTER.findall(text))
    cjk = han + kana + hangul
    total = cjk + latin + other
    if total == 0:
        return "und"
    if cjk >= _CJK_SHARE * total:
        if hangul >= max(han, kana):
            return "ko"
        return "ja" if kana * 10 >= cjk else "zh"
    return "en" if latin >= other else "other"
