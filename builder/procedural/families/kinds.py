"""The kinds that several files share: numbers, words, and the plain texts that end a chain."""

import random
import re
from decimal import Decimal

from builder.procedural.families import vocabulary
from builder.procedural.families.operation import Kind, Language, text_kind, wording

_INTEGER = re.compile(r"-?\d+", re.ASCII)

TEXT = text_kind("text", "verbatim")
PHRASE = text_kind("phrase", "exact")
JSON_TEXT = text_kind("json_text", "json")


def separator(language: Language) -> str:
    """What stands between the items of a list."""
    return "、" if language == "zh" else ", "


def split_items(text: str, language: Language) -> list[str]:
    """The items of a list as `separator` joins them.

    Raises:
        ValueError: the list is empty or has an empty item.
    """
    items = [item.strip() for item in text.strip().split(separator(language).strip())]
    if not all(items):
        raise ValueError(f"not a list of items: {text!r}")
    return items


def read_integer(text: str) -> int:
    """An integer in plain digits; raises ValueError for anything else."""
    if not _INTEGER.fullmatch(text.strip()):
        raise ValueError(f"not an integer: {text!r}")
    return int(text)


def _sample_numbers(rng: random.Random, language: Language, small: bool) -> list[int]:
    numbers = [rng.randint(1, 30 if small else 99) for _ in range(rng.randint(3, 5) if small else rng.randint(5, 8))]
    # Every third list repeats a number, so that removing duplicates has something to do.
    if rng.random() < 1 / 3:
        numbers.insert(rng.randrange(len(numbers)), rng.choice(numbers))
    return numbers


def _sample_number(rng: random.Random, language: Language, small: bool) -> int:
    return rng.randint(1, 30) if small else rng.randint(2, 999)


def _sample_words(rng: random.Random, language: Language, small: bool) -> list[str]:
    pool = vocabulary.words(language, small)
    words = rng.sample(pool, rng.randint(2, 6) if small else rng.randint(4, 8))
    if not small and rng.random() < 1 / 3:
        words.insert(rng.randrange(len(words)), rng.choice(words))
    return words


NUMBER: Kind[int] = Kind(
    "number",
    "number",
    lambda value, language: str(value),
    lambda text, language: read_integer(text),
    _sample_number,
    wording(
        en="the house number on the corner | the score of the last game | the number of chairs in a hall | "
        "the page where the bookmark is | the stock left in the shop | a bus line's number | "
        "the visitors counted today | the floor of the office | the weight of the parcel | "
        "the seat on the ticket | the tally of votes | the eggs in the basket | the age of the oak | "
        "the count of open orders | a locker number | the steps up to the tower | the price of the kettle | "
        "the attendance of pupils | the parking space we rented | the jars on the shelf | the length of the rope | "
        "the number drawn from a hat | the trees along the lane | the player's shirt number",
        zh="街角那家的门牌号 | 上一场比赛的得分 | 礼堂里椅子的数量 | 书签夹着的页码 | 店里剩下的库存 | "
        "公交线路的号码 | 今天的参观人数 | 办公室所在的楼层 | 包裹的重量 | 车票上的座位号 | 统计出的票数 | "
        "篮子里鸡蛋的个数 | 老橡树的树龄 | 未完成的订单数 | 储物柜的编号 | 登塔要走的台阶数 | 水壶的标价 | "
        "到校学生的人数 | 租来的车位号 | 架子上罐子的数目 | 麻绳的长度 | 帽子里抽出的号 | 巷子两旁的树木数 | "
        "球员背后的号码",
    ),
    wording(en="this number | the number given", zh="这个数 | 该数"),
    wording(
        en="the result | that number | the value obtained",
        zh="结果 | 得到的数 | 所得的值",
    ),
)

DECIMAL: Kind[Decimal] = Kind(
    "decimal",
    "number",
    lambda value, language: f"{value:.1f}",
    lambda text, language: Decimal(text.strip()),
)

NUMBERS: Kind[list[int]] = Kind(
    "numbers",
    "list",
    lambda value, language: separator(language).join(map(str, value)),
    lambda text, language: [read_integer(item) for item in split_items(text, language)],
    _sample_numbers,
    wording(
        en="the lap times of the runners | this week's noon temperatures | the ages of everyone in the choir | "
        "weekly sales at the flower stall | marks from the spelling test | the heights of the bean plants | "
        "parcels delivered per day | the prices on the lunch menu | minutes spent waiting at each stop | "
        "the points of both teams by round | litres of milk sold each morning | distances cycled by the club | "
        "the readings of an old water meter | the bids at a village auction | books borrowed by each class | "
        "kilos of apples picked per row",
        zh="各位选手的单圈用时 | 本周每天中午的气温 | 合唱团成员的年龄 | 花摊每周的销量 | 听写测验的分数 | "
        "豆苗的高度 | 快递站每日派件数 | 午餐菜单上的价格 | 在各站等车的分钟数 | 双方每一局的得分 | "
        "每天早上卖出的牛奶升数 | 骑行队各人的里程 | 旧水表的历次读数 | 乡村拍卖会上的出价 | 每个班借走的书本数 | "
        "各行果树摘下的苹果公斤数",
    ),
    wording(en="these numbers | the numbers given", zh="这些数 | 这组数"),
    wording(
        en="the resulting numbers | the new list of numbers",
        zh="得到的这列数 | 新的数列",
    ),
)

WORD: Kind[str] = Kind(
    "word",
    "exact",
    lambda value, language: value,
    lambda text, language: _one_word(text),
    lambda rng, language, small: rng.choice(vocabulary.words(language, small)),
    wording(
        en="the word on the flash card | today's password for the game | a word from the quiz | "
        "the label on the drawer | the sign above the door | the child's first written word | "
        "the answer in the crossword | a note on the fridge | the word the parrot says | "
        "the thing named in the riddle | the title of the poem | the prize at the fair | a sticker on the box | "
        "the item our aunt forgot | the word chalked on the wall | the thing a clue describes | "
        "the lost property tag | a guess from the player | the name of the toy | the object in the story | "
        "the gift we wrapped | a charade for tonight | the word in bold print | the entry on the receipt",
        zh="识字卡上的词 | 今天游戏的口令 | 测验里的一个词 | 抽屉上贴的标签 | 门上挂的牌子 | 孩子最先写下的词 | "
        "填字游戏的答案 | 冰箱上的便条 | 鹦鹉会说的词 | 谜语里说的东西 | 小诗的题目 | 游园会的奖品 | "
        "箱子上的贴纸 | 姑妈忘带的物品 | 墙上用粉笔写的词 | 线索所指的事物 | 失物招领的标牌 | 玩家猜的词 | "
        "玩具的名字 | 故事里的那件东西 | 包好的礼物 | 今晚要比划的词 | 加粗印刷的词 | 小票上的一项",
    ),
    wording(en="this word | the word given", zh="这个词 | 该词"),
    wording(en="that word | the word obtained", zh="得到的词 | 选出的词"),
)

WORDS: Kind[list[str]] = Kind(
    "words",
    "list",
    lambda value, language: separator(language).join(value),
    split_items,
    _sample_words,
    wording(
        en="the things packed in the attic | the words on the blackboard | our list for the flea market | "
        "items the museum lent out | cards laid on the table | the entries in a child's notebook | "
        "objects seen from the train | names on the toy boxes | the props that actors need | "
        "the words of a memory game | goods in the lost luggage | items on the packing slip | "
        "the vocabulary of lesson two | stickers in the album | things found at the beach | "
        "the clues of a treasure hunt | labels in the storeroom | prizes on the top shelf | "
        "the words called out in class | a magician's surprises | objects on the market stall | "
        "the items Grandpa listed | everything in the costume trunk | the cargo of a small boat",
        zh="阁楼里收着的东西 | 黑板上写的词 | 跳蚤市场的清单 | 博物馆借出的物件 | 桌上摆开的卡片 | "
        "孩子本子里的词条 | 火车上看到的东西 | 玩具箱上的名字 | 演员上台要用的东西 | 记忆游戏里的词 | "
        "遗失行李中的物品 | 装箱单上的条目 | 第二课的生词 | 贴纸册里的贴纸 | 海边捡到的东西 | 寻宝游戏的线索 | "
        "库房里的标签 | 最上层架子的奖品 | 课堂上喊出的词 | 魔术师变出的东西 | 地摊上的物件 | 爷爷列出的东西 | "
        "戏服箱里的全部物件 | 小船上装的货",
    ),
    wording(en="these words | the words given", zh="这些词 | 这组词"),
    wording(en="the resulting words | the new word list", zh="得到的这些词 | 新的词表"),
)


def _one_word(text: str) -> str:
    word = text.strip()
    if word not in vocabulary.CLASS_OF:
        raise ValueError(f"not a word of the pools: {text!r}")
    return word
