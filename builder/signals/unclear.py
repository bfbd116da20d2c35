"""Instructions that a reader could not act on: material that is not there, two tasks in one, no task at all.

Summarise the following article.          (and nothing follows)
Write a haiku. What is 3 + 4?             (two tasks)
She walked along the river.               (no request)
"""

import re
from collections.abc import Iterator

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
# Work on texts in general: code that will be given one, and how-to questions.
_GENERIC = re.compile(
    r"\b(?:how (?:do|can|to)|algorithm|chat ?bot)\b|函数|程序|算法|代码|系统|模型|脚本|查询|正则|如何|怎么|怎样",
    re.IGNORECASE,
)
# Of quotation marks that open one inside another, only the last is looked at, so that a text of them takes no time.
_STATED = re.compile(
    r"[:：]\s*\S|[\"“「『《‘](?:[^\"“「『《‘”」』》’\n]+|[^\"“「『《‘”」』》’\n]*[“「『《‘])[\"”」』》’]|\n\s*\S"
    r"|\s[-–—]+\s\S|`|'[^'\n]{3,}'|\{|\["
)
# One of the characters that begin what `_STATED` finds.
_MAY_STATE = re.compile("[-:：\"“「『《‘\n–—`'{\\[]")
_NUMBERED = re.compile(r"^\(?\d{1,2}[.)、]\s*")
_ADDRESS = re.compile(r"\s*https?://\S{1,300}\s*")
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
_LONGEST_CUT = 12  # no word at which an instruction is cut off has more characters
_CUT_EN = re.compile(
    r"(?:,|\b(?:the|a|an|of|to|and|or|with|for|in|that|which|is|are|by|from|as|than|between|into|about))$",
    re.IGNORECASE,
)
_CUT_ZH = re.compile("(?:[，、；]|的以及|以及|并且|和|或者|与|或|因为|但是|例如|关于)$")
_TEMPLATE = re.compile(
    r"\[(?:insert|your|enter|topic|name of)\b[^\]\n]{0,40}\]|<(?:insert|your|topic)\b[^>\n]{0,40}>"
    r"|\{\{?(?:topic|input|instruction|subject|text)\}?\}|【(?:请)?(?:插入|填写"
    r"|输入)[^】\n]{0,20}】",
    re.IGNORECASE,
)

_FIELD_MARK = re.compile(
    r"(?:^|\n)[ \t#*]{0,6}(?:instruction|task ?\d{1,2}|指令|任务 ?[\d一二三四五]{1,2})[ \t*]{0,3}[:：]", re.IGNORECASE
)
_NEXT_TASK = re.compile(
    r"(?:^|\n)[ \t]{0,4}#{2,4} ?(?:instruction|指令|input|human|user)\b|(?:^|\n)(?:instruction|指令) ?[:：]",
    re.IGNORECASE,
)
_VERB_EN = re.compile(
    r"(?:please |then |and |also )?(?:write|translate|list|calculate|compute|summari[sz]e"
    r"|explain|describe|name|compose|convert|create|generate|classify|compare|identify"
    r"|design|suggest|define|find|give|provide|come up with|brainstorm|recommend|propose|construct|add|how many"
    r"|what (?:is|are|was|were)|who (?:is|was|wrote|invented)|where (?:is|are)"
    r"|when (?:did|was|is)|how (?:do|many|much|does))\b",
    re.IGNORECASE,
)
_VERB_ZH = re.compile(
    "(?:请|再|并|另外)?(?:帮我)?(?:写|翻译|列出|计算|总结|解释|描述|说出|创作"
    "|转换|生成|分类|比较|识别|设计|推荐|介绍|定义|什么是|谁是|列举|给出|提供|提出|举出|想出|找出|编写|撰写|创建|构建)"
)
_REFERS_BACK = re.compile(
    r"\b(?:it|its|they|them|their|this|that|these|those|he|she|his|her|him|the"
    r"|your|each|both|such|output|answer|result|above|also include|same|one|ones)\b"
    r"|[其它他她该此这那]|上述|每|结果|答案|输出|并且|同时|原因|以上|各|之间|两者|内容",
    re.IGNORECASE,
)
# "the capital of Peru" is named in full, "the capital" was named before.
_NAMED = re.compile(r"\bthe (?:\w+ )?\w+ of (?!the\b)", re.IGNORECASE)
_WORD = re.compile(r"[a-z]{4,}|[\u4e00-\u9fff]{2}")


def find_unseen(instruction: str, input: str, answer: str) -> Iterator[Finding]:
    """A reference to something that the row does not hold; nothing where there is an input that holds it."""
    address = _ADDRESS.fullmatch(input) if "://" in input else None
    if address and re.search(
        r"\b(?:article|page|photos?|pictures?|images?|videos?|content|stor(?:y|ies)"
        r"|website|recipe)\b|文章|网页|图|照片|视频|内容",
        instruction,
        re.IGNORECASE,
    ):
        if not re.search(r"\b(?:url|link|domain|address|code|html)\b|网址|链接|域名|代码", instruction, re.IGNORECASE):
            yield Finding("unseen_reference", address.group().strip())
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
        if found and _count_sentences(instruction) == 1 and not _GENERIC.search(instruction):
            yield Finding("unseen_reference", found.group())
            return
        if found and _ANSWER_MISSES.search(answer[:_ANSWER_OPENING]):
            yield Finding("unseen_reference", found.group())
            return


def _count_sentences(text: str) -> int:
    return sum(1 for sentence in _SENTENCE.findall(text) if len(sentence.strip()) > 3)


def find_merged(instruction: str, answer: str) -> Iterator[Finding]:
    """Two tasks in one instruction, or the next task at the end of an answer."""
    bare = instruction.strip()
    mark = _FIELD_MARK.search(bare, 1) if "\n" in bare else None
    if mark is None and "\n" in answer and ("##" in answer or "nstruction" in answer or "指令" in answer):
        mark = _NEXT_TASK.search(answer, 1)
    if mark:
        yield Finding("merged_instructions", mark.group())
        return
    if len(instruction) > _LONGEST_INSTRUCTION:
        return
    tasks = [sentence.strip() for sentence in _SENTENCE.findall(instruction)]
    tasks = [task for task in tasks if len(task) > 5]
    if len(tasks) < 2:
        return
    tasks = [_NUMBERED.sub("", task) for task in tasks]
    starts = [task for task in tasks if _VERB_EN.match(task) or _VERB_ZH.match(task)]
    if len(starts) < 2 or len(starts) != len(tasks):
        return
    first, second = starts[0], starts[1]
    shared = _words(first) & _words(second)
    if not shared and not _REFERS_BACK.search(_NAMED.sub("", second)):
        yield Finding("merged_instructions", f"{first} | {second}")


def _words(text: str) -> set[str]:
    lower = text.lower()
    pairs = {lower[place : place + 2] for place in range(len(lower) - 1) if "\u4e00" <= lower[place] <= "\u9fff"}
    return pairs | {word for word in _WORD.findall(lower) if word.isascii()}


def find_unclear(instruction: str, input: str, answer: str) -> Iterator[Finding]:
    """An instruction without a request, cut off, with a gap left to fill, or that the answer asks back about."""
    bare = instruction.strip()
    gap = _TEMPLATE.search(bare)
    if gap:
        yield Finding("unclear_instruction", gap.group())
    elif not any(map(str.isalnum, bare)):
        yield Finding("unclear_instruction", bare)
    elif not input.strip():
        opening = answer.strip()[:_ANSWER_OPENING]
        asked_back = _CLARIFICATION.search(opening) if any(map(opening.__contains__, _CLARIFYING)) else None
        ending = max(0, len(bare) - _LONGEST_CUT)
        if _CUT_EN.search(bare, ending) or _CUT_ZH.search(bare, ending):
            yield Finding("unclear_instruction", bare[-60:])
        elif _is_statement(bare):
            yield Finding("unclear_instruction", bare)
        elif asked_back and len(bare) < _LONGEST_INSTRUCTION:
            yield Finding("unclear_instruction", asked_back.group())


def _is_statement(text: str) -> bool:
    if len(text) > 80:
        return False
    if text.isascii():
        return bool(_STATEMENT_EN.match(text)) and text.endswith(".") and not _ASKS_EN.search(text)
    return bool(_STATEMENT_ZH.match(text)) and text.endswith("。") and not _ASKS_ZH.search(text)
