"""Operations on customers' reviews."""

import random

from builder.procedural.families import vocabulary
from builder.procedural.families.kinds import PHRASE
from builder.procedural.families.operation import (
    AnyOperation,
    InapplicableError,
    Kind,
    Language,
    Operation,
    label_kind,
    wording,
)

SENTIMENT = label_kind("sentiment", en="positive | negative", zh="正面 | 负面")

_PRODUCTS: dict[Language, tuple[str, ...]] = {
    "en": ("soup", "hotel", "phone", "lamp", "film", "bread", "coach", "shop"),
    "zh": ("汤", "酒店", "手机", "台灯", "电影", "面包", "大巴", "小店"),
}

_PRAISE: dict[Language, tuple[str, ...]] = {
    "en": ("great", "lovely", "superb", "pleasant", "perfect", "charming", "excellent", "delightful"),
    "zh": ("很棒", "很好", "出色", "舒心", "完美", "迷人", "一流", "惊喜"),
}

_COMPLAINT: dict[Language, tuple[str, ...]] = {
    "en": ("awful", "bad", "dreadful", "boring", "terrible", "faulty", "poor", "disappointing"),
    "zh": ("很差", "糟糕", "难受", "乏味", "失望", "坑人", "劣质", "扫兴"),
}


def _sample_review(rng: random.Random, language: Language, small: bool) -> str:
    product = rng.choice(_PRODUCTS[language])
    opinion = rng.choice(rng.choice((_PRAISE, _COMPLAINT))[language])
    if small:
        return f"The {product} was {opinion}." if language == "en" else f"这{product}{opinion}。"
    day = rng.choice(vocabulary.WEEKDAYS[language])
    if language == "en":
        return rng.choice(
            (
                f"I tried the {product} on {day} and found it {opinion}.",
                f"We had heard a lot about the {product}. On {day} it turned out {opinion}.",
                f"After a long {day}, the {product} was simply {opinion}.",
            )
        )
    return rng.choice(
        (
            f"我{day}试了这{product}，觉得{opinion}。",
            f"早就听说这{product}，{day}一试，真是{opinion}。",
            f"忙了一整个{day}，这{product}让人感到{opinion}。",
        )
    )


def _sentiment(text: str) -> int:
    praised, complained = (bool(vocabulary.mentions(text, pools)) for pools in (_PRAISE, _COMPLAINT))
    if praised == complained:
        raise InapplicableError
    return 0 if praised else 1


REVIEW: Kind[str] = Kind(
    "review",
    "verbatim",
    lambda value, language: value,
    lambda text, language: text.strip(),
    _sample_review,
    wording(
        en="the guest's comment | a review from the website | what the customer wrote | "
        "the note in the feedback box | a traveller's remark | the line under the stars | a post by a regular | "
        "the opinion of a neighbour | the shopper's verdict | an entry in the guest book | the critic's sentence | "
        "a reply to our survey | the message of a buyer | a comment card | the blogger's line | "
        "feedback from a stranger | the remark at the counter | a short testimonial | the visitor's words | "
        "a line from the forum",
        zh="客人的留言 | 网站上的评价 | 顾客写的话 | 意见箱里的纸条 | 旅客的点评 | 星级下面那句话 | 老主顾的帖子 | "
        "邻居的看法 | 买家的评语 | 留言簿里的一句 | 影评人的话 | 问卷的回复 | 买主发来的消息 | 意见卡上的内容 | "
        "博主写的一句 | 陌生人的反馈 | 柜台前的抱怨或夸奖 | 一段短评 | 参观者说的话 | 论坛里的一条",
    ),
    wording(en="this comment | the comment given", zh="这条评论 | 该评论"),
)

OPERATIONS: tuple[AnyOperation, ...] = (
    Operation(
        "review_sentiment",
        "classification",
        REVIEW,
        SENTIMENT,
        _sentiment,
        wording(
            en="mark {x} positive or negative | tell if {x} is positive or negative | "
            "judge the mood of {x}: positive or negative | sort {x} as praise (positive) or complaint (negative) | "
            "label {x} positive when it praises, otherwise negative",
            zh="判断{x}是正面还是负面 | 给{x}标正面或负面 | 说出{x}的情感，正面或负面 | "
            "按夸奖为正面、抱怨为负面来归类{x} | 看{x}的语气，写正面或负面",
        ),
    ),
    Operation(
        "review_subject",
        "extraction",
        REVIEW,
        PHRASE,
        lambda text: vocabulary.only_mention(text, _PRODUCTS),
        wording(
            en="name in one word what {x} is about | extract the thing reviewed in {x}, one word | "
            "pull the subject of {x} out as a single word | identify the object that {x} rates",
            zh="用一个词说出{x}谈的是什么 | 提取{x}评价的对象 | 抽出{x}所说的东西，只写名称 | 指出{x}在评什么",
        ),
    ),
)
