"""Unsafe content: violence, self-harm, sexual, illegal (how to do it) and hate.

A prompt that asks how to do harm counts only where the answer goes along: a refusal, a warning or advice against it is
safety education and stays. What an answer says by itself counts where it urges or describes, not where it quotes or explains.
Words and their neighbours decide, so the aim is few and certain hits rather than all.
"""

import re
from collections.abc import Iterator

import pyarrow as pa

from builder.schema import Sample
from builder.signals.signal import (
    Card,
    Finding,
    Found,
    Read,
    Signal,
    SignalValue,
    kinds_and_spans,
    last_question,
    tokens_of,
)
from builder.text import tokenise

_KIN_EN = (
    r"(?:wife|husband|spouse|partner|boss|neighbou?r|friend|girlfriend|boyfriend|child|children|kids?|son|daughter|brother|sister"
    r"|mother|father|parents?|family|teacher|classmates?|coworkers?|roommate|ex|date|rival|enemy)"
)
_PERSON_EN = (
    rf"(?:someone|somebody|people|an? (?:\w+ )?(?:person|human(?: being)?|woman|man|girl|boy|child|toddler|baby|cop|policeman|police officer"
    rf"|politician|stranger|president)|(?:my|your|his|her|their|our|the) (?:\w+ )?(?:{_KIN_EN}|president|prime minister)|him|her|them|humans?"
    r"|civilians|children|immigrants|women|gay people|jews|muslims)(?!['’]s (?:house|home|hair|heart|records?|high score)\b)"
)
_HOW_EN = (
    r"\b(?:how (?:to|do i|can i|can we|could i|do you|can you|would (?:i|one|you))|(?:ways?|steps?|methods?|instructions?|guide|recipe"
    r"|tutorial|plan|process|ideas?|tips) (?:to|for|of|on how to)|what (?:can i do|should i do|steps should i take) to"
    r"|(?:teach|tell|show|help) me (?:how )?(?:to )?)(?:(?!\bnot\b|n[’']t\b|\bwithout\b)[^.?!\n]){0,30}?\b"
)
# What hurts whoever it is done to; and what only does where a person follows at once and no game or sport is meant.
_HARM_EN = (
    r"(?:kill(?:ing)?|murder(?:ing)?|poison(?:ing)?|stab(?:bing)?|strangl(?:e|ing)|tortur(?:e|ing)|kidnap(?:ping)?|shoot(?:ing)?"
    r"|assassinat(?:e|ing)|behead(?:ing)?|decapitat(?:e|ing)|butcher(?:ing)?|suffocat(?:e|ing)|throttl(?:e|ing)|chok(?:e|ing)"
    r"|slay(?:ing)?|exterminat(?:e|ing)|beat(?:ing)? up|get(?:ting)? rid of the body of)"
)
_ROUGH_EN = r"(?:beat|execut(?:e|ing)|attack(?:ing)?|punch(?:ing)?|drown(?:ing)?|eradicat(?:e|ing)|annihilat(?:e|ing)|hunt(?:ing)? down)"
_PLACE_EN = r"(?:house|home|hospital|school|building|bridge|plane|airport|stadium|mosque|church|synagogue|concert|city|apartment|car|store)"
# Nobody before it who does it, and nothing between that asks about it: 犯罪分子如何洗钱, 如何认定诈骗, 怎么处理虐待老人的案件.
_HOW_ZH = (
    r"(?<!古代)(?<!古人)(?<!警方)(?<!警察)(?<!分子)(?<!罪犯)(?<!黑客)(?<!骗子)(?<!凶手)(?<!毒贩)(?<!小偷)(?<!他们)(?<!人们)(?<!有人)(?<!分子是)(?<!分子都)"
    r"(?:怎么|怎样|如何|教我|(?:步骤|方法|办法|教程|指南)[^。！？\n]{0,6}?)"
    r"(?:(?![看处判理认鉴区界惩打破侦举应面遏治审定防避写遭]|对[待付抗]|(?<!不)[会被])[^。！？\n，]){0,12}?"
)
# What follows an offence that is talked about rather than done.
_TALKED_ABOUT_ZH = r"(?!罪|行为|案|现象|问题|事件|的(?:人|区别|处罚|后果|危害|特征|构成|情节|小说|故事))"
# Between "write" and what is written: nothing that makes it the topic.
_DIRECTLY_EN = r"(?:(?!\b(?:about|against|to|on|why|how|whether|of|for|that|anti)\b|\banti-)[^.?!\n]){0,30}"
_DIRECTLY_ZH = r"(?:(?![反抵拒防远举]|关于|打击|批判|消除|停止|危害|禁止)[^。！？\n，]){0,10}"
_PERSON_ZH = (
    r"(?:人|他|她|它们|某人|别人|邻居|同事|老师|同学|老板|妻子|老婆|丈夫|老公|女友|男友|前任|小孩|孩子|儿童|父母|平民)"
)

# What a question asks to be told.
_ASKED = (
    ("violence", re.compile(
        _HOW_EN + rf"(?:{_HARM_EN} {_PERSON_EN}\b|{_ROUGH_EN} {_PERSON_EN}(?=\W*$|[.?!\n,]| (?:with|in the (?:street|face|head)|without|secretly))"
    rf"|cut(?:ting)? off (?:a|my|your) (?:human|{_KIN_EN})['’]s (?:head|hand)"
    rf"|(?:commit(?:ting)?|plan|stage) (?:an? )?(?:perfect )?(?:murder|massacre|assassination|mass shooting|school shooting))\b"
        rf"|{_HOW_ZH}(?:杀死|杀掉|谋杀|毒死|毒害|弄死|勒死|绑架|暗杀|折磨|殴打|虐待"
    rf"|虐杀)[^。！？\n，]{{0,6}}?{_PERSON_ZH}{_TALKED_ABOUT_ZH}", re.IGNORECASE)),
    ("self_harm", re.compile(
        _HOW_EN + r"(?:kill myself|hang myself|drown myself|shoot myself|slit my wrists?|commit suicide"
    r"|end my (?:own )?life|cut myself(?! (?:an?|some|off|loose|in|out)\b)|hurt myself"
    r"|harm myself|overdose on|starve myself)\b"
        rf"|{_HOW_ZH}(?:自杀|自残|轻生|割腕|结束自己的生命|上吊)(?!预防|干预|率|行为"
    rf"|的人|者|倾向|念头)", re.IGNORECASE)),
    ("illegal", re.compile(
        _HOW_EN + r"(?:(?:make|build|create|construct|assemble) (?:\w+ ){0,3}?(?:pipe bomb|bombs?"
    r"|explosives|explosive(?: devices?|(?! \w))|molotov|grenades?|nerve gas|ghost gun|silencer|malware|ransomware"
    r"|computer virus|keylogger)"
        r"|(?:cook|make|synthesi[sz]e|produce|extract) (?:\w+ ){0,2}?(?:meth(?:amphetamine)?"
    r"|cocaine|heroin|(?<!a )crack(?= cocaine|\W*$|[.?!\n,]| (?:at|from|with)\b)|lsd|mdma|ecstasy|fentanyl)"
        r"|hack (?:into )?(?:[\w'’]+ ){0,4}?(?:account|computer|phone|wi-?fi|network"
    r"|email|bank|facebook|instagram|password|system|website|server)s?"
        r"|launder money|forge (?:\w+ ){0,2}?(?:passport|document|signature|check|cheque"
    r"|id|prescription)s?|make (?:counterfeit|fake) (?:money|bills|notes|ids?|passports?)"
        r"|(?:steal|shoplift|rob)(?:l?ing|b?ing)? (?:[\w'’]+ ){0,3}?(?:car|money|bank|store|casino|credit card"
    r"|identity|wallet|house|password|purse|bike|phone|from|without (?:being|getting) caught)s?"
    rf"|(?:blow|blowing) up (?:a|an|the|my|your) (?:\w+ )?{_PLACE_EN}|bomb(?:ing)? (?:a|an|the|my|your) (?:\w+ )?{_PLACE_EN}"
    rf"|set(?:ting)? (?:a|an|the|my|your) (?:\w+ )?{_PLACE_EN} on fire"
    rf"|break(?:ing)? into (?:a|an|the|my|your|someone['’]s|somebody['’]s) (?:[\w'’]+ )?(?:{_PLACE_EN}|bank vault|office)"
    rf"|(?:scam|defraud|blackmail|extort|frame) {_PERSON_EN}(?= (?:out|for|by|into|with)\b|\W*$)|smuggle (?:\w+ ){0,2}?(?:drugs?|people|weapons?"
    r"|goods)"
        r"|evade (?:paying )?tax(?:es)?|cheat on (?:my )?taxes|pick (?:a |the |someone's )?locks?\b[^.?!\n]{0,20}without"
    r"|buy (?:\w+ ){0,2}?(?:drugs|stolen) |traffic (?:drugs|humans?|people))\b"
        rf"|{_HOW_ZH}(?:制[造作]|自制|做|合成|提炼|生产)[^。！？\n，]{{0,6}}?(?:炸弹"
    rf"|炸药|燃烧瓶|枪支|毒品|冰毒|海洛因|可卡因|假币|假钞|假证|病毒程序|木马(?:程序"
    rf"|病毒)|勒索软件|毒气){_TALKED_ABOUT_ZH}"
        rf"|{_HOW_ZH}(?:(?:洗钱|逃税|偷税|伪造[^。！？\n，]{{0,6}}(?:护照|证件|签名|文件"
    rf"|身份证)|盗取|偷[走窃盗](?![^。！？\n，]{{0,6}}心)|抢劫|走私|贩卖?毒|入侵[^。！？\n，]{{0,8}}(?:账[户号]"
    rf"|系统|电脑|网络|网站|服务器)|黑进(?!度)|破解[^。！？\n，]{{0,6}}(?:密码|账号|wifi)"
    rf"|诈骗(?!电话|短信|案|手段|信息)){_TALKED_ABOUT_ZH})", re.IGNORECASE)),
    ("sexual", re.compile(
        rf"\b(?:write|tell|create|generate|describe)\b{_DIRECTLY_EN}\b(?:erotic|pornographic"
    rf"|sexually explicit|explicit sex|smut|porn)\b|(?:写|讲|创作|生成|描写){_DIRECTLY_ZH}(?:色情"
    rf"|情色|黄色小说|淫秽|性爱)(?!健康|教育|科普|知识|障碍|信息|网站|业|犯罪)", re.IGNORECASE)),
    ("hate", re.compile(
        rf"\b(?:write|tell|create|generate|give)\b{_DIRECTLY_EN}\b(?:racist|sexist|antisemitic"
    r"|homophobic|islamophobic|hateful)\b (?:joke|speech|slogan|poem|song|post"
    r"|tweet|story|article|text|comment)s?\b"
        rf"|(?:写|讲|说|创作|生成){_DIRECTLY_ZH}(?:种族歧视|歧视[^。！？\n，]{{0,6}}"
    r"|仇恨)的?(?:笑话|言论|口号|文章|段子|帖子)", re.IGNORECASE)),
)  # fmt: skip

# What an answer must not say by itself.
_SAID = (
    ("self_harm", re.compile(r"\b(?:you should|just|go|please) (?:go )?(?:kill yourself|end your life|hang yourself)\b"
    r"|\bkys\b|(?:你(?:就|应该|不如|还是)?|快|赶紧|干脆)去(?:死吧|自杀)|你(?:应该"
    r"|不如)(?:自杀|去死)", re.IGNORECASE)),
    ("sexual", re.compile(
        r"\b(?:(?:his|her|my|your) (?:throbbing|hard|erect|wet|dripping) (?:cock|dick"
    r"|member|pussy|cunt)|blow ?jobs?|cum(?:shot|ming)|gang ?bang|hand ?jobs?|deep ?throat"
    r"|suck(?:ed|ing)? (?:his|my|your) (?:cock|dick)|fuck(?:ed|ing)? (?:her|him"
    r"|me) (?:hard|in the))\b"
        # Two of the words that food, mathematics and machines have too.
        r"|(?:鸡巴|骚穴|淫水|做爱的快感|淫荡地|呻吟着高潮)"
        r"|(?P<one>(?<![蟹鸡鱼牛虾猪羊])肉棒(?!骨)|小穴|抽插|口爆|内射)(?=[^\n]{0,200}?(?!(?P=one))(?:肉棒|小穴|抽插|口爆|内射))", re.IGNORECASE)),
    ("hate", re.compile(
        r"\b(?:all |the )?(?:jews|muslims|blacks|black people|white people|asians|chinese people"
    r"|mexicans|immigrants|refugees|gays|gay people|women|africans|arabs|christians"
    r"|hindus|gypsies)"
        r" (?:are (?:\w+ )?(?:inferior|vermin|subhuman|animals|parasites|scum|filth|trash|cockroaches)"
    r"|(?:should(?: all)?|deserve to|must(?: all)?) (?:die|be (?:\w+ )?(?:exterminated|killed|gassed|deported en masse|eradicated|enslaved)))\b"
        r"|(?:黑人|犹太人|穆斯林|女人|女性|同性恋者?|外地人|河南人|非洲人|印度人|日本人"
    r"|中国人|移民|难民)(?:都|全都|就|天生|本来就|根本)?(?:是|都是|就是)(?:劣等"
    r"|垃圾|畜生|下贱|低等|害虫|寄生虫|人渣|败类)"
        r"|(?:黑人|犹太人|穆斯林|同性恋者?|日本人|移民|难民)(?:都|全都|统统|全部)?(?:该死"
    r"|应该(?:被)?(?:杀光|消灭|灭绝))", re.IGNORECASE)),
    ("violence", re.compile(
        r"\b(?:let's|we (?:must|should|will)|you (?:must|should)|go and|go) (?:kill"
    r"|murder|shoot|slaughter|behead) (?:them all|all (?:of )?(?:them|the)|every"
    r"|him|her|your (?:\w+ )?(?:teacher|classmates|boss|family|parents|wife|husband))\b"
        r"|(?:我们|你)(?:应该|必须|要|就该)(?:杀光|杀死|干掉|弄死)(?:他|她|他们|所有人|那些人)", re.IGNORECASE)),
)  # fmt: skip

# Looked for first, since the patterns take fifty times as long: one of these tokens or strings stands in every hit.
_ASKED_TOKENS = frozenset(
    tokenise(
        "kill killing murder poison poisoning stab stabbing strangle strangling torture torturing kidnap kidnapping shoot shooting"
        " assassinate assassination behead decapitate butcher butchering suffocate throttle choke slay slaying exterminate execute"
        " executing attack attacking punch drown eradicate annihilate hunt cut massacre hang slit blow bombing break breaking set scam"
        " defraud blackmail extort frame stealing robbing beat beating rid suicide life myself overdose bomb bombs explosive"
        " explosives molotov grenade grenades gas gun silencer malware ransomware virus keylogger meth methamphetamine cocaine heroin"
        " crack lsd mdma ecstasy fentanyl hack launder forge counterfeit fake steal shoplift rob smuggle evade taxes lock locks drugs"
        " stolen traffic erotic pornographic explicit smut porn racist sexist antisemitic homophobic islamophobic hateful"
    )
)
_ASKED_ZH = re.compile(
    "杀死|杀掉|谋杀|毒死|毒害|弄死|勒死|绑架|暗杀|折磨|殴打|虐待|虐杀|自杀|自残|轻生|割腕|结束自己的生命|上吊|炸弹|炸药|燃烧瓶|枪支|毒品"
    "|冰毒|海洛因|可卡因|假币|假钞|假证|病毒程序|木马|勒索软件|毒气|洗钱|逃税|偷|伪造|盗取|抢劫|走私|贩毒|贩卖毒|入侵|黑进|破解|诈骗"
    "|色情|情色|黄色小说|淫秽|性爱|歧视|仇恨"
)
_SAID_TOKENS = {
    "self_harm": frozenset(tokenise("kill end hang kys")),
    "sexual": frozenset(
        tokenise(
            "cock dick member pussy cunt blow blowjob blowjobs cumshot cumming bang gangbang job jobs handjob handjobs throat"
            " deepthroat fuck fucked fucking"
        )
    ),
    "hate": frozenset(
        tokenise(
            "inferior vermin subhuman animals parasites scum filth trash exterminated killed gassed deported die eradicated enslaved"
            " cockroaches"
        )
    ),
    "violence": frozenset(tokenise("kill murder shoot slaughter behead")),
}
_ANY_SAID_TOKEN = frozenset().union(*_SAID_TOKENS.values())
_SAID_ZH = re.compile(
    "去死|自杀|鸡巴|肉棒|骚穴|小穴|淫水|抽插|口爆|内射|做爱的快感|淫荡地|呻吟着高潮|劣等|垃圾|畜生|下贱|低等|害虫|寄生虫|人渣|败类|该死"
    "|杀光|消灭|灭绝|杀死|干掉|弄死"
)

# An answer that declines, warns or helps; it may still name the thing.
_GOES_NOT_ALONG = re.compile(
    r"\b(?:i(?:'m| am) (?:sorry|not able|unable)|i can(?:no|')t|i (?:will not|won't)"
    r"|illegal|unethical|against the law|seek (?:professional )?help|hotline"
    r"|helpline|crisis|do not|don't|never|unacceptable|inappropriate|harmful|prevent"
    r"|protect|authorities|police|as an ai|not condone|immoral|lifeline)\b"
    r"|抱歉|对不起|无法提供|不能提供|不能帮|不会提供|违法|非法|犯法|不道德|不应该"
    r"|不要|切勿|请勿|热线|寻求帮助|求助|心理咨询|报警|法律|不鼓励|不支持|预防"
    r"|防止|避免",
    re.IGNORECASE,
)
_OPENING = 600
# Fiction, history, prevention and figures of speech: "how to kill time", "how to write a murder mystery".
_HARMLESS_ASK = re.compile(
    r"\b(?:prevent\w*|avoid|protect\w*|detect\w*|scanners?|stop|history|novel|story|movie|film|game"
    r"|chess|plot|character|book|song|metaphor|mosquito|weeds?|bugs?|bacteria"
    r"|virus(?:es)? (?:spread|work)|process(?! (?:of|for))|time|ethical|penetration test|report(?:ing)? (?:a|an|the|it|them|him|her|someone|abuse)"
    r"|checkers|tennis|judo|boxing|karate|wrestling|baseball|basketball|football|soccer|poker|cards?|race|debate|match|fiction|play|show|scene"
    r"|my own (?:\w+ )?(?:account|password|computer|phone|wi-?fi|network|email|website|system|server)|into my own"
    r"|i(?:'ve)? (?:forgot|forgotten|lost)|locked (?:myself )?out|processes"
    r"|minecraft|fortnite|roblox|skyrim|opponent"
    r"|recover|survive|legal(?:ly)?|law|insects?|germs?"
    r"|(?:bath|chocolate|cocoa|seed|fat|energy|glitter|tea|cake) bombs?|bomb (?:calorimeter|shelter|disposal|cyclone)s?"
    r"|prescription (?:drugs?|medicines?)|over.the.counter|pharmacy"
    r"|dragon|enem(?:y|ies)|boss fight|zombies?|rpg)\b"
    r"|预防|防止|避免|防范|保护|识别|应对|历史|小说|故事|电影|游戏|剧本|角色|歌"
    r"|使命召唤|反恐精英|绝地求生|王者荣耀|侠盗猎车|我的世界|英雄联盟|战地|原神|塞尔达|《[^》]{1,20}》[中里]|比喻|成语|蚊|虫|细菌|病毒传播|举报|法律|时间|犯罪心理|治疗|戒|忘记|忘了|自己的?(?:账号|账户|密码|电脑|手机|网络|wifi|网站|服务器)|炸弹(?:[烧肉鸡饭鱼面酒]|蛋糕)|进程|线程",
    re.IGNORECASE,
)
# "In Call of Duty", "in The Witcher 3": a title of two words or more, which hardly any place has together with such a question.
_IN_A_TITLE = re.compile(
    r"\b(?:in|of|from) (?:(?:The|Mr|Mrs|Grand|Call|Counter|Red|World|Star) [A-Z\w]|GTA\b|[A-Z][\w']+ (?:of |the |and )?[A-Z0-9])"
)
# People are shot with cameras; a bomb is not.
_PHOTOGRAPHY = re.compile(
    r"\b(?:photo shoot|photograph\w*|photos|portraits?|cameras?|dslr|lens|low light)\b", re.IGNORECASE
)
_QUOTED_BEFORE = re.compile(
    '["“「『‘][^"”」』’\\n]{0,60}$|(?:wrong|false|myth|stereotype|claim|say|saying'
    "|believe|argu\\w+)[^.\\n]{0,30}$|(?:认为|声称|所谓|错误|偏见|并非|不是|说)[^。\\n]{0,12}$",
    re.IGNORECASE,
)


def find_unsafe(question: str, answer: str) -> Iterator[Finding]:
    """Unsafe categories of an exchange, with the words that show them.

    Args:
        question: the turn that is answered.
        answer: the answer.
    """
    if _may_ask(question) and answer and not answer.isspace():
        harmless = _HARMLESS_ASK.search(question) is not None or _IN_A_TITLE.search(question) is not None
        for kind, pattern in _ASKED:
            # Of sexual content and hate, fiction is what is asked for.
            found = pattern.search(question) if not harmless or kind in ("sexual", "hate") else None
            taken = found is not None and " shoot " in found.group().lower() and _PHOTOGRAPHY.search(question)
            if found and not taken and not _GOES_NOT_ALONG.search(answer[:_OPENING]):
                yield Finding(kind, found.group())
    tokens = tokens_of(answer)
    chinese = not answer.isascii() and _SAID_ZH.search(answer) is not None
    if chinese or not _ANY_SAID_TOKEN.isdisjoint(tokens):
        for kind, pattern in _SAID:
            found = pattern.search(answer) if chinese or not _SAID_TOKENS[kind].isdisjoint(tokens) else None
            told = kind == "violence" and _HARMLESS_ASK.search(question + "\n" + answer[:_OPENING]) is not None
            if found and not told and not _QUOTED_BEFORE.search(answer[max(0, found.start() - 80) : found.start()]):
                yield Finding(kind, found.group())


def _may_ask(question: str) -> bool:
    return not _ASKED_TOKENS.isdisjoint(tokens_of(question)) or (
        not question.isascii() and _ASKED_ZH.search(question) is not None
    )


def measure_unsafe(sample: Sample) -> tuple[SignalValue, ...]:
    """The unsafe categories of the last exchange, and the first span of each."""
    return kinds_and_spans(find_unsafe(last_question(sample), sample.answer))


UNSAFE = Signal(
    name="unsafe",
    columns=(("unsafe", pa.list_(pa.string())), ("unsafe_spans", pa.list_(pa.string()))),
    measure=measure_unsafe,
    card=Card(
        meaning_en="Violence, self-harm, sexual content, illegal how-to or hate that the answer goes along with.",
        meaning_zh="回答顺从的暴力、自残、色情、违法教程或仇恨内容。",
        range_en="the categories found, and the first span of each",
        range_zh="发现的类别，以及每类的第一处原文",
        misses_en="Harm in plain or coded words, in fiction, and spread over several turns.",
        misses_zh="措辞平常或隐晦的有害内容、虚构作品中的内容，以及分散在多轮中的内容。",
        precision=(Read("en", 8, 8), Read("zh", 5, 5)),
        recall=(Found("en", 8, 32), Found("zh", 5, 21)),
        fresh=True,
    ),
    version=4,
)
