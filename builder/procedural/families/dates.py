"""Operations on dates."""

import calendar
import datetime as dt
import random
import re

from builder.procedural.families import vocabulary
from builder.procedural.families.kinds import NUMBER, TEXT
from builder.procedural.families.operation import AnyOperation, Kind, Language, Operation, label_kind, wording

_DATE_ZH = re.compile(r"(\d{4})年(\d{1,2})月(\d{1,2})日", re.ASCII)

MONTH = label_kind("month", en=" | ".join(vocabulary.MONTHS["en"]), zh=" | ".join(vocabulary.MONTHS["zh"]))

WEEKDAY = label_kind("weekday", en=" | ".join(vocabulary.WEEKDAYS["en"]), zh=" | ".join(vocabulary.WEEKDAYS["zh"]))

QUARTER = label_kind("quarter", en="Q1 | Q2 | Q3 | Q4", zh="第一季度 | 第二季度 | 第三季度 | 第四季度")

SEASON = label_kind("season", en="spring | summer | autumn | winter", zh="春 | 夏 | 秋 | 冬")

HALF = label_kind("half", en="early | late", zh="上半月 | 下半月")

YES_NO = label_kind("yes_no", en="yes | no", zh="是 | 否")


def _sample_date(rng: random.Random, language: Language, small: bool) -> dt.date:
    first, last = (2021, 2026) if small else (1990, 2035)
    return dt.date(rng.randint(first, last), rng.randint(1, 12), rng.randint(1, 28))


def _read_date(text: str, language: Language) -> dt.date:
    if language == "en":
        return dt.date.fromisoformat(text.strip())
    match = _DATE_ZH.fullmatch(text.strip())
    if not match:
        raise ValueError(f"not a date: {text!r}")
    return dt.date(*map(int, match.groups()))


def _write_date(value: dt.date, language: Language) -> str:
    return value.isoformat() if language == "en" else f"{value.year}年{value.month}月{value.day}日"


def _month_days(value: dt.date) -> int:
    return calendar.monthrange(value.year, value.month)[1]


def _days_left(value: dt.date) -> int:
    return _month_days(value) - value.day


DATE: Kind[dt.date] = Kind(
    "date",
    "exact",
    _write_date,
    _read_date,
    _sample_date,
    wording(
        en="the day the library card expires | the launch of the ferry | the date on the train ticket | "
        "our neighbour's birthday | the school concert's day | the delivery date of a sofa | "
        "the first day of harvest | the bridge's completion date | the deadline for the essay | "
        "a wedding of two friends | the date of the city marathon | the day the lease ends | "
        "the puppy's vaccination | a new play's premiere | the last frost of the season | "
        "the due date of an invoice | the museum's opening day | the date a letter was posted | "
        "the day of the roof repair | the class's exam date | the start of a hiking trip | "
        "a dentist appointment's date | the day snow first fell | the closing of the fair",
        zh="借书证到期的那天 | 渡轮首航的日期 | 火车票上印的日期 | 邻居的生日 | 学校演出的日子 | 沙发送到的日期 | "
        "开镰收割的头一天 | 大桥完工的日期 | 交作文的截止日 | 两位朋友的婚期 | 城市马拉松的比赛日 | "
        "房租到期的日子 | 小狗打疫苗的时间 | 新话剧首演之日 | 入冬头一场霜的日期 | 账单的还款日 | 博物馆开馆日 | "
        "寄出那封信的日子 | 屋顶修好的那天 | 全班的考试日期 | 徒步旅行的出发日 | 看牙医的预约日 | 初雪落下的日子 | "
        "庙会收摊那一天",
    ),
    wording(en="this date | the date given", zh="这个日期 | 该日期"),
    wording(en="that date | the new date", zh="新日期 | 得到的日期"),
)

OPERATIONS: tuple[AnyOperation, ...] = (
    Operation(
        "date_month",
        "extraction",
        DATE,
        MONTH,
        lambda value: value.month - 1,
        wording(
            en="name the month of {x} | give the month in which {x} falls | extract the month from {x} | "
            "write out the month for {x} | tell the month of {x} by name",
            zh="写出{x}的月份 | 说出{x}在几月 | 提取{x}里的月份 | 指明{x}落在哪个月 | 给出{x}对应的月份名称",
        ),
    ),
    Operation(
        "date_quarter",
        "reasoning",
        DATE,
        QUARTER,
        lambda value: (value.month - 1) // 3,
        wording(
            en="give the quarter of {x}, Q1 to Q4 | name the quarter of the year for {x} | "
            "work out which quarter holds {x} | assign {x} to Q1, Q2, Q3 or Q4 | state the calendar quarter of {x}",
            zh="写出{x}所在的季度 | 说出{x}属于第几季度 | 推算{x}落在哪个季度 | 将{x}归入四个季度之一 | "
            "判断{x}是一年的第几季度",
        ),
    ),
    Operation(
        "date_season",
        "classification",
        DATE,
        SEASON,
        lambda value: (value.month - 3) % 12 // 3,
        wording(
            en="tell the season of {x}, spring being March to May | "
            "name the northern season of {x}, spring from March | "
            "sort {x} into spring, summer, autumn or winter, spring from March | "
            "give the season for {x} when spring means March to May",
            zh="说出{x}的季节，三到五月算春 | 写出{x}是春夏秋冬哪一季，三月起为春 | 按三月入春来判断{x}的季节 | "
            "给{x}标上春、夏、秋或冬，春从三月起",
        ),
    ),
    Operation(
        "date_half",
        "classification",
        DATE,
        HALF,
        lambda value: int(value.day > 15),
        wording(
            en="call {x} early up to the 15th, else late | "
            "mark {x} as early or late in its month, the 15th still early | "
            "label {x} late after the 15th, otherwise early | "
            "say early or late for {x}, splitting the month after the 15th",
            zh="判断{x}是上半月还是下半月，15日算上半月 | 给{x}标上半月或下半月，以15日为界 | "
            "15日及以前算上半月，据此归类{x} | 说出{x}在上半月还是下半月",
        ),
    ),
    Operation(
        "date_weekday",
        "reasoning",
        DATE,
        WEEKDAY,
        lambda value: value.weekday(),
        wording(
            en="work out the weekday of {x} | tell the day of the week for {x} | find on which weekday {x} falls | "
            "determine {x} as a day from Monday to Sunday",
            zh="推算{x}是星期几 | 求{x}对应的星期 | 算出{x}落在星期几 | 确定{x}在一周中的哪天",
        ),
    ),
    Operation(
        "date_leap",
        "open_qa",
        DATE,
        YES_NO,
        lambda value: 1 - calendar.isleap(value.year),
        wording(
            en="say yes if {x} lies in a leap year, otherwise no | answer yes or no: a leap year holds {x} | "
            "tell by yes or no whether the year of {x} is a leap year | "
            "check the year of {x} for being a leap year, yes or no",
            zh="说明{x}是否在闰年，答是或否 | 用是或否说明{x}那年是不是闰年 | "
            "查一查{x}的年份是否为闰年，答是或否 | 判断{x}所在年份闰不闰，写是或否",
        ),
    ),
    Operation(
        "date_month_days",
        "open_qa",
        DATE,
        NUMBER,
        _month_days,
        wording(
            en="tell how many days the month of {x} has | give the number of days in the month of {x} | "
            "recall the length of the month in which {x} falls, in days | "
            "state the days that the whole month of {x} counts",
            zh="说出{x}那个月共有几天 | 给出{x}所在月份的总天数 | 回忆{x}当月有多少天 | 写明{x}所属月份的天数",
        ),
    ),
    Operation(
        "date_days_left",
        "planning",
        DATE,
        NUMBER,
        _days_left,
        wording(
            en="count the days left in the month after {x} | "
            "plan ahead: give the days that remain in the month after {x} | "
            "compute how many days separate {x} from the end of its month | "
            "tell how long the month still lasts after {x}, in days",
            zh="数一数{x}之后当月还剩几天 | 为了做计划，算出{x}到月底还有多少天 | 给出{x}过后本月余下的天数 | "
            "求{x}距月末的天数",
        ),
    ),
    Operation(
        "date_next_week",
        "planning",
        DATE,
        DATE,
        lambda value: value + dt.timedelta(days=7),
        wording(
            en="put {x} off by one week | move {x} a week later | reschedule {x} to seven days on | "
            "shift {x} forward by 7 days",
            zh="把{x}推迟一周 | 将{x}往后挪七天 | 改期到{x}的一周以后 | 让{x}延后7天",
        ),
    ),
    Operation(
        "date_ten_days_before",
        "planning",
        DATE,
        DATE,
        lambda value: value - dt.timedelta(days=10),
        wording(
            en="bring {x} forward by ten days | go back ten days from {x} | "
            "set a reminder 10 days ahead of {x} and give its date | find the date ten days prior to {x}",
            zh="把{x}提前十天 | 从{x}往前倒十天 | 在{x}之前10天设提醒，写出那天 | 求早于{x}十天的日期",
        ),
    ),
    Operation(
        "date_slashes",
        "format_following",
        DATE,
        TEXT,
        lambda value: f"{value.day:02d}/{value.month:02d}/{value.year}",
        wording(
            en="write {x} in the form DD/MM/YYYY | format {x} with slashes, day before month, as DD/MM/YYYY | "
            "reformat {x} to DD/MM/YYYY | follow the pattern DD/MM/YYYY for {x}",
            zh="把{x}写成“日/月/年”，如 05/03/2024 | 按 DD/MM/YYYY 的格式写{x} | "
            "将{x}改成斜杠格式，日在最前，形如 05/03/2024 | 用“两位日/两位月/四位年”表示{x}",
        ),
    ),
)
