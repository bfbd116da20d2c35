"""Answers that decline: "I'm sorry, but I can't help with that", "As an AI language model, I cannot", 抱歉，我无法…

A refusal says of the speaker, in the answer's own voice, that it cannot or will not do the task. Not refusals: a quoted or
discussed one, a letter or line of dialogue that was asked for, an assistant that introduces itself, a request for the text
that the prompt forgot, "it cannot be determined" or answered from the passage, and, where tools are on offer, saying that
none of them fits. Rows of the category `safety` refuse on purpose and are never flagged. A self-mention as a language model
counts even where help follows, since it teaches a model to be another one. `impersonal.py` finds those without an I.
"""

import re
from functools import lru_cache

import pyarrow as pa

from builder.schema import Sample
from builder.signals.impersonal import find_impersonal
from builder.signals.signal import Card, Found, Read, Signal, SignalValue, last_question, tokens_of
from builder.text import tokenise

# Characters in which a refusal shows itself: in the 2,390 Alpaca, identity and preference demo rows none begins later.
_OPENING = 240
_LONGEST_PHRASE = 120
# An answer with more characters than this was written to be something, such as the letter that was asked for.
_BARE_REFUSAL = 200

_AI_EN = (
    r"(?:an? |just an? |only an? )?(?:[a-z]+[- ]){0,2}?"
    r"(?:AI|artificial intelligence|language model|chat ?bot|virtual assistant)"
    r"(?: (?:language )?(?:model|assistant|system|program|chatbot|bot))?"
    r"(?: (?:developed|created|trained|made|built) by [\w{} ]{1,20})?"
)
_NEITHER_EN = (
    r"(?:can(?: ?not|'t)|could(?: not|n't)|(?:am|'m)(?: \w+)? (?:unable|incapable"
    r"|not (?:\w+ )?(?:able|capable|programmed|designed|allowed|permitted|equipped))"
    r"|do(?: not|n't)(?: \w+)? (?:have|possess|own|hold)|have no|lack|will not|won't)"
)
_DO_EN = (
    r"(?:help|assist|answer|provide|fulfill?|complete|comply|access|generate|create|process|perform|produce|give|offer"
    r"|support|respond|continue|display|browse|retrieve|search|open|view|play|engage|discuss|participate|write|draw"
    r"|execute|share|do (?:that|this|so|it)|accommodate|manipulate|interact|promote|condone|encourage|endorse|teach|recommend"
    r"|satisfy|tell you (?:how|where|who|what))\b(?! but)(?![^.!?\n]{0,60}\benough\b)"
)
_NO_ACCESS_EN = (
    r"do(?: not|n't)(?: \w+)? have (?:any |the |direct |real-time )*(?:access|ability|capability|capacity) to"
)
_UNABLE_EN = (
    r"(?:can(?: ?not|'t)(?: and (?:will not|won't))?|could(?: not|n't)|won't(?: be able to)?|will not(?: be able to)?"
    r"|(?:am|'m)(?: \w+)? (?:unable to|not able to))"
)
_UNEASY_EN = r"(?:(?:do(?: not|n't) feel|(?:am|'m) not) comfortable (?:with )?(?:\w+ing|that|this)\b)"
_SORRY_EN = (
    r"(?:(?:i'm|i am|we are)(?: \w+)? (?:sorry|afraid)|sorry|(?:my )?apologies|i apologi[sz]e|unfortunately|regrettably)"
    r"[,.!;]?\s{0,2}(?:but |however,? |that )?"
)

_AI_ZH = (
    r"(?:一)?[个名款种位台]?[^，。！？,.!?\n{]{0,8}?(?:人工智能|AI|语言模型|大模型|机器人|虚拟助手|智能助手)"
    r"\s?(?:语言模型|程序|助手|助理|模型|系统|机器人)*"
)
_NEITHER_ZH = r"(?:无法|不能|没有(?!问题|关系|偏见)|没法|不具备|不会|不可以|未能|不拥有|并未|缺乏)"
_ADVERBS_ZH = r"(?:直接|继续|准确|完整|满足|在|以|就|对此|实时|进行|真正|任意|[向为给替][您你]|帮[助您你]*)*"
_BARE_DO_ZH = (
    "谈论|讨论|查询|读取|获知|得知|分享|解析|识别|开具|开药|诊断|确诊|预测"
    "|提供|回答|回复|完成|执行|满足|协助|帮助|访问|生成|创建|制作|处理|查看|获取|检索|播放|浏览|写出"
)
_DO_ZH = (
    rf"{_ADVERBS_ZH}(?:{_BARE_DO_ZH}|回应|创作|看到|打开|支持|讨论|参与|遵从|照做|下载|上传|绘制|展示|显示|撰写|写作|编写"
    r"|这[样么]做|帮[您你]做|给出|描述|分析|总结|概括|评论|建议|选出|翻译|画|教(?:[您你]|授|会)|告诉[您你]|推荐|鼓励|透露|泄露|编造)"
)
_SORRY_ZH = r"(?:我|非常|十分|很|实在|真的|真|深感|感到)*(?:抱歉|对不起|不好意思|遗憾)"
_NOW_ZH = r"(?:目前|暂时|现在|本身|并|也|还|都|恐怕)*"

# White space is counted everywhere: an unbounded run of it is tried from each of its places, thousands of blank lines long.
_START = r"(?:(?<=[.!?。！？\n,，])\s{0,2}|^\s{0,2})"

# As a language model: anywhere in the answer. As an AI: in its opening, and only with something it cannot do.
_AS_MODEL = re.compile(
    rf"{_START}(?:however, |{_SORRY_EN}|(?:但是?|然而|不过|抱歉|对不起)[，,]?\s{0, 2})?"
    r"(?:as an? (?:\w+[- ]){0,3}?language model[^.!?\n]{0,20}?\bi\b"
    rf"|(?:作为|身为)一?[个名款种]?[^，。！？\n{{]{{0,8}}?语言模型[，,]?我?[^，。！？\n]{{0,8}}?{_NEITHER_ZH})",
    re.IGNORECASE,
)
_AS_AI = re.compile(
    rf"{_START}(?:{_SORRY_EN}|{_SORRY_ZH}[，,。！!]?\s{{0,2}}(?:但是?)?)?"
    rf"(?:(?:as|being) {_AI_EN}(?:,|(?= i\b)|(?= my\b))[^.!?\n]{{0,20}}?\b(?:i|my)\b[^.!?\n]{{0,30}}?{_NEITHER_EN}"
    rf"|(?:as|being) {_AI_EN},? (?:it(?: is|'s| would be) (?:not|never|against|beyond|outside|inappropriate|un\w+|illegal|impossible)"
    r"|(?:it|this|that) (?:goes|would go) against|my (?:programming|purpose|guidelines)\b[^.!?\n]{0,40}?\b(?:not|prohibit\w*|prevent\w*))\b"
    rf"|(?:since |because )?(?:i am|i'm) {_AI_EN}(?:,| and\b| so\b| which\b| that\b)[^.!?\n]{{0,40}}?{_NEITHER_EN}"
    rf"|我?(?:作为|身为|(?:由于|因为)?我(?:只|仅|仅仅|只不过)?是){_AI_ZH}[，,、]?\s?(?:因此|所以|故)?我?{_NOW_ZH}"
    rf"[^，。！？\n]{{0,6}}?{_NEITHER_ZH})",
    re.IGNORECASE,
)
_SORRY = re.compile(
    rf"{_START}(?:{_SORRY_EN}[^.!?\n]{{0,60}}?\bi(?: |(?='m))"
    rf"(?:{_UNABLE_EN}(?: \w+ly| help you)?(?: {_DO_EN}|(?=[.!,;]|$))|{_NO_ACCESS_EN}|must decline|{_UNEASY_EN}"
    r"|can only (?:help|answer|assist|discuss|respond))"
    rf"|{_SORRY_ZH}[^。！？\n]{{0,40}}?(?:[我，,\s]|所以|因此){_NOW_ZH}"
    r"(?:(?:(?:这|该|此|您|你)[^。！？，\n]{0,8})?超出了?[^。！？，\n]{0,8}范围"
    rf"|(?:无法|不能|没法|没办法|不可以|不会|不便)(?:{_DO_ZH}|(?=[。！!，,]|$))"
    r"|(?:没有|不具备)[^，。！？\n]{0,20}?(?:能力|权限|功能|办法)|没有实时|拒绝(?:回答|提供|这)))",
    re.IGNORECASE,
)
_BARE = re.compile(
    rf"^\s*(?:no, )?i(?: |(?='[md]))(?:{_UNABLE_EN}(?: \w+ly)? (?:help (?:(?:you )?with|you here)|assist|answer|provide|fulfill?|comply"
    r"|access|generate|create|do that|perform|browse|support|discuss|engage|participate|complete|promote|condone|encourage|endorse"
    r"|satisfy|respond to|execute|process|check|verify|diagnose|prescribe|predict|disclose|reveal|override|pretend"
    r"|delete|tell you|retrieve|search|send|view"
    r"|share|help (?:create|make|build|write|plan)|give (?:you )?(?:any |specific |personali[sz]ed )?(?:\w+ )?"
    r"(?:advice|instructions|information|opinion)"
    r"|(?:write|draw|compose|produce) (?:an?|any|content)\b"
    r"|recommend)\b(?! but)(?![^.!?\n]{0,60}\benough\b)"
    rf"|{_UNEASY_EN}|{_NO_ACCESS_EN}|must (?:\w+ )?decline(?: to|[.!,]|$)|(?:would|'d) (?:rather|prefer) not (?:to )?{_DO_EN})"
    r"|^\s*(?:no, )?i (?:can(?: ?not|'t)|won't|will not)(?: do (?:that|this|it))?[.!]?\s*$"
    r"|^\s*no, i(?: will not|'m not going to|'d rather not| won't|'ll not) \w+ (?:that|this|it)\b"
    r"|^\s*(?:this|that|it) is (?:something|a (?:question|task)) (?:that )?i(?: would|'d) (?:rather|prefer) not\b"
    rf"|^\s*我(?:目前|暂时|现在)?(?:(?:无法|不能){_ADVERBS_ZH}(?:{_BARE_DO_ZH})|没有能力|没有权限|(?:必须|只能|不得不)?拒绝(?:回答|提供|执行|完成|这))"
    r"|^\s*我(?:不会|不能|无法)(?:[为给替帮][您你](?!们)|(?:直接)?(?:开药|开具|诊断|提供))"
    r"|^\s*我(?:不会|不能|无法)(?:回答|解答|讨论|协助|参与|支持|鼓励|接受|执行|教[您你]|告诉[您你]|推荐)(?:[您你]的?)?(?:这|那|该|此|任何|有关|关于|怎|如何|问题)"
    r"|^\s*恕(?:我)?(?:不能|无法|难)(?:直接)?(?:作答|回答|从命|奉告|提供|照办|满足|相告)"
    r"|^\s*(?:这个|这件事|这道题|这项任务|这)[，,]?我(?:实在|目前|暂时)?(?:做不到|办不到|做不了|帮不了|回答不了|无能为力)"
    rf"|^\s*[您你]好[，,。！!]\s*我(?:目前|暂时|现在)?(?:无法|不能){_DO_ZH}"
    rf"|^[^。！？\n“”\"「」]{{0,30}}[，,](?:所以|因此)?我(?:目前|暂时)?(?:无法|不能){_DO_ZH}",
    re.IGNORECASE,
)
# Looked for first, because the patterns themselves are slow.
_SORRY_WORDS = ("sorry", "afraid", "apolog", "unfortunately", "regrettably", "抱歉", "对不起", "不好意思", "遗憾")
_ASSISTANT_WORDS = (
    *("AI", "language model", "artificial intelligence", "chatbot", "chat bot", "virtual assistant"),
    *("人工智能", "语言模型", "大模型", "机器人", "虚拟助手", "智能助手"),
)
# Without one of these tokens no text in ASCII names an assistant or a maker in a way that the patterns find.
_ASSISTANT_TOKENS = frozenset(
    tokenise("ai artificial language chatbot chat virtual chatgpt claude developed created trained made built")
)
# What a refusal refuses, where a letter or a line of dialogue would name its own business.
_REFUSED_THING = re.compile(
    r"\b(?:that|this|your|these|such) (?:request|content|task|question)|\b(?:with|do|fulfill?|answer) (?:that|this)\b|\brequests?\b"
    r"|\b(?:harmful|inappropriate|offensive|illegal|hateful)\b|(?:这个|那个|这种|此类|该|您的|你的)(?:请求|要求|问题|任务|内容)"
    r"|有害|不当|违法|非法|冒犯",
    re.IGNORECASE,
)

# What is missing is the prompt's: "I'm not able to answer that from the passage provided."
_FOR_LACK = re.compile(
    r"[^.!?\n]{0,60}?\b(?:without (?:seeing|knowing|more|further|additional|any|the|an?)|(?:from|based on|with|in) the"
    r" (?:\w+ )?(?:passage|text|context|information|document|article|input|data|image|details))\b"
    r"|[^。！？\n]{0,16}?(?:仅凭|只凭|凭|根据|从)(?:提供|给定|现有|所给|这|该|您|你|文|题)",
    re.IGNORECASE,
)
# "I cannot write a story about that": of what was asked to be written.
_REFUSED_WRITING = re.compile(
    r"\s*(?:i'm sorry,? (?:but )?|sorry,? (?:but )?|i apologi[sz]e,? (?:but )?)?i (?:can(?:not|'t| not)|am unable to|will not|won't)"
    r" (?:write|generate|create|compose|produce|provide)(?: \w+){0,3}? (?:story|poem|sentences?|letter|e-?mail|speech|content|text|tweet"
    r"|post|article|essay|song|lyrics|dialogue|script|jokes?)\b",
    re.IGNORECASE,
)
# "对不起，我不能写诗。": a whole answer that says sorry and what it cannot do.
_WHOLE_ZH = re.compile(
    rf"\s*(?:{_SORRY_ZH}|不好意思)[，,。！!]?\s?(?:但是?)?(?:这个|这)?我?{_NOW_ZH}(?:无法|不能|没法|没办法|不会|不便)[^，。！？\n“”\"「」]{{1,20}}[。！!]?\s*"
    rf"|\s*{_SORRY_ZH}[，,。！!]?\s?(?:这个|这件事|这)?[，,]?我?{_NOW_ZH}(?:做不[了到]|办不[了到]|帮不[了上][忙您你]*|写不[了出]|答不上来|无能为力)[。！!]?\s*"
)
# A prompt that refuses something itself: what is made of its words does too.
_DECLINES = re.compile(
    r"\b(?:sorry|apologi[sz]e|declin\w+|refus\w+|reject\w+|unfortunately"
    r"|(?:i|we) (?:can(?: ?not|'?t)|won't|will not|(?:am|are) (?:unable|not able)))\b|\bi'm (?:unable|not able)\b"
    r"|抱歉|对不起|不好意思|婉拒|拒绝|推辞|我们?(?:无法|不能|不会|没办法)",
    re.IGNORECASE,
)
_ASKS_MEANING = re.compile(r"\b(?:means?|meaning)\b|什么意思|含义", re.IGNORECASE)
# Prompts that ask for words in another voice, or hand over words to work on: an apology in the answer is then the work.
_ANOTHER_VOICE = re.compile(
    r"\b(?:e-?mail|letter|message|reply|excuse|apolog\w+|declin\w+|refus\w+|reject\w+|dialogue|conversation|script|memo"
    r"|translat\w+|rewrit\w+|rephras\w+|paraphras\w+|proofread|punctuat\w+|grammar|quot\w+|role-?play|pretend|complain\w*"
    r"|diary|journal|tweet|post|speech|monologue|story|poem|lyrics|sentences?|says?|saying)\b"
    r"|怎么(?:说|回答|回复)|邮件|书信|封信|回信|回复|短信|留言|借口|道歉|致歉|婉拒|拒绝|推辞|对话|台词|剧本|扮演|假装|翻译|译成|译为|改写|润色|改成"
    r"|病句|标点|投诉|日记|演讲|独白|故事|诗|歌词|造句|句子",
    re.IGNORECASE,
)
_ASSISTANT = re.compile(r"(?<![a-z])AI(?![a-z])|language model|语言模型|人工智能", re.IGNORECASE)
# Prompts about the assistant itself: "as an AI I have no age" is then the answer.
_IDENTITY = re.compile(
    r"\b(?:who|what) are you\b|\byour (?:name|age|creator|developer|gender)\b"
    r"|\bwho (?:made|created|built|trained|developed) you"
    r"|\bdo you (?:have any (?!\w+ (?:about|on|for|from|to)\b)|like|love|feel|enjoy|sleep|eat|dream)\b|\bhow are you\b"
    r"|\bare you (?:an? )?(?:\w+ )?(?:ai|human|robot|bot|person|chatgpt|gpt|machine|real)\b|\b(?:about|introduce) yourself"
    r"|你是谁|你叫什么|你的(?:名字|身份|年龄|性别|开发者|创造者)|介绍.{0,4}自己|谁(?:开发|创造|训练|设计|发明|制作)了?你"
    r"|你是(?:不是|否|一个?)?.{0,6}(?:AI|人工智能|机器人|真人|人类|ChatGPT|GPT|模型)|你有(?:没有)?(?:感情|意识|身体|年龄|性别|爱好|朋友)|最近(?:好|怎么样|如何)吗?|你好吗|你几岁|你多大|你(?:平时|每天|也|会|能|可以|需要)*(?:吃|喝|睡|做梦)",
    re.IGNORECASE,
)
# Before a refusal in the answer's own voice stands no quotation mark, speaker's name or salutation.
_NOT_OWN_VOICE = re.compile('["“「『‘《:：][^\n]*$|[:：]\\s*$|\\bdear\\b|亲爱的|尊敬的', re.IGNORECASE)
# Traditional characters of the words above; a character stays one, so that places are kept.
_SIMPLIFIED = str.maketrans(
    "無語這為對個請題應論談圖務會與幫說內從們動產製繪聲視頻檔執實現處滿訪問創閱讀瀏覽獲檢給關於參遺讓並沒辦難絕議護協",
    "无语这为对个请题应论谈图务会与帮说内从们动产制绘声视频档执实现处满访问创阅读浏览获检给关于参遗让并没办难绝议护协",
)
_MAKERS = ("ChatGPT", "Anthropic", "Claude")  # OpenAI holds AI
_SELF = re.compile(
    r"\b(?:as|being|i am|i'm)(?: just| only| simply)? an? (?:[\w-]+ ){0,3}?"
    r"(?:AI|artificial intelligence|language model|chat ?bot|virtual assistant)\b(?! (?:researcher|engineer|expert|developer"
    r"|specialist|scientist|company|ethic\w+|technolog\w+|system (?:can|is)|continues|becomes|advances|evolves|has))"
    r"|\bi(?: am|'m) (?:ChatGPT|Claude)\b|\bi was (?:developed|created|trained|made|built) by [A-Z{]\w+"
    r"|(?:作为|身为|我(?:只|仅|仅仅|只不过)?是)(?:一)?[个名款种台位]?[^，。！？,.!?\n]{0,10}?"
    r"(?:人工智能|(?<![A-Za-z])AI|语言模型|大模型|虚拟助手|智能助手|聊天机器人|文本机器人)(?:语言模型|程序|助手|助理|模型|系统|机器人|语言)*"
    r"(?=[，,。！!、\s]|我|无法|不能|没有|不会)|我(?:是|叫)(?:ChatGPT|Claude)|我(?:是)?由[^，。\n]{1,12}(?:开发|训练|创造)",
    re.IGNORECASE,
)


def find_refusal(prompt: str, answer: str) -> str | None:
    """The words with which an answer declines, as they stand in it, or None.

    Args:
        prompt: the turn that is answered.
        answer: the answer.
    """
    text = answer.replace("’", "'")
    opening = text[:_OPENING]
    if not opening.isascii():
        opening = opening.translate(_SIMPLIFIED)
        text = opening + text[_OPENING:]
    found = _as_assistant(prompt, text, opening) if _names_an_assistant(answer) else None
    if found is None:
        folded = opening.casefold()
        sorry = None
        if any(map(folded.__contains__, _SORRY_WORDS)):
            sorry = _in_own_voice(_SORRY.search(opening), opening) or _WHOLE_ZH.fullmatch(text)
        found = sorry or _in_own_voice(_BARE.match(opening), opening)
        if found is None:
            found = find_impersonal(prompt, text)
        elif _FOR_LACK.match(text, found.end()) or _is_another_voice(prompt, text, opening):
            found = None
        if found is None:
            return None
    return answer[found.start() : found.end()].strip()[:_LONGEST_PHRASE]


def _is_another_voice(prompt: str, text: str, opening: str) -> bool:
    """Whether a prompt asks for words in another voice and what declines is not the task, or the prompt's words declined before."""
    declined = _DECLINES.search(prompt.replace("’", "'")) is not None
    if not _ANOTHER_VOICE.search(prompt):
        return declined and _ASKS_MEANING.search(prompt) is not None
    return declined or not _refuses_the_task(text, opening)


def _refuses_the_task(text: str, opening: str) -> bool:
    return (
        (len(text) < _BARE_REFUSAL and _REFUSED_THING.search(text) is not None)
        or _REFUSED_WRITING.match(opening) is not None
        or _WHOLE_ZH.fullmatch(text) is not None
    )


def _as_assistant(prompt: str, text: str, opening: str) -> re.Match[str] | None:
    found = _in_own_voice(_AS_AI.search(opening), opening) or _in_own_voice(_AS_MODEL.search(text), text)
    if found is None or _IDENTITY.search(prompt) or (_ANOTHER_VOICE.search(prompt) and _ASSISTANT.search(prompt)):
        return None
    return found


@lru_cache(maxsize=1)
def _names_an_assistant(answer: str) -> bool:
    """Remembered for the second of the two who ask it of each answer."""
    return _may_name_one(answer) and any(map(answer.__contains__, _ASSISTANT_WORDS))


def _may_name_one(answer: str) -> bool:
    return not answer.isascii() or not _ASSISTANT_TOKENS.isdisjoint(tokens_of(answer))


def _in_own_voice(found: re.Match[str] | None, text: str) -> re.Match[str] | None:
    if found is None or _NOT_OWN_VOICE.search(text[max(0, found.start() - 60) : found.start()]):
        return None
    return found


def find_self_mention(answer: str) -> str | None:
    """The words in which an answer speaks of itself as an AI or names its maker, or None; refusing or not.

    Args:
        answer: the answer; what it quotes or lets others say does not count.
    """
    if not _names_an_assistant(answer) and not (_may_name_one(answer) and any(map(answer.__contains__, _MAKERS))):
        return None
    text = answer.replace("’", "'")
    for found in _SELF.finditer(text):
        if not _NOT_OWN_VOICE.search(text[max(0, found.start() - 60) : found.start()]):
            return answer[found.start() : found.end()].strip()[:_LONGEST_PHRASE]
    return None


def measure_refusal(sample: Sample) -> tuple[SignalValue, ...]:
    """Whether the last answer is a refusal, the words that say so, and the words in which it speaks of itself as an AI."""
    answer = sample.answer
    mention = find_self_mention(answer)
    if sample.category == "safety" or _offers_tools(sample):
        return False, None, mention
    phrase = find_refusal(last_question(sample), answer)
    return phrase is not None, phrase, mention


def _offers_tools(sample: Sample) -> bool:
    return sample.tools is not None and sample.tools.strip() not in ("", "[]")


REFUSAL = Signal(
    name="refusal",
    columns=(("refusal", pa.bool_()), ("refusal_phrase", pa.string()), ("self_mention", pa.string())),
    measure=measure_refusal,
    card=Card(
        meaning_en="Whether the answer declines the task or says that a language model cannot do it, and the words in which it does; "
        "and the words in which it speaks of itself as an AI.",
        meaning_zh="回答是否拒绝任务、或以语言模型自居推说做不到，原话是哪一句；以及回答以 AI 自称的原话。",
        range_en="yes or no, and two phrases",
        range_zh="是或否，另有两句原话",
        misses_en="Refusals that begin after the first 240 characters, and polite evasions without a word of refusal.",
        misses_zh="在 240 个字符之后才出现的拒绝，以及不带拒绝字眼的婉转回避。",
        precision=(Read("en", 27, 28), Read("zh", 15, 16)),
        recall=(Found("en", 27, 37), Found("zh", 15, 23)),
        fresh=True,
    ),
    version=3,
)
