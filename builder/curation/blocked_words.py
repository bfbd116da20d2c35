"""Words that an instruction must not hold, since a text model cannot see, hear, draw or open the thing.

English: Self-Instruct's list (image, graph, picture, file, map, draw, plot, go to) and Alpaca's additions (video,
audio, music, flowchart, diagram), as whole words, with plurals. Chinese has no spaces that would make 图 in 图书馆 another
word, so the Chinese list names whole words and the characters that must not stand beside them: 地图 and 图表 as subjects
of a question, 文件夹, 音乐风格, 点击率 and 风景如画 pass.
"""

import re
from functools import lru_cache

_DEFAULT_EN = r"images?|graphs?|pictures?|files?|maps?|draw|plot|go\s+to|videos?|audio|music|flowcharts?|diagrams?"
_DEFAULT_ZH = "|".join(
    (
        "图片(?!社)",
        "照片",
        "截图",
        "配图",
        "(?:给定|以下|下面|上面|上述|这|该|附)的?[张幅个部]?[A-Za-z]*(?:图(?![书案形])|漫画|拼图|画作?(?![家展像]))",
        "流程图",
        "示意图",
        "思维导图",
        "(?:条形|柱状|折线|饼|散点|直方)图",
        "视频(?!会议|网站)",
        "音频(?!率)",
        "录音(?![机棚室])",
        "(?:播放|收听|聆听)[^，。]{0,6}(?:音乐|歌|曲)",
        "(?:给定|以下|这|该)的?[首段]?(?:音乐|旋律|曲子)(?![家剧])",
        "画(?=[一两几][张幅个只条座朵棵匹])(?<![计规策筹谋漫动绘国版壁油笔]画)",
        "[请你帮我来](?:画出|绘制)",
        "^(?:画出|绘制|绘出)",
        "绘图",
        "画图",
        "附件",
        "(?:上传|下载|打开|读取|发送)(?:一个|该|这个|此)?(?:文件|文档|图)",
        "(?:给定|以下|所附|这个|该|此)的?文件(?![夹柜袋])",
        "点击(?![率量])",
        "(?:打开|访问|前往)(?:这个|以下|下面的|该)?(?:网站|网页|网址|链接)",
    )
)
_DEFAULT = re.compile(rf"(?<![A-Za-z0-9_])(?:{_DEFAULT_EN})(?![A-Za-z0-9_])|{_DEFAULT_ZH}", re.IGNORECASE)


def find_blocked_word(text: str, words: tuple[str, ...] | None) -> str | None:
    """The first blocked word of a text, as it stands there, or None.

    Args:
        text: an instruction.
        words: the user's list: words of Latin letters match whole and in any case, strings with other letters anywhere;
            None is the list above.
    """
    found = (_DEFAULT if words is None else _compile(words)).search(text)
    return found.group() if found else None


@lru_cache(maxsize=8)
def _compile(words: tuple[str, ...]) -> re.Pattern[str]:
    patterns = [_pattern(word.strip()) for word in words if word.strip()]
    # An empty list blocks nothing: a pattern that never matches.
    return re.compile("|".join(patterns) if patterns else r"(?!)", re.IGNORECASE)


def _pattern(word: str) -> str:
    """Whole word at each end that is a Latin letter, a digit or an underscore; any run of spaces for a space."""
    before = r"(?<![A-Za-z0-9_])" if re.match(r"[A-Za-z0-9_]", word) else ""
    after = r"(?![A-Za-z0-9_])" if re.search(r"[A-Za-z0-9_]\Z", word) else ""
    return before + r"\s+".join(map(re.escape, word.split())) + after
