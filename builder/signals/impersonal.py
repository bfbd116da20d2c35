"""Refusals without an I: "This task cannot be completed by a language model.", "The requested picture cannot be produced."

    生成一段音频。                   →  这种类型的指令无法由语言模型完成。
    Draw a cat.                    →  Unable to generate an image.
    Who won, by the passage?       →  The question cannot be answered from the passage.      (an answer)

Who cannot must be a machine, or what cannot be made a picture, sound or file, or a short answer must say of the task itself
that it cannot be done; and the prompt must not be about machines, where that is what was asked.
"""

import re

_OPENING = 240
# "This task cannot be completed." may begin a longer text that goes on to do it.
_SHORT = 160

_MODEL_EN = (
    r"(?:GPT(?:[- ]?\d[\w.]*)?(?: (?:language )?models?)?|AI(?: (?:language )?(?:models?|assistants?|systems?))?"
    r"|(?:AI |text(?:-based)? )?(?:language|text) models?|chat ?bots?|artificial intelligence|virtual assistants?"
    r"|(?:text-based|AI|language) (?:assistants?|models?|programs?|interfaces?|systems?|platforms?)"
    r"|(?:machine|computer) programs?)"
)
_MACHINE_EN = (
    rf"(?:(?:an?|any|this|the|our|your)(?: (?:large|current|text-based|AI|GPT))? |(?:current |large )?){_MODEL_EN}"
)
_IN_TEXT_EN = (
    r"(?:(?:plain |just |only )?text(?:ual)?(?:[- ](?:only|based|format|form|response|output|medium|environment))*)"
)
_TASK_EN = (
    r"(?:this|these|the|that|such|your)(?: \w+){0,3}? (?:tasks?|instructions?|requests?|prompts?|quer(?:y|ies)|commands?|actions?"
    r"|activity|questions?|inputs?)"
)
_MEDIA_EN = (
    r"(?:pictures?|images?|photos?|photographs?|drawings?|sketch(?:es)?|illustrations?|graphics?|paintings?|diagrams?|graphs?|charts?"
    r"|cartoons?|videos?|animations?|audio(?: files?| clips?)?|recordings?|sounds?|songs?|music|visuals?|posters?|logos?|files?|maps?)"
)
_MAKE_EN = r"(?:produce|generate|create|draw|display|show|render|provide|make|sketch|paint|play|record|upload|attach|design|illustrate)"
_MADE_EN = r"(?:produced|generated|created|drawn|displayed|shown|rendered|provided|made|sketched|painted|played|recorded|uploaded|attached)"
_DONE_EN = r"(?:completed|fulfilled|done|performed|executed|carried out|answered|accomplished|processed|met|satisfied|handled|implemented)"
_CANNOT_EN = r"(?:can(?:not|'t| not)|could not)"

_MODEL_ZH = (
    r"(?:(?:一个|本|该|这个|大型|当前的?)?\s?(?:GPT[-\d. ]{0,4}(?:语言)?(?:模型)?|AI\s?(?:语言)?(?:模型|助手|程序|系统)?"
    r"|人工智能(?:语言)?(?:模型|助手|程序|系统)?|(?:大|纯文本|文本|自然)?语言(?:生成)?模型|文本(?:生成)?模型|聊天机器人|语言助手))"
)
_TASK_ZH = "(?:任务|指令|请求|要求|操作|命令|指示)"
_MEDIA_ZH = "(?:图片|图像|照片|图画|画作|绘画|绘图|素描|图表|图形|插图|海报|视频|音频|录音|声音|歌曲|音乐|动画|漫画|地图|文件|附件)"
_MAKE_ZH = "(?:生成|制作|提供|绘制|显示|产生|画出|画|创建|创作|展示|呈现|上传|播放|录制|输出)"
_WITHIN_ZH = "(?:在此|在这里|直接|以文[本字]形式|用文[本字]|通过文[本字]|为[您你])*"
_DO_ZH = "(?:完成|实现|执行|生成|满足|处理|绘制|做到|提供|回答)"

_BY_A_MACHINE = re.compile(
    r"^\W{0,3}(?:<?no ?output>?\W{1,4})?(?:sorry,? (?:but )?|unfortunately,? )?(?:"
    rf"{_TASK_EN}(?: \w+){{0,6}}? (?:{_CANNOT_EN} be {_DONE_EN}|(?:is|are) (?:not possible|impossible|not something that can be {_DONE_EN}))"
    rf"[^.\n]{{0,50}}?\b(?:by|with|using|through|in|for|via|within) (?:{_MACHINE_EN}|{_IN_TEXT_EN})\b"
    rf"|[^.\n]{{0,60}}?\b(?:is|are|falls?|lies?) (?:(?:outside|beyond)(?: of)?(?: the| its)? (?:scope|capabilit\w+|abilit\w+|reach) (?:of|for)"
    rf"|(?:not suitable|unsuitable|not applicable|not intended|not feasible) for|not something(?: that)?) {_MACHINE_EN}\b"
    rf"|it(?: is|'s) (?:not possible|impossible) (?:for {_MACHINE_EN} to\b|(?:for me )?to {_MAKE_EN} [^.\n]{{0,40}}?\b{_MEDIA_EN}\b)"
    rf"|{_MACHINE_EN}(?: like me| such as \w+)? (?:{_CANNOT_EN}|(?:is|are) (?:unable to|not (?:able to|capable of|designed to)|incapable of)"
    r"|(?:does|do)(?: not|n't) have (?:the |any )?(?:ability|capability|capacity|means|access|emotions|feelings|personal))"
    rf"|(?:unable|not able|not possible) to {_MAKE_EN} [^.\n]{{0,40}}?\b{_MEDIA_EN}\b"
    rf"|(?:(?:the|this|that|your|an?|no) )?(?:\w+ )?{_MEDIA_EN}(?: \w+){{0,6}}? {_CANNOT_EN} be {_MADE_EN}\b"
    r"|(?:(?:由于|因为)[^。！？\n]{0,30}[，,]|(?:很|非常)?(?:抱歉|对不起|遗憾)[，,])?"
    rf"(?:(?:(?:这|该|此|本|上述|所|您|你)[^，。！？\n]{{0,12}}?)?{_TASK_ZH}?[^，。！？\n]{{0,4}}?"
    rf"(?:无法|不能|不可)(?:直接)?(?:由|被|通过|使用|用|以|在|靠){_MODEL_ZH}[^，。！？\n]{{0,6}}?(?:{_DO_ZH}|中)"
    rf"|{_MODEL_ZH}\s?(?:本身|目前|暂时|还|并)?(?:无法|不能|没有能力|不具备|没法|做不到|不支持)"
    rf"|[^，。！？\n]{{0,24}}?(?:超出|不在|不属于)[^，。！？\n]{{0,6}}?{_MODEL_ZH}\s?的?(?:能力|功能|处理|工作)?(?:范围|之内|能力)"
    rf"|[^，。！？\n]{{0,24}}?不适合(?:由|用|让)?{_MODEL_ZH}"
    rf"|(?:这|该|此|所|您|你)[^，。！？\n]{{0,8}}?(?:请求|要求|需要|想要|指定)的?[^，。！？\n]{{0,6}}?{_MEDIA_ZH}(?:无法|不能)(?:被)?{_WITHIN_ZH}{_MAKE_ZH}"
    rf"|(?:无法|不能){_WITHIN_ZH}{_MAKE_ZH}[^，。！？\n]{{0,8}}?{_MEDIA_ZH})"
    r")",
    re.IGNORECASE,
)
# Of the task alone, and nothing more.
_NOT_DONE = re.compile(
    rf"^\W{{0,3}}(?:<?no ?output>?\W{{1,4}})?(?:sorry,? (?:but )?|unfortunately,? )?(?:this|the|that|such|your)(?: \w+){{0,2}}?"
    rf" (?:task|instruction|request|command|action)s? {_CANNOT_EN} be {_DONE_EN}(?=[.!,;]|$| (?:as|because|at)\b)"
    rf"|^(?:(?:很|非常)?(?:抱歉|对不起|遗憾)[，,])?(?:(?:这|该|此)[个项类种条]?{_TASK_ZH}(?:无法|不能)(?:被)?{_DO_ZH}"
    rf"|(?:无法|不能){_DO_ZH}(?:这|该|此)[个项类种条]?{_TASK_ZH})",
    re.IGNORECASE,
)
# One of these stands in every hit: looked for first, because the patterns are slow.
_UNABLE_EN = [
    "not",
    "n't",
    "unable",
    "impossible",
    "incapable",
    "outside",
    "beyond",
    "suitable",
    "applicable",
    "intended",
    "feasible",
]
_UNABLE = [
    *_UNABLE_EN,
    *["无法", "不能", "不可", "没法", "没有能力", "不具备", "做不到", "不支持", "不适合", "超出", "不在", "不属于"],
]
_OF_MACHINES = re.compile(
    r"\bAIs?\b|\bGPT|language model|chat ?bot|machine|artificial|robot|HTML|\bcss\b|\berror\b|\bwhy\b|语言模型|人工智能|机器|模型|报错|为什么",
    re.IGNORECASE,
)


def find_impersonal(prompt: str, text: str) -> re.Match[str] | None:
    """The words in which an answer says that a machine cannot do the task, or that it cannot be done, at its beginning.

    Args:
        prompt: the turn that is answered.
        text: the answer.
    """
    opening = text[:_OPENING]
    words = _UNABLE_EN if opening.isascii() else _UNABLE
    if not any(map(opening.casefold().__contains__, words)) or _OF_MACHINES.search(prompt):
        return None
    return _BY_A_MACHINE.match(opening) or (_NOT_DONE.match(opening) if len(text) < _SHORT else None)
