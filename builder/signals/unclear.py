"""Instructions that a reader could not act on: material that is not there, a request that is cut off, none at all.

Summarise the following article.          (and nothing follows)
Write a letter to the                     (cut off)
She walked along the river.               (no request)
"""

import re
from collections.abc import Iterator

from builder.signals.attached import GENERIC, find_attached
from builder.signals.signal import Finding, tokens_of
from builder.text import tokenise

# More text than this holds its material itself.
_LONGEST_INSTRUCTION = 300

_MATERIAL_EN = (
    r"(?:articles?|passages?|texts?|paragraphs?|sentences?|story|stories|poems?"
    r"|essays?|emails?|documents?|images?|pictures?|photos?"
    r"|photographs?|paintings?|videos?|charts?|graphs?|diagrams?|tables?|conversations?"
    r"|dialogues?|quotes?|reviews?|websites?|blog posts?"
    r"|speech|report|lyrics|excerpts?|statements?|phrases?|tweets?|songs?|recipes?"
    r"|code snippets?|snippets?|lists?|data ?sets?|letters?|gifs?)"
)
_REFERENCE_EN = re.compile(
    rf"\b(?:(?:the|this|these|those) (?:following|given|above|below|provided|attached"
    rf"|supplied) (?:\w+ ){{0,3}}?|(?:this|these) (?:\w+ )?)"
    rf"{_MATERIAL_EN}\b|\b(?:the )?{_MATERIAL_EN} (?:below|above|provided|attached|given)\b(?! (?:a|an|the|that|in))"
    r"|\b(?:according to|based on|look(?:ing)? at|refer to) the (?:table|chart|graph|diagram|image|picture|photo|figure|map)s?\b(?! of)"
    rf"|\b(?:the |this |my )?{_MATERIAL_EN} (?:that )?i(?:'ve| have)? (?:just )?(?:uploaded|attached|sent|pasted|shared)\b",
    re.IGNORECASE,
)
# One of these tokens stands in everything that `_REFERENCE_EN` finds, which takes twenty times as long.
_REFERENCE_TOKENS = frozenset(
    tokenise(
        "this these following given above below provided attached supplied according based look looking refer uploaded sent pasted"
        " shared"
    )
)
_TITLED_EN = re.compile(
    r"\b(?:summari[sz]e|read|review|analy[sz]e|paraphrase)\b[^.\n\"“]{0,40}\b(?:article"
    r"|blog post|news story|paper|report) (?:titled |called |entitled )?[\"“]",
    re.IGNORECASE,
)
_MATERIAL_ZH = (
    r"(?:文章|段落|文本|文字|文档|句子|一句话|句话|话|短文|故事|诗歌?|诗句|图片"
    r"|图像|照片|画作?|漫画|拼图|gif图|动图|视频|音频|图表|表格|对话|邮件|电子邮件"
    r"|评论|陈述|引文"
    r"|新闻文章|新闻|代码|数据集|列表|信息|段话|歌词|歌曲|演讲|报告|网站|网页|文献"
    r"|论文|名言|短语|推文|食谱|清单|图案|图)"
)
_REFERENCE_ZH = re.compile(
    rf"(?:以下|下面|下列|上述|上面|给定|所给|给出的|提供的|所附|附带的?)(?:的)?[^，。！？：:\n“”\"「《]{{0,8}}?{_MATERIAL_ZH}"
    rf"|[这该](?:[一两几]?[段篇句首幅张部则份个条]){_MATERIAL_ZH}|这[幅首张](?:画|诗|图|歌)"
    rf"|附件(?:中|里|内)的?[^，。！？\n]{{0,4}}?{_MATERIAL_ZH}|我(?:刚才?|已经?)?(?:上传|发送|贴出)的(?:这[张个份篇段])?{_MATERIAL_ZH}"
    r"|(?:根据|按照|依据|参考|参照|看)(?:这[张个幅]|该|本)?(?:表格|图表|图片|照片|图像|示意图)(?=[，,]|中|里|上|回答)"
)
# Of quotation marks that open one inside another, only the last is looked at, so that a text of them takes no time.
_STATED = re.compile(
    r"[:：]\s*\S|[\"“「『《‘](?:[^\"“「『《‘”」』》’\n]+|[^\"“「『《‘”」』》’\n]*[“「『《‘])[\"”」』》’]|\n\s*\S"
    r"|\s[-–—]+\s\S|`|'[^'\n]{3,}'|\{|\["
)
# One of the characters that begin what `_STATED` finds.
_MAY_STATE = re.compile("[-:：\"“「『《‘\n–—`'{\\[]")
_NUMBERED = re.compile(r"^\(?\d{1,2}[.)、]\s*")
_SENTENCE = re.compile(r"[^.!?。！？\n]+[.!?。！？]?")

_ANSWER_MISSES = re.compile(
    r"\b(?:you (?:did(?: not|n't)|have(?: not|n't)|haven't) (?:\w+ )?(?:provided?"
    r"|given?|includ\w+|specif\w+|suppl\w+|attach\w+|shared?|mention\w+)"
    r"|(?:no|the|any) (?:\w+ ){0,3}(?:was|were|is|are) (?:not )?(?:provided|given"
    r"|attached|included|missing)|(?:there|it) (?:is|was|seems|appears)[^.\n]{0,30}(?:no"
    r"|missing|not)"
    r" (?:\w+ ){0,3}(?:provided|given|attached)|please (?:provide|share|supply"
    r"|give)(?: me)?(?: with)? (?:the|a|an|your|more)|could you please (?:provide"
    r"|share)"
    r"|do(?: not|n't) have access to (?:the|that|this|external|any)|(?:unable to"
    r"|cannot|can't) (?:see|view|perceive|access|open) (?:the|this|that|any|images"
    r"|videos|external))\b"
    r"|(?:没有|未|并未|没|尚未)(?:有)?(?:为我|给我|向我|指定|明确)?(?:提供|给出"
    r"|给定|给我|附上|指定|说明|上传)|(?:请|麻烦)您?(?:重新|先|再)?(?:提供|给出"
    r"|告诉我|补充)"
    r"|(?:无法|不能|没法)(?:直接)?(?:看到|访问|查看|打开)|缺少(?:具体|相关|必要)",
    re.IGNORECASE,
)
_ANSWER_OPENING = 160

_CLARIFICATION = re.compile(
    r"\b(?:(?:could|can|would) you (?:please )?(?:clarify|specify|elaborate|rephrase"
    r"|provide more (?:context|information|details?))|please (?:clarify|specify"
    r"|elaborate|rephrase)"
    r"|(?:not|un)(?: \w+)? (?:clear|sure) what (?:you|is|the)|unclear what|(?:is"
    r"|are|seems|appears) (?:unclear|incomplete|ambiguous|vague)|need (?:some )?more (?:context"
    r"|information|details?))\b"
    r"|(?:问题|指令|要求|意思|描述|句子|输入)(?:似乎|好像|可能|有些|有点|比较|并"
    r"|还)?(?:不(?:够)?(?:明确|清楚|完整|清晰)|含糊|模糊|有歧义)|(?:不太|不|没有)(?:明白"
    r"|理解|清楚|确定)(?:您|你)(?:的|想|要|所|说|在)"
    r"|(?:请|能否|可否|可以)(?:您|你)?(?:再)?(?:进一步)?(?:明确|澄清|说明一下|具体说明)"
    r"|需要更多(?:的)?(?:信息|上下文|细节|背景)|(?:请|麻烦)(?:您|你)?提供(?:更多"
    r"|更具体|更详细|进一步)",
    re.IGNORECASE,
)
# One of these stands in every question back.
_CLARIFYING = (
    *(
        "clar",
        "specif",
        "elabor",
        "rephras",
        "sure what",
        "clear",
        "incomplete",
        "ambig",
        "vague",
        "more ",
        "明确",
        "清楚",
        "完整",
    ),
    *("清晰", "含糊", "模糊", "歧义", "明白", "理解", "确定", "澄清", "说明", "更多", "具体", "详细", "进一步"),
)
_ASKS_EN = re.compile(
    r"\?|\b(?:what|why|how|who|whom|whose|which|when|where|is|are|do|does|did|can"
    r"|could|would|should|will|please|give|given|write|rewrite|create|generate"
    r"|list|name"
    r"|explain|describe|find|make|tell|show|provide|suggest|identify|classify|convert"
    r"|translate|summari[sz]e|compare|calculate|construct|compose|design|edit|add"
    r"|change|choose|complete"
    r"|determine|discuss|develop|draft|evaluate|estimate|fill|form|imagine|invent"
    r"|outline|predict|propose|rank|replace|select|solve|sort|state|transform|use"
    r"|fix|correct|analy[sz]e)\b",
    re.IGNORECASE,
)
_ASKS_ZH = re.compile(
    "[？?]|请|什么|怎|如何|为何|哪|谁|几|多少|是否|吗|呢|写|改|翻译|生成|创[建造作]"
    "|列|给|解释|描述|说明|找|提供|建议|分[析类]|比较|计算|转换|总结|概括|归纳"
    "|编[写辑制]|制[定作]"
    "|设计|构[建造思]|回答|判断|确定|识别|评[价估论]|推荐|造句|填|选|排|修[改正]"
    "|重[写新述组]|替换|删|添加|加[入上]|用|使|让|帮|告诉|讲|列举|举|预测|介绍"
    "|讨论|想|说出|补|标|提[出取]|命名"
    "|推断|证明|求|解|画|做|起草|模拟|扮演|续|完成|缩|扩|拼|连接|检|校|配|论述|阐|谈|简|把|将|根据|基于|以|从|对|为"
)
_STATEMENT_EN = re.compile(r"(?:he|she|they|it|the|a|an|there|his|her|their)\s", re.IGNORECASE)
_STATEMENT_ZH = re.compile("(?:[他她它]们?|这[个家只本辆座些]|那[个家只本辆座些]|[\u4e00-\u9fff]{2,4}[在很是没])")
_LONGEST_CUT = 40  # no words at which an instruction is cut off have more characters
# Words that end no request, and those that do only after a relative clause ("a place you would like to live in").
_CUT_EN = re.compile(
    r"(?:\b(?:the|an|and|or|between|including|such as|than|whose|because|(?:about|of|for|to|with|on|in|is|as|from|by) an?))$",
    re.IGNORECASE,
)
_CUT_AFTER_EN = re.compile(r"\b(?:about|with|to|for|of|from|by|into|that|which)$", re.IGNORECASE)
_CUT_ZH = re.compile(
    "(?:[，、；]|的以及|以及|并且|[^温缓平饱中柔总谐随祥亲共]和|[^参赋给授]与|或者|[^抑]或|因为|但是|例如|比如|关于)$"
)
_RELATIVE_EN = re.compile(
    r"\b(?:you|your|i|we|they|he|she|it|people|someone|somebody|that|who|whom|which|what|where|how|why|when)\b",
    re.IGNORECASE,
)
_QUESTION_EN = re.compile(
    r"(?:what|who|whom|whose|which|where|when|why|how|is|are|was|were|do|does|did|can|could|would|should|will|has|have)\b",
    re.IGNORECASE,
)
# What is left open on purpose.
_LEFT_OPEN = re.compile(
    r"\b(?:complet\w*|finish\w*|continu\w*|fill|blanks?|begin\w*|start\w*|end(?:s|ing)|prompt|following|next|predict|templates?"
    r"|placeholders?)\b|_{2,}|\.{3}|…|填|完成|补[全充]|续|接|开头|接下来|下一|后面|模板|占位",
    re.IGNORECASE,
)
# Rows in which somebody is to ask back, or a text that may do so is wanted.
_SPOKEN = re.compile(
    r"\b(?:e-?mails?|repl(?:y|ies)|respon[ds]\w*|dialogues?|letters?|messages?|conversations?|chat|customers?|scripts?|questions?"
    r"|rewrite|rephrase|paraphrase|translat\w*|polite\w*|role|act as|pretend|interview)\b"
    r"|邮件|回复|回应|对话|来信|信件|消息|客户|客服|脚本|提问|问题|改写|重写|翻译|礼貌|角色|扮演|假装|面试|采访",
    re.IGNORECASE,
)
_LONGEST_ASKING = 400  # an answer that goes on after its question back has understood the task
_LONGEST_STATEMENT = 80
_TEMPLATE = re.compile(
    r"\[(?:insert|your|enter|topic|name of)\b[^\]\n]{0,40}\]|<(?:insert|your|topic)\b[^>\n]{0,40}>"
    r"|\{\{?(?:topic|input|instruction|subject|text)\}?\}|【(?:请)?(?:插入|填写|输入)[^】\n]{0,20}】",
    re.IGNORECASE,
)


def find_unseen(instruction: str, input: str, answer: str) -> Iterator[Finding]:
    """A reference to something that the row does not hold; nothing where there is an input that holds it."""
    address = find_attached(instruction, input)
    if address:
        yield Finding("unseen_reference", address)
        return
    if input.strip() or len(instruction) > _LONGEST_INSTRUCTION:
        return
    titled = _TITLED_EN.search(instruction) if '"' in instruction or "“" in instruction else None
    if titled:
        yield Finding("unseen_reference", titled.group())
        return
    if _MAY_STATE.search(instruction) and _STATED.search(instruction.strip()):
        return
    patterns = () if _REFERENCE_TOKENS.isdisjoint(tokens_of(instruction)) else (_REFERENCE_EN,)
    for pattern in patterns if instruction.isascii() else (*patterns, _REFERENCE_ZH):
        found = pattern.search(instruction)
        if found and _count_sentences(instruction) == 1 and not GENERIC.search(instruction):
            yield Finding("unseen_reference", found.group())
            return
        if found and _ANSWER_MISSES.search(answer[:_ANSWER_OPENING]):
            yield Finding("unseen_reference", found.group())
            return


def _count_sentences(text: str) -> int:
    return sum(1 for sentence in _SENTENCE.findall(text) if len(sentence.strip()) > 3)


def find_unclear(instruction: str, input: str, answer: str) -> Iterator[Finding]:
    """An instruction without a request, cut off, with a gap left to fill, or that the answer does nothing but ask back about."""
    bare = instruction.strip()
    gap = _TEMPLATE.search(bare) if "[" in bare or "<" in bare or "{" in bare or "【" in bare else None
    if gap and not input.strip() and not _LEFT_OPEN.search(bare):
        yield Finding("unclear_instruction", gap.group())
    elif not any(map(str.isalnum, bare)):
        yield Finding("unclear_instruction", bare)
    elif not input.strip():
        if _is_cut(bare):
            yield Finding("unclear_instruction", bare[-60:])
        elif _is_statement(bare):
            yield Finding("unclear_instruction", bare)
        else:
            asked_back = _asks_back(bare, answer.strip())
            if asked_back:
                yield Finding("unclear_instruction", asked_back)


def _is_cut(text: str) -> bool:
    if len(text) > _LONGEST_INSTRUCTION or not (text[-1].isalnum() or text[-1] == "、"):
        return False
    ending = text[-_LONGEST_CUT:]
    if not ending.isascii() and _CUT_ZH.search(ending):
        return _LEFT_OPEN.search(text) is None
    cut = _CUT_EN.search(ending) or (_CUT_AFTER_EN.search(ending) and not _RELATIVE_EN.search(text[:-5]))
    return bool(cut) and not _QUESTION_EN.match(text) and not _LEFT_OPEN.search(text)


def _is_statement(text: str) -> bool:
    if len(text) > _LONGEST_STATEMENT:
        return False
    if text.isascii():
        return bool(_STATEMENT_EN.match(text)) and text.endswith(".") and not _ASKS_EN.search(text)
    return bool(_STATEMENT_ZH.match(text)) and text.endswith("。") and not _ASKS_ZH.search(text)


def _asks_back(instruction: str, answer: str) -> str | None:
    opening = answer[:_ANSWER_OPENING]
    if len(answer) > _LONGEST_ASKING or not any(map(opening.__contains__, _CLARIFYING)):
        return None
    asked = _CLARIFICATION.search(opening)
    if not asked or len(instruction) >= _LONGEST_INSTRUCTION or _SPOKEN.search(instruction):
        return None
    return asked.group()
