"""What tells one conversation from the next, and who is on which side, where a table says little of it."""

from pathlib import Path

import pytest

from builder.errors import InputFileError, UsageError
from builder.formats.conversations.roles import side_by_name
from builder.pipeline.conversion_plan import Asked, look
from builder.pipeline.converting import Converted, convert, samples
from builder.progress import Reporter

QUIET = Reporter(quiet=True)


def table(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def read(path: Path) -> list[str]:
    """The conversations, each as its texts in a row; of what has to be asked the flag and its answers."""
    plan = look([path], Asked(), QUIET)
    if plan.choices:
        return [f"{choice.flag} {' '.join(choice.candidates)}" for choice in plan.choices]
    return [" ".join(turn.content for turn in sample.messages) for _, sample in samples(plan, Converted())]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        # a list of questions with the time at which each was written
        (["问题,答案,创建时间", "一？,甲,2024-05-01 10:00", "二？,乙,2024-05-01 10:05"], ["一？ 甲", "二？ 乙"]),
        (["user_id,question,answer", "7,one?,a", "7,two?,b"], ["one? a", "two? b"]),
        # several rows that stand together share a number
        (["id,role,content", "1,user,one?", "1,assistant,a", "2,user,two?", "2,assistant,b"], ["one? a", "two? b"]),
        (["组,角色,内容", "一组,客户,一？", ",客服,甲", "二组,客户,二？", ",客服,乙"], ["一？ 甲", "二？ 乙"]),
        (["role,content", "user,one?", "assistant,a", ",", "user,two?", "assistant,b"], ["one? a", "two? b"]),
        (
            ["seq,speaker,text", "1,patient,one?", "2,doctor,a", "1,patient,two?", "2,doctor,b"],
            ["one? a", "two? b"],
        ),
        (
            [
                *("phone,time,direction,text", "+491,2024-05-01 10:00,in,one?", "+492,2024-05-01 10:01,in,two?"),
                *("+491,2024-05-01 10:02,out,a", "+492,2024-05-01 10:03,out,b"),
            ],
            ["one? a", "two? b"],
        ),
        # everybody who asks is called alike
        (
            [
                *("账号,时间,发送方,内容", "w1,2024-05-01 10:00,客户,一？", "w2,2024-05-01 10:01,客户,二？"),
                *("w1,2024-05-01 10:02,客服,甲", "w2,2024-05-01 10:03,客服,乙"),
            ],
            ["--map conversation= 账号"],
        ),
        # one who writes to many asks them, as far as one can see
        (
            ["chat,time,sender,text"]
            + [
                f"c{n},2024-05-0{n} 10:0{minute},{who},{text}"
                for n in (1, 2, 3)
                for minute, who, text in ((0, "Paul", "In stock?"), (1, ("Kim", "Lou", "Max")[n - 1], "Yes"), (2, "Paul", "Fine"))
            ],
            ["--roles Paul=assistant Kim=assistant Lou=assistant Max=assistant"],
        ),
        # an administrator who says a word in a group of people
        (
            ["time,sender,text"]
            + [f"2024-05-01 10:{n:02},{['Anna', 'Ben', 'Cleo'][n % 3]},text {n}" for n in range(12)]
            + ["2024-05-01 10:13,Group Admin,Be kind"],
            ["--roles Anna=assistant Ben=assistant Cleo=assistant Group Admin=assistant"],
        ),
        # the day is in a column of its own
        (
            [
                *("Conversation ID,Date,Time,Sender,Message", "x,3/14/2024,9:15 AM,Customer,Open?"),
                "x,3/14/2024,9:16 AM,Agent,At ten",
            ],
            ["Open? At ten"],
        ),
        (["question,answer", "Sizes?,S; M; L", "Colours?,red; blue; green"], ["Sizes? S; M; L", "Colours? red; blue; green"]),
        (["标准问,相似问,标准答", "怎么退货,退货流程,申请退货"], ["怎么退货 申请退货"]),
    ],
)  # fmt: skip
def test_tables(tmp_path: Path, lines: list[str], expected: list[str]) -> None:
    assert read(table(tmp_path / "a.csv", *lines)) == expected


def test_the_rest_of_a_text_behind_a_comma_is_not_lost(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", "question,answer", "Do you take cards?,Yes, all of them")
    with pytest.raises(InputFileError, match="row 2: 3 cells where the header has 2"):
        read(path)


@pytest.mark.parametrize("name", ["Customer Care", "Acme Customer Service", "Guest Relations", "customer_support"])
def test_who_serves_customers_is_none(name: str) -> None:
    assert side_by_name(name) == "assistant"


def test_customers_are_customers() -> None:
    assert [side_by_name(name) for name in ("Customer", "customer 3", "Guest 881")] == ["user"] * 3


def test_bold_questions_below_a_heading(tmp_path: Path) -> None:
    path = table(tmp_path / "a.md", "# FAQ", "", "**Q: One?**", "A: a", "", "**Q: Two?**", "A: **b** c")
    assert read(path) == ["One? a", "Two? **b** c"]


def test_bold_answers_keep_what_begins_them(tmp_path: Path) -> None:
    lines = ["**User**: One?", "**Assistant**: **Yes** it is", "**User:** Two?", "**Assistant:** **No** it is not"]
    assert read(table(tmp_path / "a.md", *lines)) == ["One? **Yes** it is Two? **No** it is not"]


def test_a_text_that_is_no_chat_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="a text that is no chat as far as one can see"):
        read(table(tmp_path / "a.txt", "Once upon a time", "there was a table."))


def test_a_picture_among_words_is_a_picture(tmp_path: Path) -> None:
    lines = [
        "session,role,content",
        "1,user,[图片]这个怎么修",
        "1,assistant,换个螺丝",
        "1,user,几点关门",
        "1,assistant,六点",
    ]
    assert read(table(tmp_path / "a.csv", *lines)) == ["几点关门 六点"]


def test_why_nothing_came_of_it_is_told_in_words(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", "session,role,content", "1,user,Hello?", "2,assistant,Hi")
    with pytest.raises(UsageError, match=r"found: messages of conversations without an answer 1, .* a question 1$"):
        convert(look([path], Asked(), QUIET), tmp_path / "out.jsonl", QUIET)
