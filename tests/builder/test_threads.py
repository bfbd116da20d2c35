"""Who said what to turns: roles, bursts, pauses, notices, pictures; and times as people write them."""

# ruff: noqa: E501

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from builder.errors import UsageError
from builder.formats.conversations.notices import kind_of_message
from builder.formats.conversations.roles import Roles, propose_roles, read_roles, side_by_name
from builder.formats.conversations.threads import GAP, Threads
from builder.formats.conversations.times import Times, order_of
from builder.formats.conversations.utterance import Utterance

START = datetime(2024, 5, 6, 9, 0)


def chat(*said: str, name: str | None = None) -> list[Utterance]:
    """`12 客服 text` is said by 客服 twelve minutes after the start."""
    parts = [line.split(" ", 2) for line in said]
    return [
        Utterance(row, name, "" if speaker == "-" else speaker, text, START + timedelta(minutes=int(minute)))
        for row, (minute, speaker, text) in enumerate(parts, 1)
    ]


def converse(utterances: Sequence[Utterance], gap: timedelta | None = GAP) -> tuple[list[list[str]], dict[str, int]]:
    threads = Threads(utterances)
    roles = propose_roles(threads)
    found = [[f"{t.role[0]}:{t.content}" for t in c.messages] for c in threads.conversations(roles.side, gap)]
    return found, dict(threads.counts)


class TestConversations:
    def test_bursts_are_joined_and_what_has_no_counterpart_is_cut_by_name(self) -> None:
        said = chat("0 客服 您好", "1 买家 在吗", "1 买家 有货吗", "2 客服 有", "3 客服 今天发", "4 买家 谢谢")
        assert converse(said) == ([["u:在吗\n有货吗", "a:有\n今天发"]], {"opening": 1, "used": 4, "unanswered": 1})

    def test_a_question_after_a_pause_begins_a_new_conversation_and_a_late_answer_does_not(self) -> None:
        said = chat("0 buyer q1", "600 shop a1", "601 buyer q2", "602 shop a2", "843 buyer q3", "844 shop a3")
        assert converse(said)[0] == [["u:q1", "a:a1", "u:q2", "a:a2"], ["u:q3", "a:a3"]]
        assert converse(said, None)[0] == [["u:q1", "a:a1", "u:q2", "a:a2", "u:q3", "a:a3"]]
        assert converse(said, timedelta(minutes=241))[0] == converse(said, None)[0]

    def test_thanks_of_the_day_before_are_no_part_of_the_next_question(self) -> None:
        said = chat("0 buyer q", "1 shop a", "2 buyer thanks", "1440 buyer next", "1441 shop yes")
        assert converse(said) == ([["u:q", "a:a"], ["u:next", "a:yes"]], {"used": 4, "unanswered": 1})

    def test_what_the_shop_sends_by_itself_is_the_opening_of_nothing(self) -> None:
        said = chat("0 buyer q", "1 shop a", "2000 shop New in!", "5000 buyer q2", "5001 shop a2")
        assert converse(said) == ([["u:q", "a:a"], ["u:q2", "a:a2"]], {"used": 4, "no_question": 1})

    def test_an_exchange_with_a_picture_is_left_out_and_the_rest_stays(self) -> None:
        said = chat(
            "0 客户 [图片]",
            "0 客户 这个有吗",
            "1 客服 没有了",
            "2 客户 包邮吗",
            "3 客服 包邮",
            "4 客户 尺码？",
            "5 客服 <Media omitted>",
        )
        assert converse(said) == ([["u:包邮吗", "a:包邮"]], {"media": 5, "used": 2})

    def test_what_is_sent_twice_counts_once(self) -> None:
        said = chat("0 客户 在吗", "0 客户 在吗", "1 客服 在")
        assert converse(said) == ([["u:在吗", "a:在"]], {"repeated": 1, "used": 2})

    def test_another_customer_begins_another_conversation_where_none_are_told_apart(self) -> None:
        said = chat("0 甲甲 q1", "1 店小二客服 a1", "2 乙乙 q2", "3 店小二客服 a2", "4 甲甲 q3", "4 店小二客服 a3")
        assert converse(said)[0] == [["u:q1", "a:a1"], ["u:q2", "a:a2"], ["u:q3", "a:a3"]]

    def test_rows_are_put_in_the_order_of_their_times_and_stay_where_these_are_equal(self) -> None:
        said = chat("5 shop a2", "1 shop a1", "4 buyer q2", "0 buyer q1", "5 shop more")
        threads = Threads(said)
        (found,) = threads.conversations(propose_roles(threads).side)
        assert [turn.content for turn in found.messages] == ["q1", "a1", "q2", "a2\nmore"]
        assert found.rows == (4, 2, 3, 1, 5)

    def test_of_an_export_with_the_newest_first_what_is_of_one_minute_is_turned_round(self) -> None:
        said = chat("9 shop a3", "9 buyer q3", "5 shop a2", "4 buyer q2", "0 shop a1", "0 buyer q1")
        assert converse(said)[0] == [["u:q1", "a:a1", "u:q2", "a:a2", "u:q3", "a:a3"]]

    def test_several_agents_answer_in_one_conversation(self) -> None:
        said = chat("0 客户 退货", "1 智能客服 请稍等", "2 - 会话已转接", "3 客服小美 可以退", "4 系统 会话结束")
        assert converse(said) == ([["u:退货", "a:请稍等\n可以退"]], {"used": 3, "notice": 2})

    def test_conversations_of_one_side_are_counted_by_what_they_lack(self) -> None:
        both = chat("0 客户 q", "1 客服 a", name="1") + chat("0 客户 q", name="2") + chat("0 客服 a", name="3")
        threads = Threads(both)
        assert len(list(threads.conversations(propose_roles(threads).side))) == 1
        assert dict(threads.counts) == {"used": 2, "no_answer": 1, "no_question": 1}
        assert dict(threads.dropped) == {"no_answer": 1, "no_question": 1}


class TestRoles:
    @pytest.mark.parametrize(
        ("side", "names"),
        [
            ("user", "客户 买家 顾客A 用户123 访客_7 customer Buyer 会员（tb12） Customer-12 Human user"),
            (
                "assistant",
                "客服 客服01 客服-小美 售后客服 张三（客服） 青禾旗舰店 阿依小店 Agent_3 Support bot 卖家 商家 机器人 Anna_(Support) GPT",
            ),
            ("notice", "系统 系统消息 system System"),
            (None, "张三 tb12345 Ann 李老板 me 我 +4420"),
        ],
    )
    def test_names(self, side: str | None, names: str) -> None:
        assert {name: side_by_name(name.replace("_", " ")) for name in names.split()} == dict.fromkeys(
            names.split(), side
        )

    def test_who_speaks_in_most_conversations_answers(self) -> None:
        said = [u for n in range(4) for u in chat(f"0 c{n} q", f"1 {'Kim' if n % 2 else 'Lee'} a", name=str(n))]
        said += chat("0 c9 q", "1 Kim a", name="x") + chat("0 c8 q", "1 Lee a", name="y")
        roles = propose_roles(Threads(said))
        assert (roles.sure, roles.why) == (True, "most")
        assert {name: roles.side(name) for name in ("Kim", "Lee", "c0", "c9")} == {
            "Kim": "assistant", "Lee": "assistant", "c0": "user", "c9": "user",
        }  # fmt: skip

    def test_two_whose_names_say_nothing_are_not_guessed_for_sure(self) -> None:
        roles = propose_roles(Threads(chat("0 Ann q", "1 Bob a", "2 Ann q")))
        assert (roles.sure, roles.side("Bob")) == (False, "assistant")

    def test_what_is_given_counts_and_patterns_name_many(self) -> None:
        roles = read_roles({"客服*": "assistant", "机器人": "skip", "*": "user"})
        assert [roles.side(name) for name in ("客服七号", "机器人", "谁", "系统")] == [
            "assistant",
            "skip",
            "user",
            "notice",
        ]
        assert read_roles({"shop": "assistant"}).side("anybody") == "user"
        with pytest.raises(UsageError, match="says nothing of the speaker 'Cy'"):
            Roles({"ann": "user", "bob": "assistant"}, None, True, "given").side("Cy")


@pytest.mark.parametrize(
    ("kind", "texts"),
    [
        (
            "notice",
            "以上是打招呼的内容|你撤回了一条消息|\"小王\" 撤回了一条消息|张三邀请李四加入了群聊|会话已结束|您已接入会话|客服小美接入会话|对方正在输入…"
            "|系统提示：用户已离开|Anna joined the chat|This message was deleted|You deleted this message|The conversation has been closed."
            "|Messages and calls are end-to-end encrypted. No one outside of this chat can read them.|Bob recalled a message|Agent Kim has left the chat"
            "|You are now chatting with Kim|我通过了你的朋友验证请求，现在我们可以开始聊天了|Chat started|会话已转接给客服小美",
        ),
        ("media", "[图片]|[Image]|<Media omitted>|image omitted|\u200eimage omitted|[语音]|[视频]|【图片】|IMG-20240501-WA0003.jpg (file attached)"
                  "|<attached: 00000012-PHOTO-2024.jpg>|[文件] 报价单.pdf|[Voice message]|<省略多媒体文件>|[小程序]"),
        ("sticker", "[表情]|[动画表情]|[微笑]|[OK][强]|sticker omitted"),
        (
            "said",
            "我撤回了我的申请，可以吗|你好，我想加入群聊，怎么操作|图片|这张图片能用吗|会话|请问对话框怎么关闭|How do I join the chat?"
            "|I left the group because it was noisy, can you add me again?|The message was deleted by mistake, please resend it to me"
            "|[链接](https://example.com) 看这里|[1] 第一步|系统提示密码错误怎么办|消息已读不回怎么办|Can you end the chat?|Please close the ticket"
            "|我的咨询什么时候有结果|对话已经保存了吗|转接人工|转人工|服务超时怎么赔偿|会话结束了吗|收到红包了，谢谢|我退出群聊了|提示：请在今天付款|通话中断怎么办|The chat started well but then you stopped answering me and I had to call again, why is that so?",
        ),
    ],
)  # fmt: skip
def test_what_nobody_said(kind: str, texts: str) -> None:
    assert {text: kind_of_message(text, "某人") for text in texts.split("|")} == dict.fromkeys(texts.split("|"), kind)


class TestTimes:
    @pytest.mark.parametrize(
        "text",
        [
            *(
                "2024-5-6 9:03",
                "2024/05/06 上午9:03",
                "2024年5月6日 09:03",
                "2024.5.6 09:03:00",
                "2024-05-06T09:03:00.000",
            ),
            *(
                "2024-05-06T17:03:00+08:00",
                "2024-05-06T09:03:00Z",
                "20240506090300",
                "6 May 2024, 09:03",
                "May 6, 2024 at 9:03 AM",
            ),
            *("Mon, 6 May 2024 09:03:00 +0000", "06/05/2024 9:03 AM", "06/05/24, 09:03", "1714986180", "1714986180000"),
            *(
                "45418.377083333",
                "2024-05-06 周一 9:03",
                "2024年5月6日9时3分",
                "2024/5/6 早上9点03分",
                "06-May-24 09:03",
            ),
        ],
    )
    def test_one_moment_in_many_forms(self, text: str) -> None:
        assert Times().read(text) == datetime(2024, 5, 6, 9, 3)

    @pytest.mark.parametrize(
        "text", ["你好", "13800138000", "2024-13-01", "100.5", "42", "", "（必填）", "2024-05-06 25:99", "12:75"]
    )
    def test_what_is_no_time(self, text: str) -> None:
        assert Times().read(text) is None

    def test_without_a_year_or_a_day_it_goes_on_from_the_one_above(self) -> None:
        years, clocks = Times(), Times()
        first, second = years.read("12月31日 23:58"), years.read("1月1日 00:02")
        assert first is not None
        assert second is not None
        assert second - first == timedelta(minutes=4)
        late, early = clocks.read("下午11:58"), clocks.read("凌晨0:02")
        assert late is not None
        assert early is not None
        assert early - late == timedelta(minutes=4)

    @pytest.mark.parametrize(
        ("texts", "expected"),
        [
            (["01/05/2024", "13/05/2024"], ("day", True)),
            (["01/05/2024", "05/13/2024"], ("month", True)),
            (["11/05/2024", "12/05/2024", "01/06/2024"], ("day", True)),
            (["05/11/2024", "05/12/2024", "06/01/2024"], ("month", True)),
            (["01/05/2024"], ("day", False)),
            (["2024-05-01"], ("day", True)),
        ],
    )
    def test_which_number_is_the_day(self, texts: list[str], expected: tuple[str, bool]) -> None:
        assert order_of(texts) == expected
