"""Greetings with which an assistant opens a conversation before anything was asked: "Hello! How can I help you today?"."""

import re

_LONGEST = 200
_PIECES = re.compile("[.!?,;:…。！？，；：、~～\n\u2600-\u27bf\U0001f300-\U0001faff]+")
_EDGES = re.compile(r"\A\W+|\W+\Z")
_HELLO = re.compile(
    r"(?:hello|hi|hey|greetings|welcome|good (?:morning|afternoon|evening|day)|howdy)"
    r"(?: there| back| again| everyone| dear| and welcome| to you)?"
    r"|(?:it's |it is )?(?:so )?(?:nice|great|good|lovely|a pleasure) to (?:meet|see|talk to|hear from) you(?: again)?"
    r"|(?:hello and |hi and )?thank(?:s| you) for (?:contacting|calling|reaching out|chatting|visiting|choosing)[^\n]{0,30}"
    r"|(?:(?:hi|hello|嗨|哈喽) ?)?(?:(?:尊敬|亲爱)的[^\n]{1,6})?(?:您|你)们?好[呀啊哦]?|(?:hi|hello) ?亲"
    r"|嗨|哈[喽罗啰]|(?:早上|上午|中午|下午|晚上)好|欢迎|亲(?:亲|爱的)?|在的"
    r"|很高兴(?:认识|见到|和|与)?(?:您|你)?[^\n]{0,6}",
    re.IGNORECASE,
)
_OFFER = re.compile(
    r"(?:so |and |now )?(?:(?:how|what) )?(?:can|may|could|might|should) (?:I|we)"
    r" (?:help|assist|do for|support|be of (?:help|assistance|service))(?: you)?(?: out)?(?: with)?(?: (?:anything|something))?"
    r"(?: today| now| this (?:morning|afternoon|evening))?(?: sir| madam)?"
    r"|(?:is there )?(?:anything|something) (?:that )?(?:I|we) can (?:help|assist|do)\b[^\n]{0,40}"
    r"|(?:I'm|I am|we're|we are) (?:here|happy|glad|ready|always here) to (?:help|assist)\b[^\n]{0,30}"
    r"|(?:please )?(?:(?:feel free to ask|ask me anything)[^\n]{0,30}"
    r"|let me know how I can help(?: you)?(?: out)?(?: with (?:that|anything))?(?: today)?)"
    r"|(?:请问|今天)?(?:您|你)?(?:有|需要|想)?(?:什么|哪些|啥|怎么)(?:我)?(?:可以|能|是我)[^\n]{0,4}(?:帮|为(?:您|你)|效劳|服务)[^\n]{0,8}"
    r"|(?:请问)?(?:我)?(?:有)?(?:什么|哪些|啥|怎么)?(?:我)?(?:可以|能)(?:为|帮)(?:助)?(?:到)?(?:您|你)[^\n]{0,8}"
    r"|(?:请问)?(?:您|你)?(?:有什么需要|需要什么)(?:的)?(?:帮助|帮忙|服务)[^\n]{0,4}|(?:请问)?有什么(?:需要|问题)?(?:我)?(?:可以|需要|想)?(?:帮(?:忙|助)?|咨询)[^\n]{0,5}"
    r"|(?:请问)?(?:今天)?(?:我)?(?:能|可以)(?:为|帮)(?:您|你)(?:做)?(?:些|点)?什么[呢吗]?"
    r"|(?:很)?高兴为(?:您|你)(?:服务|解答)|随时为(?:您|你)(?:服务|效劳)|请(?:描述|说明|输入|留下|直接说出)(?:您|你)的(?:问题|需求)",
    re.IGNORECASE,
)
# Where a system text sets a scene, who speaks and where is part of it; elsewhere it goes with an offer of help.
_PLACE = re.compile(
    r"welcome to (?!the (?:quiz|game|test|story)|chapter|lesson|part|episode)[^\n]{1,40}|you(?:'ve| have) reached [^\n]{1,40}"
    r"|欢迎(?:来到|使用|致电|联系|咨询)[^\n]{0,20}|这里是[^\n]{1,16}(?:客服|中心|热线|店|公司|银行|服务)[^\n]{0,6}",
    re.IGNORECASE,
)
_SPEAKER = re.compile(
    r"(?:(?i:I'm|I am|this is|my name is|you're chatting with) )(?:[A-Z][\w'-]{0,20}(?: (?:from )?[A-Z][\w'-]{0,20}){0,2}(?: speaking| here)?"
    r"|(?:your |an? |the )[^\n]{0,30}(?i:assistant|bot|chatbot|agent|model|representative|helper|advisor|adviser)[^\n]{0,30})"
    r"|(?i:your|an?|the) [^\n]{0,30}(?:assistant|chatbot|bot|agent|model)"
    r"|我[是叫](?:您的|你的)?[^\n]{0,10}(?:助手|助理|客服|顾问|机器人|管家|模型)[^\n]{0,4}|我[是叫]小[^\n]{1,2}|我叫[^\n]{1,4}"
    r"|(?:工号\s?\w{1,8}|客服\w{1,4}|机器人\w{1,4})\s?为(?:您|你)服务|(?:您|你)的[^\n]{0,8}(?:助手|助理|客服|顾问)"
)
_WHOLE_PLACE = re.compile(r"欢迎光临[^\n]{0,6}")
# Of "Hi Tom," and "help you, Ms. Park?": whom it is said to.
_TO_SOMEBODY = re.compile(
    r"\b((?i:hello|hi|hey|greetings|morning|afternoon|evening|help you)),?"
    r" (?:(?:Mr|Ms|Mrs|Dr)\.? [A-Z][\w'-]*|[A-Z][a-z'-]+(?=[!,.?])|traveller|sir|madam|friend)"
)


def offers_help(text: str) -> bool:
    """Whether some part of a short text asks how it can help, as an assistant does."""
    return len(text) <= _LONGEST and any(map(_OFFER.fullmatch, _pieces(text)))


def is_greeting(text: str, *, has_scene: bool) -> bool:
    """Whether a turn greets or offers help and says nothing else; an empty one says nothing at all.

    Args:
        has_scene: a system text says who speaks.
    """
    if len(text) > _LONGEST:
        return False
    pieces = _pieces(text)
    polite = [*map(_is_polite, pieces)]
    if all(polite):
        return True
    others = [piece for piece, is_polite in zip(pieces, polite, strict=True) if not is_polite]
    named = all(_PLACE.fullmatch(piece) or _SPEAKER.fullmatch(piece) for piece in others)
    return named and not has_scene and offers_help(text)


def _is_polite(piece: str) -> bool:
    return any(pattern.fullmatch(piece) for pattern in (_HELLO, _OFFER, _WHOLE_PLACE))


def _pieces(text: str) -> list[str]:
    bare = _TO_SOMEBODY.sub(r"\1", text[:_LONGEST])
    return [piece for part in _PIECES.split(bare) if (piece := _EDGES.sub("", part))]
