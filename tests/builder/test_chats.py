"""Exports of chats: files written as the programs write them, to who said what and when, and to samples where it is sure."""

import gzip
import json
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

import pytest

from builder.errors import InputFileError
from builder.formats.conversations.exports import find_chat, find_chat_rows
from builder.formats.detection import describe
from builder.formats.importing import open_samples
from builder.formats.left_out import tell_left_out
from builder.formats.reading import open_rows
from builder.pipeline.curating import import_files
from builder.progress import Reporter
from builder.store.dataset_folder import DatasetFolder

LRM = "\u200e"


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def heard(path: Path) -> list[tuple[int, str, str, str]]:
    """Row, speaker, text and day and time of each message of a file that is surely a chat."""
    found = find_chat(path) or find_chat_rows(open_rows(path))
    assert found is not None
    return [
        (one.row, one.speaker, one.text, f"{one.time:%m-%d %H:%M}" if one.time else "") for one in found[1].utterances()
    ]


def samples(path: Path) -> tuple[list[tuple[str, list[str]]], str, str]:
    """Sources and turns of a file's samples, what of it is left out, and how it is described."""
    files = open_samples([path], reporter=Reporter(quiet=True))
    read = [
        (sample.source, [f"{turn.role[0]}:{turn.content}" for turn in sample.messages])
        for sample in files.samples(note=lambda problem: None)
    ]
    return read, tell_left_out(files.tallies[0].inside, "en"), describe(files.detected[0], "en")


class TestWhatsApp:
    def test_an_iphone(self, tmp_path: Path) -> None:
        path = write(
            tmp_path / "_chat.txt",
            f"{LRM}[01/05/2023, 09:03:10] Shop Support: {LRM}Messages and calls are end-to-end encrypted. No one can read them.\n"
            "[01/05/2023, 09:03:12] Anna: Hi\n"
            "[01/05/2023, 09:03:20] Anna: Open: today?\nSecond line\n\n"
            "[01/05/2023, 09:05:00] Shop Support: Till 18:00\n"
            f"{LRM}[01/05/2023, 09:06:00] Anna: {LRM}image omitted\n"
            "[01/05/2023, 09:07:00] Shop Support: nice\n"
            f"[01/05/2023, 09:08:00] Anna: {LRM}You deleted this message.\n"
            "[13/05/2023, 19:07:00] Anna: Price?\n"
            f"[13/05/2023, 19:08:00] Shop Support: 5 EUR {LRM}<This message was edited>\n",
        )
        assert heard(path)[2:] == [
            (3, "Anna", "Open: today?\nSecond line", "05-01 09:03"),
            (6, "Shop Support", "Till 18:00", "05-01 09:05"),
            (7, "Anna", "image omitted", "05-01 09:06"),
            (8, "Shop Support", "nice", "05-01 09:07"),
            (9, "", "You deleted this message.", "05-01 09:08"),
            (10, "Anna", "Price?", "05-13 19:07"),
            (11, "Shop Support", "5 EUR", "05-13 19:08"),
        ]
        assert samples(path) == (
            [
                ("_chat.txt#2", ["u:Hi\nOpen: today?\nSecond line", "a:Till 18:00"]),
                ("_chat.txt#10", ["u:Price?", "a:5 EUR"]),
            ],
            "notices of the system 2, messages around pictures, voice and files 2",
            "_chat.txt: 2 rows, chat messages (TXT, read as WhatsApp's export, dates day/month/year,"
            " speakers Shop Support=assistant, Anna=user); columns: messages",
        )

    def test_an_american_android(self, tmp_path: Path) -> None:
        path = write(
            tmp_path / "WhatsApp Chat with Bob.txt",
            "12/31/22, 9:03\u202fPM - Messages and calls are end-to-end encrypted. Tap to learn more.\n"
            "12/31/22, 9:03\u202fPM - Bob Smith: Hello: you\n"
            '12/31/22, 9:04\u202fPM - Anna changed the subject from "A: b" to "C: d"\n'
            "1/1/23, 12:05\u202fAM - Anna: IMG-1.jpg (file attached)\nour menu\n"
            "1/1/23, 12:06\u202fAM - \u202a+44 7700 900123\u202c: null\n",
        )
        assert heard(path)[1:] == [
            (2, "Bob Smith", "Hello: you", "12-31 21:03"),
            (3, "", 'Anna changed the subject from "A: b" to "C: d"', "12-31 21:04"),
            (4, "Anna", "IMG-1.jpg (file attached)", "01-01 00:05"),
            (4, "Anna", "our menu", "01-01 00:05"),
            (6, "+44 7700 900123", "<Media omitted>", "01-01 00:06"),
        ]
        with pytest.raises(InputFileError) as raised:
            samples(path)
        assert "it is not sure who asks and who answers in this chat; its speakers are" in str(raised.value)
        assert f"seedbed convert {path} --out conversations.jsonl --roles" in str(raised.value)

    def test_a_chinese_phone(self, tmp_path: Path) -> None:
        path = write(
            tmp_path / "与花店的聊天.txt",
            "2023/5/1 上午9:03 - 消息和通话已进行端到端加密。点击了解更多。\n"
            "2023/5/1 上午9:03 - 王小姐: 请问今天营业吗？\n"
            "2023/5/1 下午12:05 - 花店客服: 营业的\n"
            "2023/5/1 下午1:06 - 王小姐: 玫瑰怎么卖\n"
            "2023/5/1 下午1:07 - 花店客服: <省略多媒体文件>\n",
        )
        assert [time for *_, time in heard(path)] == ["05-01 09:03"] * 2 + ["05-01 12:05", "05-01 13:06", "05-01 13:07"]
        assert samples(path)[0] == [("与花店的聊天.txt#2", ["u:请问今天营业吗？", "a:营业的"])]

    @pytest.mark.parametrize(
        "lines",
        [
            "[1/5/23, 9:03:12\u202fp.\u202fm.] Ana: Hola\n[1/5/23, 9:05:15\u202fp.\u202fm.] Bot: Sí: hay\n"
            f"{LRM}[1/5/23, 9:06:15\u202fp.\u202fm.] Ana: {LRM}imagen omitida\n",
            "01/05/2023 à 09:03 - Ana: Hola\n01/05/2023 à 09:05 - Bot: Sí: hay\n01/05/2023 à 09:06 - Ana: <Médias omis>\n",
            "01-05-2023 09:03 - Ana: Hola\n01-05-2023 09:05 - Bot: Sí: hay\n01-05-2023 09:06 - Ana: <Media weggelaten>\n",
            "01.05.23, 09:03 - Ana: Hola\r\n01.05.23, 09:05 - Bot: Sí: hay\r\n01.05.23, 09:06 - Ana: <Medien ausgeschlossen>\r\n",
        ],
    )
    def test_other_languages(self, tmp_path: Path, lines: str) -> None:
        path = write(tmp_path / "a.txt", lines)
        assert heard(path)[2][1:3] == ("Ana", "<Media omitted>")
        assert samples(path)[0] == [("a.txt#1", ["u:Hola", "a:Sí: hay"])]

    @pytest.mark.parametrize(
        ("dates", "order"),
        [
            (["01/05/23", "13/05/23"], "dmy"),
            (["05/01/23", "05/13/23"], "mdy"),
            (["05/01/23", "06/01/23", "01/02/23"], "dmy"),  # else time would run backwards
            (["01/11/23", "02/03/23", "02/04/23"], "mdy"),
            (["01.05.23", "02.05.23"], "dmy"),  # neither is seen: nothing depends on it
            (["2023-05-01", "2023-05-02"], "ymd"),
        ],
    )
    def test_the_order_of_dates(self, tmp_path: Path, dates: list[str], order: str) -> None:
        path = write(tmp_path / "a.txt", "".join(f"{date}, 09:03 - {name}: hi\n" for date in dates for name in "AB"))
        found = find_chat(path)
        assert found is not None
        assert found[1].details["dates"] == order

    def test_logs_and_prose_are_none(self, tmp_path: Path) -> None:
        for name, text in (
            ("log.txt", "2023-05-01 09:03:12 - INFO: started\n2023-05-01 09:03:13 - ERROR: stopped\n"),
            ("events.txt", "".join(f"2023-05-01 09:03:{n} request {n} done\n" for n in range(10, 20))),
            ("notes.md", "# Notes\n\nWe meet at 09:03:\n\n- Time: 9:00\n- Who: Anna 10:00\n"),
            (
                "readme.md",
                "# Usage\n\nRun it:\n\n    seedbed demo\n\nNote: needs Python.\nUser: root\nPassword: none\n",
            ),
            ("novel.txt", "老师说：同学们好。\n学生：老师好。\n第二天，老师又说：上课。\n大家安静了下来。\n"),
            ("recipe.txt", "材料：鸡蛋\n步骤：打散\n时间：10:00\n用户：家庭\n备注：无\n"),
            ("plan.txt", "会议安排\n时间：9:00\n地点：三楼\n备注：带电脑\n"),
        ):
            path = write(tmp_path / name, text)
            assert find_chat(path) is None, name
            with pytest.raises(InputFileError, match="a text that is no chat as far as one can see"):
                open_samples([path], reporter=Reporter(quiet=True))


class TestHeadedText:
    def test_names_below_times(self, tmp_path: Path) -> None:
        """MemoTrace and WeFlow; GB18030."""
        path = write(
            tmp_path / "老王.txt",
            "2023-05-01 09:03:12 老王\n你好，明天 09:03 有货吗\n\n"
            "2023-05-01 09:05:12 '我'\n有的\n2023-05-01 10:00:00 可以来取\n\n"
            "2023-05-01 09:06:00 老王\n[图片]\n\n"
            "2023-05-01 09:07:00 '我'\n收到\n\n",
            "gb18030",
        )
        assert heard(path)[:2] == [
            (1, "老王", "你好，明天 09:03 有货吗", "05-01 09:03"),
            (4, "我", "有的\n2023-05-01 10:00:00 可以来取", "05-01 09:05"),
        ]
        read, left_out, told = samples(path)
        assert read == [("老王.txt#1", ["u:你好，明天 09:03 有货吗", "a:有的\n2023-05-01 10:00:00 可以来取"])]
        assert left_out == "messages around pictures, voice and files 2"
        assert told.startswith(
            "老王.txt: 1 row, chat messages (TXT, read as chat text with times (WeChat, QQ, Feishu), GB18030"
        )

    def test_what_wechat_forwards(self, tmp_path: Path) -> None:
        path = write(
            tmp_path / "a.txt",
            "小红 和 花店客服 在微信上的聊天记录如下，请查收。\n\n—————  2026-04-06  —————\n\n\n"
            "小红  16:21\n\n请问玫瑰多少钱\n明天  09:03\n\n花店客服  16:21\n\n10 元\n\n\n"
            "—————  2026-04-07  —————\n\n\n小红  9:00\n\n有百合吗\n\n花店客服  09:03\n\n有\n",
        )
        assert heard(path) == [
            (1, "", "小红 和 花店客服 在微信上的聊天记录如下，请查收。", ""),
            (6, "小红", "请问玫瑰多少钱\n明天  09:03", "04-06 16:21"),
            (11, "花店客服", "10 元", "04-06 16:21"),
            (19, "小红", "有百合吗", "04-07 09:00"),
            (23, "花店客服", "有", "04-07 09:03"),
        ]
        assert len(samples(path)[0]) == 2

    def test_names_before_times(self, tmp_path: Path) -> None:
        path = write(
            tmp_path / "a.md",
            "王工 2025年9月23日 15:23\n报销怎么走？\n\n见 2025年9月1日 10:00\n"
            "行政客服 2025年9月23日 15:41\n在系统里提交\n王工 2025年9月23日 下午3:45\n多久到账\n行政客服 2025年9月23日 下午3:46\n三天\n",
        )
        assert samples(path)[0] == [
            ("a.md#1", ["u:报销怎么走？\n\n见 2025年9月1日 10:00", "a:在系统里提交", "u:多久到账", "a:三天"])
        ]

    def test_what_qq_exports(self, tmp_path: Path) -> None:
        rule = "=" * 64
        path = write(
            tmp_path / "全部消息记录.txt",
            "消息记录（此消息记录为文本格式，不支持重新导入）\n\n"
            f"{rule}\n消息分组:我的好友\n{rule}\n消息对象:老李\n{rule}\n\n"
            "2017-02-25 10:40:20 老李\n在不\n\n2017-02-25 10:41:00 我\n在\n\n"
            f"{rule}\n消息分组:我的群聊\n{rule}\n消息对象:技术群\n{rule}\n\n"
            "2017-02-26 10:40:20 【管理员】小王(123456)\n怎么装驱动？\n\n"
            "2017-02-26 10:41:00 系统消息(10000)\n小赵加入本群。\n\n"
            "2017-02-26 10:41:20 客服小美<mei@qq.com>\n官网下载\n然后重启\n\n"
            "2017-02-26 10:42:20 小王改名(123456)\n好了\n",
        )
        found = find_chat(path)
        assert found is not None
        assert [(one.conversation, one.speaker) for one in found[1].utterances()] == [
            (None, ""),
            ("老李", "老李"),
            ("老李", "我"),
            *[("技术群", name) for name in ("小王", "系统消息", "客服小美", "小王")],
        ]
        assert samples(path)[:2] == (
            [
                ("全部消息记录.txt#9", ["u:在不", "a:在"]),
                ("全部消息记录.txt#21", ["u:怎么装驱动？", "a:官网下载\n然后重启"]),
            ],
            "notices of the system 2, questions that nobody answered 1",
        )

    @pytest.mark.parametrize(
        "line",
        [
            "2023-05-01 09:03:{n} {name}: {text}",
            "[2023-05-01 09:03:{n}] {name}：{text}",
            "{name}(2023-05-01 09:03:{n}):{text}",
        ],
    )
    def test_all_on_one_line(self, tmp_path: Path, line: str) -> None:
        said = [("买家", "在吗"), ("客服", "在：请说\n第二行"), ("买家", "价格？"), ("客服", "30")]
        path = write(
            tmp_path / "a.txt", "\n".join(line.format(n=10 + n, name=a, text=b) for n, (a, b) in enumerate(said))
        )
        assert samples(path)[0] == [("a.txt#1", ["u:在吗", "a:在：请说\n第二行", "u:价格？", "a:30"])]


class TestTranscripts:
    def test_rules_between_dialogues(self, tmp_path: Path) -> None:
        path = write(
            tmp_path / "a.txt",
            "对话 1\n客户：在吗\n客服：在的，请讲：什么事\n备注：无\n\n---\n客户：退货\n客服：好\n谢谢\n",
        )
        assert samples(path)[0] == [
            ("a.txt#2", ["u:在吗", "a:在的，请讲：什么事\n备注：无"]),
            ("a.txt#7", ["u:退货", "a:好\n谢谢"]),
        ]

    def test_one_dialogue_and_letters(self, tmp_path: Path) -> None:
        path = write(
            tmp_path / "a.md", "User: Is 91 prime?\nAssistant: No.\n\n7 × 13: see.\n\nUser: 97?\nAssistant: Yes.\n"
        )
        assert samples(path)[0] == [("a.md#1", ["u:Is 91 prime?", "a:No.\n\n7 × 13: see.", "u:97?", "a:Yes."])]
        path = write(tmp_path / "b.txt", "A: 几点了\nB: 九点\nA: 谢谢\nB: 不客气\n")
        assert samples(path)[0] == [("b.txt#1", ["u:几点了", "a:九点", "u:谢谢", "a:不客气"])]

    def test_headings(self, tmp_path: Path) -> None:
        path = write(
            tmp_path / "a.md",
            "# Chat\n\n## User\n\nA list?\n\n## Assistant\n\n### Fruit\n\n- fig: 1\n\n## User\n\nok\n\n## Assistant\n\nBye\n",
        )
        assert samples(path)[0] == [("a.md#3", ["u:A list?", "a:### Fruit\n\n- fig: 1", "u:ok", "a:Bye"])]
        path = write(
            tmp_path / "b.md",
            "**You:**\n\nHi\n\n**ChatGPT:**\n\nHello\n\n* * *\n\n**You:**\n\nBye\n\n**ChatGPT:**\n\nBye\n",
        )
        assert samples(path)[0] == [("b.md#1", ["u:Hi", "a:Hello"]), ("b.md#11", ["u:Bye", "a:Bye"])]

    def test_lists_of_questions(self, tmp_path: Path) -> None:
        path = write(
            tmp_path / "faq.txt", "Question: Reset?\nAnswer: Press it.\n\nQuestion: Cost?\nAnswer: Free: always.\n"
        )
        assert samples(path)[0] == [
            ("faq.txt#1", ["u:Reset?", "a:Press it."]),
            ("faq.txt#4", ["u:Cost?", "a:Free: always."]),
        ]
        path = write(tmp_path / "b.txt", "问：多大？\n答：三岁。\n问：谁家的？\n答：我家的。\n")
        assert samples(path)[0] == [("b.txt#1", ["u:多大？", "a:三岁。", "u:谁家的？", "a:我家的。"])]

    def test_rules_between_messages(self, tmp_path: Path) -> None:
        path = write(
            tmp_path / "a.md",
            "**User:** Hi\n\n---\n\n**Assistant:** Hello\n\n---\n\n**User:** Bye\n\n---\n\n**Assistant:** Bye\n",
        )
        assert samples(path)[0] == [("a.md#1", ["u:Hi", "a:Hello", "u:Bye", "a:Bye"])]

    def test_names_need_to_be_told(self, tmp_path: Path) -> None:
        path = write(tmp_path / "a.txt", "Anna: Hi\nBen: Hello\nthere\n\n---\nAnna: Why: so?\nBen: Because.\n")
        found = find_chat(path)
        assert found is not None
        assert [(one.row, one.conversation, one.speaker, one.text) for one in found[1].utterances()] == [
            (1, "#1", "Anna", "Hi"),
            (2, "#1", "Ben", "Hello\nthere"),
            (6, "#5", "Anna", "Why: so?"),
            (7, "#5", "Ben", "Because."),
        ]
        with pytest.raises(InputFileError, match=r"--roles 'Anna=user,Ben=assistant'"):
            samples(path)


class TestTables:
    def test_memotrace(self, tmp_path: Path) -> None:
        path = write(
            tmp_path / "messages.csv",
            "\ufefflocalId,TalkerId,Type,SubType,IsSender,CreateTime,Status,StrContent,StrTime,Remark,NickName,Sender\n"
            "1,3,10000,0,0,1682903000,2,以上是打招呼的内容,2023-05-01 09:03:20,老王,王二,wxid_1\n"
            "2,3,1,0,0,1682903000,2,在吗,2023-05-01 09:03:20,老王,王二,wxid_1\n"
            "3,4,1,0,0,1682903010,2,多少钱,2023-05-01 09:03:30,,李姐,wxid_2\n"
            "4,3,1,0,1,1682903020,2,在的,2023-05-01 09:03:40,,小店,wxid_me\n"
            "5,4,49,57,1,1682903140,2,十元,2023-05-01 09:05:40,,小店,wxid_me\n"
            '6,3,3,0,0,1682903160,2,"<msg><img/></msg>",2023-05-01 09:06:20,老王,王二,wxid_1\n'
            "7,3,1,0,1,1682903180,2,好看,2023-05-01 09:06:40,,小店,wxid_me\n",
        )
        assert samples(path) == (
            [("messages.csv#2", ["u:在吗", "a:在的"]), ("messages.csv#3", ["u:多少钱", "a:十元"])],
            "notices of the system 1, messages around pictures, voice and files 2",
            "messages.csv: 2 rows, chat messages (CSV, read as WeChat's messages, exported as a table,"
            " speakers 我=assistant, 老王=user, 李姐=user); columns: messages",
        )

    @pytest.mark.parametrize(
        ("header", "lines"),
        [
            (
                "id,MsgSvrID,type_name,is_sender,talker,room_name,msg,src,CreateTime",
                "1,11,文本,0,wxid_a,wxid_a,吃了吗,,2024-01-01 12:00:00\n2,12,文本,1,wxid_me,wxid_a,吃了,,2024-01-01 12:01:00\n"
                "3,15,系统通知,0,wxid_a,wxid_a,你撤回了一条消息,,2024-01-01 12:04:00",
            ),
            (
                "id,MsgSvrID,type_name,is_sender,talker,msg,src,CreateTime",
                "1,11,text,0,小李,吃了吗,,2024-01-01T12:00:00.000Z\n2,12,text,1,小陈,吃了,,2024-01-01T12:01:00.000Z\n"
                "3,12,system,1,小陈,x,,2024-01-01T12:01:00.000Z",
            ),
            (
                "消息ID,类型,发送人,时间,内容,备注,昵称,更多信息",
                "1,文本,小李,2024-01-01 12:00:00,吃了吗,,,\n2,文本,我,2024-01-01 12:01:00,吃了,,,\n3,系统消息,,2024-01-01 12:01:00,x,,,",
            ),
            (
                "Time,SenderName,Sender,TalkerName,Talker,Content",
                "2024-01-01 12:00:00,小李,wxid_a,群,1@chatroom,吃了吗\n2024-01-01 12:01:00,客服小陈,wxid_b,群,1@chatroom,吃了\n"
                "2024-01-01 12:02:00,客服小陈,wxid_b,群,1@chatroom,小王撤回了一条消息",
            ),
        ],
    )
    def test_other_tools(self, tmp_path: Path, header: str, lines: str) -> None:
        path = write(tmp_path / "a.csv", f"{header}\n{lines}\n")
        assert samples(path)[:2] == ([("a.csv#1", ["u:吃了吗", "a:吃了"])], "notices of the system 1")

    def test_slack(self, tmp_path: Path) -> None:
        def message(user: str, name: str, text: str, ts: str, **more: Any) -> dict[str, Any]:
            return {
                "type": "message",
                "user": user,
                "user_profile": {"real_name": name},
                "text": text,
                "ts": ts,
                **more,
            }

        rows = [
            message("U1", "Anna", "<@U1> has joined the channel", "1675000000.0001", subtype="channel_join"),
            message("U1", "Anna", "How do I reset &lt;my&gt; key?", "1675000100.0001", thread_ts="1675000100.0001"),
            message("U2", "Help Bot", "<@U1> see <https://a.b|docs>", "1675000200.0001", thread_ts="1675000100.0001"),
        ]
        path = write(tmp_path / "2023-01-29.json", json.dumps(rows))
        assert samples(path)[:2] == (
            [("2023-01-29.json#2", ["u:How do I reset <my> key?", "a:@U1 see docs"])],
            "notices of the system 1",
        )
        lunch = write(tmp_path / "b.json", json.dumps([*rows, message("U3", "Tom", "lunch?", "1675000150.0001")]))
        with pytest.raises(InputFileError, match=r"--roles 'Help Bot=assistant,\*=user'"):
            samples(lunch)


class TestTelegram:
    CHAT: ClassVar[Any] = {
        "name": "Anna",
        "type": "personal_chat",
        "id": 4711,
        "messages": [
            {
                "id": 1,
                "type": "service",
                "date": "2023-05-01T09:00:00",
                "actor": "Anna",
                "action": "phone_call",
                "text": "",
            },
            {
                "id": 2,
                "type": "message",
                "date": "2023-05-01T09:03:12",
                "from": "Anna",
                "from_id": "user4711",
                "text": "Tulips?",
            },
            {
                "id": 3,
                "type": "message",
                "date": "2023-05-01T09:04:12",
                "from": "Ben",
                "from_id": "user1",
                "text": ["Yes, see ", {"type": "link", "text": "https://a.b"}],
            },
            {
                "id": 4,
                "type": "message",
                "date": "2023-05-01T09:05:12",
                "from": "Anna",
                "from_id": "user4711",
                "photo": "(File not included)",
                "text": "this?",
            },
            {
                "id": 5,
                "type": "message",
                "date": "2023-05-01T09:06:12",
                "from": "Ben",
                "from_id": "user1",
                "text": "yes",
            },
        ],
    }

    def test_one_chat(self, tmp_path: Path) -> None:
        path = write(tmp_path / "result.json", json.dumps(self.CHAT, indent=1))
        assert samples(path) == (
            [("result.json#2", ["u:Tulips?", "a:Yes, see https://a.b"])],
            "notices of the system 1, messages around pictures, voice and files 3",
            "result.json: 1 row, chat messages (JSON, read as Telegram Desktop's export, speakers Anna=user, Ben=assistant);"
            " columns: messages",
        )

    def test_an_account(self, tmp_path: Path) -> None:
        other = {**self.CHAT, "name": "News", "type": "public_channel", "id": 6}
        account = {
            "about": "Here is the data you requested.",
            "personal_information": {"user_id": 1, "first_name": "Ben", "last_name": ""},
            "contacts": {"about": "", "list": [{"first_name": "Anna"}]},
            "chats": {"about": "", "list": [self.CHAT, other, {"type": "saved_messages", "id": 7, "messages": []}]},
            "left_chats": {"about": "", "list": []},
        }
        path = write(tmp_path / "result.json", json.dumps(account))
        read, left_out, _ = samples(path)
        assert read == [("result.json#2", ["u:Tulips?", "a:Yes, see https://a.b"])]
        assert left_out == "notices of the system 6, messages around pictures, voice and files 3"

    def test_a_chat_of_any_size_is_read_message_by_message(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The whole chat is longer than a row may be."""
        monkeypatch.setattr("builder.formats.rows.MAX_ROW_BYTES", 4_000)
        monkeypatch.setattr("builder.formats.containers.json_document._READ_BYTES", 256)
        account = {"about": "", "chats": {"list": [{**self.CHAT, "messages": self.CHAT["messages"] * 20}]}}
        assert len(heard(write(tmp_path / "result.json", json.dumps(account)))) == 120

    def test_other_json_is_read_as_rows(self, tmp_path: Path) -> None:
        rows = [{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}]
        assert find_chat(write(tmp_path / "a.json", json.dumps(rows))) is None
        assert find_chat(write(tmp_path / "b.json", json.dumps({"type": "chat", "messages": rows}))) is None
        assert find_chat(write(tmp_path / "c.json", '{"type": "personal_chat", "messages": [')) is None
        with pytest.raises(InputFileError, match="not JSON"):
            open_samples([tmp_path / "c.json"], reporter=Reporter(quiet=True))


def test_packed_chats(tmp_path: Path) -> None:
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress("客户：在吗\n客服：在\n".encode()))
    assert samples(tmp_path / "a.txt.gz")[0] == [("a.txt.gz#1", ["u:在吗", "a:在"])]
    (tmp_path / "result.json.gz").write_bytes(gzip.compress(json.dumps(TestTelegram.CHAT).encode()))
    assert samples(tmp_path / "result.json.gz")[0] == [("result.json.gz#2", ["u:Tulips?", "a:Yes, see https://a.b"])]
    (tmp_path / "b.txt.gz").write_bytes(gzip.compress(b""))
    with pytest.raises(InputFileError, match="a text that is no chat as far as one can see"):
        samples(tmp_path / "b.txt.gz")


def test_what_an_import_says_of_a_chat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = "".join(
        f"2023-05-{n:02} 09:03:12 买家{n}: {n}？\n2023-05-{n:02} 09:05:00 客服: {n}。\n" for n in range(1, 13)
    )
    path = write(tmp_path / "聊天.txt", lines + "2023-05-13 09:03:12 买家13: 在吗\n")
    told: list[str] = []
    reporter = Reporter(quiet=True)
    monkeypatch.setattr(reporter, "say", told.append)
    folder = DatasetFolder(tmp_path / "out")
    assert import_files(open_samples([path], reporter=reporter), folder, reporter) == 12
    assert told == [
        "聊天.txt: 12 rows, chat messages (TXT, read as chat text with times (WeChat, QQ, Feishu),"
        " speakers 客服=assistant, 买家1=user, 买家2=user, 买家3=user, …); columns: messages",
        "聊天.txt: left out: messages of conversations without an answer 1",
    ]


def test_times_of_twelve_hours() -> None:
    from builder.formats.conversations.times import clock_time

    day = datetime(2023, 5, 1)
    cases = [
        ("12", "AM", 0),
        ("12", "p.m.", 12),
        ("9", "下午", 21),
        ("12", "凌晨", 0),
        ("11", "中午", 11),
        ("12", "中午", 12),
        ("23", None, 23),
    ]
    assert [clock_time(day, hour, "05", None, half) for hour, half, _ in cases] == [
        day.replace(hour=hour, minute=5) for *_, hour in cases
    ]
    assert clock_time(day, "24", "05", None, None) is None
