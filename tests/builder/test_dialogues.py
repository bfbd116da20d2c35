"""Whole dialogues in a column: which column, whose words, where turns begin; and messages of trees as rows."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from builder.errors import InputFileError
from builder.formats.conversations.cells import find_labels
from builder.formats.conversations.splitting import Splitter
from builder.formats.detection import describe
from builder.formats.importing import Imported, open_samples, read_samples
from builder.formats.left_out import tell_left_out
from builder.progress import Reporter


def load(path: Path) -> Imported:
    return read_samples([path], reporter=Reporter(quiet=True))


def table(path: Path, *records: list[str]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(records)
    return path


def said(imported: Imported) -> list[list[tuple[str, str]]]:
    return [[(turn.role[0], turn.content) for turn in sample.messages] for sample in imported.samples]


def split(*cells: str) -> list[list[tuple[str, str]]] | None:
    labels = find_labels({"id": "1", "text": cell} for cell in cells)
    if labels is None:
        return None
    return [[(part.side[0], part.text) for part in Splitter(labels)(cell)[0]] for cell in cells]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (
            ["客户：在吗？\n客服：您好。备注：请提前到\n客户：时间：9:00 可以吗", "客户:我问过客服：小王\n客服:是的"],
            [[("u", "在吗？"), ("a", "您好。备注：请提前到"), ("u", "时间：9:00 可以吗")], [("u", "我问过客服：小王"), ("a", "是的")]],
        ),
        (
            ["A：几点关门？B：21:00 关门。A：好 B：再见", "A：多少钱 B：三十元"],
            [[("u", "几点关门？"), ("a", "21:00 关门。"), ("u", "好"), ("a", "再见")], [("u", "多少钱"), ("a", "三十元")]],
        ),
        (
            ["User: Hi. Assistant: Hello! Note: we close at 5: sharp.", "User: Say 'Assistant: hi' Assistant: Hi"],
            [[("u", "Hi."), ("a", "Hello! Note: we close at 5: sharp.")], [("u", "Say 'Assistant: hi'"), ("a", "Hi")]],
        ),
        (
            ["\n\nHuman: A poem?\n\nAssistant: Roses: red.\n\nHuman: More", "\n\nHuman: hi\n\nAssistant: hello"],
            [[("u", "A poem?"), ("a", "Roses: red."), ("u", "More")], [("u", "hi"), ("a", "hello")]],
        ),
        (
            ["### Human: Write?### Assistant: Yes. Example: x.", "### Human: hi### Assistant: hello"],
            [[("u", "Write?"), ("a", "Yes. Example: x.")], [("u", "hi"), ("a", "hello")]],
        ),
        (["问：西湖在哪？答：杭州。", "问：多大 答：六平方公里"], [[("u", "西湖在哪？"), ("a", "杭州。")], [("u", "多大"), ("a", "六平方公里")]]),
        (
            ["[09:03] 客户: 发票呢\n[09:04] 客服01: 在订单页", "[10:00] 客户: 在吗\n[10:01] 客服02: 在"],
            [[("u", "发票呢"), ("a", "在订单页")], [("u", "在吗"), ("a", "在")]],
        ),
        (
            ["客户 2023-05-01 09:03:12\n发票？\n客服小美 2023-05-01 09:04:00\n有", "客户 2023-05-02 10:00:00\n好\n客服小美 2023-05-02 10:01:00\n嗯"],
            [[("u", "发票？"), ("a", "有")], [("u", "好"), ("a", "嗯")]],
        ),
        (
            ["Customer: Order 1: where? Support Agent: Soon, Note: late", "Customer: a Support Agent: b"],
            [[("u", "Order 1: where?"), ("a", "Soon, Note: late")], [("u", "a"), ("a", "b")]],
        ),
        (["客户：好客服：请讲客户：退", "客户：在客服：在"], [[("u", "好"), ("a", "请讲"), ("u", "退")], [("u", "在"), ("a", "在")]]),
        (
            ["**User:** hi\n\n**Assistant:** Sure:\n- Time: 9:00", "**User:** a\n**Assistant:** b"],
            [[("u", "hi"), ("a", "Sure:\n- Time: 9:00")], [("u", "a"), ("a", "b")]],
        ),
        (
            ["客户：投诉。\n客服：请拨打\n客服热线：400\n客户：好", "客户：你们客服：真慢！\n客服：抱歉", "客户：在\n客服：在"],
            [
                [("u", "投诉。"), ("a", "请拨打\n客服热线：400"), ("u", "好")],
                [("u", "你们客服：真慢！"), ("a", "抱歉")],
                [("u", "在"), ("a", "在")],
            ],
        ),
        (
            ["客户：投诉。客服：请拨打客服：400。客户：好", "客户：“客服：在吗”是什么意思？客服：是问候。"],
            [[("u", "投诉。"), ("a", "请拨打客服：400。"), ("u", "好")], [("u", "“客服：在吗”是什么意思？"), ("a", "是问候。")]],
        ),
        (
            ["User: Roles?\nAssistant: Sure:\n- User: a person\n- Assistant: me", "User: a\nAssistant: ```\nUser: root\n```\nUser: ok"],
            [
                [("u", "Roles?"), ("a", "Sure:\n- User: a person\n- Assistant: me")],
                [("u", "a"), ("a", "```\nUser: root\n```"), ("u", "ok")],
            ],
        ),
        (
            ["User: hi. Assistant: Hello, user: how are you? User: fine", "User: An assistant: a tool? Assistant: Both."],
            [[("u", "hi."), ("a", "Hello, user: how are you?"), ("u", "fine")], [("u", "An assistant: a tool?"), ("a", "Both.")]],
        ),
        (["- 顾客：有货吗\n- 店员：有", "- 顾客：几点关\n- 店员：九点"], [[("u", "有货吗"), ("a", "有")], [("u", "几点关"), ("a", "九点")]]),
        (
            ["客服小美：您好\n客户：在吗", "客服小丽：您好\n客户：发票", "客服阿强：您好\n客户：退货"],
            [[("a", "您好"), ("u", "在吗")], [("a", "您好"), ("u", "发票")], [("a", "您好"), ("u", "退货")]],
        ),
        (
            ["Agent Smith: Hello\nCustomer: Hi", "Agent Jones: Hello\nCustomer: Bill", "Agent Brown: Yes\nCustomer: Late"],
            [[("a", "Hello"), ("u", "Hi")], [("a", "Hello"), ("u", "Bill")], [("a", "Yes"), ("u", "Late")]],
        ),
        (["客户：在吗<br>客服：在<br/>客户：好", "客户：退<br>客服：好"], [[("u", "在吗"), ("a", "在"), ("u", "好")], [("u", "退"), ("a", "好")]]),
        (["Q：一年几天；A：365", "Q：一天几时；A：24"], [[("u", "一年几天"), ("a", "365")], [("u", "一天几时"), ("a", "24")]]),
        (["客户：在吗 / 客服：在 / 客户：好", "客户：退 / 客服：好"], [[("u", "在吗"), ("a", "在"), ("u", "好")], [("u", "退"), ("a", "好")]]),
        (["（客户）在吗\n（客服）在", "（客户）退\n（客服）好"], [[("u", "在吗"), ("a", "在")], [("u", "退"), ("a", "好")]]),
        (["Note: closes at five. Time: 9:00", "Note: open. Time: 10:00"], None),
        (["He said: hello. She said: bye.", "Ingredients: eggs. Steps: boil."], None),
        (["Model: X100\nStore: Berlin", "Model: X200\nStore: Rome"], None),
        (["Model: X1\nUser: Bob\nIssue: broken", "Model: X2\nUser: Ann\nIssue: dead"], None),
        (["Agent: Tom\nCustomer: Ann\nTopic: bill", "Agent: Tim\nCustomer: Bob\nTopic: parcel"], None),
        (["客户：张三\n客服：小李\n时间：9:00", "客户：李四\n客服：小王\n时间：10:00"], None),
        (["张三：你好\n李四：你好", "张三：吃了吗\n李四：吃了"], None),
    ],
)  # fmt: skip
def test_where_turns_begin(cells: list[str], expected: Any) -> None:
    assert split(*cells) == expected


def test_a_table_of_dialogues_keeps_its_other_columns(tmp_path: Path) -> None:
    path = table(
        tmp_path / "会话.csv",
        ["编号", "类别", "聊天内容", "备注"],
        ["1", "售后", "客户：怎么退货\n客户：急\n客服：七天内可退\n系统：会话已结束", "无"],
        ["2", "售前", "客户：有红色吗\n客服：有", "无"],
        ["3", "售前", "转自微信\n客户：几天到\n客服：三天\n客户：谢谢", "无"],
        *[[str(n), "售前", "客户：好\n客服：嗯", "无"] for n in range(4, 12)],
    )
    files = open_samples([path], reporter=Reporter(quiet=True))
    samples = list(files.samples(note=lambda problem: None))
    assert [[(t.role, t.content) for t in s.messages] for s in samples[:3]] == [
        [("user", "怎么退货\n急"), ("assistant", "七天内可退")],
        [("user", "有红色吗"), ("assistant", "有")],
        [("user", "几天到"), ("assistant", "三天"), ("user", "谢谢")],
    ]
    assert [(s.category, s.source) for s in samples[:3]] == [
        ("售后", "会话.csv#1"),
        ("售前", "会话.csv#2"),
        ("售前", "会话.csv#3"),
    ]
    assert tell_left_out(files.tallies[0].inside, "zh") == "系统提示 1 条、首个发言者之前的文字 1 段"
    assert describe(files.detected[0], "zh") == (
        "会话.csv：11 行，一格一段对话（CSV，发言者 客户=user, 客服=assistant, 系统=notice）；"
        "列：聊天内容 → dialogue、类别 → category；未使用的列：编号、备注"
    )


def test_a_cell_without_speakers_is_named(tmp_path: Path) -> None:
    rows = [["text"], *[[f"User: q{n} Assistant: a{n}"] for n in range(19)], ["see above"]]
    with pytest.raises(InputFileError, match="row 20: its dialogue has none of the speakers that other rows have"):
        load(table(tmp_path / "a.csv", *rows))
    files = open_samples([tmp_path / "a.csv"], skip_broken=True, reporter=Reporter(quiet=True))
    assert len(list(files.samples(note=lambda problem: None))) == 19
    assert [(one["row"], one["broken"]) for one in files.left_out()] == [(20, True)]


def test_system_tells_a_model_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    texts = ["System: Be brief.\nUser: Hi\nAssistant: Hello", "User: a\nAssistant: b"]
    path.write_text("\n".join(json.dumps({"text": text}) for text in texts), encoding="utf-8")
    assert said(load(path)) == [[("s", "Be brief."), ("u", "Hi"), ("a", "Hello")], [("u", "a"), ("a", "b")]]


def test_chosen_and_rejected_dialogues(tmp_path: Path) -> None:
    """As HH-RLHF has them."""
    path = tmp_path / "a.jsonl"
    rows = [
        {"chosen": f"\n\nHuman: {q}\n\nAssistant: yes", "rejected": f"\n\nHuman: {q}\n\nAssistant: no"} for q in "ab"
    ]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    imported = load(path)
    assert said(imported) == [[("u", "a"), ("a", "yes")], [("u", "b"), ("a", "yes")]]
    assert [sample.rejected for sample in imported.samples] == ["no", "no"]


def test_what_other_formats_read_is_theirs(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", ["问题", "回答"], ["客户：在吗\n客服：在", "改写好的对话"])
    assert load(path).detected[0].format == "pairs"
    path = table(
        tmp_path / "b.csv", ["prompt", "chosen", "rejected"], ["p", "User: a Assistant: b", "User: a Assistant: c"]
    )
    assert load(path).detected[0].format == "prompt_completion"


def test_messages_of_trees_as_rows(tmp_path: Path) -> None:
    """As oasst1 has them, in any order; ids are texts."""

    def row(identifier: str, parent: str | None, role: str, text: str, **more: Any) -> dict[str, Any]:
        return {"message_id": identifier, "parent_id": parent, "role": role, "text": text, "lang": "zh", **more}

    rows = [
        row("c", "a", "assistant", "差的回答", rank=1.0, review_result=True, deleted=False),
        row("a", None, "prompter", "什么是熵？", review_result=True, deleted=False),
        row("x", None, "prompter", "另一个问题", review_result=True, deleted=False),
        row("b", "a", "assistant", "好的回答", rank=0.0, review_result=True, deleted=False),
        row("d", "a", "assistant", "没审过", rank=None, review_result=None, deleted=False),
        row("y", "x", "assistant", "答", rank=None, review_result=True, deleted=False),
    ]
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    files = open_samples([path], reporter=Reporter(quiet=True))
    samples = list(files.samples(note=lambda problem: None))
    assert [([t.content for t in s.messages], s.rejected, s.source) for s in samples] == [
        (["什么是熵？", "好的回答"], "差的回答", "a.jsonl#2"),
        (["另一个问题", "答"], None, "a.jsonl#3"),
    ]
    assert tell_left_out(files.tallies[0].inside, "en") == "messages never reviewed 1"
    assert describe(files.detected[0], "en").startswith(
        "a.jsonl: 2 rows, ranked message trees (Open Assistant) (JSON Lines)"
    )

    circle = [
        row("p", "q", "prompter", "绕"),
        row("q", "p", "assistant", "圈"),
        row("o", "gone", "assistant", "答谁？"),
    ]
    path.write_text("\n".join(map(json.dumps, [*rows, *circle])), encoding="utf-8")
    files = open_samples([path], reporter=Reporter(quiet=True))
    assert len(list(files.samples(note=lambda problem: None))) == 2
    assert tell_left_out(files.tallies[0].inside, "zh") == "未经审核的消息 1 条、循环引用的消息 2 条"
    assert [one["problem"] for one in files.left_out()] == ["it begins with an answer to a message that is not there"]

    path.write_text("\n".join(map(json.dumps, [*rows, rows[0]])), encoding="utf-8")
    with pytest.raises(InputFileError, match="row 7: its message_id stands in another row too: c"):
        load(path)
