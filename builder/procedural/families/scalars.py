"""Operations on one number."""

from builder.procedural.families.kinds import NUMBER, PHRASE
from builder.procedural.families.operation import AnyOperation, InapplicableError, Operation, label_kind, wording
from builder.text import word_list

PARITY = label_kind("parity", en="odd | even", zh="奇数 | 偶数")
BAND = label_kind("band", en="low | medium | high", zh="低 | 中 | 高")
PRIMALITY = label_kind("primality", en="prime | composite", zh="质数 | 合数")

_ONES = word_list(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
    " seventeen eighteen nineteen"
)
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_ROMAN = (
    (1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L"), (40, "XL"), (10, "X"),
    (9, "IX"), (5, "V"), (4, "IV"), (1, "I"),
)  # fmt: skip
_DIGITS_ZH = "零一二三四五六七八九"


def english_words(value: int) -> str:
    """A number from 0 to 999,999 in English words, British style: `one hundred and five`, `forty-two`."""
    if not 0 <= value < 1_000_000:
        raise InapplicableError
    if value >= 1000:
        thousands, rest = divmod(value, 1000)
        joint = " and " if 0 < rest < 100 else " "
        return f"{english_words(thousands)} thousand" + (joint + english_words(rest) if rest else "")
    if value >= 100:
        hundreds, rest = divmod(value, 100)
        return f"{_ONES[hundreds]} hundred" + (f" and {english_words(rest)}" if rest else "")
    if value >= 20:
        tens, ones = divmod(value, 10)
        return _TENS[tens - 2] + (f"-{_ONES[ones]}" if ones else "")
    return _ONES[value]


def chinese_numerals(value: int) -> str:
    """A number from 0 to 99,999,999 in Chinese numerals: `十二`, `一百零五`, `一万零二十`."""
    if not 0 <= value < 100_000_000:
        raise InapplicableError
    if value >= 10_000:
        high, low = divmod(value, 10_000)
        joint = "零" if 0 < low < 1000 else ""
        return chinese_numerals(high) + "万" + (joint + _below_ten_thousand(low, leading=False) if low else "")
    return _below_ten_thousand(value, leading=True)


def _below_ten_thousand(value: int, *, leading: bool) -> str:
    if value < 10:
        return _DIGITS_ZH[value]
    text, pending_zero = "", False
    for unit, name in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit = value // unit % 10
        if digit:
            text += ("零" if pending_zero else "") + _DIGITS_ZH[digit] + name
        pending_zero = bool(text) and digit == 0
    # 12 is 十二, but inside a larger number it stays 一十二.
    return text[1:] if leading and 10 <= value < 20 else text


def roman_numerals(value: int) -> str:
    """A number from 1 to 3,999 in Roman numerals."""
    if not 1 <= value <= 3999:
        raise InapplicableError
    text = ""
    for size, name in _ROMAN:
        count, value = divmod(value, size)
        text += name * count
    return text


def _band(value: int) -> int:
    if value < 0:
        raise InapplicableError
    return 0 if value < 10 else 1 if value < 20 else 2


def _primality(value: int) -> int:
    if not 2 <= value < 10_000:
        raise InapplicableError
    return int(any(value % divisor == 0 for divisor in range(2, int(value**0.5) + 1)))


def _tens(value: int) -> int:
    if value < 0:
        raise InapplicableError
    return (value + 5) // 10 * 10


def _square(value: int) -> int:
    if abs(value) > 999:
        raise InapplicableError
    return value * value


OPERATIONS: tuple[AnyOperation, ...] = (
    Operation(
        "number_parity",
        "classification",
        NUMBER,
        PARITY,
        lambda value: 1 - value % 2,
        wording(
            en="say whether {x} is odd or even | label {x} odd or even | decide if {x} is even or odd | "
            "write odd or even for {x} | give the parity of {x}",
            zh="判断{x}是奇数还是偶数 | 说出{x}是偶数还是奇数 | 给{x}标上奇数或偶数 | 写明{x}的奇偶 | "
            "将{x}归为奇数或偶数",
        ),
    ),
    Operation(
        "number_band",
        "classification",
        NUMBER,
        BAND,
        _band,
        wording(
            en="rate {x} low under 10, medium under 20, else high | "
            "call {x} low (0-9), medium (10-19) or high (20 up) | "
            "grade {x}: below 10 low, 10 to 19 medium, 20 on high | "
            "put {x} in a band: low to 9, medium to 19, high beyond | "
            "mark {x} high from 20, medium from 10, otherwise low",
            zh="给{x}分档：10以下低，20以下中，其余高 | 把{x}评为低（0到9）、中（10到19）或高 | "
            "将{x}定级，不足10为低，10到19为中，20起为高 | 按规则标注{x}：20起高，10起中，否则低 | "
            "说出{x}属于哪一档，到9为低，到19为中，再多为高",
        ),
    ),
    Operation(
        "number_primality",
        "reasoning",
        NUMBER,
        PRIMALITY,
        _primality,
        wording(
            en="determine if {x} is prime or composite | classify {x} as prime or composite | "
            "test {x} for divisors and answer prime or composite | settle whether {x} is a composite or a prime",
            zh="判断{x}是质数还是合数 | 检查{x}有没有别的因数，回答质数或合数 | 将{x}归入质数或合数 | "
            "确定{x}属于合数还是质数",
        ),
    ),
    Operation(
        "number_squared",
        "mathematics",
        NUMBER,
        NUMBER,
        _square,
        wording(
            en="square {x} | multiply {x} by itself | raise {x} to the power of two | compute the second power of {x}",
            zh="求{x}的平方 | 把{x}乘以自身 | 算出{x}的二次方 | 将{x}自乘一次",
        ),
    ),
    Operation(
        "number_doubled",
        "mathematics",
        NUMBER,
        NUMBER,
        lambda value: value * 2,
        wording(
            en="double {x} | multiply {x} by two | give twice {x} | add {x} to itself",
            zh="把{x}翻一倍 | 将{x}乘以二 | 给出{x}的两倍 | 让{x}加上它自己",
        ),
    ),
    Operation(
        "number_plus_twelve",
        "mathematics",
        NUMBER,
        NUMBER,
        lambda value: value + 12,
        wording(
            en="add a dozen to {x} | increase {x} by 12 | put 12 on top of {x} | raise {x} by twelve",
            zh="给{x}加上12 | 让{x}增加一打，即12 | 把{x}加十二 | 在{x}上再添12",
        ),
    ),
    Operation(
        "number_digit_sum",
        "mathematics",
        NUMBER,
        NUMBER,
        lambda value: sum(map(int, str(abs(value)))),
        wording(
            en="add the digits of {x} | compute the digit sum of {x} | sum up the figures that make up {x} | "
            "total the single digits in {x}",
            zh="把{x}各位上的数字相加 | 求{x}的数位之和 | 算{x}每一位数字加起来是多少 | 将{x}拆成单个数字求和",
        ),
    ),
    Operation(
        "number_to_tens",
        "mathematics",
        NUMBER,
        NUMBER,
        _tens,
        wording(
            en="round {x} to the nearest ten, halves up | bring {x} to the closest multiple of 10, five going up | "
            "round {x} off to tens, with 5 rounded up | give {x} to the nearest 10 and let halves rise",
            zh="把{x}四舍五入到十位 | 将{x}凑成最接近的整十数，逢五进上 | 给出{x}取整到十的结果，五入四舍 | "
            "对{x}按十位四舍五入",
        ),
    ),
    Operation(
        "number_to_english",
        "translation",
        NUMBER,
        PHRASE,
        english_words,
        wording(
            en="spell {x} out in English words | write {x} in English words | express {x} in English as words | "
            "put {x} into words, in English",
            zh="把{x}翻译成英文单词 | 用英文单词写出{x} | 将{x}译为英语的说法 | 写下{x}的英文读法",
        ),
    ),
    Operation(
        "number_to_chinese",
        "translation",
        NUMBER,
        PHRASE,
        chinese_numerals,
        wording(
            en="translate {x} into Chinese numerals | write {x} with Chinese characters | "
            "express {x} in Chinese numerals | render {x} as a number in Chinese characters",
            zh="把{x}改写为中文数字 | 用汉字写出{x} | 将{x}转成汉字数字 | 写下{x}的中文读法",
        ),
    ),
    Operation(
        "number_to_roman",
        "translation",
        NUMBER,
        PHRASE,
        roman_numerals,
        wording(
            en="convert {x} to Roman numerals | write {x} the way the Romans did, in numerals | "
            "give the Roman numeral for {x} | carve {x} in Roman numerals",
            zh="把{x}转换成罗马数字 | 用罗马数字表示{x} | 写出{x}对应的罗马数字 | 将{x}改成罗马数字",
        ),
        check="verbatim",
    ),
)
