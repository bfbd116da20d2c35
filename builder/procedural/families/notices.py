"""Operations on announcements of events."""

import random
from dataclasses import dataclass

from builder.procedural.families import vocabulary
from builder.procedural.families.kinds import PHRASE, TEXT
from builder.procedural.families.operation import AnyOperation, Kind, Language, Operation, wording


@dataclass(frozen=True, slots=True)
class Notice:
    """Who holds what event, where and when."""

    language: Language
    who: str
    what: str
    place: str
    day: str


_EVENTS: dict[Language, tuple[str, ...]] = {
    "en": (
        "a chess evening",
        "a book swap",
        "a bread-baking class",
        "a repair workshop",
        "a poetry reading",
        "a plant sale",
    ),
    "zh": ("象棋之夜", "换书会", "面包烘焙课", "修理工坊", "诗歌朗诵会", "植物义卖"),
}

_NOTICES: dict[Language, tuple[str, ...]] = {
    "en": (
        "Good news for everyone nearby! {who} will hold {what}. Come to {place} on {day}; tea is free.",
        "This {day}, doors open early. At {place}, {who} has prepared {what}, and beginners are welcome.",
        "Please save the date. {what}, planned by {who} since spring, takes place in {place} on {day}, rain or shine.",
    ),
    "zh": (
        "附近的朋友们有好消息！{who}要办{what}，地点在{place}，时间是{day}，茶水免费。",
        "本周{day}提早开门。{who}在{place}准备了{what}，欢迎新手参加。",
        "请预留时间：{who}从春天就开始筹备的{what}将于{day}在{place}举行，风雨无阻。",
    ),
}


def _sample_notice(rng: random.Random, language: Language, small: bool) -> str:
    return rng.choice(_NOTICES[language]).format(
        who=rng.choice(vocabulary.PEOPLE[language]),
        what=rng.choice(_EVENTS[language]),
        place=rng.choice(vocabulary.PLACES[language]),
        day=rng.choice(vocabulary.WEEKDAYS[language]),
    )


def _read_notice(text: str, language: Language) -> Notice:
    pools = (vocabulary.PEOPLE, _EVENTS, vocabulary.PLACES, vocabulary.WEEKDAYS)
    found = [[entry for entry in pool[language] if entry in text] for pool in pools]
    if any(len(entries) != 1 for entries in found):
        raise ValueError(f"not a notice of one event: {text!r}")
    who, what, place, day = (entries[0] for entries in found)
    return Notice(language, who, what, place, day)


def _headline(notice: Notice) -> str:
    if notice.language == "zh":
        return f"{notice.who}{notice.day}办{notice.what}"
    return f"{notice.who} holds {notice.what} on {notice.day}"


def _invitation(notice: Notice) -> str:
    if notice.language == "zh":
        return f"诚邀您{notice.day}到{notice.place}参加{notice.who}的{notice.what}！"
    return f"Join {notice.who} for {notice.what} at {notice.place} on {notice.day}!"


NOTICE_TEXT: Kind[str] = Kind(
    "notice_text",
    "verbatim",
    lambda value, language: value,
    lambda text, language: _checked_notice(text, language),
    _sample_notice,
    wording(
        en="the announcement on the notice board | a leaflet from the letterbox | "
        "the paragraph in the parish newsletter | a message to all residents | the poster's small print | "
        "the bulletin read out at breakfast | a mail from the neighbourhood group | "
        "the flyer handed out at the station | an item in the local weekly | the invitation card's back side",
        zh="布告栏上的通告 | 信箱里的传单 | 社区通讯的一段 | 发给全体住户的消息 | 海报上的小字 | 早饭时念的公告 | "
        "邻里群的来信 | 车站派发的单页 | 本地周报的一则 | 请柬背面的说明",
    ),
    wording(en="this notice | the notice given", zh="这则通知 | 该通知"),
)


def _checked_notice(text: str, language: Language) -> str:
    _read_notice(text, language)
    return text.strip()


def _notice(text: str) -> Notice:
    return _read_notice(text, "zh" if any(day in text for day in vocabulary.WEEKDAYS["zh"]) else "en")


OPERATIONS: tuple[AnyOperation, ...] = (
    Operation(
        "notice_headline",
        "summarising",
        NOTICE_TEXT,
        PHRASE,
        lambda text: _headline(_notice(text)),
        wording(
            en='sum up {x} as "Who holds what on day" | condense {x} into the pattern "Who holds what on day" | '
            'shorten {x} to a headline: Who holds what on day | boil {x} down to "Who holds what on day"',
            zh="把{x}概括成“某人星期几办某事” | 将{x}压缩为一句“某人星期几办某事” | "
            "给{x}拟标题，格式是“某人星期几办某事” | 用“某人星期几办某事”总结{x}",
        ),
    ),
    Operation(
        "notice_gist",
        "summarising",
        NOTICE_TEXT,
        PHRASE,
        lambda text: _notice(text).what,
        wording(
            en="reduce {x} to the bare name of the event | summarise {x} in the words it uses for the event | "
            "cut {x} down to what is being held | keep nothing of {x} but the event",
            zh="把{x}缩成活动名称 | 用活动的名字概括{x} | 只保留{x}里办的是什么活动 | 将{x}精简到只剩活动名",
        ),
    ),
    Operation(
        "notice_place",
        "closed_qa",
        NOTICE_TEXT,
        PHRASE,
        lambda text: _notice(text).place,
        wording(
            en="answer from {x} where it happens | find the venue in {x} | "
            "tell a friend who has {x} the place to come to | state the location given by {x}",
            zh="根据{x}回答在哪里举行 | 找出{x}里的地点 | 告诉朋友按{x}该去哪儿 | 写出{x}给的场所",
        ),
    ),
    Operation(
        "notice_day",
        "extraction",
        NOTICE_TEXT,
        PHRASE,
        lambda text: _notice(text).day,
        wording(
            en="extract the weekday from {x} | copy the day mentioned in {x} | "
            "pick the day of the week out of {x} | note on which day {x} says it is",
            zh="提取{x}里的星期 | 抄下{x}提到的日子 | 从{x}摘出是星期几 | 记下{x}说的是哪一天",
        ),
    ),
    Operation(
        "notice_invitation",
        "writing",
        NOTICE_TEXT,
        TEXT,
        lambda text: _invitation(_notice(text)),
        wording(
            en='turn {x} into an invitation "Join WHO for WHAT at PLACE on DAY!" | '
            'write one inviting line out of {x}: "Join WHO for WHAT at PLACE on DAY!" | '
            'compose from {x} a line that reads "Join WHO for WHAT at PLACE on DAY!" | '
            'fill "Join WHO for WHAT at PLACE on DAY!" with the facts of {x}',
            zh="把{x}写成邀请：“诚邀您某日到某地参加某人的某活动！” | "
            "据{x}撰写一行请柬，即“诚邀您某日到某地参加某人的某活动！” | "
            "用{x}的内容填写“诚邀您某日到某地参加某人的某活动！” | "
            "照“诚邀您某日到某地参加某人的某活动！”的样子改写{x}",
        ),
    ),
)
