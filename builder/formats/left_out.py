"""What of a file is in no sample, by cause: counted as it is read, told at the end."""

from collections.abc import Mapping

# Of chats, as `conversations.threads` names them, then of trees and exports.
_LABELS: Mapping[str, tuple[str, str]] = {
    "empty": ("empty messages {}", "空消息 {} 条"),
    "notice": ("notices of the system {}", "系统提示 {} 条"),
    "sticker": ("stickers {}", "表情 {} 个"),
    "repeated": ("messages sent twice {}", "重复的消息 {} 条"),
    "skipped": ("messages of speakers that are not taken {}", "不采用的发言者的消息 {} 条"),
    "opening": ("messages before the first question {}", "首个提问之前的消息 {} 条"),
    "media": ("messages around pictures, voice and files {}", "涉及图片、语音或文件的消息 {} 条"),
    "unanswered": ("questions that nobody answered {}", "无人回答的提问 {} 条"),
    "no_answer": ("messages of conversations without an answer {}", "没有回答的对话中的消息 {} 条"),
    "no_question": ("messages of conversations without a question {}", "没有提问的对话中的消息 {} 条"),
    "tools": ("messages of conversations with a tool's results {}", "含工具结果的对话中的消息 {} 条"),
    "deleted": ("deleted messages {}", "已删除的消息 {} 条"),
    "refused": ("messages refused in review {}", "审核未通过的消息 {} 条"),
    "unreviewed": ("messages never reviewed {}", "未经审核的消息 {} 条"),
    "in_circles": ("messages that answer themselves by way of others {}", "循环引用的消息 {} 条"),
    "branches": ("other branches {}", "其他分支 {} 个"),
    "hidden": ("turns that the chat does not show {}", "界面上不显示的消息 {} 条"),
    "tool_turns": ("calls and results of tools {}", "工具调用与结果 {} 条"),
    "citations": ("marks of sources in answers {}", "回答中的来源标记 {} 处"),
    "cut": (
        "ends of conversations after a picture or a file that the export lacks {}",
        "因缺图片或文件而截断的对话 {} 段",
    ),
    "unlabelled": ("texts before the first speaker {}", "首个发言者之前的文字 {} 段"),
}


def tell_left_out(counts: Mapping[str, int], language: str) -> str:
    """All of it in one phrase, in English or Chinese (`zh`); an empty text where there is nothing."""
    parts = [
        label[language == "zh"].format(f"{counts[cause]:,}") for cause, label in _LABELS.items() if counts.get(cause)
    ]
    return ("、" if language == "zh" else ", ").join(parts)
