"""Operations on times of day and on schedules."""

import random
import re
from dataclasses import dataclass

from builder.procedural.families.kinds import NUMBER, PHRASE, TEXT
from builder.procedural.families.operation import (
    AnyOperation,
    InapplicableError,
    Kind,
    Language,
    Operation,
    label_kind,
    wording,
)

_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)", re.ASCII)

DAY_PART = label_kind("day_part", en="morning | afternoon | evening", zh="上午 | 下午 | 晚上")


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def _read_clock(text: str) -> int:
    match = _TIME.fullmatch(text.strip())
    if not match:
        raise ValueError(f"not a time of day: {text!r}")
    return int(match[1]) * 60 + int(match[2])


def _later(minutes: int, step: int) -> int:
    if minutes + step >= 24 * 60:
        raise InapplicableError
    return minutes + step


def _day_part(minutes: int) -> int:
    return 0 if minutes < 12 * 60 else 1 if minutes < 18 * 60 else 2


def _twelve_hour(minutes: int) -> str:
    hour = minutes // 60
    return f"{hour % 12 or 12}:{minutes % 60:02d} {'am' if hour < 12 else 'pm'}"


TIME: Kind[int] = Kind(
    "time",
    "exact",
    lambda value, language: _clock(value),
    lambda text, language: _read_clock(text),
    lambda rng, language, small: rng.randrange(6, 23) * 60 + rng.choice((0, 10, 15, 20, 30, 40, 45, 50)),
    wording(
        en="the train's departure time | the bakery's closing time | the start of choir practice | "
        "the time on the cinema ticket | the hour the parcel came | the minute the baby woke | "
        "the feeding time at the zoo | the kick-off of the match | the moment the alarm rang | "
        "the hour of high tide | the last bus from town | the end of the night shift | a doctor's appointment | "
        "the canteen's lunch bell | the sunset that day | the check-in time of a hotel | the gate's closing time | "
        "the moment of the power cut | the time the clock stopped | the lesson's beginning",
        zh="火车的发车时间 | 面包店打烊的时刻 | 合唱排练开始的时间 | 电影票上的时间 | 包裹送到的时刻 | "
        "宝宝醒来的时间 | 动物园喂食的时间 | 球赛开球的时刻 | 闹钟响的时候 | 涨潮的时间 | 末班车的时刻 | "
        "夜班结束的时间 | 看医生的预约时间 | 开饭的时间 | 当天日落的时刻 | 酒店的入住时间 | 闸门关闭的时刻 | "
        "停电的时间 | 钟停摆的时刻 | 上课的时间",
    ),
    wording(en="this time | the time given", zh="这个时间 | 该时间"),
    wording(en="that time | the new time", zh="新的时间 | 得到的时间"),
)


@dataclass(frozen=True, slots=True)
class Schedule:
    """A start in minutes after midnight, and what is done one after the other: (activity, minutes)."""

    start: int
    steps: tuple[tuple[str, int], ...]


_ACTIVITIES: dict[Language, tuple[str, ...]] = {
    "en": ("tidying", "cooking", "reading", "painting", "stretching", "gardening", "sewing", "packing", "rehearsing"),
    "zh": ("打扫", "做饭", "读书", "刷墙", "拉伸", "浇花", "缝纫", "收拾行李", "排练"),
}

_START: dict[Language, str] = {"en": "Start", "zh": "开始"}


def _sample_schedule(rng: random.Random, language: Language, small: bool) -> Schedule:
    names = rng.sample(_ACTIVITIES[language], rng.randint(2, 4))
    minutes = rng.sample(range(10, 75, 5), len(names))
    return Schedule(rng.randrange(7, 18) * 60 + rng.choice((0, 15, 30, 45)), tuple(zip(names, minutes, strict=True)))


def _write_schedule(value: Schedule, language: Language) -> str:
    unit = " min" if language == "en" else "分钟"
    lines = [
        f"{_START[language]}: {_clock(value.start)}",
        *(f"{name}: {minutes}{unit}" for name, minutes in value.steps),
    ]
    return "\n".join(lines)


def _read_schedule(text: str, language: Language) -> Schedule:
    rows = [line.split(": ") for line in text.strip().splitlines()]
    if len(rows) < 2 or rows[0][0] != _START[language] or any(len(row) != 2 for row in rows):
        raise ValueError(f"not a schedule: {text!r}")
    unit = " min" if language == "en" else "分钟"
    steps = tuple((name, int(minutes.removesuffix(unit))) for name, minutes in rows[1:])
    return Schedule(_read_clock(rows[0][1]), steps)


SCHEDULE: Kind[Schedule] = Kind(
    "schedule",
    "verbatim",
    _write_schedule,
    _read_schedule,
    _sample_schedule,
    wording(
        en="the plan for a rainy Saturday | Grandma's programme for the day | "
        "the volunteers' rota at the shelter | the running order backstage | a timetable taped to the fridge | "
        "the scout troop's afternoon | the agenda of the crafts club | the chores before the guests arrive | "
        "a freelancer's working day | the summer camp's activity sheet | the cleaning crew's assignment | "
        "the caretaker's list of jobs",
        zh="下雨周六的安排 | 奶奶一天的日程 | 救助站志愿者的排班 | 后台的流程单 | 贴在冰箱上的时间表 | "
        "童子军下午的活动 | 手工社的议程 | 客人到来前要做的家务 | 自由职业者的工作日 | 夏令营的活动单 | "
        "保洁组的任务 | 门房大叔今天要干的活",
    ),
    wording(en="this plan | the plan given", zh="这份安排 | 该安排"),
)

OPERATIONS: tuple[AnyOperation, ...] = (
    Operation(
        "time_part",
        "classification",
        TIME,
        DAY_PART,
        _day_part,
        wording(
            en="call {x} morning before 12:00, afternoon before 18:00, else evening | "
            "say morning, afternoon or evening for {x}, evening from 18:00 | "
            "place {x} in the morning, afternoon or evening (noon and 18:00 divide) | "
            "label {x} as morning, afternoon until 18:00, or evening",
            zh="判断{x}是上午、下午还是晚上，18点起算晚上 | 给{x}标上午、下午或晚上，以12点和18点为界 | "
            "说出{x}在一天的哪一段：上午、下午、晚上 | 将{x}归为上午、下午或晚上，晚上从18点算",
        ),
    ),
    Operation(
        "time_to_twelve_hours",
        "rewriting",
        TIME,
        TEXT,
        _twelve_hour,
        wording(
            en='rewrite {x} on the 12-hour clock, like "3:05 pm" | convert {x} to am or pm style, like "3:05 pm" | '
            'say {x} in twelve-hour notation, as in "3:05 pm" | '
            'change {x} from 24 to 12 hours with am or pm, like "3:05 pm"',
            zh="把{x}改写成12小时制，如“3:05 pm” | 用 am 或 pm 表示{x}，形如“3:05 pm” | "
            "将{x}从24小时制换成“3:05 pm”这样的写法 | 按“3:05 pm”的样式重写{x}",
        ),
    ),
    Operation(
        "time_minutes",
        "mathematics",
        TIME,
        NUMBER,
        lambda value: value,
        wording(
            en="count the minutes from midnight to {x} | express {x} in minutes after midnight | "
            "convert {x} to minutes since 00:00 | work out how many minutes of the day have passed at {x}",
            zh="算出零点到{x}共多少分钟 | 把{x}换算成零点以来的分钟数 | 求{x}时当天已过去几分钟 | "
            "用午夜后的分钟数表示{x}",
        ),
    ),
    Operation(
        "time_plus_45",
        "planning",
        TIME,
        TIME,
        lambda value: _later(value, 45),
        wording(
            en="move {x} back by 45 minutes, to a later time | add three quarters of an hour to {x} | "
            "find the time 45 minutes after {x} | delay {x} by 45 minutes",
            zh="把{x}推迟45分钟 | 给{x}加三刻钟 | 求{x}过45分钟后的时间 | 让{x}晚45分钟",
        ),
    ),
    Operation(
        "time_half_hour_before",
        "planning",
        TIME,
        TIME,
        lambda value: value - 30,
        wording(
            en="go half an hour back from {x} | set out 30 minutes ahead of {x} and give that time | "
            "find the time half an hour prior to {x} | make {x} 30 minutes earlier",
            zh="从{x}往前推半小时 | 比{x}早30分钟动身，写出动身时间 | 求{x}之前半小时的时间 | 把{x}提早30分钟",
        ),
    ),
    Operation(
        "schedule_end",
        "planning",
        SCHEDULE,
        TIME,
        lambda value: _later(value.start, sum(minutes for _, minutes in value.steps)),
        wording(
            en="work out when {x} will be over, without breaks | compute the finishing time of {x} | "
            "find the clock time at which {x} ends if all runs back to back | tell the end of {x} as HH:MM",
            zh="算出{x}何时全部结束，中间不休息 | 求{x}的结束时间 | 推算{x}一项接一项做完是几点几分 | "
            "写出{x}收工的时刻，格式 HH:MM",
        ),
    ),
    Operation(
        "schedule_total",
        "planning",
        SCHEDULE,
        NUMBER,
        lambda value: sum(minutes for _, minutes in value.steps),
        wording(
            en="total the minutes that {x} needs | add up how long {x} takes, in minutes | "
            "give the overall length of {x} in minutes | sum the durations in {x}",
            zh="算{x}总共需要多少分钟 | 把{x}各项时长相加 | 给出{x}的总分钟数 | 合计{x}要花的时间，以分钟计",
        ),
    ),
    Operation(
        "schedule_longest",
        "planning",
        SCHEDULE,
        PHRASE,
        lambda value: max(value.steps, key=lambda step: step[1])[0],
        wording(
            en="name the activity that takes longest in {x} | find the most time-consuming item of {x} | "
            "pick the lengthiest job from {x} | identify what fills the most minutes in {x}",
            zh="说出{x}里耗时最长的活动 | 找到{x}中最花时间的一项 | 从{x}挑出用时最多的事 | "
            "指出{x}里占分钟最多的是什么",
        ),
    ),
)
