"""What stands in for a text or a picture that is not there: its address, or a note that it was attached.

Describe the photo at https://…/cat.jpg   (an address is no picture)
Say where it was taken. | [Photo]         (nor is a note)
"""

import re

# Work on texts in general: code that will be given one, and how-to questions.
GENERIC = re.compile(
    r"\b(?:how (?:do|can|to)|algorithm|chat ?bot)\b|函数|程序|算法|代码|系统|模型|脚本|查询|正则|如何|怎么|怎样",
    re.IGNORECASE,
)
# An address alone, with a label before it or as a picture of Markdown.
_ADDRESS = re.compile(
    r"\s*(?:<no ?input>\s*)?(?:(?:\w[\w ]{0,20}|[\u4e00-\u9fff]{1,8}) ?[:：]\s{0,2})?(?:!?\[[^\]\n]{0,60}\]\(\s?)?<?https?://[^\s<>\"“”]{1,300}"
    r"(?: \"[^\"\n]{0,60}\")?[>)]{0,2}\s*"
)
_PICTURE_ADDRESS = re.compile(
    r"https?://[^\s\"'“”<>)]{1,300}?\.(?:jpe?g|png|gif|webp|bmp|svg|mp4|mov|avi|mp3|wav)\b|!\[[^\]\n]{0,60}\]\(\s?https?:",
    re.IGNORECASE,
)
# A note that something was attached, in place of it.
_ATTACHED = re.compile(
    r"\s*(?:[\[<(（【]\s*(?:an? |the )?(?:attached )?(?:image|picture|photo|painting|video|audio|file|chart|graph|document)s?(?: clip)?"
    r"(?: (?:attached|here|of [^\]>)\n]{1,40}))?\s*[\])>）】]"
    r"|[\[<(（【]\s*(?:input: ?)?links? to [^\]>)\n]{1,60}[\])>）】]"
    r"|(?:an? |the |see )?attached (?:\w+ ){0,2}(?:image|picture|photo|painting|video|file|chart|graph|document|article)s?\.?"
    r"|[\[<(（【](?:一[张幅段篇个])?[^\]\n，。]{0,12}?(?:图片|照片|图像|视频|音频|附件)(?:链接)?[\])>）】]|(?:见|请见)?附件[。]?)\s*",
    re.IGNORECASE,
)
_AT_ADDRESS = re.compile(
    r"\b(?:article|page|photos?|pictures?|images?|videos?|content|stor(?:y|ies)|websites?|recipe|blog|post|news|text|passage|report"
    r"|design|logo|painting|artworks?|chart|graph)\b|文章|网页|图|照片|视频|内容|网站|新闻|报道|设计|文本|本文|博客|作品",
    re.IGNORECASE,
)
# "Sum up this article: https://…": what stands at the end of an instruction in place of the text that it names.
_NAMED_BEFORE = re.compile(
    r"(?:\b(?:this|the|following|given)\b[^.?!\n]{0,24}?\b(?:article|page|story|blog|post|news|text|passage|report|video)s?\b[^.?!\n]{0,16}"
    r"|(?:[这该]|以下|下面|下列)[^。？！\n]{0,8}?(?:文章|网页|新闻|报道|文本|博客|视频|帖子)[^。？！\n]{0,8})$",
    re.IGNORECASE,
)
_LAST_ADDRESS = re.compile(r"[<(（]?https?://[^\s<>\"“”]{1,300}\Z")
# What is done with the address itself, or with a program that uses it.
_ABOUT_ADDRESS = re.compile(
    r"(?<![a-z])(?:urls?|links?|domains?|address(?:es)?|code|html|css|markdown|script|function|program|python|curl|download|request|parse"
    r"|file ?names?|extension|protocol|valid(?:ate)?|short(?:en)?)(?![a-z])|网址|链接|域名|代码|地址|函数|程序|文件名|脚本|下载",
    re.IGNORECASE,
)
_LOOKS_AT = re.compile(
    r"\b(?:describe|identif\w+|captions?|analy[sz]e|classify|recogni[sz]e|detect|look at|what|who|which|how many|label|categori[sz]e"
    r"|summari[sz]e|sum up|read|review|edit|colou?ri[sz]e|count|explain|find|title|name|tell|give|generate|write|create|rate|compare|choose)\b"
    r"|描述|识别|分析|分类|看|什么|谁|几|标题|总结|编辑|说明|解释|找|命名|生成|写|给",
    re.IGNORECASE,
)


def find_attached(instruction: str, input: str) -> str | None:
    """An address of a page or a picture that stands in for it, or a note that it was attached."""
    if input and ("ttached" in input or "附件" in input or input.lstrip()[:1] in "[<(（【"):
        noted = _ATTACHED.fullmatch(input)
        if noted and not GENERIC.search(instruction) and not _ABOUT_ADDRESS.search(instruction):
            return noted.group().strip()
    if "://" not in input and "://" not in instruction:
        return None
    if _ABOUT_ADDRESS.search(_PICTURE_ADDRESS.sub("", instruction)):
        return None
    alone = _ADDRESS.fullmatch(input)
    if alone and (_AT_ADDRESS.search(instruction) or _PICTURE_ADDRESS.search(input)):
        return alone.group().strip()
    last = _LAST_ADDRESS.search(instruction.rstrip()) if not input.strip() else None
    if last and _NAMED_BEFORE.search(instruction[: last.start()]) and _LOOKS_AT.search(instruction[: last.start()]):
        return last.group()
    picture = _PICTURE_ADDRESS.search(instruction) if not input.strip() else None
    return picture.group() if picture and _LOOKS_AT.search(instruction[: picture.start()]) else None
