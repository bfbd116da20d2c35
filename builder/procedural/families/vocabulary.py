"""The closed pools that inputs are drawn from.

The learnable tier takes the first `SMALL` words of each of the first four classes, 32 words a language: small enough for a
tiny model to meet each word many times.
"""

import re

from builder.procedural.families.operation import InapplicableError, Language

SMALL = 8
SMALL_CLASSES = 4


def _pool(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# Class number -> words; the classes are named in families/words.py in the same order.
WORD_CLASSES: dict[Language, tuple[tuple[str, ...], ...]] = {
    "en": tuple(
        _pool(line)
        for line in (
            "cat wolf tiger horse rabbit monkey goose dog camel otter sparrow hedgehog donkey squirrel",
            "fig plum apple mango cherry banana lemon pear grape peach apricot pineapple melon papaya",
            "saw rake drill knife hammer ladder wrench axe chisel pliers shovel screwdriver spanner sickle",
            "hat coat shirt scarf jacket glove belt sock sweater sandal trousers raincoat apron mitten",
            "bus tram ferry truck bicycle scooter taxi canoe tractor sledge helicopter wagon",
            "chair table shelf bed stool wardrobe cupboard sofa desk bench drawer cradle",
        )
    ),
    "zh": tuple(
        _pool(line)
        for line in (
            "猫 牛 老虎 兔子 猴子 长颈鹿 大熊猫 狗 骆驼 麻雀 刺猬 松鼠 啄木鸟 丹顶鹤",
            "梨 桃 苹果 香蕉 葡萄 猕猴桃 火龙果 杏 柠檬 樱桃 芒果 荔枝 哈密瓜 水蜜桃",
            "锯 锤子 钳子 斧头 剪刀 螺丝刀 电烙铁 锉 卷尺 扳手 铁锹 凿子 手电筒 千斤顶",
            "鞋 帽子 围巾 衬衫 裤子 羽绒服 连衣裙 裙 手套 袜子 毛衣 雨衣 运动鞋 牛仔裤",
            "船 公交车 卡车 渡轮 自行车 地铁 出租车 拖拉机 飞机 摩托车 缆车 火车",
            "床 椅子 桌子 书架 沙发 衣柜 板凳 茶几 碗柜 梳妆台 鞋柜 摇篮",
        )
    ),
}

CLASS_OF: dict[str, int] = {
    word: number for classes in WORD_CLASSES.values() for number, words in enumerate(classes) for word in words
}

WORDS: dict[Language, tuple[str, ...]] = {
    language: tuple(word for words in classes for word in words) for language, classes in WORD_CLASSES.items()
}

SMALL_WORDS: dict[Language, tuple[str, ...]] = {
    language: tuple(word for words in classes[:SMALL_CLASSES] for word in words[:SMALL])
    for language, classes in WORD_CLASSES.items()
}

PEOPLE: dict[Language, tuple[str, ...]] = {
    "en": _pool("Anna Omar Priya Jonas Mei Carlos Ruth Tomas Leila Henry Sofia Kwame"),
    "zh": _pool("小林 阿芳 老周 建国 晓梅 子轩 雨桐 志强 丽华 小满 国栋 思远"),
}

PLACES: dict[Language, tuple[str, ...]] = {
    "en": (
        "the town hall",
        "the old library",
        "the school gym",
        "the harbour",
        "the community garden",
        "the tea house",
    ),
    "zh": ("文化馆", "老图书馆", "学校体育馆", "码头", "社区花园", "茶馆"),
}

WEEKDAYS: dict[Language, tuple[str, ...]] = {
    "en": _pool("Monday Tuesday Wednesday Thursday Friday Saturday Sunday"),
    "zh": _pool("星期一 星期二 星期三 星期四 星期五 星期六 星期日"),
}

MONTHS: dict[Language, tuple[str, ...]] = {
    "en": _pool("January February March April May June July August September October November December"),
    "zh": _pool("一月 二月 三月 四月 五月 六月 七月 八月 九月 十月 十一月 十二月"),
}


def words(language: Language, small: bool) -> tuple[str, ...]:
    """The words that an input may hold: 32 where the learnable tier asks, else about 80."""
    return SMALL_WORDS[language] if small else WORDS[language]


def word_class(word: str) -> int:
    """The number of a word's class; raises InapplicableError for a word that the pools do not hold."""
    if word not in CLASS_OF:
        raise InapplicableError
    return CLASS_OF[word]


def mentions(text: str, pools: dict[Language, tuple[str, ...]]) -> list[str]:
    """The pool entries that a text mentions: English ones as whole words, Chinese ones anywhere."""
    english = set(re.findall(r"[A-Za-z]+", text))
    return [
        entry for pool in pools.values() for entry in pool if (entry in english if entry.isascii() else entry in text)
    ]


def only_mention(text: str, pools: dict[Language, tuple[str, ...]]) -> str:
    """The one entry that a text mentions; raises InapplicableError where it mentions none or several."""
    found = mentions(text, pools)
    if len(found) != 1:
        raise InapplicableError
    return found[0]
