"""Operations on pairs of numbers."""

import random

from builder.procedural.families.kinds import (
    NUMBER,
    read_integer,
    split_items,
)
from builder.procedural.families.operation import (
    AnyOperation,
    InapplicableError,
    Kind,
    Language,
    Operation,
    label_kind,
    wording,
)

LARGER = label_kind("larger", en="first | second", zh="前者 | 后者")


def _larger(pair: tuple[int, int]) -> int:
    if pair[0] == pair[1]:
        raise InapplicableError
    return int(pair[1] > pair[0])


def _remainder(pair: tuple[int, int]) -> int:
    if min(pair) < 2 or pair[0] == pair[1]:
        raise InapplicableError
    return max(pair) % min(pair)


def _read_pair(text: str, language: Language) -> tuple[int, int]:
    first, second = (read_integer(item) for item in split_items(text, language))
    return first, second


def _sample_pair(rng: random.Random, language: Language, small: bool) -> tuple[int, int]:
    first, second = rng.sample(range(1, 31 if small else 200), 2)
    return first, second


PAIR: Kind[tuple[int, int]] = Kind(
    "pair",
    "list",
    lambda value, language: ("、" if language == "zh" else ", ").join(map(str, value)),
    _read_pair,
    _sample_pair,
    wording(
        en="the two scores of the match | the ages of two cousins | both bids for the vase | "
        "the pair of readings | two prices side by side | the lengths of both ropes | the two teams' points | "
        "this year's rain and last year's | a pair of house numbers | the weights of two melons | "
        "both answers from the quiz | the two jumps of the frog | the numbers on both dice cups | two bus lines | "
        "the marbles of each twin | the two rooms' temperatures | both halves of the code | "
        "the catch of two fishermen | two shelves' books | the stamps of each friend | the floors of both lifts | "
        "the two clocks' minutes | the seats of two halls | a pair of raffle numbers",
        zh="比赛双方的比分 | 两位表兄弟的年龄 | 对花瓶的两次出价 | 一对读数 | 并排的两个价格 | 两根绳子的长度 | "
        "两队的积分 | 今年和去年的雨量 | 一对门牌号 | 两个西瓜的重量 | 测验里的两个答数 | 青蛙跳的两下 | "
        "两个骰盅里的数 | 两条公交线的号码 | 双胞胎各有的弹珠数 | 两个房间的温度 | 口令的前后两半 | "
        "两位渔夫的渔获 | 两层书架的书数 | 两个朋友的邮票数 | 两部电梯的楼层 | 两只钟的分钟数 | 两间礼堂的座位数 | "
        "一对抽奖号码",
    ),
    wording(en="these two numbers | the two given", zh="这两个数 | 这一对数"),
)

OPERATIONS: tuple[AnyOperation, ...] = (
    Operation(
        "pair_compare",
        "reasoning",
        PAIR,
        LARGER,
        _larger,
        wording(
            en="compare {x} and name the larger: first or second | say which of {x} is greater, first or second | "
            "pick the bigger of {x}: first or second | weigh up {x}; answer first or second for the larger | "
            "mark first or second, whichever of {x} is higher",
            zh="比较{x}，说出前者还是后者大 | 判断{x}中较大的是前者还是后者 | 在{x}里选出大的：前者或后者 | "
            "看{x}谁更大，回答前者或后者 | 指出{x}中更高的一方，前者或后者",
        ),
    ),
    Operation(
        "pair_difference",
        "mathematics",
        PAIR,
        NUMBER,
        lambda pair: abs(pair[0] - pair[1]),
        wording(
            en="subtract the smaller of {x} from the larger | work out how far apart {x} are | "
            "find the difference of {x} | compute the gap separating {x}",
            zh="用{x}中较大的减去较小的 | 算出{x}相差多少 | 求{x}的差 | 计算{x}之间的差距",
        ),
    ),
    Operation(
        "pair_remainder",
        "mathematics",
        PAIR,
        NUMBER,
        _remainder,
        wording(
            en="divide the larger of {x} by the smaller and give the remainder | "
            "find what is left when the smaller of {x} goes into the larger | "
            "take the bigger of {x} modulo the other | compute the remainder of {x}, large over small",
            zh="用{x}中较大的除以较小的，给出余数 | 求{x}大数除以小数剩下多少 | 把{x}中的大数对小数取模 | "
            "算{x}相除（大除以小）的余数",
        ),
    ),
)
