"""The exact value of a sum such as `(2 + 3) × 4 / 5`, read by a small parser; nothing is evaluated as code."""

import re
from fractions import Fraction

# Bounds that keep a strange text cheap; no sum for people comes near them.
_MOST_DIGITS, _LARGEST_POWER, _DEEPEST = 24, 64, 20

TOKEN = re.compile(r"\d[\d,]*(?:\.\d+)?|\.\d+|[-+*/^()%]")
_GROUPED = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?\Z")
_TIMES = re.compile(r"(?<=[\d)])\s*[xX]\s*(?=[\d(])")


class UnreadableError(ValueError):
    """Not an expression of numbers that can be computed."""


def compute(side: str) -> Fraction:
    """The exact value of an expression with + - * / ^ ( ) and a closing percent sign.

    Raises:
        UnreadableError: it is not one, or its numbers are out of bounds.
    """
    plain = _TIMES.sub("*", side)
    plain = plain.replace("[", "(").replace("]", ")").translate({ord(c): None for c in "$￥¥€£"}).strip()
    tokens = TOKEN.findall(plain)
    if len("".join(tokens)) != len("".join(plain.split())) or not tokens:
        raise UnreadableError
    value, place = _sum(tokens, 0, 0)
    if place != len(tokens):
        raise UnreadableError
    return value


def _sum(tokens: list[str], place: int, depth: int) -> tuple[Fraction, int]:
    value, place = _product(tokens, place, depth)
    while place < len(tokens) and tokens[place] in "+-":
        term, after = _product(tokens, place + 1, depth)
        value, place = (value + term if tokens[place] == "+" else value - term), after
    return value, place


def _product(tokens: list[str], place: int, depth: int) -> tuple[Fraction, int]:
    value, place = _power(tokens, place, depth)
    while place < len(tokens) and tokens[place] in "*/":
        factor, after = _power(tokens, place + 1, depth)
        if tokens[place] == "/" and factor == 0:
            raise UnreadableError
        value, place = (value * factor if tokens[place] == "*" else value / factor), after
    return value, place


def _power(tokens: list[str], place: int, depth: int) -> tuple[Fraction, int]:
    if place < len(tokens) and tokens[place] == "-":
        value, place = _power(tokens, place + 1, depth + 1)
        return -value, place
    value, place = _number(tokens, place, depth)
    if place < len(tokens) and tokens[place] == "^":
        exponent, place = _power(tokens, place + 1, depth + 1)
        if exponent.denominator != 1 or abs(exponent) > _LARGEST_POWER or (value == 0 and exponent < 0):
            raise UnreadableError
        value = value**exponent.numerator
    if place < len(tokens) and tokens[place] == "%":
        # Before a number it is a remainder, which people and programs write differently.
        if place + 1 < len(tokens) and tokens[place + 1][0] in "0123456789.(":
            raise UnreadableError
        value, place = value / 100, place + 1
    return value, place


def _number(tokens: list[str], place: int, depth: int) -> tuple[Fraction, int]:
    if place >= len(tokens) or depth > _DEEPEST:
        raise UnreadableError
    token = tokens[place]
    if token == "(":
        value, place = _sum(tokens, place + 1, depth + 1)
        if place >= len(tokens) or tokens[place] != ")":
            raise UnreadableError
        return value, place + 1
    if len(token) > _MOST_DIGITS or not token[-1].isdigit() or ("," in token and not _GROUPED.match(token)):
        raise UnreadableError
    return Fraction(token.replace(",", "")), place + 1
