"""Operations on conversations."""

import random

from builder.procedural.families import vocabulary
from builder.procedural.families.kinds import NUMBER, PHRASE
from builder.procedural.families.operation import AnyOperation, InapplicableError, Kind, Language, Operation, wording

_REQUESTS: dict[Language, tuple[str, ...]] = {
    "en": (
        "Could you water the plants?",
        "Where is the spare key?",
        "I am late again.",
        "Dinner is ready.",
        "Thanks a lot!",
        "The bus never came.",
        "See you at eight.",
        "It is raining here.",
    ),
    "zh": (
        "你能浇一下花吗？",
        "备用钥匙在哪儿？",
        "我又要迟到了。",
        "饭做好了。",
        "太感谢了！",
        "公交一直没来。",
        "八点见。",
        "我这边下雨了。",
    ),
}

Turns = list[tuple[str, str]]


def _sample_dialogue(rng: random.Random, language: Language, small: bool) -> Turns:
    speakers = rng.sample(vocabulary.PEOPLE[language], rng.randint(2, 3))
    lines = rng.sample(_REQUESTS[language], rng.randint(3, 6))
    turns: Turns = []
    for line in lines:
        others = [name for name in speakers if not turns or name != turns[-1][0]]
        turns.append((rng.choice(others), line))
    return turns


def _read_dialogue(text: str, language: Language) -> Turns:
    turns = [line.split(": ", 1) for line in text.strip().splitlines()]
    if len(turns) < 2 or any(len(turn) != 2 for turn in turns):
        raise ValueError(f"not a conversation: {text!r}")
    return [(name, said) for name, said in turns]


def _asker(turns: Turns) -> str:
    askers = {name for name, said in turns if said.endswith(("?", "？"))}
    if len(askers) != 1:
        raise InapplicableError
    return askers.pop()


DIALOGUE: Kind[Turns] = Kind(
    "dialogue",
    "verbatim",
    lambda value, language: "\n".join(f"{name}: {said}" for name, said in value),
    _read_dialogue,
    _sample_dialogue,
    wording(
        en="the chat between flatmates | a conversation overheard on the stairs | "
        "the messages in the family group | the exchange at the garden fence | a talk from the radio play | "
        "the group chat of the rowing team | lines spoken in the canteen | an evening's text messages | "
        "the dialogue in the language textbook | a scene from the school sketch",
        zh="室友之间的聊天 | 楼道里听到的对话 | 家庭群里的消息 | 篱笆边的交谈 | 广播剧里的一段话 | 划船队的群聊 | "
        "食堂里的几句话 | 一晚上的短信 | 语言课本里的对话 | 校园小品的一幕",
    ),
    wording(en="this conversation | the conversation given", zh="这段对话 | 该对话"),
)

OPERATIONS: tuple[AnyOperation, ...] = (
    Operation(
        "dialogue_turns",
        "dialogue",
        DIALOGUE,
        NUMBER,
        len,
        wording(
            en="count the turns in {x} | tell how many lines are spoken in {x} | "
            "give the number of messages in {x} | report how often someone speaks in {x}",
            zh="数一数{x}有几轮发言 | 说出{x}里共几句话 | 给出{x}的消息条数 | 统计{x}中开口多少次",
        ),
    ),
    Operation(
        "dialogue_last_speaker",
        "dialogue",
        DIALOGUE,
        PHRASE,
        lambda turns: turns[-1][0],
        wording(
            en="name who has the last word in {x} | tell who speaks at the end of {x} | "
            "identify the closing speaker of {x} | find out whose line ends {x}",
            zh="说出{x}最后是谁在讲 | 写出{x}中末尾发言的人 | 指出{x}由谁收尾 | 找到{x}最后一句的说话人",
        ),
    ),
    Operation(
        "dialogue_asker",
        "dialogue",
        DIALOGUE,
        PHRASE,
        _asker,
        wording(
            en="name the person who asks something in {x} | tell who puts a question in {x} | "
            "identify the one asking in {x} | find the questioner of {x}",
            zh="说出{x}里谁在发问 | 写出{x}中提问的人 | 指出{x}里问问题的是谁 | 找到{x}的提问者",
        ),
    ),
    Operation(
        "dialogue_last_line",
        "dialogue",
        DIALOGUE,
        PHRASE,
        lambda turns: turns[-1][1],
        wording(
            en="quote the closing line of {x}, less the name | repeat what is said at the very end of {x} | "
            "copy the final remark in {x} and leave the speaker out | give the last utterance of {x}",
            zh="引用{x}的最后一句，不带名字 | 复述{x}末尾说的话 | 抄下{x}里最后的发言，省去说话人 | "
            "给出{x}收尾的那句话",
        ),
    ),
)
