"""In which languages a row asks and answers, and whether the answer is in one that nobody asked for.

A language is named by its script (`builder.text.detect_language`), so English and French are one. The prompt's own language
is one of the answer's; so is that of any longer piece of text in the prompt (a Chinese instruction about an English
paragraph may be answered in either), and every language once the prompt names one or asks for a translation.
"""

import re

import pyarrow as pa

from builder.pictures import has_pictures
from builder.schema import Sample
from builder.signals.signal import Card, Read, Signal, SignalValue, last_question
from builder.text import detect_language

# Latin answers to Chinese prompts are mostly lists of names, formulas and code; only running English has sentences, of which
# a fifth is function words and hardly any is signs. Measured on the 2,390 Alpaca, identity and preference demo rows: 4
# function words in all leave no false alarm there.
_FUNCTION_WORDS = 4
_SENTENCE_WORDS, _SENTENCE_FUNCTION_WORDS, _SHARE_OF_WORDS = 5, 2, 5
# A Chinese answer of fewer characters is a name or a quoted word (你好, 北京), not a change of language.
_HAN_CHARACTERS = 6
# In other scripts so many letters are more than a name (Лев Николаевич Толстой); a Korean syllable is about two.
_OTHER_LETTERS = 24
_OTHER_LETTER = re.compile(r"[^\W\d_A-Za-z\u00aa-\u024f]")
# So much text in another script makes it material to work on: 3 Latin words in a row or a quoted English word (造一个含有
# “opulent”的句子), 4 Chinese characters in all.
_LATIN_MATERIAL = re.compile(r"(?:[A-Za-z][A-Za-z'’-]{0,60}[,;:]?\s++){2}[A-Za-z]|[“\"‘「'][a-z]+(?: [a-z]+)*[”\"’」']")
_HAN_MATERIAL = re.compile(r"[\u4e00-\u9fff](?:[^\u4e00-\u9fff]*[\u4e00-\u9fff]){3}", re.DOTALL)

_FUNCTION_WORD = re.compile(
    r"\b(?:the|is|are|was|were|be|been|has|have|had|will|would|can|could|should|of|to|in|on|at|by|for|with|from|and|or|but|that"
    r"|this|these|those|it|its|he|she|they|we|you|I|my|your|his|her|their|our|not|an|a|as|if|when|which|who|there)\b"
)
_HAN = re.compile("[\u4e00-\u9fff]")
_FENCED = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_NOT_PROSE = re.compile(
    r"`[^`\n]{0,400}`"
    r"|\$\$.{0,400}?\$\$|\$[^$\n]{0,400}\$|\\\(.{0,400}?\\\)|\\\[.{0,400}?\\\]"  # formulas
    r"|https?://\S+"
    r"|[“\"「『《][^”\"」』》\n]{0,400}[”\"」』》]"  # quotations and titles
    r"|<[^<>\n]{0,400}>"  # tags
    r"|^[ \t]*(?://|/\*|#|\*[ /]|(?:def|class|import|from|return|for|while|if|elif|else|print|function|const|let|var|public"
    r"|private|static|void|int|SELECT|INSERT|UPDATE|DELETE|CREATE|WHERE|FROM)\b[^\n]*[;:{})(=])[^\n]*$"
    r"|^[^\n]*(?:[;{}]|\);|=>|->|:=|==|\+=)[ \t]*$",  # lines of code outside a fence
    re.DOTALL | re.MULTILINE,
)
# Code outside a fence: comments and documentation of several lines, lines that are code or a comment, and what stands among them.
_LONG_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)|<!--.*?(?:-->|\Z)|\"{3}.*?(?:\"{3}|\Z)|'{3}.*?(?:'{3}|\Z)", re.DOTALL)
_TRAILING_COMMENT = re.compile(r"\s(?:#|//|--|%|;+|')\s.*$")
_CODE_LINE = re.compile(
    r"(?:#|//|--\s|%|;;|'\s|\*|<[/!\w]|@\w|\$\s|[\w.\[\]]+\s*(?:[-+*/]?=|:=|<-)\s*\S|[\w.]+\s*\(.*\)\s*$|\("
    r"|(?:return|import|from|def|class|public|private|static|func|fn|let|const|var|package|end|End|Sub|Dim|if|else|elif|for|while|try"
    r"|except|raise|SELECT|FROM|WHERE|ORDER|GROUP|JOIN|LIMIT|INSERT|CREATE)\b[^.。]*[\w):;{}\"'*]\s*$"
    r"|.*[;{}]\s*$|.*/>\s*$|.*</\w+>)"
)
_FIRM_LINE = re.compile(
    r"[\w.$%@\[\]'\"-]{1,80} ?(?:[-+*/.]?=(?!=)|:=|<-|=>) ?\S|[\w.]{1,80}\(.*\);?$|.*[;{}]$|</?[A-Za-z!][^>]*>|@\w{1,60}(?:\(| off|$)|#!"
    r"|#include\b|#define\b|\$ \w|\\\w{1,40}\{|[\w-]{1,60}: ?(?:$|[|>\[{\"'\d]|true|false)|- [\w-]{1,60}: |\[[\w.-]{1,60}\]$"
    r"|(?:SELECT|INSERT|UPDATE|DELETE|CREATE|ALTER|DROP|WITH|USE|BEGIN|DECLARE)\b[^.。?!]*$"
    r"|(?:import|from|package|use|using|require|def|class|func|fn|fun|sub|subroutine|module|program|interface|public|private|static|void|int|real"
    r"|integer|implicit|let|const|var|set|setlocal|syn|syntax|if|for|while|function|proc|echo|export|return|end)\b[^.。?!]*$"
)
_FIRM_CODE = re.compile(r"[=(){};<>]|\A(?:SELECT|FROM|WHERE|ORDER BY|import|package|def|class|func|Sub|End Sub)\b")
# Where code is asked for, what follows its first line may hold sentences of its own: help texts, messages, documentation.
_ASKS_FOR_CODE = re.compile(
    r"\b(?:code|program|script|function|class|method|algorithm|queries|query|regex|regular expression|command|snippet|web ?page|HTML"
    r"|CSS|SQL|JSON|XML|YAML|LaTeX|Markdown|Python|Java(?:Script)?|TypeScript|C\+\+|Rust|PHP|Ruby|Perl|Bash|shell|Dockerfile|config\w*)\b"
    r"|代码|程序|脚本|函数|编程|算法|查询语句|正则|命令|网页|语句|类(?=的|，|。|$)|方法(?=来|，|。|$)|配置|(?<![A-Za-z])(?:HTML|CSS|SQL|JSON|XML|YAML"
    r"|Python|Java|C\+\+|C#|Rust|PHP|Go|R)(?![A-Za-z])",
    re.IGNORECASE,
)
_COMMENT_LINE = re.compile(r"\s*(?:#(?!#* \S[^\n]*$)|//|--\s|%|;|!|'\s|\"\s|\*\s|REM\b|<!--|@|::|/\*)", re.IGNORECASE)
_SENTENCE_BREAK = re.compile(r"(?<=[.!?])\s+|\n")
_WRAPPED = re.compile(r"(?<=[a-z,])\n(?=[a-z])")
_LATIN_WORDS = re.compile(r"[A-Za-z][A-Za-z]*(?:['’-][A-Za-z]+)*")
_SIGN = re.compile(r"[={}\[\]<>;$|\\@#&*^~]|(?<=\w)\(")
_READS = re.compile(
    r"\b(?:ocr|reads?|reading|texts?|words?|letters?|signs?|says?|said|written|writing|transcri\w+|captions?|titles?|labels?|names?|quotes?)\b"
    r"|文字|文本|[写读念]|识别|标题|字|名称|名字|内容是",
    re.IGNORECASE,
)
_NAMES_A_LANGUAGE = re.compile(
    r"\b(?:english|chinese|mandarin|cantonese|french|german|spanish|japanese|korean|russian|italian|portuguese|arabic|latin|hindi"
    r"|greek|dutch|turkish|vietnamese|thai|swedish|polish|translat\w+|bilingual|pinyin|multilingual|languages?"
    r"|cyrillic|kanji|hanzi|hangul|hiragana|katakana|devanagari|in the original|(?:own|native) script)\b|原文"
    r"|[英中汉法德俄日韩外双母]文|[英汉法德俄日韩外双母]语|中国话|普通话|粤语|拼音|西班牙语|葡萄牙语|意大利语|阿拉伯语|拉丁语|语言|翻译|译[成为出]"
    r"|(?:英|汉|中)译|国际音标",
    re.IGNORECASE,
)


def find_mismatch(prompt: str, answer: str) -> bool:
    """Whether an answer is in a language that its prompt neither uses nor asks for.

    Args:
        prompt: the turn that is answered, its material included.
        answer: the answer; code, formulas, quotations and addresses in it do not count.
    """
    return _is_mismatch(prompt, detect_language(prompt), answer, detect_language(answer))


def _is_mismatch(prompt: str, asked: str, answer: str, answered: str) -> bool:
    if asked == "und" or answered in (asked, "und"):
        return False
    bare = _FENCED.sub("\n\n", answer)
    prose = _NOT_PROSE.sub(" ", _without_code(_around_code(bare, _ASKS_FOR_CODE.search(prompt) is not None)))
    given = detect_language(prose)
    if given in (asked, "und") or _NAMES_A_LANGUAGE.search(prompt):
        return False
    if given == "en":
        return not _LATIN_MATERIAL.search(prompt) and _words_of_sentences(prose) >= _FUNCTION_WORDS
    if given in ("zh", "ja"):
        return not _HAN_MATERIAL.search(prompt) and len(_HAN.findall(prose)) >= _HAN_CHARACTERS
    return len(_OTHER_LETTER.findall(prose)) * (2 if given == "ko" else 1) >= _OTHER_LETTERS


def _words_of_sentences(prose: str) -> int:
    """How many function words stand in English sentences."""
    count = 0
    lines = [line for line in prose.split("\n") if not _COMMENT_LINE.match(line)]
    for sentence in _SENTENCE_BREAK.split(_WRAPPED.sub(" ", "\n".join(lines))):
        words, functional = len(_LATIN_WORDS.findall(sentence)), len(_FUNCTION_WORD.findall(sentence))
        is_running = words >= _SENTENCE_WORDS and functional >= max(_SENTENCE_FUNCTION_WORDS, words / _SHARE_OF_WORDS)
        if is_running and _SHARE_OF_WORDS * len(_SIGN.findall(sentence)) <= words:
            count += functional
    return count


def _around_code(text: str, asked: bool) -> str:
    """What stands before the first line that is nothing but code and after the last, without comments and indented lines.

    The whole text where code was not asked for and is less than half of it.
    """
    lines = _LONG_COMMENT.sub("\n", text).splitlines()
    code = [place for place, line in enumerate(lines) if _FIRM_LINE.match(line.strip())]
    if not code or not (asked or 2 * len(code) >= sum(map(bool, map(str.strip, lines)))):
        return text
    around = [*lines[: code[0]], "", *lines[code[-1] + 1 :]]
    return "\n".join(line for line in around if not line.startswith(("#", " ", "\t")))


def _without_code(text: str) -> str:
    """What is left without paragraphs of which half the lines or more are code or comments."""
    left = []
    for paragraph in re.split(r"\n\s*\n", _LONG_COMMENT.sub("\n", text)):
        lines = [line for line in map(str.strip, paragraph.splitlines()) if line]
        code = [line for line in lines if _CODE_LINE.match(_TRAILING_COMMENT.sub("", line))]
        if 2 * len(code) < len(lines) or not any(map(_FIRM_CODE.search, code)):
            left.append(paragraph)
    return "\n\n".join(left)


def measure_language(sample: Sample) -> tuple[SignalValue, ...]:
    """The language of the turn that is answered and of the answer, and whether the second is a mismatch."""
    prompt, answer = last_question(sample), sample.answer
    asked, answered = detect_language(prompt), detect_language(answer)
    # A system text or an earlier turn may have named the language for all answers.
    is_mismatch = _is_mismatch(prompt, asked, answer, answered) and not any(
        _NAMES_A_LANGUAGE.search(turn.content) for turn in sample.prompt if turn.role in ("system", "user")
    )
    if is_mismatch and has_pictures(sample.prompt):  # what stands in a picture is in its own language
        is_mismatch = _READS.search(prompt) is None
    return asked, answered, is_mismatch


LANGUAGE = Signal(
    name="language",
    columns=(("prompt_language", pa.string()), ("answer_language", pa.string()), ("language_mismatch", pa.bool_())),
    measure=measure_language,
    card=Card(
        meaning_en="Languages of the prompt and of the answer, and whether the answer is in one that was not asked for.",
        meaning_zh="提示与回答各用什么语言，以及回答是否用了未要求的语言。",
        range_en="language codes; yes or no",
        range_zh="语言代码；是或否",
        misses_en="Latin scripts count as one: a French answer to an English question is not noticed. Of 1,596 files of code as "
        "answers to Chinese prompts 9 were flagged.",
        misses_zh="拉丁字母的语言不作区分：用法语回答英语问题不会被发现。把 1,596 个代码文件当作中文提示的回答，误标 9 个。",
        precision=(Read("en", 7, 7), Read("zh", 5, 5)),
    ),
    version=3,
)
