"""What a list of numbers is boiled down to: sums, extremes, averages, and the list in another format."""

import json
import random
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise

from builder.procedural.families.kinds import (
    DECIMAL,
    JSON_TEXT,
    NUMBER,
    NUMBERS,
    TEXT,
)
from builder.procedural.families.operation import (
    AnyOperation,
    InapplicableError,
    Language,
    Operation,
    label_kind,
    wording,
)

_TENTH = Decimal("0.1")

TREND = label_kind("trend", en="rising | falling | mixed", zh="上升 | 下降 | 有升有降")


def _mean(values: list[int]) -> Decimal:
    return (Decimal(sum(values)) / len(values)).quantize(_TENTH, ROUND_HALF_UP)


def _median(values: list[int]) -> Decimal:
    ordered = sorted(values)
    middle = len(ordered) // 2
    value = ordered[middle] if len(ordered) % 2 else Decimal(ordered[middle - 1] + ordered[middle]) / 2
    return Decimal(value).quantize(_TENTH)


def _trend(values: list[int]) -> int:
    if len(values) < 2:
        raise InapplicableError
    steps = [right - left for left, right in pairwise(values)]
    if all(step > 0 for step in steps):
        return 0
    return 1 if all(step < 0 for step in steps) else 2


def _sample_trend(rng: random.Random, language: Language, small: bool) -> list[int]:
    values = rng.sample(range(1, 100), rng.randint(4, 6))
    match rng.randrange(3):
        case 0:
            return sorted(values)
        case 1:
            return sorted(values, reverse=True)
        case _:
            return values


OPERATIONS: tuple[AnyOperation, ...] = (
    Operation(
        "numbers_sum",
        "mathematics",
        NUMBERS,
        NUMBER,
        sum,
        wording(
            en="add up {x} | find the sum of {x} | work out what {x} come to altogether | total {x} | "
            "give the grand total of {x}",
            zh="求{x}的总和 | 把{x}全部加起来 | 算出{x}合计多少 | 将{x}累加 | 给出{x}的合计值",
        ),
    ),
    Operation(
        "numbers_maximum",
        "data_analysis",
        NUMBERS,
        NUMBER,
        max,
        wording(
            en="find the largest of {x} | pick out the maximum of {x} | report the peak among {x} | "
            "name the highest of {x} | give the biggest value in {x}",
            zh="找出{x}中最大的一个 | 给出{x}的最大值 | 报出{x}里的最高值 | 从{x}中挑出最大者 | 取{x}的峰值",
        ),
    ),
    Operation(
        "numbers_minimum",
        "data_analysis",
        NUMBERS,
        NUMBER,
        min,
        wording(
            en="find the smallest of {x} | pick out the minimum of {x} | report the lowest among {x} | "
            "single out the least of {x} | state the bottom value in {x}",
            zh="找出{x}中最小的一个 | 给出{x}的最小值 | 报出{x}里的最低值 | 从{x}中挑出最小者 | 取{x}的谷值",
        ),
    ),
    Operation(
        "numbers_mean",
        "data_analysis",
        NUMBERS,
        DECIMAL,
        _mean,
        wording(
            en="compute the mean of {x} to one decimal | average {x}, rounded to one decimal place | "
            "give the arithmetic mean of {x} with one digit after the point | "
            "work out the average of {x} to the nearest tenth",
            zh="求{x}的平均数，保留一位小数 | 算{x}的均值，四舍五入到一位小数 | "
            "给出{x}的算术平均值，精确到十分位 | 计算{x}平均是多少，小数点后留一位",
        ),
    ),
    Operation(
        "numbers_median",
        "data_analysis",
        NUMBERS,
        DECIMAL,
        _median,
        wording(
            en="find the median of {x}, with one decimal | report the middle value of {x} to one decimal place | "
            "determine the median of {x} and write one digit after the point | "
            "locate the midpoint of {x} once ordered, to one decimal",
            zh="求{x}的中位数，写一位小数 | 给出{x}排序后居中的值，保留一位小数 | "
            "找到{x}的中间值，精确到一位小数 | 报告{x}的中位数，小数点后留一位",
        ),
    ),
    Operation(
        "numbers_range",
        "data_analysis",
        NUMBERS,
        NUMBER,
        lambda values: max(values) - min(values),
        wording(
            en="measure the gap between the extremes of {x} | subtract the smallest of {x} from the largest | "
            "compute the range of {x} | tell how far apart the ends of {x} lie",
            zh="求{x}的极差 | 用{x}中的最大值减去最小值 | 算出{x}最高与最低相差多少 | 量一量{x}的跨度，即最大减最小",
        ),
    ),
    Operation(
        "numbers_count",
        "mathematics",
        NUMBERS,
        NUMBER,
        len,
        wording(
            en="count {x} | state how many entries there are in {x} | tell the length of {x} | "
            "report the number of items in {x}",
            zh="数一数{x}有几个 | 说出{x}共有多少项 | 报出{x}的个数 | 统计{x}一共几项",
        ),
    ),
    Operation(
        "numbers_trend",
        "reasoning",
        NUMBERS,
        TREND,
        _trend,
        wording(
            en="describe the trend of {x} as rising, falling or mixed | "
            "judge whether {x} are rising, falling or mixed | "
            "choose rising, falling or mixed for the course of {x} | "
            "settle if {x} keep rising, keep falling or are mixed: rising, falling, mixed",
            zh="用上升、下降或有升有降描述{x}的走势 | 判断{x}是上升、下降还是有升有降 | "
            "为{x}的变化选择：上升、下降、有升有降 | 说明{x}一路上升、一路下降还是有升有降",
        ),
        sample=_sample_trend,
    ),
    Operation(
        "numbers_to_json",
        "format_following",
        NUMBERS,
        JSON_TEXT,
        json.dumps,
        wording(
            en="format {x} as a JSON array | output {x} in JSON, as one array | turn {x} into a JSON list | "
            "encode {x} as an array in JSON",
            zh="把{x}写成 JSON 数组 | 以 JSON 数组输出{x} | 将{x}转换为 JSON 列表 | 用一个 JSON 数组表示{x}",
        ),
    ),
    Operation(
        "numbers_to_bullets",
        "format_following",
        NUMBERS,
        TEXT,
        lambda values: "\n".join(f"- {value}" for value in values),
        wording(
            en="set out {x} as bullet points with hyphens | "
            "give {x} one per line, each after a hyphen and a space | make a hyphen list of {x} | "
            "put {x} on separate lines led by a dash",
            zh="把{x}列成短横线开头的要点 | 将{x}一行一个地写出，前面加短横线和空格 | 用短横线清单列出{x} | "
            "将{x}分行写，行首加“- ”",
        ),
    ),
)
