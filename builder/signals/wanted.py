"""Whether a request asks for a brief answer or a long one, and how well an answer's length fits.

"Is 7 prime? Answer yes or no."           → brief        "写一篇关于潮汐的文章。"            → long
"A hen costs 3 €. How many for 12 €?"     → either       "Translate into French: good night" → neither
"""

import re
from typing import Literal

Wanted = Literal["brief", "long", "either"]

_LOOKED_AT = 1_000  # characters of a request: enough to tell what is wanted

_FEW = r"(?:[1-9]|1\d|20|one|two|three|four|five|six|seven|eight|nine|ten)"
_BRIEF_EN = re.compile(
    rf"\b(?:{_FEW}[- ](?:words?|letters?|adjectives?)\b|haikus?\b|output \d|yes or no|true or false|true, false"
    r"|(?:a single|single|one)[- ](?:number|sentence|phrase)|(?:answer|reply|respond|output|return|"
    r"give|write|state|name|say) (?:with |in )?(?:only|just|nothing but)|only (?:the|one|a) (?:number|word|letter|name|answer|label|result|year)"
    r"|just the (?:number|word|letter|name|answer|label|result|year)|what year|multiple[- ]choice"
    r"|which (?:of (?:the|these)|one|word|option)|tell (?:me )?which"
    r"|what(?: is|'s) the (?:capital|sum|product|chemical symbol|square root|plural|past tense|sentiment)"
    r"|who (?:wrote|invented|painted|discovered|composed|directed)|when (?:did|was)"
    r"|(?:detect|identify|determine|classify)[^.?!\n]{0,40} (?:as (?:either )?|sentiment)[^.?!\n]{0,60})"
)
_BRIEF_ZH = re.compile(
    r"[是对真]/[否错假]|[只仅](?:需要?|要|用|能|可)?(?:回答|输出|给出|写出?|返回|说|填)|一(?:个(?:词|字|数字|单词)|句话)"
    r"|用(?:\d|[一二两三四五六七八九十]){1,2}个?(?:词|字|单词|形容词)|俳句|哪一?[年个位座种国]|谁(?:写|发明|发现|画|创作|提出)"
    r"|[归分]类为|情感(?:倾向|极性)|选项[:：]|是或否|是还是否|对还是错|正确还是错误|首都|正面还是负面|下列选项"
)
# The answer is a number; where others stand in the request it is worked out, and the way to it is as good as the number alone.
_HOW_MANY = re.compile(r"\bhow (?:many|old|tall|far) |多少(?!有)")
_FIGURE = re.compile(r"\d")
# Verbs that begin what is asked: "a word that describes …" and "tries to explain" ask for nothing long.
_LONG_EN = re.compile(
    r"(?:^|[.!?;:,]|\b(?:and|then|please|you|also|briefly|clearly))\s*(?:explain|describe|discuss|elaborate|compare|contrast|analy[sz]e"
    r"|evaluate the|how (?:do|does|can|to|would|should|did)|why (?:do|does|is|are|did|was|were))\b"
    r"|\b(?:in detail|write (?:a|an|me a|me an|the) (?:\w+ ){0,3}(?:essay|story|article|paragraph|letter|"
    r"email|report|blog|post|review|speech|script|plan|guide|summary|description|analysis|dialogue|recipe|proposal)"
    r"|(?:create|design|develop|outline|draft|compose) (?:a|an|the) (?:\w+ ){0,3}(?:plan|guide|strategy|story|essay|article|letter|email|"
    r"report|schedule|itinerary|recipe|proposal|program)|step[- ]by[- ]step|tips|pros and cons|advantages and|benefits of)\b"
)
_LONG_ZH = re.compile(
    r"(?:^|[，。；！？、：,;:\s请并再来我你您话要地])(?:解释|描述|说明|阐述|论述|讨论|介绍|分析|比较|对比|制定|设计一|撰写)|进行(?:分析|比较|对比)"
    r"|详细|为什么|为何|如何|怎样(?!把)|步骤|优缺点|利弊|写一?(?:[篇封段份]|个(?:故事|计划|方案|剧本))"
)
_BRIEF_FULL, _BRIEF_NONE = 25, 120  # words: full marks up to the first, none from the second on
_LONG_NONE, _LONG_FULL = 4, 30
_BARE = 0.75


def wanted_of(question: str) -> Wanted | None:
    """What a request asks for: `either` where both are as good; None where it says nothing of it."""
    text = question[:_LOOKED_AT].lower()
    asked = text.partition("\n")[0]  # what stands below is what it is about
    brief, long = _BRIEF_EN.search(text) is not None, _LONG_EN.search(asked) is not None
    if not text.isascii():
        brief = brief or _BRIEF_ZH.search(text) is not None
        long = long or _LONG_ZH.search(asked) is not None
    if not brief and _HOW_MANY.search(text):
        brief, long = True, long or _FIGURE.search(text) is not None
    if brief:
        return "either" if long else "brief"
    return "long" if long else None


def fit_of(wanted: Wanted | None, words: float, *, bare: bool) -> float:
    """How well an answer of so many words fits, 0 to 1.

    Args:
        bare: whether it is a label, a name or a number alone, which fits less where nothing is said of the length.
    """
    if wanted == "brief":
        return min(1.0, max(0.0, (_BRIEF_NONE - words) / (_BRIEF_NONE - _BRIEF_FULL)))
    if wanted == "long":
        return min(1.0, max(0.0, (words - _LONG_NONE) / (_LONG_FULL - _LONG_NONE)))
    return _BARE if bare and wanted is None else 1.0
