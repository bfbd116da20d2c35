"""What a request asks for, whatever its wording: politeness, word order and words that say the same make no difference.

    "Could you please list 5 tips for better sleep?"    list 5 tip better sleep
    "Give five tips for better sleep"                   list 5 tip better sleep
    "Correct the grammar: He go home."                  correct grammar  +  he go home, word for word

What a request is applied to, after a colon or on further lines, is data: there each word and its place count.
"""

import functools
import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import opencc

from builder.curation.numerals import CHINESE_NUMBER, ENGLISH_NUMBER, NO_NUMBERS, NUMBER_WORDS, number_of
from builder.curation.wordings import (
    ABOUT_CHARACTERS,
    ABOUT_WORDS,
    ASKING_ALIKE,
    CLOSINGS,
    CONTRACTIONS,
    COUNTED_WORDS,
    EXPLAIN,
    FIRST_ALIKE,
    GIVE,
    MEASURED,
    MEASURES,
    NO_NOUNS,
    OPENINGS,
    PHRASES_ALIKE,
    PLACES,
    POINTING,
    QUESTIONS,
    SAID_ALIKE,
    SAME_ALIKE,
    WEAK,
    WRITE,
)
from builder.text import normalise, tokenise

# In front of a colon or the first line's end at least so many words say what is to be done; fewer are a heading.
_LEAST_ASKED = 2
_LONGEST_FIRST = range(6, 0, -1)
_LEAST_INFLECTED = 4
_ORDINAL = re.compile("([0-9]+)(?:st|nd|rd|th)")
_LETTERS = frozenset("bcefghjklnopqruvwxyz")  # alone they name something; a and I are words, d, m, s and t endings
_FOR_ME = frozenset("帮给为替")
_APART = re.compile(r"\n|[:：](?!\d|//)")
_APOSTROPHES = str.maketrans({"’": "'", "‘": "'"})
_CONTRACTED = re.compile("|".join(short if short[0] in "'n" else rf"\b{short}" for short in CONTRACTIONS))
_ASKING, _PHRASE = (
    re.compile("|".join(sorted(alike, key=len, reverse=True))) for alike in (ASKING_ALIKE, PHRASES_ALIKE)
)
_AFTER_A_COMMA = re.compile(r", (?:please )?([a-z]+)")
_POINTING = re.compile(POINTING)
_ONLY_ASKS = re.compile(
    "(?:^|(?<=,))(?:请问?|帮我|麻烦[你您]?)*(?:给出|解释(?:一下)?(?=如何|为什么|什么)|(?:推荐|建议|提示|举|列|说)(?=[一两二三四五六七八九十几0-9]))"
)
_ABOUT_CHARACTERS = re.compile(ABOUT_CHARACTERS)
_OPENINGS, _CLOSINGS = (
    frozenset(tuple(tokenise(said)) for said in re.split(r"[|\n]", t)) - {()} for t in (OPENINGS, CLOSINGS)
)
# Words that make no difference beside some neighbours.
_BY_NEIGHBOURS = frozenset({"a", "一", "我"}) | _FOR_ME | MEASURES
# Words of which it matters where they stand; most words are none.
_BY_PLACE = _BY_NEIGHBOURS | frozenset(QUESTIONS) | frozenset(FIRST_ALIKE)
_OPENING_WORDS, _CLOSING_WORDS = frozenset(said[0] for said in _OPENINGS), frozenset(said[-1] for said in _CLOSINGS)
POLITE = frozenset(word for said in _OPENINGS | _CLOSINGS for word in said)


@dataclass(frozen=True, slots=True)
class Request:
    """A request in the words that count.

    Attributes:
        asked: its words in order, each as the one that stands for all that say the same; weak ones are left out.
        given: the words of what it is applied to, as they stand there.
    """

    asked: tuple[str, ...]
    given: tuple[str, ...]


@functools.lru_cache(maxsize=4096)
def read_request(text: str) -> Request:
    """Read the words of a request; a text may be anything, and one without words is a request without words."""
    asked, given = divided(text)
    folded = (
        _simplified(normalise(asked)).translate(_APOSTROPHES).replace("e-mail", "email").replace("how many", "number")
    )
    if "'" in folded or "cannot" in folded:
        folded = _CONTRACTED.sub(lambda found: CONTRACTIONS[found[0]], folded)
    tokens = tokenise(folded)
    about_words = _is_about_words(tokens, folded)
    if not folded.isascii():
        folded = _POINTING.sub("", folded)
        phrases = _ASKING if about_words else _PHRASE
        folded = _ONLY_ASKS.sub("", phrases.sub(lambda found: PHRASES_ALIKE[found[0]], folded))
        folded = CHINESE_NUMBER.sub(_digits, folded)
        tokens = tokenise(folded)
    if not NUMBER_WORDS.isdisjoint(tokens):
        tokens = tokenise(ENGLISH_NUMBER.sub(_digits, folded))
    verbs = _AFTER_A_COMMA.findall(folded) if ", " in folded else ()
    return Request(tuple(_strong(_without_ends(tokens), about_words, verbs)), tuple(tokenise(_simplified(given))))


def asks_about_words(text: str) -> bool:
    """Whether a request is about words and their form, such as grammar, spelling or a synonym."""
    asked = normalise(divided(text)[0])
    return _is_about_words(tokenise(asked), asked)


def request_key(request: Request) -> bytes:
    """64 bits that are equal for requests of the same words, whatever the order of those that ask.

    Numbers and letters in another order make another key: of thousands of lists to sort, each has its own.
    """
    ordered = [word for word in request.asked if word.isdigit() or (len(word) == 1 and word in _LETTERS)]
    parts = (sorted(request.asked), ordered, request.given)
    text = "\0\0".join("\0".join(part) for part in parts)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()


def material_key(request: Request) -> bytes:
    """64 bits that are equal for requests that are applied to the same."""
    return hashlib.blake2b("\0".join(request.given).encode("utf-8", "surrogatepass"), digest_size=8).digest()


def overlap(request: Request, other: Request) -> float:
    """How much of what two requests ask is the same, in any order: F1 of their words, 0 to 1 (ROUGE-1, Lin 2004)."""
    shared = (Counter(request.asked) & Counter(other.asked)).total()
    return 2 * shared / ((len(request.asked) + len(other.asked)) or 1)


def divided(text: str) -> tuple[str, str]:
    """What is asked, and what it is applied to: all behind the first colon or line end that has a request before it."""
    for found in _APART.finditer(text):
        asked = text[: found.start()]
        tokens = tokenise(asked)
        if len(tokens) >= _LEAST_ASKED and tuple(_without_ends(tokens)) not in _OPENINGS:
            return asked, text[found.end() :]
    return text, ""


def _is_about_words(tokens: Sequence[str], asked: str) -> bool:
    if not ABOUT_WORDS.isdisjoint(tokens) or (not asked.isascii() and _ABOUT_CHARACTERS.search(asked)):
        return True
    if COUNTED_WORDS.isdisjoint(tokens):
        return False
    return any(
        token in COUNTED_WORDS and not (before.isdigit() or before in NUMBER_WORDS)
        for before, token in zip(["", *tokens], tokens, strict=False)
    )


def _without_ends(tokens: Sequence[str]) -> Sequence[str]:
    """Without the politeness at both ends; a text that is nothing else keeps the last of it."""
    while tokens and tokens[0] in _OPENING_WORDS:
        found = next((n for n in _LONGEST_FIRST if n < len(tokens) and tuple(tokens[:n]) in _OPENINGS), 0)
        if not found:
            break
        tokens = tokens[found:]
    while tokens and tokens[-1] in _CLOSING_WORDS:
        found = next((n for n in _LONGEST_FIRST if n < len(tokens) and tuple(tokens[-n:]) in _CLOSINGS), 0)
        if not found:
            break
        tokens = tokens[:-found]
    return tokens


def _strong(tokens: Sequence[str], about_words: bool, verbs: Sequence[str]) -> list[str]:
    """The words that make a difference, each as the one that stands for all that say the same; all where none does.

    Args:
        about_words: what is asked is about words, so that each one behind the verb is meant to the letter.
        verbs: words that may be the verb although they are not the first: "In two sentences, explain …".
    """
    strong: list[str] = []
    for place, token in enumerate(tokens):
        if token not in _BY_PLACE:
            if token not in WEAK:
                strong.append(_standing_for(token, about_words))
            continue
        if token in QUESTIONS and strong[-1:] == [EXPLAIN]:
            del strong[-1]
        if token in _BY_NEIGHBOURS:
            before, after = tokens[place - 1] if place else "", tokens[place + 1] if place + 1 < len(tokens) else ""
            if _is_weak_between(token, before, after):
                continue
        elif token in WEAK:
            continue
        is_verb = (not place or token in verbs) and token in FIRST_ALIKE
        strong.append(FIRST_ALIKE[token] if is_verb else _standing_for(token, about_words))
    if GIVE in strong and (strong[0] == GIVE or verbs):
        strong.remove(GIVE)
    elif strong[:2] == [WRITE, "list"] and "of" in tokens:
        del strong[:2]
    if len(strong) == 1:
        strong += [token for token in tokens if token in PLACES]
    return strong or list(tokens)


def _digits(found: re.Match[str]) -> str:
    return found[0] if found[0] in NO_NUMBERS else number_of(found[0])


def _is_weak_between(token: str, before: str, after: str) -> bool:
    """Whether a word of `_BY_NEIGHBOURS` makes no difference where it stands."""
    if token == "a":
        return bool(after) and after not in NO_NOUNS and len(after) > 1
    if token in MEASURES and (before.isdigit() or before in MEASURED):
        return True
    if token == "一":
        return after in MEASURES or after == "下"
    if token == "我":
        return before in _FOR_ME
    return token in _FOR_ME and (after == "我" or (token == "为" and after.isdigit()))


@functools.lru_cache(maxsize=1 << 16)
def _standing_for(token: str, about_words: bool) -> str:
    if token[0].isdigit() and (ordinal := _ORDINAL.fullmatch(token)):
        return ordinal[1]
    if about_words or token in SAID_ALIKE:
        return SAID_ALIKE.get(token, token)
    stem = _singular(token)
    return SAME_ALIKE.get(token) or SAME_ALIKE.get(stem, stem)


def _singular(token: str) -> str:
    """Without the s of a plural or of the third person."""
    if len(token) < _LEAST_INFLECTED or token[-1] != "s" or token[-2] in "sui":
        return token
    if token.endswith("ies"):
        return f"{token[:-3]}y"
    return token[:-2] if token.endswith(("sses", "shes", "ches", "xes")) else token[:-1]


def _simplified(text: str) -> str:
    """In simplified characters, each by itself."""
    return text if text.isascii() else text.translate(_simplified_by_traditional())


@functools.cache
def _simplified_by_traditional() -> dict[int, int]:
    characters = [chr(code) for code in (*range(0x3400, 0x4DC0), *range(0x4E00, 0xA000))]
    # one a line, so that no word decides how a character is converted
    converted = opencc.OpenCC("t2s").convert("\n".join(characters)).split("\n")
    return {ord(old): ord(new) for old, new in zip(characters, converted, strict=True) if old != new and len(new) == 1}
