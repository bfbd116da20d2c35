"""Personal data and secrets in a row; `builder.curation.redacting` takes them out.

    给我发邮件：li.wei@qq.com，或拨打 13912345067   →   e-mail li.wei@qq.com, phone 13912345067

Kinds: `email`, `phone` (mainland mobile and landline, North American, international with +), `identity_number` (mainland, 18
digits by GB 11643 with checksum, or 15), `social_security` (of the United States) and `passport` (beside a word that says
so), `bank_card` (Luhn, with the prefix and length of a card scheme), `iban` (with its check digits), `ip_address` (public
ones) and `secret` (keys of known shape, private key blocks, bearer tokens, JSON web tokens). Numbers and addresses that are
nobody's are not hits: example.com, 555 numbers, private networks, test cards, runs of one digit.
"""

import ipaddress
import json
import re
from collections.abc import Iterator

import pyarrow as pa

from builder.schema import Sample
from builder.signals.checksums import is_filler
from builder.signals.personal_numbers import PASSPORT_WORDS, SECURITY_WORD, Span, bank_numbers, passports, state_numbers
from builder.signals.signal import Card, Finding, Read, Signal, SignalValue, kinds_and_spans
from builder.text import word_list

_FULL_WIDTH_WORD = re.compile("[\uff10-\uff19\uff20-\uff3a\uff41-\uff5a]")
FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}

_EMAIL = re.compile(
    r"(?<![A-Za-z0-9._%+-])([A-Za-z0-9][A-Za-z0-9._%+-]{0,63})@((?:[A-Za-z0-9][A-Za-z0-9-]{0,62}\.){1,6}[A-Za-z]{2,24})(?![A-Za-z0-9@-])"
)
# RFC 2606 and 6761 reserve these; others say themselves that they stand for one.
_NOBODYS_DOMAIN = re.compile(
    r"(?:^|\.)example[\w-]*\.[a-z.]{2,12}$|\.(?:example|test|invalid|local|localhost)$"
    r"|(?:^|\.)(?:(?:your|my|our|some|the|xyz|abc)[-_]?(?:company|domain|website|site|email|mail|business|organi[sz]ation|school|host|server)"
    r"|(?:company|domain)(?:[-_]?name)?|website|sample|placeholder|xxx?)\.[a-z.]{2,12}$",
    re.IGNORECASE,
)
# Nobody's name at any provider; a first name with or without digits may be somebody's wherever mail is delivered.
_NOBODY = re.compile(
    r"^(?:your[\w.-]*|my[-_.]?(?:e-?mail|name)|user(?:name)?|name|someone|somebody|example|test(?:ing)?|abc|xyz|x{2,}|git|e-?mail"
    r"|no-?reply|first\w{0,6}[._]last\w{0,6})$",
    re.IGNORECASE,
)
# Domains that texts make up although people have addresses there: dummies only with such a name.
_MADE_UP_DOMAIN = re.compile(r"^(?:e?-?mail|test|abc|xyz|123|host|server)\.[a-z.]{2,12}$", re.IGNORECASE)
_MADE_UP_USER = re.compile(
    r"^(?:.|(?:user|test|name|mail)\d{0,3}|(?:john|jane)(?:[._]?(?:doe|smith))?)$", re.IGNORECASE
)

_DIGIT = re.compile(r"\d")
_NO_ASCII_DIGIT = bytes(code for code in range(256) if not 0x30 <= code <= 0x39)
# Nothing with fewer digits in a row, separators aside, is a phone number, an identity number, a card or an address. The
# look back leaves out places within a number: what begins there begins before too.
_FEWEST_DIGITS = 7
_FEWEST_IN_A_PASSPORT = 5
_DIGITS = re.compile(r"\d(?<!\d\d)(?:[ ().-]{0,2}\d){6}")
_BETWEEN_DIGITS = b" ().-"
_DIGITS_ALIKE = bytes(0x30 if 0x30 <= code <= 0x39 else code for code in range(256))
_ROW_OF_DIGITS = b"0" * _FEWEST_DIGITS
_MOBILE = re.compile(r"(?<![\d.+-])(?:(?:\+|00)?86[- ]?)?(1[3-9]\d[- ]?\d{4}[- ]?\d{4})(?![\d]|[.-]\d)")
_LANDLINE = re.compile(
    r"(?<![\d.-])(?:\(0(?:10|2\d|[3-9]\d{2})\) ?|(?:\+86[- ]?)?0(?:10|2\d|[3-9]\d{2})[- ])([1-9]\d{6,7})(?![\d]|[.-]\d)"
)
_AMERICAN = re.compile(
    r"(?<![\d.+-])(?:\+?1[-. ])?(?:\(([2-9]\d{2})\) ?|([2-9]\d{2})[-. ])([2-9]\d{2})[-. ](\d{4})(?![\d]|[.-]\d)"
)
_INTERNATIONAL = re.compile(r"(?<![\d+])\+[1-9]\d{0,2}(?:[ .-]?\(?\d{1,5}\)?){2,6}(?!\d)")
_TOLL_FREE = frozenset({"400", "800", "822", "833", "844", "855", "866", "877", "888", "900"})
_SUM = re.compile(r"[=×*/√^]|\bmod\b")

_IPV4 = re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d]|\.\d)")
_IPV6 = re.compile(r"(?<![\w:.])[23][0-9A-Fa-f]{3}:[0-9A-Fa-f:]{2,34}(?![\w:])")
_IPV6_BEGINNING = re.compile("[23][0-9A-Fa-f]{3}:")
_VERSION_BEFORE = re.compile(r"(?:\bv|version|版本|section|chapter|build|第)[ :：]?$", re.IGNORECASE)
# Public resolvers and counting runs, which stand for an address rather than be one.
_KNOWN_ADDRESSES = frozenset(
    word_list("1.1.1.1 1.0.0.1 8.8.8.8 8.8.4.4 9.9.9.9 114.114.114.114 223.5.5.5 1.2.3.4 5.6.7.8 2.2.2.2 4.4.4.4")
)

# Every secret has a digit, one of these signs and such a run, or is a block with such a line.
_KEY_SIGNS = ("_", "sk-", "glpat-", "xox", "AKIA", "ASIA", "AIza", "LTAI", "eyJ", "earer ")
_UNBROKEN = re.compile(r"[A-Za-z0-9_-]{16}")
_BLOCK_MARK = "PRIVATE KEY-----"
_SECRET = re.compile(
    r"(?<![A-Za-z0-9_-])(?:sk-[A-Za-z0-9_-]{20,200}|[sr]k_live_[A-Za-z0-9]{16,100}"
    r"|(?:AKIA|ASIA)[A-Z0-9]{16}|gh[opsu]_[A-Za-z0-9]{36,255}"
    r"|github_pat_[A-Za-z0-9_]{22,255}|glpat-[A-Za-z0-9_-]{20,64}|xox[abprs]-[A-Za-z0-9-]{10,120}|AIza[A-Za-z0-9_-]{35}"
    r"|hf_[A-Za-z0-9]{30,64}|LTAI[A-Za-z0-9]{12,24}"
    r"|eyJ[A-Za-z0-9_-]{8,2000}\.eyJ[A-Za-z0-9_-]{4,4000}\.[A-Za-z0-9_-]{10,1000})(?![A-Za-z0-9])"
    r"|-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY-----(?:[A-Za-z0-9+/=\s:,.-]{20,8000}?-----END (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY-----)?"
    r"|(?<=[Bb]earer )[A-Za-z0-9._~+/-]{20,2000}={0,2}"
)
_NO_SECRET = re.compile(r"example|your|placeholder|xxxx|1234567890|0{6}|\.\.\.|abcdefgh|<|token|insert", re.IGNORECASE)


def find_private(text: str) -> list[Span]:
    """All private spans of a text, in order, none overlapping another.

    Args:
        text: any text; full-width digits, letters and signs count as their ASCII twins.
    """
    folded = text.translate(FULL_WIDTH) if not text.isascii() and _FULL_WIDTH_WORD.search(text) else text
    spans: list[Span] = []
    digits = _count_digits(folded)
    keyed = digits and any(map(folded.__contains__, _KEY_SIGNS)) and _UNBROKEN.search(folded)
    if keyed or _BLOCK_MARK in folded:
        spans += _secrets(folded)
    if "@" in folded:
        spans += _emails(folded)
    if digits >= _FEWEST_DIGITS and _may_be_in_a_row(folded) and _DIGITS.search(folded):
        spans += [*bank_numbers(folded), *state_numbers(folded), *_phones(folded)]
        spans += _addresses(folded, _IPV4) if folded.count(".") > 2 else []
    if digits >= _FEWEST_IN_A_PASSPORT and any(map(folded.casefold().__contains__, PASSPORT_WORDS)):
        spans += passports(folded)
    if digits and folded.count(":") > 1 and _IPV6_BEGINNING.search(folded):
        spans += _addresses(folded, _IPV6)
    return _without_overlaps(spans) if spans else []


def _count_digits(text: str) -> int:
    # Most texts have too few for any pattern; in ASCII that is told in a sixth of the time.
    return len(text.encode().translate(None, _NO_ASCII_DIGIT) if text.isascii() else _DIGIT.findall(text))


def _may_be_in_a_row(text: str) -> bool:
    """False only where `_DIGITS` finds nothing, which is told in a tenth of the time it takes to look."""
    return not text.isascii() or _ROW_OF_DIGITS in text.encode().translate(_DIGITS_ALIKE, _BETWEEN_DIGITS)


def _without_overlaps(spans: list[Span]) -> list[Span]:
    """The earliest, of those the longest; kinds that are checked more closely were found first and win a tie."""
    kept: list[Span] = []
    for span in sorted(spans, key=lambda span: (span.start, -span.end)):
        if not kept or span.start >= kept[-1].end:
            kept.append(span)
    return kept


def _emails(text: str) -> Iterator[Span]:
    for found in _EMAIL.finditer(text):
        if not _is_nobodys(found[1], found[2]):
            yield Span("email", *found.span())


def _is_nobodys(user: str, domain: str) -> bool:
    """Whether an address stands for one: by a reserved or a speaking domain, by what nobody is called, or by both."""
    if _NOBODYS_DOMAIN.search(domain) or _NOBODY.match(user):
        return True
    return _MADE_UP_DOMAIN.match(domain) is not None and _MADE_UP_USER.match(user) is not None


def _secrets(text: str) -> Iterator[Span]:
    for found in _SECRET.finditer(text):
        secret = found.group()
        if secret.startswith("-----BEGIN"):
            if len(secret) > 80 and not _NO_SECRET.search(secret):
                yield Span("secret", *found.span())
        elif len(set(secret)) >= 10 and any(map(str.isdigit, secret)) and not _NO_SECRET.search(secret):
            yield Span("secret", *found.span())


def _phones(text: str) -> Iterator[Span]:
    for pattern in (_MOBILE, _LANDLINE):
        for found in pattern.finditer(text):
            local = re.sub(r"\D", "", found[1])
            if (
                not is_filler(local)
                and not is_filler(local[-8:])
                and (local[-4:] != local[-8:-4] or local[-4:] not in "123456789")
                and local != "13800138000"
            ):
                yield Span("phone", *found.span())
    for found in _AMERICAN.finditer(text):
        area, exchange, line = found[1] or found[2], found[3], found[4]
        fictional = (
            "555" in (area, exchange) or area in _TOLL_FREE or area[1:] == "11" or is_filler(area + exchange + line)
        )
        if not fictional and not _is_in_a_sum(text, found):
            yield Span("phone", *found.span())
    if "+" in text:
        for found in _INTERNATIONAL.finditer(text):
            digits = re.sub(r"\D", "", found.group())
            # North America's 555, the numbers that Ofcom keeps for drama, and toll-free ones.
            fictional = (
                (digits.startswith("1") and "555" in (digits[1:4], digits[4:7]))
                or is_filler(digits[-8:])
                or digits.startswith(("442079460", "1800", "1888", "1877"))
            )
            if 9 <= len(digits) <= 15 and not fictional and not _is_in_a_sum(text, found):
                yield Span("phone", found.start(), found.end())


def _is_in_a_sum(text: str, found: "re.Match[str]") -> bool:
    return bool(
        _SUM.search(text[max(0, found.start() - 3) : found.start()] + " " + text[found.end() : found.end() + 3])
    )


def _addresses(text: str, pattern: "re.Pattern[str]") -> Iterator[Span]:
    for found in pattern.finditer(text):
        try:
            address = ipaddress.ip_address(found.group())
        except ValueError:
            continue
        known = found.group() in _KNOWN_ADDRESSES or found.group().startswith("2001:4860:")
        if (
            address.is_global
            and not address.is_multicast
            and not known
            and not _VERSION_BEFORE.search(text[max(0, found.start() - 9) : found.start()])
        ):
            yield Span("ip_address", *found.span())


def private_texts(sample: Sample) -> Iterator[str]:
    """Every text that is published of a row: turns, speakers, tools and their calls, the rejected answer."""
    for turn in sample.messages:
        yield turn.content
        yield from (text for text in (turn.reasoning, turn.name) if text is not None)
        if turn.tool_calls is not None:
            yield from _json_texts(turn.tool_calls)
    if sample.tools is not None:
        yield from _json_texts(sample.tools)
    if sample.rejected is not None:
        yield sample.rejected


def _json_texts(text: str) -> Iterator[str]:
    """The strings, names and numbers in a JSON text: an escape before a value is no part of it."""
    try:
        values = [json.loads(text)]
    except (ValueError, RecursionError):
        yield text
        return
    while values:
        value = values.pop(0)
        if isinstance(value, dict):
            values[:0] = [part for item in value.items() for part in item]
        elif isinstance(value, list):
            values[:0] = value
        elif isinstance(value, str | int | float):
            yield str(value)


def measure_privacy(sample: Sample) -> tuple[SignalValue, ...]:
    """The kinds of private data in all texts of a row, and the first span of each."""
    texts = list(private_texts(sample))
    return kinds_and_spans(
        Finding(span.kind, text[span.start : span.end])
        for text in texts
        for span in find_private(text)
        if span.kind != "social_security" or any(map(SECURITY_WORD.search, texts))
    )


PRIVACY = Signal(
    name="privacy",
    columns=(("privacy", pa.list_(pa.string())), ("privacy_spans", pa.list_(pa.string()))),
    measure=measure_privacy,
    card=Card(
        meaning_en="Personal data and secrets in any turn, tool call or rejected answer: e-mail, phone, identity number, US "
        "social security number, passport, bank card, IBAN, IP address, key or token.",
        meaning_zh="各轮对话、工具调用与落选回答中的个人信息与密钥：邮箱、电话、身份证号、美国社会安全号、护照号、"
        "银行卡号、IBAN、IP 地址、密钥或令牌。",
        range_en="the kinds found, and the first span of each",
        range_zh="发现的类型，以及每类的第一处原文",
        misses_en="Names and postal addresses, local numbers without an area code, passwords without a known shape; social security "
        "and passport numbers with no word beside them that says so.",
        misses_zh="姓名与住址、不带区号的座机号码、没有固定样式的密码；旁边没有相应字样的社会安全号与护照号。",
        precision=(Read("en", 2, 2),),
    ),
    version=4,
)
