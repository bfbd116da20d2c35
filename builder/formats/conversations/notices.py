"""Messages of a chat that nobody said: notices of the system, and what stands in an export for a picture or a sticker."""

import re
from typing import Literal

from builder.text import word_list

Kind = Literal["said", "notice", "sticker", "media"]

# A notice is one line; what is longer was said by somebody.
_LONGEST = 160
_NAME = r"[\"“「']?.{1,40}?[\"”」']?"
_ROOM = "(?:群聊|群|会话|聊天室?|对话|房间|直播间)"
# Whoever says so of himself, asks or requests is no system.
_NOT_SAID = "(?!我|怎么|如何|为什么|为啥|请|能|可以|想|要|还|没|不|帮)"
_NOT_SPOKEN = r"(?!(?:i|we|he|she|they|it|my|our|how|can|could|when|if|please|why|who|what|where|did|has|is)\b)"
_TAIL = "[^？?吗呢么啥]{0,24}"
_BY = r"(?: (?:by|to|at|on|with|due to|after|from|via|using) [^,?]{1,40}| ?[(（:：][^?]{1,40})?"
_CHINESE = (
    "以上是打招呼的内容",
    "以下(?:是|为)新消息",
    "以上(?:是|为)历史(?:消息|记录)",
    f"你?已添加了?{_NAME}，(?:现在|以上)?.{{0,12}}(?:可以开始聊天了|打招呼的内容)",
    f"{_NAME}通过了你的朋友验证请求，现在我们可以开始聊天了",
    f"{_NAME}(?:已)?(?:成功)?撤回了?一条(?:消息|信息)(?: ?重新编辑)?",
    "(?:该|此|这条)?消息已(?:被)?(?:撤回|删除)",
    f"{_NOT_SAID}{_NAME}(?:已)?(?:加入|进入|退出|离开)了?(?:本|该)?{_ROOM}",
    f"{_NOT_SAID}{_NAME}邀请{_NAME}加入了?{_ROOM}{_TAIL}",
    f"{_NAME}通过扫描.{{0,40}}(?:二维码|名片)?.{{0,20}}加入{_ROOM}",
    f"{_NOT_SAID}{_NAME}(?:修改|更改)群名(?:称)?为.{{1,60}}",
    '(?:我|["“「].{1,40}["”」]) ?拍了拍 ?(?:我|自己|["“「].{1,40})',
    "系统(?:消息|提示|通知)?[:：].{1,120}",
    f"(?:会话|对话|聊天|通话|人工服务|本次服务|本次咨询)(?:已)?(?:开始|结束|关闭|超时|接入|建立|创建)(?:[，,：:（( ]{_TAIL})?",
    f"{_NOT_SAID}{_NAME}(?:已)?(?:接入|结束|关闭|发起)了?(?:本次|此次)?(?:会话|对话|服务|咨询)",
    f"(?:会话|对话)(?:已|正在)?(?:被)?(?:转接|转入|转交|分配)(?:至|到|给|人工){_TAIL}",
    f"(?:正在|已)为您(?:转接|接通|分配)(?:到)?人工(?:客服|坐席|服务)?(?:中)?{_TAIL}",
    "对方(?:正在输入|已取消|已拒绝|无应答|已开启.{1,30}|还不是(?:你|您)的(?:朋友|好友).{0,60})",
    "(?:消息|信息)(?:已)?(?:发出|发送)，?但?被对方拒收了?",
    f"(?:用户|客户|访客|对方|买家|顾客)(?:已)?(?:离线|下线|上线|离开|超时未回复|结束了?会话){_TAIL}",
    "(?:语音|视频)?(?:通话|聊天)(?:时长[:： ]?[0-9:：分秒小时 ]+|已取消|已拒绝|中断)",
    f"收到红包，请在手机上查看|{_NAME}领取了你的红包|你领取了{_NAME}的红包",
    "消息和通话(?:已)?(?:进行)?端到端加密.{0,120}",
)
_ENGLISH = (
    r"(?:messages|this chat|messages and calls)(?: to this chat and calls)? (?:is|are)(?: now)? (?:secured with )?end-to-end encrypt(?:ed|ion).*",
    rf"{_NOT_SPOKEN}{_NAME} (?:has )?(?:joined|left|entered|exited) (?:the |this )?(?:live )?(?:chat|group|conversation|room|session|channel){_BY}",
    rf"{_NOT_SPOKEN}{_NAME} joined using (?:this group's|an) invite link",
    rf"{_NOT_SPOKEN}{_NAME} (?:has )?(?:recalled|unsent|deleted|retracted) (?:a|this|the) message",
    r"(?:this|a|the) message (?:was|has been|is) (?:deleted|recalled|retracted|unsent)(?: by [^,]{1,24})?",
    r"(?:the |this )?(?:chat|conversation|session|ticket|call) (?:has |is |was )?(?:been )?"
    rf"(?:started|ended|closed|transferred|assigned|resolved|reopened|created|escalated|timed out|disconnected|begun){_BY}",
    rf"{_NOT_SPOKEN}{_NAME} (?:has )?(?:started|ended|closed|transferred|accepted) (?:the |this )?(?:chat|conversation|session|ticket){_BY}",
    r"(?:you are|you're) now (?:chatting|connected|talking|speaking) (?:with|to) [^,?]{1,60}",
    rf"{_NOT_SPOKEN}{_NAME} (?:created|changed|left) (?:this group|the group|the subject|this group's icon|the group description){_BY}",
    rf"{_NOT_SPOKEN}{_NAME} (?:added|removed) .{{1,60}} (?:to|from) (?:the |this )?(?:group|chat|conversation)",
    r"your security code with .{1,60} changed.{0,60}",
    rf"{_NOT_SPOKEN}{_NAME} (?:is|are) typing(?:\.{{3}}|…)?",
    r"missed (?:voice|video|group)? ?call(?: at .{1,20})?",
    rf"(?:agent|visitor|customer|user) {_NAME} (?:has )?(?:been assigned|disconnected|went offline|is offline|timed out){_BY}",
    r"(?:waiting|please wait) for an? (?:agent|representative) to join.{0,20}",
)
_NOTICE = re.compile(f"(?:{'|'.join((*_CHINESE, *_ENGLISH))})[.。!！~～…]*", re.IGNORECASE)
# A notice holds one of these; a message without any is not looked at further.
_HINT = re.compile(
    "打招呼|新消息|历史|朋友验证|开始聊天|撤回|删除|加入|进入|退出|离开|群名|拍了拍|消息|提示|通知|会话|对话|聊天|咨询|服务|通话"
    "|转接|转入|转交|分配|接通|对方|拒收|离线|下线|上线|超时|红包|加密"
    "|encrypt|join|left|enter|exited|recall|unsent|delet|retract|chat|conversation|session|ticket|call|connected|group"
    "|security code|typing|assigned|offline|waiting",
    re.IGNORECASE,
)

_MARK = "\u200e\u200f\u202a\u202c\ufeff"  # WhatsApp puts these before what nobody typed
_MEDIA = (
    "图片|照片|图像|截图|视频|短视频|小视频|语音|语音消息|音频|文件|附件|链接|位置|地理位置|名片|个人名片|小程序|音乐|商品|商品卡片"
    "|商品链接|宝贝|宝贝链接|订单|订单卡片|卡片|聊天记录|红包|转账|视频号|笔记|接龙|投票|直播|优惠券"
    "|image|picture|photo|video|voice|voice message|voice note|audio|file|document|attachment|location|contact|contact card|link|card"
    "|product|order|media|gif"
)
_STICKER = "表情|动画表情|表情包|贴纸|动态表情|sticker|emoji|animated sticker"
_OPEN, _CLOSE = "[\\[【<《(（{]", "[\\]】>》)）}]"
_FILE = r"[^\s\[\]<>]+\.(?:jpe?g|png|gif|webp|heic|bmp|mp4|mov|3gp|avi|opus|ogg|mp3|m4a|amr|wav|aac|pdf|docx?|xlsx?|pptx?|zip|rar|vcf|txt|csv)"
_IS_MEDIA = re.compile(
    f"(?:{_OPEN} ?(?:{_MEDIA})(?: ?消息)? ?{_CLOSE}(?:[ :：]?(?:https?://\\S+|{_FILE}))?"
    f"|(?:{_MEDIA})(?: message)? omitted"
    "|<media omitted>|<(?:已)?(?:省略|忽略)(?:的)?(?:多)?媒体(?:文件)?>|<(?:多)?媒体(?:文件)?(?:已)?(?:省略|忽略)>"
    f"|<(?:attached|附件)[:：] ?.{{1,120}}>|{_FILE} \\((?:file attached|文件附件|已附加文件)\\)"
    rf"|\[(?:file|文件|图片|image)[:：] ?.{{1,120}}\])[.。]?",
    re.IGNORECASE,
)
# WeChat writes its own small faces as a word or two in brackets.
_IS_STICKER = re.compile(
    f"(?:{_OPEN}(?:{_STICKER}){_CLOSE}|(?:{_STICKER}) omitted|(?:\\[[\u4e00-\u9fff]{{1,4}}\\]|\\[[A-Za-z]{{2,12}}\\])+)",
    re.IGNORECASE,
)
_OF_KINDS = {
    "图片": "图片 image picture photo img 图片消息",
    "语音": "语音 voice audio 语音消息",
    "视频": "视频 video 视频消息",
    "表情": "表情 sticker emoji gif 动画表情",
    "文件": "文件 file document attachment 文件消息",
    "位置": "位置 location",
    "名片": "名片 card",
    "链接": "链接 link url 卡片 商品卡片 小程序 商品",
    "转账": "转账",
    "红包": "红包",
}
# What a column of kinds calls a message that is no text, and what stands for such a message.
MARKS = {word: f"[{mark}]" for mark, several in _OF_KINDS.items() for word in word_list(several)} | {"通话": "[语音]"}
# Where a picture was among words, as WeChat and QQ write down what is forwarded or copied.
_PICTURES = ("[图片]", "【图片】", "[Photo]")
_STARTS = frozenset("[【<《(（{")


def kind_of_message(text: str, speaker: str = "") -> Kind:
    """What a stripped message is: said, a notice of the system, a sticker, or a mark where a picture, voice or file was.

    Args:
        speaker: as the file has it; of nobody is a notice.
    """
    if not speaker:
        return "notice"
    if any(picture in text for picture in _PICTURES):
        return "media"
    if len(text) > _LONGEST or "\n" in text:
        return "said"
    text = text.strip(_MARK + " ")
    if (text[:1] in _STARTS or text.endswith((")", "omitted", "omitted."))) and (found := _placeholder(text)):
        return found
    if _HINT.search(text) and (_NOTICE.fullmatch(text) or text.casefold() in _bare(speaker)):
        return "notice"
    return "said"


def _placeholder(text: str) -> Kind | None:
    if _IS_MEDIA.fullmatch(text):
        return "media"
    return "sticker" if _IS_STICKER.fullmatch(text) else None


def _bare(speaker: str) -> tuple[str, ...]:
    """What some systems write under a speaker's own name when that speaker comes and goes."""
    name = speaker.casefold()
    return tuple(f"{name} {did}{end}" for did in ("joined", "left", "has joined", "has left") for end in ("", "."))
