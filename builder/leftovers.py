r"""What tools leave behind in texts: markers in place of an empty input, invisible characters, escapes and HTML entities.

    <noinput>                        → (nothing)
    麻雀\u200b和燕子。                → 麻雀和燕子。
    A wren sings.\nIt is small.      → two lines, where the backslash and the n stand in the text
    Wrens &amp; robins               → Wrens & robins

One rule for what is mended when files are read (`builder.formats.mending`) and for what the signal `defects` finds. What may be
meant as it stands is left: code, mark-up, LaTeX, paths, JSON, texts that speak of such characters, and joiners that emoji and
scripts such as Persian and Hindi need.
"""

import html
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from html.entities import name2codepoint
from typing import Literal

Leftover = Literal["entities", "escapes", "invisible_characters"]

LONGEST_MARKER = 40
_OPEN, _CLOSE = r"[\s<\[({`\"'*_（【「-]{0,4}", r"[\s>\])}`\"'*_.。）】」-]{0,4}"
_MARKER = re.compile(
    _OPEN + r"(?:(?:there is )?no[ _-]?inputs?(?: (?:is |was )?(?:needed|required|provided|necessary|given))?"
    r"|(?:无|没有|无需|不需要|暂无|空)(?:任何)?(?:额外)?(?:的)?输入(?:内容)?|(?:输入|input)\s?[:：]\s?(?:无|空|没有|n/?a|none)|输入为空)"
    + _CLOSE,
    re.IGNORECASE,
)
# A text that somebody is to see, such as an error: what the instruction is about.
_OF_A_MESSAGE = re.compile(
    r"\b(?:this|the|that|following|given) (?:[a-z]+ )?(?:errors?|messages?|warnings?|labels?|buttons?|logs?|log (?:line|entry)"
    r"|tokens?|placeholders?)\b(?! (?:to|for|from|in|at)\b)|\b(?:screens?|monitors?|displays?|projectors?|sensors?)\b|电视|显示|屏幕|投影"
    r"|(?:[这该此]|[下上]面|以[下上])[^。\n]{0,6}(?:报错|提示|标签|按钮|日志|消息|文案|占位符)",
    re.IGNORECASE,
)
# Words that hardly ever are what an instruction is applied to.
_RARE_WORD = re.compile(
    _OPEN
    + r"(?:not? applicable|n\.?\s?/\s?a|不适用|(?<=[<\[({（【])(?:none|nil|null|empty|无|空)(?=[>\])}）】]))"
    + _CLOSE,
    re.IGNORECASE,
)
# Words of a language, values of code and answers in forms too: markers beside an instruction that asks for something new.
_WORD_MARKER = re.compile(_OPEN + r"(?:none|null|nan|无|暂无)" + _CLOSE, re.IGNORECASE)
_MAKES = re.compile(
    r"\s*(?:please |kindly |can you |could you )?(?:write|create|generate|name|list|give|suggest|recommend|describe|explain|tell|compose|brainstorm"
    r"|come up|design|plan|think of|invent|propose|draft|produce|discuss|develop|make a|construct|outline|imagine|provide|share)\b"
    r"|\s*(?:请|帮我|请你|请帮我)?(?:写|列|给我|给出|给小|推荐|讲|介绍|说|设计|想|生成|创作|编|谈|描述|解释|提供|举|为[^\n]{1,20}(?:写|想|起|取|设计)|起|取|制定|创建|构思)",
    re.IGNORECASE,
)
_OF_A_WORD = re.compile(
    r"[:：]\s*$|\b(?:it|its|input|this|these|those|following|given|below|above|provided)\b"
    r"|\b(?:the|that|each|any|both) (?:[a-z]+ )?(?:words?|terms?|values?|strings?|expressions?|tokens?"
    r"|keywords?|abbreviations?|acronyms?)\b(?! (?:limit|count|of))|\b(?:translat\w+|spell\w*|pronounc\w+|capitali[sz]\w+|boolean"
    r"|data ?types?|parts? of speech|(?:syn|ant)onyms?|rhym\w+ with|meaning of|what does|number of (?:letters|characters)"
    r"|plural|opposite|pinyin|literal|sql|json|fill (?:in|out)|patients?|customers?|clients?|guests?|his|her|their)\b"
    r"|\b(?:is|are|be|says?|said|wrote)\s*$"
    r"|\bthe (?:[a-z']+ )?(?:reviews?|texts?|sentences?|passages?|comments?|tweets?|paragraphs?|articles?|notes?"
    r"|fields?|cells?|columns?|characters?)\b"
    r"|[这该此](?:个)?(?:词|字|值)|[词字](?:语)?的(?:拼音|含义|意思|笔画|部首|读音|词性)|单词|[近同反]义词|翻译|译[成为]|缩写|造句|组词|数据类型|词性"
    r"|下面|以下|下列|上述|给定|根据|填写|拼音|输入|[它他她]|患者|病人|顾客|客户",
    re.IGNORECASE,
)

_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
# South and South-East Asian scripts and Arabic: joiners shape their letters, and a space without width parts words.
_SHAPED = "\u0600-\u10ff\u1700-\u1cff\ua800-\uabff\ufb50-\ufdff\ufe70-\ufefc"
# Beside these a joiner joins nothing: Latin letters, Chinese, Japanese and Korean ones, and punctuation.
_UNJOINED = "\t-~\u00a0-\u00a8\u00aa-\u00ad\u00af-\u02ff\u1e00-\u1eff\u2010-\u2027\u3000-\u312f\u3400-\u9fff\uac00-\ud7af\uff01-\uff65"
_DIRECTIONS = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_SPACES = re.compile(f"(?<![{_SHAPED}])[\u00ad\u200b\u2060\ufeff]|[\u00ad\u200b\u2060\ufeff](?![{_SHAPED}])")
_JOINERS = re.compile(f"(?:(?<=[{_UNJOINED}])|(?<![\\s\\S]))[\u200c\u200d](?:(?=[{_UNJOINED}])|(?![\\s\\S]))")
_INVISIBLE = "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\u2066\u2067\u2068\u2069\u202a\u202b\u202c\u202d\u202e\ufeff"
_ABOUT_INVISIBLE = re.compile(
    r"zero[- ]?width|invisible|hidden (?:char|text)|\bZW(?:SP|N?J)\b|\bBOM\b|byte[- ]order|soft[- ]hyphen|joiner|unicode|homoglyph"
    r"|steganogra|watermark|\bU\+[0-9A-F]{4}|\\u(?:200|feff|00ad)|&shy;|零宽|不可见|隐形|隐藏(?:的)?字符|软连字符|字节顺序|字节序|水印|码点",
    re.IGNORECASE,
)

_ESCAPE = re.compile(
    r"(?<!\\)(?:\\(?:r\\n|n(?![a-zA-Z{_])|n(?=[A-Z][a-z\s'’:.,)])|t(?![a-zA-Z{_]))|(?:\\u[0-9a-fA-F]{4})+|(?<=[A-Za-z])\\'(?=[a-z]))"
)
# Within a string of code or a class of characters, or named in a sentence: "\n" + x, f.write("…\n"), [\u064b-\u0652], split on \n.
_CODE_STRING = re.compile(
    r"""(?:\A|[\s(,=+\[:%])[rbuf]?["']\\[nrtu]|\\[nt]["'](?=[\s,);+:\]%.]|\Z)|\\u[0-9a-fA-F]{4}-|[\[-]\\u[0-9a-fA-F]{4}"""
    r"""|(?:["'],|["']\))\s*(?:\n|\Z)|\\n[/%]|[^\w\s.!?:;,)\]"'”’…。！？：；，）*|>»」』》】~\-\\]\\n|=\\t"""
    r"""|(?:\A|\s)(?:\.{1,2})?(?:\\[nrt]){1,2}(?:\s+(?:[a-z\u4e00-\u9fff:=]|->)|[,.;)，。；、）]|\s*\Z)"""
    r"""|[用按加][ “‘「`]?(?:\\[nrt]){1,2}|\A[^\\\n]{0,40}[A-Za-z\d]\\[nt]\Z|(?:\A|\s)\.{1,2}\\"""
    r"|\\(?:nu|ne|neq|nabla|not|newline|newpage|noindent|neg|nmid|nleq|ngeq)\b"
)
_BEFORE_A_STRING = re.compile(r"[\w<=+(,]\s?\Z")
_OTHER_BACKSLASH = re.compile(r"\\(?![nrt\"'])")
# Where escapes belong.
_CODE_MARKS = (
    *("`", "</", "/>", "{", "\\(", "\\[", "\\\\", "$", "();", "print", "def ", "echo ", "regex", "string", "escape"),
    *("HTML", "html", "LaTeX", "latex", "JSON", "json", "字符串", "转义", "正则"),
)
_ABOUT_ESCAPES = re.compile(
    r"(?<![A-Za-z])[A-Za-z]:\\|\b(?:unicode|code ?points?|new ?lines?|line (?:feeds?|breaks?)|carriage return|backslash\w*|encod\w+|decod\w+"
    r"|regular expressions?|python|java(?:script)?|awk|sed|grep|csv|tsv|delimiters?|separators?|crlf|mime|folder"
    r"|director(?:y|ies)|file ?paths?|tab characters?)\b"
    r"|[换分]行|制表符|回车|分隔符|编码|解码|码点|反斜杠|路径|目录|文件夹",
    re.IGNORECASE,
)

_ENTITY = re.compile(
    r"&(?:[A-Za-z][A-Za-z0-9]{1,31}|#\d{2,7}|#[xX][0-9a-fA-F]{2,6});|&#(?:3[49](?![0-9;])|[xX]2[27](?![0-9A-Fa-f;]))"
)
_ABOUT_ENTITIES = re.compile(
    r"\b(?:x?html\d?|xml|svg|css|php|jsx|javascript|entit(?:y|ies)|(?:un)?escap\w+|encod\w+|decod\w+|mark-?up|sanitiz\w+|xss|tags?|urls?"
    r"|web ?pages?|browsers?|(?:less|greater)[- ]than|symbols?|query strings?|ampersands?|special characters?|regular expressions?|regex\w*"
    r"|markdown|rss|react|vue|angular|keyboards?|non-?breaking|literally"
    r"|json|apis?|wordpress|cms|templates?|telegram|android|bots?|in code|source|on the web|(?:copyright|percent) sign)\b"
    # named rather than used
    r"|(?:\b(?:what (?:is|does|are)|type|write|use)|写成?|用|插入|输入)\s?[“‘「]?&(?!(?:[lr][ds]quo|quot|apos|#3[49]);)[a-z]{2,8};"
    r"|(?:有|出现|变成|显示)[^\n]{0,4}\s&[a-z]{2,8};|\A&[a-z]{2,8};\Z| & [^\n]{0,80}&amp;|&amp;[^\n]{0,80} & "
    r"|&[a-z]{2,8};[”’」]?\s?(?:是什么|什么意思|表示|means?\b|stands? for)"
    r"|实体|转义|编码|解码|标签|标记语言|网页|[大小]于号|符号|字符|正则|空格|缩进|键盘|接口|前端|后端|代码|模板",
    re.IGNORECASE,
)
_CODE = re.compile(r"(```[\s\S]*?(?:```|\Z)|~~~[\s\S]*?(?:~~~|\Z)|``[^\n]+?``|`[^`\n]+`)")
_CODE_LINE = re.compile(
    r"[{}]|;\s*$|\w\(\)|^(?: {4}|\t)\s*[^\s\-*•\d]|=>|::|[!=+\-*/]=|&&|\|\||\$[A-Za-z_]|^\s*[#>$%]\s*\w+\s+-|^\s*(?://|#include|/\*)"
    r"|^\s*(?:def|class|elif|else|for|while|if)\b.*:\s*$|^\s*(?:import|from \S+ import|return|var|let|const|function|public|private)\b.*[;(){}=]"
    r"|</|/>|<!|<[A-Za-z][^<>]*=|(?i:<(?:br|p|b|i|u|div|span|a|ul|ol|li|h[1-6]|table|tr|td|th|img|script|style|html|head|body|code|pre|em"
    r"|strong|input|form|button|title|meta|link|section|nav|header|footer)\b)"
)


def is_no_input(text: str, instruction: str, answer: str = "") -> bool:
    """Whether the text of an input says that there is none, as in "<noinput>", "No input" and 无输入.

    "N/A" says so too where the instruction is about nothing else, "None" and 无 where it asks for something new; elsewhere they
    may be the input, as "No input" may where the instruction is about a message.

    Args:
        answer: the row's, where one that repeats the word shows that it stands for nothing.
    """
    if not text or len(text) > LONGEST_MARKER:
        return False
    if _MARKER.fullmatch(text):
        return _OF_A_MESSAGE.search(instruction) is None
    word = _RARE_WORD.fullmatch(text) or (
        _WORD_MARKER.fullmatch(text) and (text == answer or _MAKES.match(instruction))
    )
    return bool(word) and _OF_A_WORD.search(instruction) is None


def without_marker(prompt: str) -> str:
    """A prompt that ends with the paragraph `<noinput>`, as composed by others, without it."""
    before, blank, last = prompt.rstrip().rpartition("\n\n")
    marked = blank and before.strip() and last.lstrip()[:1] in ("<", "[", "(", "（", "【")
    return before.rstrip() if marked and _MARKER.match(last) and is_no_input(last, before) else prompt


def may_hold(text: str) -> bool:
    """Whether a closer look is worth it: a text with none of the signs holds nothing left over."""
    return _has_entity(text) or "\\" in text or _has_invisible(text)


def _has_entity(text: str) -> bool:
    return "&" in text and _ENTITY.search(text) is not None


def _has_invisible(text: str) -> bool:
    if text.isascii() or text.replace("\n", "").isprintable():  # a third of the time of what follows
        return False
    return any(map(text.__contains__, _INVISIBLE))


def leftovers_in(texts: Collection[str], kinds: Collection[str] | None = None) -> tuple[Leftover, ...]:
    """The kinds to look for in the texts of one row: of what it speaks about, nothing is left over.

    Args:
        texts: all that is said in the row.
        kinds: to choose from; None is all.
    """
    return tuple(kind for kind in _CLEANERS if (kinds is None or kind in kinds) and _are_left(kind, texts))


def _are_left(kind: Leftover, texts: Collection[str]) -> bool:
    if kind == "entities":
        there = any(map(_has_entity, texts))
    elif kind == "escapes":
        there = any("\\" in text for text in texts) and not any(mark in text for mark in _CODE_MARKS for text in texts)
    else:
        there = any(map(_has_invisible, texts)) or any(_has_entity(text) or "\\u" in text for text in texts)
    return there and not any(_ABOUT[kind].search(text) for text in texts)


def clean(text: str, kinds: Iterable[Leftover]) -> tuple[str, tuple[Leftover, ...]]:
    """A text without what is left over in it, and the kinds that were.

    Args:
        kinds: as `leftovers_in` chose them for the row.
    """
    found: list[Leftover] = []
    for kind in kinds:
        cleaned = _CLEANERS[kind](text)
        if cleaned != text:
            found.append(kind)
            text = cleaned
    return text, tuple(found)


def shown(text: str) -> str:
    """A text in which invisible characters can be seen, each as its code."""
    return "".join(f"⟨U+{ord(char):04X}⟩" if char in _INVISIBLE else char for char in text)


def _without_entities(text: str) -> str:
    if not _has_entity(text):
        return text
    # Code, which the pattern captures, stands at the odd places.
    return "".join(part if place % 2 else _decoded_prose(part) for place, part in enumerate(_CODE.split(text)))


def _decoded_prose(text: str) -> str:
    """Prose with its entities decoded; lines of code or mark-up are left, and all of it where they are several."""
    if "&" not in text:
        return text
    lines = text.split("\n")
    decoded = [_decode(line) if "&" in line else line for line in lines]
    code = [_CODE_LINE.search(line) is not None for line in decoded]
    if sum(code) > 1:
        return text
    return "\n".join(line if is_code else new for line, new, is_code in zip(lines, decoded, code, strict=True))


def _decode(line: str) -> str:
    for _ in range(3):  # encoded more than once
        decoded = _ENTITY.sub(lambda found: _character(found[0]), line)
        if decoded == line:
            break
        line = decoded
    return line


def _character(entity: str) -> str:
    name = entity[1:].removesuffix(";")
    if not name.startswith("#"):
        code = 0x27 if name == "apos" else name2codepoint.get(name)
        found = entity if code is None else chr(code)
    else:
        found = html.unescape(f"&{name};")
    if found == "\u00a0":
        return " "
    return found if found.isprintable() or found in _INVISIBLE or found in "\n\t" else entity


def _without_escapes(text: str) -> str:
    if "\\" not in text or text.count("\n") > text.count("\\") or _CODE_STRING.search(text):
        return text
    if any(map(_CODE_LINE.search, text.split("\n"))) or _is_quoted(text):
        return text
    cleaned = _ESCAPE.sub(lambda found: _unescaped(found[0]), text)
    if _OTHER_BACKSLASH.search(cleaned):
        return text
    encoded = "\n" in cleaned and "\n" not in text  # as a whole, so that no line end stands for itself
    if encoded:
        cleaned = cleaned.replace("\\n", "\n")
    for quote in ('"', "'"):
        if encoded or cleaned.count(f"\\{quote}") % 2 == 0:
            cleaned = cleaned.replace(f"\\{quote}", quote)
    return text if re.search(r"\\[nrt]", cleaned) else cleaned  # nothing by halves


def _is_quoted(text: str) -> bool:
    """Whether an escape stands within quotation marks behind a word or a sign, as in `puts "one\\ntwo"`."""
    parts = text.replace('\\"', "").split('"')
    return any(
        "\\" in inside and _BEFORE_A_STRING.search(before)
        for before, inside in zip(parts[::2], parts[1::2], strict=False)
    )


def _unescaped(escape: str) -> str:
    if escape[1] != "u":
        return {"\\t": "\t", "\\'": "'"}.get(escape, "\n")
    units = bytes.fromhex(escape.replace("\\u", ""))
    try:
        found = units.decode("utf-16-be")
    except UnicodeDecodeError:  # half of a pair
        return escape
    return found if all(char.isprintable() or char in _INVISIBLE for char in found) else escape


def _without_invisible(text: str) -> str:
    if not _has_invisible(text):
        return text
    if not _RIGHT_TO_LEFT.search(text):
        text = _DIRECTIONS.sub("", text)
    return _JOINERS.sub("", _SPACES.sub("", text))


# Entities first: they may stand for one of the others.
_CLEANERS: Mapping[Leftover, Callable[[str], str]] = {
    "entities": _without_entities,
    "escapes": _without_escapes,
    "invisible_characters": _without_invisible,
}
_ABOUT: Mapping[Leftover, re.Pattern[str]] = {
    "entities": _ABOUT_ENTITIES,
    "escapes": _ABOUT_ESCAPES,
    "invisible_characters": _ABOUT_INVISIBLE,
}
