"""Operations on lists of words."""

import json
import random
from collections import Counter
from itertools import combinations

from builder.procedural.families import vocabulary
from builder.procedural.families.kinds import JSON_TEXT, NUMBER, TEXT, WORD, WORDS
from builder.procedural.families.operation import (
    AnyOperation,
    InapplicableError,
    Language,
    Operation,
    text_kind,
    wording,
)

PAIRS = text_kind("pairs", "set")


def _several(words: list[str]) -> list[str]:
    if len(words) < 2:
        raise InapplicableError
    return words


def _of_class(words: list[str], number: int) -> list[str]:
    chosen = [word for word in words if vocabulary.word_class(word) == number]
    if not chosen:
        raise InapplicableError
    return chosen


def _extreme(words: list[str], length: int) -> str:
    chosen = {word for word in words if len(word) == length}
    if len(chosen) != 1:
        raise InapplicableError
    return chosen.pop()


def _odd_one_out(words: list[str]) -> str:
    classes = Counter(map(vocabulary.word_class, words))
    if len(words) < 4 or len(classes) != 2 or min(classes.values()) != 1:
        raise InapplicableError
    return next(word for word in words if classes[vocabulary.word_class(word)] == 1)


def _sample_odd_one_out(rng: random.Random, language: Language, small: bool) -> list[str]:
    common, other = rng.sample(range(vocabulary.SMALL_CLASSES if small else 6), 2)
    size = vocabulary.SMALL if small else None
    words = rng.sample(vocabulary.WORD_CLASSES[language][common][:size], rng.randint(3, 5))
    words.insert(rng.randint(0, len(words)), rng.choice(vocabulary.WORD_CLASSES[language][other][:size]))
    return words


def _sample_with_animals(rng: random.Random, language: Language, small: bool) -> list[str]:
    classes = vocabulary.WORD_CLASSES[language]
    animals = rng.sample(classes[0], rng.randint(1, 3))
    others = rng.sample([word for words in classes[1:] for word in words], rng.randint(2, 4))
    return rng.sample(animals + others, len(animals) + len(others))


def _all_pairs(words: list[str]) -> str:
    if not 3 <= len(words) <= 4 or len(set(words)) != len(words):
        raise InapplicableError
    return "\n".join(f"{left}+{right}" for left, right in combinations(words, 2))


def _sample_few(rng: random.Random, language: Language, small: bool) -> list[str]:
    return rng.sample(vocabulary.words(language, small), rng.randint(3, 4))


OPERATIONS: tuple[AnyOperation, ...] = (
    Operation(
        "words_count",
        "mathematics",
        WORDS,
        NUMBER,
        len,
        wording(
            en="count {x} | tell how many there are in {x} | give the number of {x} | "
            "report the size of {x} as a number | number {x} and write the total",
            zh="数出{x}的个数 | 统计{x}一共几个 | 写出{x}的数量 | 报告{x}有多少 | 点一点{x}，写下总数",
        ),
    ),
    Operation(
        "words_first",
        "extraction",
        WORDS,
        WORD,
        lambda words: _several(words)[0],
        wording(
            en="take the first of {x} | give the opening entry of {x} | copy the word that starts {x} | "
            "name the one in front among {x} | extract the first item in {x}",
            zh="取出{x}中的第一个 | 写出{x}打头的那个 | 抄下{x}开头的词 | 说出排在{x}最前面的 | 提取{x}的首项",
        ),
    ),
    Operation(
        "words_last",
        "extraction",
        WORDS,
        WORD,
        lambda words: _several(words)[-1],
        wording(
            en="take the last of {x} | give the closing entry of {x} | copy the word that ends {x} | "
            "name the one at the very end of {x} | extract the final item in {x}",
            zh="取出{x}中的最后一个 | 写出{x}收尾的那个 | 抄下{x}末尾的词 | 说出排在{x}最后面的 | 提取{x}的末项",
        ),
    ),
    Operation(
        "words_longest",
        "reasoning",
        WORDS,
        WORD,
        lambda words: _extreme(words, max(map(len, words))),
        wording(
            en="find the longest of {x} | pick the one with the most letters from {x} | "
            "identify which of {x} takes the most letters | single out the lengthiest among {x}",
            zh="找出{x}里字数最多的 | 选出{x}当中最长的一个 | 指出{x}中写起来字最多的 | 从{x}挑出最长的词",
        ),
    ),
    Operation(
        "words_shortest",
        "reasoning",
        WORDS,
        WORD,
        lambda words: _extreme(words, min(map(len, words))),
        wording(
            en="find the shortest of {x} | pick the one with the fewest letters from {x} | "
            "identify which of {x} takes the fewest letters | single out the briefest among {x}",
            zh="找出{x}里字数最少的 | 选出{x}当中最短的一个 | 指出{x}中写起来字最少的 | 从{x}挑出最短的词",
        ),
    ),
    Operation(
        "words_odd_one_out",
        "reasoning",
        WORDS,
        WORD,
        _odd_one_out,
        wording(
            en="spot the odd one out among {x} | name the one of {x} that is of another sort | "
            "find which of {x} does not belong with the rest | pick from {x} the single misfit",
            zh="找出{x}中不同类的那个 | 指出{x}里与其余不属一类的 | 挑出{x}当中的异类 | 从{x}选出唯一不合群的",
        ),
        sample=_sample_odd_one_out,
    ),
    Operation(
        "words_reversed",
        "rewriting",
        WORDS,
        WORDS,
        lambda words: words[::-1],
        wording(
            en="reverse {x}, so that the last comes first | rewrite {x} in the opposite order | "
            "turn {x} around from back to front | list {x} starting with the last",
            zh="把{x}颠倒过来，最后的放到最前 | 按相反的次序重写{x} | 将{x}从后往前列出 | 倒着写出{x}",
        ),
    ),
    Operation(
        "words_by_length",
        "data_analysis",
        WORDS,
        WORDS,
        lambda words: sorted(words, key=len),
        wording(
            en="order {x} by number of letters, short ones first, ties as they stand | "
            "sort {x} from shortest to longest, keeping ties in place | "
            "arrange {x} by growing length and leave equals as they were | "
            "rank {x} by length upwards, ties unchanged",
            zh="把{x}按字数由少到多排列，相同的保持原序 | 将{x}从短到长排好，一样长的不动 | "
            "按长度递增整理{x}，等长者次序不变 | 对{x}按字数升序排序，并列的照原样",
        ),
    ),
    Operation(
        "words_distinct",
        "rewriting",
        WORDS,
        WORDS,
        lambda words: list(dict.fromkeys(words)),
        wording(
            en="drop the repeated ones from {x} | rewrite {x} without repeats | "
            "clean {x} so that nothing appears twice | keep just one copy of each of {x}",
            zh="删掉{x}中重复出现的 | 重写{x}，不许有重复 | 整理{x}，让每个只出现一次 | 把{x}里相同的只留一个",
        ),
    ),
    Operation(
        "words_every_second",
        "extraction",
        WORDS,
        WORDS,
        lambda words: _several(words)[::2],
        wording(
            en="keep every other one of {x}, beginning with the first | "
            "take the first, third, fifth and so on of {x} | extract {x} at odd positions | "
            "skip every second one in {x}",
            zh="从第一个起隔一个取一个{x} | 取{x}中排第一、第三、第五等位置的 | 提取{x}里奇数位上的 | "
            "每两个里只留前一个，处理{x}",
        ),
    ),
    Operation(
        "words_animals",
        "classification",
        WORDS,
        WORDS,
        lambda words: _of_class(words, 0),
        wording(
            en="keep only the animals in {x} | pick the living creatures out of {x} | "
            "list which of {x} are animals | choose the animals from {x}",
            zh="只留下{x}中的动物 | 从{x}里挑出动物 | 列出{x}当中属于动物的 | 选出{x}里的活物",
        ),
        sample=_sample_with_animals,
    ),
    Operation(
        "words_pairs",
        "brainstorming",
        WORDS,
        PAIRS,
        _all_pairs,
        wording(
            en="list every pair that can be made of {x}, one per line as a+b | "
            "think of all combinations of two among {x}, one a line, joined by + | "
            "brainstorm all possible duos from {x}, written a+b on lines of their own | "
            "collect each way to couple two of {x} by a plus sign, line by line",
            zh="列出{x}能组成的所有两两搭配，每行一个，写作甲+乙 | 想出{x}任取两个的全部组合，用+连接，一行一个 | "
            "尽可能列举{x}的两两配对，以加号相连并分行 | 把{x}中任意两个用+配成对，全部写出，每对一行",
        ),
        sample=_sample_few,
    ),
    Operation(
        "words_hyphenated",
        "rewriting",
        WORDS,
        TEXT,
        lambda words: "-".join(_several(words)),
        wording(
            en="join {x} with hyphens into one chain | string {x} together with hyphens, no spaces | "
            "glue {x} into a single hyphenated term | connect {x} by hyphens",
            zh="用连字符把{x}连成一串 | 将{x}以短横相连，不留空格 | 把{x}拼成一个带连字符的长词 | 以“-”串起{x}",
        ),
    ),
    Operation(
        "words_numbered",
        "format_following",
        WORDS,
        TEXT,
        lambda words: "\n".join(f"{number}. {word}" for number, word in enumerate(_several(words), 1)),
        wording(
            en='write {x} as a numbered list in the style "1. item" | number {x} line by line, like "1. item" | '
            "set {x} out as lines that begin with 1., 2. and so on | "
            "lay {x} out with a running number, a full stop and a space before each",
            zh="把{x}写成编号列表，形如“1. 某物” | 给{x}逐行编号，格式为“1. 某物” | "
            "将{x}分行列出，行首依次为1.、2.并空一格 | 在{x}每一项前加序号、点和空格，各占一行",
        ),
    ),
    Operation(
        "words_to_json",
        "format_following",
        WORDS,
        JSON_TEXT,
        lambda words: json.dumps(words, ensure_ascii=False),
        wording(
            en="format {x} as a JSON array of strings | output {x} in JSON, as strings in one array | "
            "turn {x} into a JSON list of strings | encode {x} as a string array in JSON",
            zh="把{x}写成 JSON 字符串数组 | 以 JSON 输出{x}，即一个字符串数组 | 将{x}转成 JSON 的字符串列表 | "
            "用 JSON 数组装下{x}，元素为字符串",
        ),
    ),
)
