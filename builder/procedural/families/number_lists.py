"""Operations that make one list of numbers into another."""

from itertools import pairwise

from builder.procedural.families.kinds import (
    NUMBERS,
)
from builder.procedural.families.operation import (
    AnyOperation,
    InapplicableError,
    Operation,
    wording,
)


def _some(values: list[int]) -> list[int]:
    if not values:
        raise InapplicableError
    return values


def _first_three(values: list[int]) -> list[int]:
    if len(values) <= 3:
        raise InapplicableError
    return values[:3]


def _differences(values: list[int]) -> list[int]:
    return _some([abs(right - left) for left, right in pairwise(values)])


OPERATIONS: tuple[AnyOperation, ...] = (
    Operation(
        "numbers_ascending",
        "data_analysis",
        NUMBERS,
        NUMBERS,
        sorted,
        wording(
            en="sort {x} from smallest to largest | put {x} in ascending order | arrange {x} so that they grow | "
            "line up {x} with the lowest in front | order {x} upwards",
            zh="把{x}从小到大排列 | 将{x}按升序排好 | 让{x}由低到高排成一列 | 对{x}做升序排序 | "
            "按越来越大的顺序写出{x}",
        ),
    ),
    Operation(
        "numbers_descending",
        "data_analysis",
        NUMBERS,
        NUMBERS,
        lambda values: sorted(values, reverse=True),
        wording(
            en="sort {x} from largest to smallest | put {x} in descending order | "
            "arrange {x} so that they shrink | line up {x} with the highest in front | rank {x} downwards",
            zh="把{x}从大到小排列 | 将{x}按降序排好 | 让{x}由高到低排成一列 | 对{x}做降序排序 | "
            "按越来越小的顺序写出{x}",
        ),
    ),
    Operation(
        "numbers_reversed",
        "rewriting",
        NUMBERS,
        NUMBERS,
        lambda values: values[::-1],
        wording(
            en="write {x} backwards, last one first | reverse the order of {x} | turn the sequence of {x} around | "
            "flip {x} end to end | rewrite {x} starting from the end",
            zh="把{x}倒过来写，最后的放最前 | 颠倒{x}的次序 | 将{x}首尾翻转 | 从末尾开始重写{x} | 逆序列出{x}",
        ),
    ),
    Operation(
        "numbers_even",
        "extraction",
        NUMBERS,
        NUMBERS,
        lambda values: _some([v for v in values if v % 2 == 0]),
        wording(
            en="keep only the even ones among {x} | extract the even entries of {x} | "
            "throw out whatever is odd in {x} | copy those of {x} that divide by two | "
            "filter {x} down to the even values",
            zh="只留下{x}中的偶数 | 提取{x}里的双数 | 去掉{x}中所有的奇数 | 抄出{x}里能被二整除的 | 从{x}筛出偶数",
        ),
    ),
    Operation(
        "numbers_odd",
        "extraction",
        NUMBERS,
        NUMBERS,
        lambda values: _some([v for v in values if v % 2]),
        wording(
            en="keep only the odd ones among {x} | extract the odd entries of {x} | "
            "throw out whatever is even in {x} | copy those of {x} that two does not divide | "
            "filter {x} down to the odd values",
            zh="只留下{x}中的奇数 | 提取{x}里的单数 | 去掉{x}中所有的偶数 | 抄出{x}里不能被二整除的 | 从{x}筛出奇数",
        ),
    ),
    Operation(
        "numbers_above_twenty",
        "extraction",
        NUMBERS,
        NUMBERS,
        lambda values: _some([v for v in values if v > 20]),
        wording(
            en="keep those of {x} above 20 | drop every one of {x} that is 20 or less | "
            "select from {x} whatever exceeds 20 | list the members of {x} greater than 20",
            zh="保留{x}中大于20的 | 把{x}里不超过20的都去掉 | 从{x}选出超过20的 | 列出{x}当中比20大的",
        ),
    ),
    Operation(
        "numbers_doubled",
        "mathematics",
        NUMBERS,
        NUMBERS,
        lambda values: [v * 2 for v in values],
        wording(
            en="double each of {x} | multiply every one of {x} by two | replace {x} by twice their values | "
            "write two times each entry of {x}",
            zh="把{x}逐个翻倍 | 将{x}每个都乘以二 | 写出{x}各自的两倍 | 让{x}的每一项变为原来的二倍",
        ),
    ),
    Operation(
        "numbers_plus_one",
        "mathematics",
        NUMBERS,
        NUMBERS,
        lambda values: [v + 1 for v in values],
        wording(
            en="raise each of {x} by one | add 1 to every entry of {x} | increase {x} by one apiece | "
            "bump up all of {x} by 1",
            zh="给{x}各加一 | 将{x}的每一项增加1 | 让{x}全都大一 | 把{x}逐个加上1",
        ),
    ),
    Operation(
        "numbers_differences",
        "mathematics",
        NUMBERS,
        NUMBERS,
        _differences,
        wording(
            en="write the distance between each neighbouring pair in {x} | "
            "list how much {x} change from one to another, ignoring signs | "
            "give the absolute differences of adjacent entries of {x} | compute the step sizes along {x}",
            zh="写出{x}中相邻两项之差的绝对值 | 列出{x}每一步变化了多少，不计正负 | 求{x}里前后两个数的距离 | "
            "算出{x}逐项的变化幅度",
        ),
    ),
    Operation(
        "numbers_distinct",
        "data_analysis",
        NUMBERS,
        NUMBERS,
        lambda values: list(dict.fromkeys(values)),
        wording(
            en="remove the repeats from {x} | keep the first occurrence of each of {x} | "
            "strike out duplicates in {x} | list every different value in {x} once",
            zh="去除{x}中的重复项 | 对{x}里重复的只保留第一次出现的 | 划掉{x}中再次出现的数 | 把{x}中不同的数各列一次",
        ),
    ),
    Operation(
        "numbers_first_three",
        "extraction",
        NUMBERS,
        NUMBERS,
        _first_three,
        wording(
            en="take the first three of {x} | cut {x} off after the third | "
            "keep the leading three entries of {x} | copy out three of {x} from the front",
            zh="取{x}的前三个 | 只保留{x}开头的三项 | 把{x}截到第三个为止，后面的舍去 | 抄下{x}打头的三个",
        ),
    ),
)
