"""Numbers that prove themselves: mainland identity numbers and bank cards."""

import re
from datetime import date

# GB/T 2260: provinces, municipalities and regions; 71, 81, 82 also begin permits of residents from there.
_PROVINCES = frozenset(
    [
        "11",
        "12",
        "13",
        "14",
        "15",
        "21",
        "22",
        "23",
        "31",
        "32",
        "33",
        "34",
        "35",
        "36",
        "37",
        "41",
        "42",
        "43",
        "44",
        "45",
        "46",
        "50",
        "51",
        "52",
        "53",
        "54",
        "61",
        "62",
        "63",
        "64",
        "65",
        "71",
        "81",
        "82",
        "83",
    ]
)
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK_DIGITS = "10X98765432"
_YEARS = range(1900, 2050)

# ISO/IEC 7812 prefixes with their lengths: UnionPay, Visa, Mastercard, American Express, Discover, JCB, and the debit cards
# that mainland banks issued before UnionPay's own prefix.
_CARD_SCHEMES = re.compile(
    r"62\d{14,17}|4\d{15}|4\d{12}|(?:5[1-5]\d{2}|222[1-9]|22[3-9]\d|2[3-6]\d{2}|27[01]\d|2720)\d{12}|3[47]\d{13}"
    r"|(?:6011|64[4-9]\d|65\d{2})\d{12}|35(?:2[89]|[3-8]\d)\d{12}|9558\d{15}|60(?:1382|3\d{3})\d{13}"
)
_TEST_CARDS = frozenset(
    [
        "4111111111111111",
        "4242424242424242",
        "4012888888881881",
        "4000056655665556",
        "5555555555554444",
        "5105105105105100",
        "378282246310005",
        "371449635398431",
        "6011111111111117",
        "6011000990139424",
        "3530111333300000",
        "3566002020360505",
        "6200000000000005",
        "4222222222222",
        "2223003122003222",
        "5200828282828210",
        "378734493671000",
        "4000000000000002",
        "4532015112830366",
        "4539578763621486",
    ]
)


def is_identity_number(text: str) -> bool:
    """Whether a text is a mainland identity number: 18 characters with checksum (GB 11643) or 15 digits of the old kind.

    Both need a province and a date of birth that exists.
    """
    number = text.upper()
    if len(number) == 18:
        check = _CHECK_DIGITS[sum(int(digit) * weight for digit, weight in zip(number, _WEIGHTS, strict=False)) % 11]
        return number[:2] in _PROVINCES and number[17] == check and _is_date(number[6:14])
    return number[:2] in _PROVINCES and _is_date("19" + number[6:12]) and not is_filler(number)


def is_card_number(number: str) -> bool:
    """Whether digits have the prefix and length of a card scheme and pass Luhn's check; known test cards do not count."""
    return (
        _CARD_SCHEMES.fullmatch(number) is not None
        and number not in _TEST_CARDS
        and not is_filler(number)
        and _passes_luhn(number)
    )


def _is_date(digits: str) -> bool:
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:])).year in _YEARS
    except ValueError:
        return False


def _passes_luhn(number: str) -> bool:
    digits = [int(digit) for digit in reversed(number)]
    return (sum(digits[::2]) + sum(sum(divmod(2 * digit, 10)) for digit in digits[1::2])) % 10 == 0


def is_filler(digits: str) -> bool:
    """Digits somebody typed to have some: three or fewer different ones, or a counting run of eight."""
    return len(set(digits)) <= 3 or any(run in digits for run in ("12345678", "23456789", "98765432", "87654321"))
