"""What a search index holds of a text: its words, and of Chinese and its like two characters at a time.

机器学习 with GPT-4     机器 器学 学习 习 with gpt 4

So a run of characters is found wherever it stands, which SQLite's own tokenizers cannot do: they see no words in it, or need three
characters. The last one of a run stands alone, so that one character is found as the beginning of a gram.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise

from builder.text import FIRST_CHARACTER, normalise, tokenise

# Between two turns; no text gives it, since it is no letter.
TURN_END = "¶"
# Of the way in which texts are cut; an index that was cut in another way is made anew.
VERSION = 1


def grams(turns: Iterable[str]) -> str:
    """The grams of a row's turns, separated by blanks."""
    return f" {TURN_END} ".join(" ".join(_cut(_tokens(turn))) for turn in turns)


def phrase(text: str) -> tuple[str, bool]:
    """What to look for to find a text.

    Returns:
        Grams, separated by blanks, and whether the last one may go on; no grams where the text holds no word.
    """
    tokens = _tokens(text)
    if not tokens:
        return "", False
    cut = _cut(tokens)
    if len(tokens) > 1 and _is_character(tokens[-1]) and _is_character(tokens[-2]):
        return " ".join(
            cut[:-1]
        ), False  # what follows in the text is not known, and the last two are in the gram before
    return " ".join(cut), True


def is_plain(text: str) -> bool:
    """Whether a text is words with single blanks between them, so that its grams say all of it."""
    plain = normalise(text)
    return bool(plain) and all(part and "".join(tokenise(part)) == part for part in plain.split(" "))


def _tokens(text: str) -> Sequence[str]:
    return tokenise(text if text.isascii() else normalise(text))


def _cut(tokens: Sequence[str]) -> list[str]:
    if max(tokens, default="") < FIRST_CHARACTER:
        return list(tokens)
    cut = [one + next_ if one >= FIRST_CHARACTER <= next_ else one for one, next_ in pairwise(tokens)]
    return [*cut, tokens[-1]]


def _is_character(token: str) -> bool:
    return token >= FIRST_CHARACTER
