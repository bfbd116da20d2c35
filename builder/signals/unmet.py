"""Requests that an answer does not meet or cannot: for code where the answer has none, for a picture from a text model."""

import re
from collections.abc import Iterator

from builder.signals.signal import Finding
from builder.text import word_list

_LANGUAGES = (
    r"(?:python|java(?:script)?|typescript|c\+\+(?!\w)|c#(?!\w)|sql|mysql|html5?|css|php|ruby"
    r"|swift|kotlin|bash|shell|rust|golang|perl|matlab|react|vba|latex)"
)
# A program may be one of exercises, an application or a procedure, a function one of mathematics, a code one for the door:
# without a programming language beside it the word counts only where somebody is to write it, and what it is for is said.
_ASKS_CODE = re.compile(
    rf"\b(?:write|create|generate|give|provide|implement|develop|construct|show"
    rf"|produce|compose|design)\b[^.?!\n]{{0,30}}?\b{_LANGUAGES}(?:\b|(?<=[+#]))[^.?!\n]{{0,14}}?"
    r"\b(?:code|function|program|script|query|snippet|statement|class|command|method|loop|page|rule)\b"
    r"|\b(?:write|give|provide|generate|create)\b(?: me)?(?: an?| the| some)? ?(?:(?:source|sample|example) code|code snippet"
    r"|snippet of code|piece of code|regular expression|regex|sql query)\b(?! name| review)"
    r"|\bwrite (?:me )?(?:(?:some|the) )?code (?:to|that|which|for|in)\b"
    r"|\bwrite (?:me )?(?:a|an) (?:\w+ )?(?:function|(?:computer )?program) (?:that|to|which|in) "
    r"|(?:写|编写|给出(?![这此该以下所])|提供|生成|创建|实现|构建|编)(?!.{0,12}(?:解释|介绍))[^，。？！\n]{0,16}?"
    r"(?:(?<![证政票色品惠域家程行业密为德装形维制])代码(?!审查|评审|规范|质量|风格|重构|的?(?:输出|结果))|正则表达式|SQL(?:查询|语句)|查询语句"
    rf"|{_LANGUAGES} ?(?:程序|脚本|函数|代码|语句|查询))"
    r"|(?:写|编写|实现|编|创建|开发)(?!.{0,12}(?:解释|介绍))[^，。？！\n]{0,12}?"
    r"(?:(?<![用小计作全准程讼请理训练身炼育聘职估试查批事证急洁护术疗])程序(?!员|的?名|步骤|流程|手册|化)"
    r"|(?<![角次数性幂反导失标本用求产率度活核值])函数(?!关系|图像|表达式|解析式|方程|模型))",
    re.IGNORECASE,
)  # fmt: skip
# One of these stands in every request for code, or for a picture.
_CODE_WORDS = (
    *word_list(
        "code function program script query snippet statement class command method loop page rule regex 代码"
        " 程序 脚本 正则 sql 函数 查询语句"
    ),
    "regular expression",
)
_PICTURE_WORDS = word_list(
    "draw sketch paint illustrat colorize colourize photo image picture graph chart diagram logo poster"
    " video gif meme collage map model animation 图 画 绘 照片 海报 标志 徽标 视频 表情包"
)
_HAS_CODE = re.compile(
    r"[{};=<>\\`^|]|\w\(|\b(?:SELECT|INSERT|UPDATE|DELETE|CREATE|def|return|import"
    r"|print)\b|\[[^\[\]]*\][+*?]|^/\S+/[a-z]*$|^[^\S\n]*[.#][\w-]+[^\S\n]*$"
    r"|^[^\S\n]*(?:[$%#] ?)?(?:cd|ls|cp|mv|rm|cat|git|npm|pip|sudo|docker|curl|grep|find|mkdir|chmod|echo|puts|let|var|const|from"
    r"|select|public|if|for|while) \S|\s-{1,2}[a-zA-Z]\w*",
    re.MULTILINE,
)
_TEXT_PROGRAM = re.compile(
    r"\b(?:given code|used to write|pseudo-?code|code of (?:conduct|ethics))\b|\b(?:training|exercise|workout|fitness|tv"
    r"|television|loyalty|rewards?|course|mentor\w*|educational|diet|wellness|referral|volunteer|outreach|incentive"
    r"|(?:promo\w*|discount|coupon|access|zip|postal|morse|secret|colou?r|hex|dress|qr|bar|area|country)) (?:\w+ )?(?:program|code)"
    r"|伪代码|程序(?:步骤|流程)|剧|视频脚本|广告|电影|演讲|密码|健身|销售脚本|播客",
    re.IGNORECASE,
)

_PICTURE_EN = (
    r"(?:images?|pictures?|photos?|photographs?|drawings?(?! (?:an?|one|two|from|\d)\b)|paintings?|sketch(?:es)?"
    r"|illustrations?|graphics?|pie charts?|bar (?:charts?|graphs?)|line graphs?"
    r"|diagrams?|flow ?charts?|logos?|posters?|infographics?|videos?|gifs?|memes?"
    r"|collages?|mind maps?|venn diagrams?|3d models?|animations?|graphs?)"
)
_PICTURE_REQUEST = re.compile(
    r"(?:^|(?<=[.!?\n]) ?|\bplease )(?:draw|sketch|paint|illustrate|colou?rize"
    r"|photoshop)\b(?! (?:a |the |some |your |any )?(?:conclusions?|comparisons?"
    r"|parallels?|attention|inferences?|up|on|from|inspiration|out|upon|analog\w+"
    r"|distinctions?))"
    rf"|\b(?:create|generate|design|make|produce|provide|show|find|construct|edit"
    rf"|build|send|give)\b(?: me| us)?(?: an?| the| one| some| two| three| this"
    rf"| that| \d+)(?: [\w-]+){{0,3}}? {_PICTURE_EN}\b"
    r"(?!(?: \w+)? (?:albums?|captions?|titles?|names?|descriptions?|book|ideas?"
    r"|scripts?|games?|editor|class|data|structure|code|library|theory|algorithm"
    r"|using (?:ascii|html|python|svg|code|css)))"
    r"|(?:^|[，。！？\n请]|帮我)(?:请|帮我|给我)?(?:画|绘制|绘)(?:出)?(?:一|两"
    r"|三|个|幅|张|下|[^，。！？\n]{0,14}(?:图|画|像)(?:[，。！？\n]|$))"
    r"|(?:生成|创建|制作|设计|构建|提供|给我|创作|展示|做)[^，。？！：:\n写]{0,16}?(?:图片"
    r"|图像|照片|图画|插图|插画|海报|标志|徽标|logo|流程图|条形图|柱状图|饼图|折线图"
    r"|思维导图|示意图|漫画|视频|表情包|三维图形|动图|信息图)(?=[，。！？\n]|$)",
    re.IGNORECASE | re.MULTILINE,
)  # fmt: skip
_PICTURE_IN_TEXT = re.compile(
    r"\bcharacter sketch|\b(?:ascii|html|svg|css|code|python|javascript|matplotlib|program|caption"
    r"|describe|description|prompt|script|story|hashtags?|latex|r code|plotly|d3"
    r"|excel)(?![a-z])"
    r"|代码|程序|函数|文案|标题|描述|名称|口号|标语|脚本|剧本|想法|算法|提示词|模型|什么|如何|怎|字符画|应用|接口|网页",
    re.IGNORECASE,
)


def find_unmet(instruction: str, answer: str) -> Iterator[Finding]:
    """Code that was asked for and is not there, and pictures that are asked for."""
    lower = instruction.lower()
    about_code = any(map(lower.__contains__, _CODE_WORDS)) and not _TEXT_PROGRAM.search(instruction)
    if answer and about_code and _ASKS_CODE.search(instruction) and not _HAS_CODE.search(answer):
        yield Finding("missing_code", answer.strip()[:80])
    if any(map(lower.__contains__, _PICTURE_WORDS)) and not _PICTURE_IN_TEXT.search(instruction):
        asked = _PICTURE_REQUEST.search(instruction)
        if asked:
            yield Finding("picture_request", asked.group())
