"""Operations on identifiers and brackets in source code."""

import random
import re

from builder.procedural.families.kinds import NUMBER, TEXT
from builder.procedural.families.operation import AnyOperation, Kind, Language, Operation, label_kind, wording

BALANCE = label_kind("balance", en="balanced | unbalanced", zh="匹配 | 不匹配")

_VERBS = ["read", "write", "load", "save", "count", "find", "sort", "merge", "parse", "check", "send", "build"]

_NOUNS = ["user", "order", "price", "report", "token", "list", "cache", "row", "page", "score", "title", "branch"]

_TAILS = ["name", "total", "index", "date", "size", "key", "label", "rate"]

_IDENTIFIER = re.compile(r"[a-z]+(?:[A-Z][a-z]+)+")


def _parts(identifier: str) -> list[str]:
    return re.findall(r"[a-z]+|[A-Z][a-z]+", identifier)


def _sample_identifier(rng: random.Random, language: Language, small: bool) -> str:
    words = [rng.choice(_VERBS), rng.choice(_NOUNS), rng.choice(_TAILS)][: rng.randint(2, 3)]
    return words[0] + "".join(word.capitalize() for word in words[1:])


def _read_identifier(text: str, language: Language) -> str:
    if not _IDENTIFIER.fullmatch(text.strip()):
        raise ValueError(f"not a camelCase identifier: {text!r}")
    return text.strip()


IDENTIFIER: Kind[str] = Kind(
    "identifier",
    "verbatim",
    lambda value, language: value,
    _read_identifier,
    _sample_identifier,
    wording(
        en="the function's name | a variable from the billing script | the method in the code review | "
        "an identifier in the old module | the field that the linter rejects | the name of the helper routine | "
        "a symbol exported by the library | the attribute in the data class | the handler's identifier | "
        "a parameter of the web form",
        zh="函数的名字 | 计费脚本里的变量 | 代码评审中的方法名 | 旧模块里的标识符 | 检查工具不认可的字段 | "
        "辅助例程的名称 | 库里导出的符号 | 数据类的属性 | 处理函数的标识符 | 网页表单的参数名",
    ),
    wording(en="this identifier | the identifier given", zh="这个标识符 | 该标识符"),
)


def _balance(text: str) -> int:
    closing = {")": "(", "]": "[", "}": "{"}
    stack: list[str] = []
    for mark in text:
        if mark in closing:
            if not stack or stack.pop() != closing[mark]:
                return 1
        else:
            stack.append(mark)
    return int(bool(stack))


def _sample_brackets(rng: random.Random, language: Language, small: bool) -> str:
    text = ""
    for _ in range(rng.randint(2, 4)):
        opening, closing = rng.choice(("()", "[]", "{}"))
        text = rng.choice((f"{opening}{text}{closing}", f"{text}{opening}{closing}"))
    if rng.random() < 0.5:
        spot = rng.randrange(len(text))
        text = text[:spot] + rng.choice("()[]{}") + text[spot + 1 :]
    return text


def _read_brackets(text: str, language: Language) -> str:
    if not text.strip() or set(text.strip()) - set("()[]{}"):
        raise ValueError(f"not a run of brackets: {text!r}")
    return text.strip()


BRACKETS: Kind[str] = Kind(
    "brackets",
    "verbatim",
    lambda value, language: value,
    _read_brackets,
    _sample_brackets,
    wording(
        en="the brackets left after deleting all else | the brackets of a formula | "
        "a string of brackets from the parser's log | the nesting in the config | "
        "the bracket sequence on the test card | what remains of the statement | "
        "the delimiters in the source line | the braces of a broken template",
        zh="删去其他字符后剩下的括号 | 公式的括号骨架 | 解析器日志里的一串括号 | 配置里的嵌套 | "
        "测试卡上的括号序列 | 语句只剩的部分 | 源码行里的定界符 | 坏模板里的花括号等",
    ),
    wording(en="these brackets | the brackets given", zh="这些括号 | 该括号串"),
)

OPERATIONS: tuple[AnyOperation, ...] = (
    Operation(
        "identifier_snake",
        "code",
        IDENTIFIER,
        TEXT,
        lambda name: "_".join(map(str.lower, _parts(name))),
        wording(
            en="rename {x} to snake_case | rewrite {x} in snake_case | convert {x} from camelCase to snake_case | "
            "spell {x} as lower-case words joined by underscores",
            zh="把{x}改成 snake_case | 用下划线小写命名法重写{x} | 将{x}由驼峰式转为 snake_case | "
            "让{x}变成下划线连接的小写单词",
        ),
    ),
    Operation(
        "identifier_constant",
        "code",
        IDENTIFIER,
        TEXT,
        lambda name: "_".join(map(str.upper, _parts(name))),
        wording(
            en="rename {x} to UPPER_SNAKE_CASE | turn {x} into a constant's name, capitals with underscores | "
            "rewrite {x} in SCREAMING_SNAKE_CASE | convert {x} to capital words joined by underscores",
            zh="把{x}改成 UPPER_SNAKE_CASE | 将{x}写成常量名，大写加下划线 | 用全大写下划线命名法重写{x} | "
            "让{x}变成下划线连接的大写单词",
        ),
    ),
    Operation(
        "identifier_kebab",
        "code",
        IDENTIFIER,
        TEXT,
        lambda name: "-".join(map(str.lower, _parts(name))),
        wording(
            en="rename {x} to kebab-case | rewrite {x} in kebab-case for a CSS class | "
            "convert {x} from camelCase to kebab-case | spell {x} as lower-case words joined by hyphens",
            zh="把{x}改成 kebab-case | 将{x}写成短横线命名，供 CSS 类名使用 | 用 kebab-case 重写{x} | "
            "让{x}变成连字符相连的小写单词",
        ),
    ),
    Operation(
        "identifier_words",
        "code",
        IDENTIFIER,
        NUMBER,
        lambda name: len(_parts(name)),
        wording(
            en="count the words that make up {x} | tell how many words are joined in {x} | "
            "split {x} at its capitals and count the parts | give the number of words inside {x}",
            zh="数一数{x}由几个单词组成 | 说出{x}拼接了多少个单词 | 按大写字母拆开{x}，统计段数 | 给出{x}里的单词数",
        ),
    ),
    Operation(
        "brackets_balance",
        "code",
        BRACKETS,
        BALANCE,
        _balance,
        wording(
            en="check {x} and answer balanced or unbalanced | decide for {x} between balanced and unbalanced | "
            "look for pairs that do not close in {x}: balanced or unbalanced | classify {x} as balanced or unbalanced",
            zh="检查{x}，回答匹配或不匹配 | 判断{x}匹配还是不匹配 | 核对{x}是否正确闭合：匹配或不匹配 | "
            "把{x}归为匹配或不匹配",
        ),
    ),
)
