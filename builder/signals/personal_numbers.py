"""Numbers that a state or a bank gives to one person: where they stand in a text.

    IBAN: DE75 5121 0800 1245 1261 99     →   iban
    her SSN is 536-22-8712                →   social_security

A mainland identity number, a bank card and an IBAN prove themselves by their check digits. A social security number and a
passport's number have none; they count only beside a word that names them, and with a shape that their countries give out.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from builder.signals.checksums import IBAN_LENGTHS, is_card_number, is_filler, is_iban, is_identity_number


class Span(NamedTuple):
    """Where something private stands: kind, and the characters from `start` up to `end`."""

    kind: str
    start: int
    end: int


_IDENTITY_18 = re.compile(r"(?<![0-9A-Za-z.])[1-9]\d{16}[\dXx](?![0-9A-Za-z]|\.\d)")
_IDENTITY_15 = re.compile(r"(?<![0-9A-Za-z.])[1-9]\d{14}(?![0-9A-Za-z]|\.\d)")
_CARD = re.compile(r"(?<![\dA-Za-z.+-])\d(?:[ -]?\d){12,18}(?![\dA-Za-z]|[ .-]\d)")
_IBAN_BEGINNING = re.compile(r"(?<![0-9A-Za-z])[A-Z]{2}\d\d(?=[ -]?[0-9A-Z]{2})")
_IBAN_LETTER = re.compile(r"[ -]?([0-9A-Z])")

# Area, group and serial number; no area is 000, 666 or above 899, no group 00, no serial 0000 (SSA, "Social Security Number
# Randomization", 2011). Three that were printed in advertisements are nobody's.
_SOCIAL_SECURITY = re.compile(
    r"(?<![0-9A-Za-z.-])(?!000|666|9)(\d{3})([- ]?)(?!00)(\d\d)\2(?!0000)(\d{4})(?![0-9A-Za-z]|[.-]\d)"
)
_PRINTED = frozenset({"078051120", "219099999", "457555462"})
_SECURITY_WORD = r"(?:\bssns?\b|\bsocial[- _]?security|社会安全|社会保障号|社安号)"
SECURITY_WORD = re.compile(_SECURITY_WORD, re.IGNORECASE)
_SECURITY_BEFORE = re.compile(_SECURITY_WORD + r"[^\n]{0,40}$", re.IGNORECASE)
_SECURITY_AFTER = re.compile(r"[^\n0-9]{0,12}" + _SECURITY_WORD, re.IGNORECASE)
_CONTEXT = 64

PASSPORT_WORDS = ("passport", "护照", "護照")
# As these countries give them out: China, Hong Kong and Macao, Japan, Italy, Canada, India, Australia and others by letters
# before digits; France; Canada since 2023; Korea since 2021; Germany; and digits alone in the United States, the United
# Kingdom, Russia and Taiwan.
_PASSPORT = re.compile(
    r"(?i:\bpassport|护照|護照)((?:(?!(?i:visa|fee|office|agency|drive|签证|费))"
    r"(?:[^\n.。!?！？0-9]|(?<=\bno)\.|(?<=\bNo)\.)){0,32}?)(?<![0-9A-Za-z])"
    r"((?:[EGDSPHK][A-Z]?|[A-Z]{1,3})\d{6,8}|\d\d[A-Z]{2}\d{5}|[A-Z]\d{6}[A-Z]{2}|M\d{3}[A-Z]\d{4}"
    r"|[CFGHJK](?=[A-Z]*\d)[0-9CFGHJKLMNPRTVWXYZ]{8}|(\d{9}|\d\d \d{7}))(?![0-9A-Za-z]|[.-]\d)"
)
_LATIN = re.compile("[A-Za-z]")
# What announces a number.
_ANNOUNCED = re.compile(r"(?i:\b(?:numbers?|nos?|nr|id|is|was)\b)|[#号號码碼是为為：:(（]")
_COUNTING = ("123456", "234567", "345678", "456789", "654321", "987654", "000000")


def state_numbers(text: str) -> Iterator[Span]:
    """Mainland identity numbers and social security numbers."""
    for pattern in (_IDENTITY_18, _IDENTITY_15):
        for found in pattern.finditer(text):
            if is_identity_number(found.group()):
                yield Span("identity_number", *found.span())
    for found in _SOCIAL_SECURITY.finditer(text):
        digits = found[1] + found[3] + found[4]
        if digits not in _PRINTED and not _is_made_up(digits) and _is_said_to_be_social_security(text, found):
            yield Span("social_security", *found.span())


def _is_said_to_be_social_security(text: str, found: re.Match[str]) -> bool:
    """Whether a word near it says so; a value in JSON may be the whole text, and then its hyphens must."""
    start, end = found.span()
    if (start, end) == (0, len(text)):
        return found[2] == "-"
    if text[max(0, start - 3) : start].rstrip(" ").endswith('":'):
        return False  # a number in JSON stays one
    before = _SECURITY_BEFORE.search(text[max(0, start - _CONTEXT) : start])
    return before is not None or _SECURITY_AFTER.match(text, end, end + _CONTEXT) is not None


def passports(text: str) -> Iterator[Span]:
    """Passports' numbers behind the word."""
    for found in _PASSPORT.finditer(text):
        # Digits alone, and what words stand before, may count or name anything: a gate, a photo.
        unsure = found[3] or _LATIN.search(found[1])
        if unsure and (not _ANNOUNCED.search(found[1]) or found[1].rstrip(" ").endswith('":')):
            continue
        if not _is_made_up(re.sub(r"\D", "", found[2])):
            yield Span("passport", *found.span(2))


def _is_made_up(digits: str) -> bool:
    return is_filler(digits) or any(run in digits for run in _COUNTING)


def bank_numbers(text: str) -> Iterator[Span]:
    """Bank cards and international bank account numbers."""
    for found in _CARD.finditer(text):
        if is_card_number(found.group().replace(" ", "").replace("-", "")):
            yield Span("bank_card", *found.span())
    for found in _IBAN_BEGINNING.finditer(text):
        end = _iban_end(text, found.start())
        if end is not None:
            yield Span("iban", found.start(), end)


def _iban_end(text: str, start: int) -> int | None:
    """Where the IBAN ends that begins at a place, in groups or in one, or None where none does."""
    letters = ""
    place = start
    length = IBAN_LENGTHS.get(text[start : start + 2], 0)
    while len(letters) < length and (found := _IBAN_LETTER.match(text, place)):
        letters += found[1]
        place = found.end()
    whole = length and len(letters) == length and not text[place : place + 1].isalnum()
    return place if whole and is_iban(letters) else None
