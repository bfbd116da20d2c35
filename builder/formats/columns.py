"""The names that files use for our fields, in English and Chinese."""

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from builder.errors import UsageError, nearest
from builder.language.messages import worded
from builder.text import word_list

# Earlier names win where a file has several of them; the others are reported as unused.
NAMES: Mapping[str, tuple[str, ...]] = {
    "instruction": word_list("instruction 指令"),
    "input": word_list("input 输入 context 上下文 背景 材料 补充 补充信息 passage article 短文 文章"),
    "output": word_list("output 输出"),
    "question": word_list(
        "question prompt query problem user question_stem 问题 提问 题目 题干 试题 提示 提示词 任务 用户"
    ),
    "answer": word_list(
        "response answer completion reply solution assistant 回答 答案 参考答案 标准答案 回复 答复 助手"
    ),
    "history": word_list("history 历史 历史对话"),
    "system": word_list("system system_prompt 系统 系统提示 系统提示词"),
    "messages": word_list("messages 消息"),
    "conversations": word_list("conversations conversation dialogue 对话"),
    "tools": word_list("tools functions 工具"),
    "prompt": word_list("prompt 提示"),
    "completion": word_list("completion 补全"),
    "chosen": word_list("chosen chosen_response preferred_output 偏好回答"),
    "rejected": word_list("rejected rejected_response rejected_messages non_preferred_output 非偏好回答"),
    "label": word_list("label kto_tag"),
    "options": word_list("options choices 选项 备选项 候选项"),
    "choice": word_list("answerkey correct_answer correct_option correct 正确答案 正确选项 cop"),
    "explanation": word_list("explanation rationale exp 解析 答案解析 解释"),
    "images": word_list(
        "images image image_path image_paths image_url image_urls image_file picture pictures"
        " 图片 图像 图片路径 图片地址"
    ),
    "audios": word_list("audios audio 音频 语音"),
    "videos": word_list("videos video 视频"),
    "reasoning": word_list("reasoning_content reasoning thinking complex_cot 思考过程 思考 推理过程 思维链"),
    "instances": word_list("instances 实例"),
    "category": word_list("category 类别 分类"),
    "language": word_list("language lang 语言"),
    "task_id": word_list("task_id"),
    "id": word_list("id 编号"),
    "name": word_list("name 名称"),
    "is_classification": word_list("is_classification 是否分类"),
    "answer_key": word_list("answer_key"),
}

# Of tables with one message a row: who said what to whom, and when. The names that say more come first.
CHAT_NAMES: Mapping[str, tuple[str, ...]] = {
    "conversation": word_list(
        "conversation_id session_id chat_id dialogue_id dialog_id thread_id ticket_id case_id"
        " 会话id 会话编号 会话号 对话id 对话编号 对话号 聊天id 聊天编号 工单号 工单编号 咨询编号 接待编号 接待id"
        " 服务编号 服务单号 对话序号 会话序号"
        " conversation_no session_no conv_id conversationid sessionid chatid dialogueid threadid ticketid"
        " conversation_number ticket_number session conversation ticket thread dialogue dialog chat case room_id"
        " call_id 通话id 通话编号 录音id 录音编号 会话 对话 咨询单"
    ),
    "speaker": word_list(
        "role speaker speaker_role sender_role sender_type author_role author_type"
        " 角色 身份 说话人 发送方 发送人 发送者 发言人 发言者 发信人 说话方 发送人角色 发送方类型 发送者类型 消息发送方"
        " 发送者角色 发言人角色"
        " sender sender_name from from_user from_name author who participant said_by sent_by sendername author_id"
        " sender_id from_id"
        " 发送人昵称 发送方昵称 发送者昵称 发送人姓名 消息来源 来自 昵称"
        " nickname"
        " 说话者 发起方 消息方"
    ),
    "receiver": word_list("receiver recipient to to_user to_name 接收方 接收人 接收者 收信人 收件人 接收人昵称"),
    "partner": word_list(
        "partner contact contact_name chat_with customer_id customer_name customer buyer buyer_name buyer_nick"
        " buyer_id client client_name client_id user_id user_name username visitor visitor_id"
        " 客户昵称 客户名称 客户姓名 客户id 客户编号 客户账号 客户 买家昵称 买家账号 买家id 买家旺旺 买家 顾客昵称"
        " 顾客id 顾客 联系人 好友 好友昵称 聊天对象 对方 对方昵称 用户昵称 用户id 用户名 会员名 会员昵称 访客id"
        " 访客昵称 访客 微信号 旺旺 旺旺号 手机号"
        " talker strtalker phone phone_number mobile contact_number name_/_number 手机号码 电话 电话号码 对方号码"
    ),
    "direction": word_list(
        "direction is_from_me from_me is_sender issender is_from_customer from_customer is_customer is_agent"
        " from_agent inbound incoming outgoing is_outgoing"
        " 方向 消息方向 收发 收/发 收发方向 收发类型 是否客户 是否客服 是否客户发送 是否客服发送 是否自己 是否本人"
    ),
    "time": word_list(
        "time timestamp datetime date_time created_at create_time createtime sent_at send_time sent message_time"
        " msg_time chat_time strtime ts sent_time sendtime"
        " 时间 发送时间 消息时间 聊天时间 发言时间 对话时间 会话时间 创建时间 日期时间 时间戳 发送日期时间 消息发送时间"
    ),
    "date": word_list("date day sent_date 日期 发送日期 消息日期 聊天日期"),
    "text": word_list(
        "text content message msg body message_content message_text msg_content message_body utterance"
        " 内容 消息内容 聊天内容 发言内容 对话内容 发送内容 消息 文本 文本内容 发言 话语 信息 信息内容 transcript"
        " 识别文本 识别内容 转写文本 转写内容 语音文本 聊天消息"
        " 聊天记录 正文"
        " strcontent messagetext messagecontent line value"
    ),
    "kind": word_list("message_type msg_type messagetype content_type type 消息类型 内容类型 类型"),
    "order": word_list("turn turn_id turn_number turn_index message_index seq sequence step 轮次 消息序号 顺序"),
    "question": word_list(
        "customer_message customer_question customer_query user_message buyer_message user_question human customer"
        " buyer client"
        " 客户 客户问题 客户消息 客户提问 客户咨询 客户咨询内容 客户说 顾客 顾客问题 买家 买家消息 买家问题 买家提问"
        " 用户问题 用户消息 用户提问 用户输入 咨询内容 咨询问题 标准问题 标准问 常见问题 问"
        " q"
    ),
    "answer": word_list(
        "agent_reply agent_response agent_message support_reply seller_reply bot_reply bot_response gpt agent seller"
        " bot support"
        " 客服 客服回复 客服回答 客服消息 客服答复 客服回复内容 客服说 卖家回复 商家回复 商家 卖家 卖家消息 机器人回复"
        " 助手回复 回复内容 回答内容 标准回复 标准答案 标准答 答"
        " a"
    ),
}

# What a person may write on the left of --map field=column.
MAPPABLE = tuple(
    field for field in NAMES if field not in ("question", "answer", "choice", "name", "is_classification", "answer_key")
)

_LANGUAGE_NAMES = dict.fromkeys(word_list("chinese 中文 汉语 简体中文 繁體中文"), "zh")
_LANGUAGE_NAMES |= dict.fromkeys(word_list("english 英文 英语"), "en")

_TRUTHS = {"true": True, "false": False, "1": True, "0": False, "1.0": True, "0.0": False}


def fold_name(name: str) -> str:
    """A column's name as it is compared: width, case, surrounding space, and space or hyphen for `_` do not matter."""
    return "_".join(unicodedata.normalize("NFKC", name).casefold().replace("-", " ").split())


def find_column(columns: Sequence[str], *fields: str) -> str | None:
    """The file's column for the first of our fields that it has under any of its names, or None."""
    folded = {fold_name(column): column for column in reversed(columns)}
    return next((folded[name] for field in fields for name in NAMES[field] if name in folded), None)


def find_columns(columns: Sequence[str], *fields: str) -> dict[str, str]:
    """Field → column for those of the fields that the file has."""
    found = {field: find_column(columns, field) for field in fields}
    return {field: column for field, column in found.items() if column is not None}


# What may have a field's value in other rows of a file, under the names of other fields.
_MEAN_THE_SAME: Mapping[str, tuple[str, ...]] = {
    "instruction": ("instruction", "question"),
    "prompt": ("prompt", "instruction", "question"),
    "output": ("output", "answer", "completion"),
    "completion": ("completion", "output", "answer"),
    "messages": ("messages", "conversations"),
}


def names_like(field: str, column: str, columns: Sequence[str]) -> list[str]:
    """Those of the columns that a field's column may be called in other rows, earlier names first.

    Args:
        column: the field's own, whose other names count too: a file may ask with its input.
    """
    own = fold_name(column)
    fields = [*_MEAN_THE_SAME.get(field, (field,)), *(other for other, names in NAMES.items() if own in names)]
    names = list(dict.fromkeys(name for one in fields for name in NAMES.get(one, ())))
    places = [(names.index(fold_name(other)), other) for other in columns if fold_name(other) in names]
    return [other for _, other in sorted(places)]


def check_mapping(mapping: Mapping[str, str]) -> None:
    """Refuse a mapping from fields that do not exist.

    Raises:
        UsageError: naming the field and the nearest valid one.
    """
    for field in mapping:
        if field not in MAPPABLE:
            raise UsageError(
                worded(
                    "--map {field}={mapping}: unknown field '{field}'{nearest}",
                    field=field,
                    mapping=mapping[field],
                    nearest=nearest(field, MAPPABLE),
                ),
                worded("Fields are {mappable}; write field=column.", mappable=", ".join(MAPPABLE)),
            )


def truth(value: Any) -> bool | None:
    """Whether an answer is labelled as good (KTO's `label`), or None where the value says neither."""
    if isinstance(value, bool):
        return value
    return _TRUTHS.get(str(value).strip().casefold())


def language_code(name: str | None) -> str | None:
    """`zh`, `en`, … from what a column says (`zh-CN`, `English`, `中文`), or None where it says nothing."""
    if name is None or not name.strip():
        return None
    folded = name.strip().casefold()
    return _LANGUAGE_NAMES.get(folded, folded.replace("_", "-").split("-")[0])
