"""Operations on one word: its class, its length, its letters."""

from builder.procedural.families import vocabulary
from builder.procedural.families.kinds import NUMBER, TEXT, WORD
from builder.procedural.families.operation import (
    AnyOperation,
    Kind,
    Operation,
    label_kind,
    wording,
)

# In the order of vocabulary.WORD_CLASSES.
WORD_CLASS = label_kind(
    "word_class",
    en="animal | fruit | tool | clothing | vehicle | furniture",
    zh="动物 | 水果 | 工具 | 衣物 | 交通工具 | 家具",
)


TERM: Kind[str] = Kind(
    "term",
    "verbatim",
    lambda value, language: value,
    lambda text, language: text.strip(),
    lambda rng, language, small: rng.choice(vocabulary.words("en", small)),
    wording(
        en="the brand on the cap | the stamp on the crate | the button's caption | a headline's key word | "
        "the name on the boat | the banner's only word | the heading of the form | a slogan in one word | "
        "the label for the jar | the code word of the club | the sign at the crossing | "
        "the nickname on the shirt | the cover's biggest word | a shout from the crowd | the tag on the suitcase | "
        "the last word of the telegram | the neon lettering | the plate by the bell | "
        "the printed side of the mug | the word on the doormat",
        zh="帽子上的英文牌子 | 木箱上印的英文 | 按钮上的英文说明 | 标题里的英文关键词 | 小船的英文名字 | "
        "横幅上唯一的英文词 | 表格的英文抬头 | 一个词的英文口号 | 罐子的英文标签 | 社团的英文暗号 | 路口的英文牌 | "
        "球衣上的英文外号 | 封面上最大的英文词 | 人群喊出的英文 | 行李牌上的英文 | 电报末尾的英文词 | "
        "霓虹灯上的英文 | 门铃旁的英文牌 | 杯子上印着的英文 | 脚垫上的英文词",
    ),
    wording(en="this term | the term given", zh="这个英文词 | 该英文词"),
    wording(en="that term", zh="得到的英文词"),
)

OPERATIONS: tuple[AnyOperation, ...] = (
    Operation(
        "word_category",
        "classification",
        WORD,
        WORD_CLASS,
        vocabulary.word_class,
        wording(
            en="say what sort of thing {x} is | name the class of {x}, such as animal or tool | "
            "give the kind that {x} belongs to | categorise {x} | tell which group covers {x}",
            zh="说出{x}属于哪一类 | 写出{x}的类别，如动物或工具 | 给{x}归类 | 判定{x}是哪种东西 | 指明{x}所属的大类",
        ),
    ),
    Operation(
        "word_length",
        "mathematics",
        WORD,
        NUMBER,
        len,
        wording(
            en="count the letters in {x} | give the length of {x} in letters | tell how many letters {x} takes | "
            "measure {x} by its letters | write the letter count of {x}",
            zh="数{x}有几个字 | 写出{x}的字数 | 说出{x}由几个字组成 | 量{x}的长度，以字计 | 统计{x}含多少个汉字",
        ),
    ),
    Operation(
        "word_backwards",
        "rewriting",
        WORD,
        TEXT,
        lambda word: word[::-1],
        wording(
            en="spell {x} backwards | write {x} from its end to its beginning | mirror the letters of {x} | "
            "reverse the spelling of {x}",
            zh="把{x}倒着写 | 从末字到首字重写{x} | 将{x}的字序颠倒 | 反着拼出{x}",
        ),
    ),
    Operation(
        "term_upper_case",
        "rewriting",
        TERM,
        TEXT,
        str.upper,
        wording(
            en="write {x} in capitals | put {x} in upper case | capitalise every letter of {x} | "
            "turn {x} into block letters | convert {x} to upper-case letters",
            zh="把{x}改成大写 | 用大写字母写{x} | 将{x}全部大写 | 写出{x}的大写形式 | 让{x}每个字母都大写",
        ),
    ),
    Operation(
        "term_spelled",
        "format_following",
        TERM,
        TEXT,
        "-".join,
        wording(
            en="spell {x} letter by letter with hyphens between | separate the letters of {x} by hyphens | "
            "set a hyphen between any two letters of {x} | break {x} into letters joined by hyphens",
            zh="用连字符隔开{x}的每个字母 | 逐个字母拼出{x}，中间加短横 | 在{x}相邻字母之间插入“-” | "
            "把{x}拆成字母，以短横连接",
        ),
    ),
    Operation(
        "term_lower_case",
        "rewriting",
        TERM,
        TEXT,
        str.lower,
        wording(
            en="write {x} in small letters | put {x} in lower case | remove all capitals from {x} | "
            "convert {x} to lower-case letters",
            zh="把{x}改成小写 | 用小写字母写{x} | 去掉{x}的大写 | 写出{x}的小写形式",
        ),
        sample=lambda rng, language, small: rng.choice(vocabulary.words("en", small)).upper(),
    ),
)
