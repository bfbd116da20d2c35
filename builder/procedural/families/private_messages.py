"""Operations on messages that hold a name or a code."""

import random
import re

from builder.procedural.families import vocabulary
from builder.procedural.families.kinds import TEXT
from builder.procedural.families.operation import (
    AnyOperation,
    InapplicableError,
    Kind,
    Language,
    Operation,
    label_kind,
    wording,
)

RISK = label_kind("risk", en="safe | unsafe", zh="安全 | 不安全")


_SECRETS: dict[Language, tuple[str, ...]] = {
    "en": (
        "{who} left a message: the door code is {code}, use the back entrance.",
        "Ring extension {code} and ask for {who} at {place}.",
        "Locker {code} at {place} belongs to {who}.",
        "{who} waits at {place}; bring the key and some tea.",
        "Nothing new on {day}, {who} says hello.",
    ),
    "zh": (
        "{who}留言：门禁密码是{code}，请走后门。",
        "请拨分机{code}，到{place}找{who}。",
        "{place}的{code}号柜是{who}的。",
        "{who}在{place}等你，带上钥匙和茶叶。",
        "{day}没什么新鲜事，{who}问你好。",
    ),
}

_DIGIT = re.compile(r"[0-9]")


def _sample_message(rng: random.Random, language: Language, small: bool) -> str:
    return rng.choice(_SECRETS[language]).format(
        who=rng.choice(vocabulary.PEOPLE[language]),
        place=rng.choice(vocabulary.PLACES[language]),
        day=rng.choice(vocabulary.WEEKDAYS[language]),
        code=rng.randint(100, 9999),
    )


def _masked(text: str) -> str:
    if not _DIGIT.search(text):
        raise InapplicableError
    return _DIGIT.sub("*", text)


def _anonymous(text: str) -> str:
    return text.replace(vocabulary.only_mention(text, vocabulary.PEOPLE), "[name]" if text.isascii() else "[姓名]")


MESSAGE: Kind[str] = Kind(
    "message",
    "verbatim",
    lambda value, language: value,
    lambda text, language: text.strip(),
    _sample_message,
    wording(
        en="the note left at reception | a voicemail typed out | the text from the landlord | "
        "a slip under the door | the memo on the desk | the porter's scribble | a colleague's reminder | "
        "the sticky note on the screen | an e-mail from the caretaker | a line in the visitors' log",
        zh="前台留下的便笺 | 转成文字的语音留言 | 房东发来的短信 | 门缝下的纸条 | 桌上的备忘 | 门卫的字条 | "
        "同事的提醒 | 屏幕上的便利贴 | 管理员的邮件 | 访客登记里的一行",
    ),
    wording(en="this message | the message given", zh="这条消息 | 该消息"),
)

OPERATIONS: tuple[AnyOperation, ...] = (
    Operation(
        "message_masked",
        "safety",
        MESSAGE,
        TEXT,
        _masked,
        wording(
            en="mask every digit in {x} with * | hide the numbers of {x} by putting * for each digit | "
            "censor {x}: each digit becomes * | make {x} safe to post, one * per digit",
            zh="用*遮住{x}里的每个数字 | 把{x}中的数字逐位换成* | 给{x}脱敏，每位数字写作* | "
            "让{x}可以公开，一位数字一个*",
        ),
    ),
    Operation(
        "message_anonymous",
        "safety",
        MESSAGE,
        TEXT,
        _anonymous,
        wording(
            en="replace the person's name in {x} by [name] | anonymise {x} with [name] for whoever is mentioned | "
            "put [name] where {x} names somebody | remove the identity from {x}, writing [name]",
            zh="把{x}里的人名换成[姓名] | 用[姓名]替掉{x}提到的人，做匿名处理 | 在{x}出现人名处写[姓名] | "
            "抹去{x}里的身份，改成[姓名]",
        ),
    ),
    Operation(
        "message_risk",
        "safety",
        MESSAGE,
        RISK,
        lambda text: int(bool(_DIGIT.search(text))),
        wording(
            en="call {x} unsafe to publish if it holds digits, else safe | "
            "decide safe or unsafe for {x}, any digits being unsafe | "
            "rate {x} as safe or unsafe: codes in digits make it unsafe | "
            "screen {x} for digits and answer unsafe when there are some, safe when not",
            zh="判{x}是否安全：含数字写不安全，否则写安全 | 决定{x}是安全还是不安全，出现数字即不安全 | "
            "给{x}评安全或不安全：有数字编码为不安全 | 检查{x}有无数字，有则写不安全，无则写安全",
        ),
    ),
)
