"""Numbers that prove themselves: mainland identity numbers, bank cards and IBANs."""

import re
from datetime import date

from builder.text import word_list

# GB/T 2260: provinces, municipalities and regions; 71, 81, 82 also begin permits of residents from there.
_PROVINCES = frozenset(
    word_list(
        "11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 65 71 81 82 83"
    )
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
    word_list(
        "4111111111111111 4242424242424242 4012888888881881 4000056655665556 5555555555554444 5105105105105100"
        " 378282246310005 371449635398431 6011111111111117 6011000990139424 3530111333300000 3566002020360505"
        " 6200000000000005 4222222222222 2223003122003222 5200828282828210 378734493671000 4000000000000002"
        " 4532015112830366 4539578763621486"
    )
)


# SWIFT, IBAN Registry (ISO 13616): how long each country's are, and the examples that the registry and banks print.
IBAN_LENGTHS = {
    country: length
    for length, countries in {
        15: "NO", 16: "BE", 18: "DK FI FK FO GL NL SD", 19: "MK SI", 20: "AT BA EE KZ LT LU MN XK",
        21: "CH HR LI LV", 22: "BG BH CR DE GB GE IE ME RS VA", 23: "AE GI IL IQ OM SO TL",
        24: "AD CZ ES MD PK RO SA SE SK TN VG", 25: "LY PT ST", 26: "IS TR", 27: "BI DJ FR GR IT MC MR SM",
        28: "AL AZ BY CY DO GT HN HU LB NI PL", 29: "BR EG PS QA UA", 30: "JO KW MU YE", 31: "MT SC SV", 32: "LC", 33: "RU",
    }.items()
    for country in countries.split()
}  # fmt: skip
_EXAMPLE_IBANS = frozenset(
    word_list(
        "AD1200012030200359100100 AE070331234567890123456 AT611904300234573201 AZ21NABZ00000000137010001944"
        " BE68539007547034 BG80BNBG96611020345678 BR9700360305000010009795493P1 CH9300762011623852957"
        " CY17002001280000001200527600 CZ6508000000192000145399 DE89370400440532013000 DK5000400440116243"
        " EE382200221020145685 ES9121000418450200051332 ES7921000813610123456789 FI2112345600000785"
        " FO6264600001631634 FR1420041010050500013M02606 FR7630006000011234567890189 GB29NWBK60161331926819"
        " GB33BUKB20201555555555 GB82WEST12345698765432 GB94BARC10201530093459 GE29NB0000000101904917"
        " GI75NWBK000000007099453 GL8964710001000206 GR1601101250000000012300695 HR1210010051863000160"
        " HU42117730161111101800000000 IE29AIBK93115212345678 IL620108000000099999999"
        " IS140159260076545510730339 IT60X0542811101000000123456 KW81CBKU0000000000001234560101"
        " KZ86125KZT5004100100 LI21088100002324013AA LT121000011101001000 LU280019400644750000"
        " LV80BANK0000435195001 MC5811222000010123456789030 ME25505000012345678951"
        " MT84MALT011000012345MTLCAST001S NL91ABNA0417164300 NL20INGB0001234567 NO9386011117947"
        " PK36SCBL0000001123456702 PL61109010140000071219812874 PT50000201231234567890154"
        " QA58DOHB00001234567890ABCDEFG RO49AAAA1B31007593840000 RS35260005601001611379"
        " SA0380000000608010167519 SE4550000000058398257466 SI56263300012039086 SK3112000000198742637541"
        " SM86U0322509800000000270100 TN5910006035183598478831 TR330006100519786457841326"
        " UA213223130000026007233566001 VG96VPVG0000012345678901 XK051212012345678906"
    )
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


def is_iban(letters: str) -> bool:
    """Whether letters and digits have the length of their country's IBANs and pass the check of ISO 13616; examples do not count."""
    if len(letters) != IBAN_LENGTHS.get(letters[:2]) or letters in _EXAMPLE_IBANS or is_filler(letters[4:]):
        return False
    return int("".join(str(int(letter, 36)) for letter in letters[4:] + letters[:4])) % 97 == 1


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
