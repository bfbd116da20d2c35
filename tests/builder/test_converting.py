"""`seedbed convert`: files as people have them, without a flag where it is sure, to right conversations."""

import contextlib
import gzip
import json
import os
import pty
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from builder.cli import converting
from builder.errors import InputFileError
from builder.formats.detection import describe
from builder.formats.importing import read_samples
from builder.progress import Reporter
from examples import make_shop_chats
from tests.command import Ended, Seedbed

QUIET = Reporter(quiet=True)
SHOP = Path(make_shop_chats.__file__).with_name("shop_chats.xlsx")
ASKED = {
    "zh": ["大衣有 M 码吗", "今天能发货吗", "可以开发票吗"],
    "en": ["Is it in stock?", "When will it ship?", "Can I get an invoice?"],
}
SAID = {
    "zh": ["有的，现货", "四点前拍下当天发", "可以，下单时备注"],
    "en": ["Yes, it is.", "Today.", "Sure, at checkout."],
}
START = datetime(2024, 5, 6, 9, 3)


def workbook(path: Path, *rows: Sequence[Any], merged: Sequence[str] = (), title: str = "Sheet") -> Path:
    book = openpyxl.Workbook()
    sheet: Any = book.active
    sheet.title = title
    for row in rows:
        sheet.append(list(row))
    for reference in merged:
        sheet.merge_cells(reference)
    book.save(path)
    return path


def csv(path: Path, *lines: str, encoding: str = "utf-8") -> Path:
    path.write_text("\n".join(lines) + "\n", encoding=encoding)
    return path


def turns(path: Path) -> list[list[str]]:
    """The conversations of an output, each turn as `u:text` or `a:text`."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [[f"{turn['role'][0]}:{turn['content']}" for turn in row["messages"]] for row in rows]


@pytest.fixture
def convert(seedbed: Seedbed, tmp_path: Path) -> Any:
    def run(*arguments: str | Path, **environ: str) -> tuple[Ended, list[list[str]]]:
        out = tmp_path / "out.jsonl"
        ended = seedbed("convert", *arguments, "--out", out, "--overwrite", **environ)
        return ended, turns(out) if ended.code == 0 else []

    return run


def exchange(language: str, place: int) -> list[str]:
    return [f"u:{ASKED[language][place % 3]}", f"a:{SAID[language][place % 3]}"]


class TestTheShopsWorkbook:
    """Cover, titles, merged cells, totals, a hidden sheet; a sheet in Chinese and one in English."""

    def test_the_workbook_is_what_its_maker_makes(self, tmp_path: Path) -> None:
        make_shop_chats.make(tmp_path / "made.xlsx")
        made, kept = (openpyxl.load_workbook(path) for path in (tmp_path / "made.xlsx", SHOP))
        assert made.sheetnames == kept.sheetnames == ["封面 Cover", "聊天记录", "Chats", "codes"]
        for name in made.sheetnames:
            assert [*made[name].values] == [*kept[name].values]

    def test_it_is_right_without_a_flag(self, convert: Any) -> None:
        ended, conversations = convert(SHOP)
        assert ended.code == 0
        assert len(conversations) == 12
        assert conversations[0] == [
            "u:在吗\n这件大衣有 M 码吗",
            "a:有的，M 码现货",
            "u:我一米六五，一百一十斤能穿吗",
            "a:可以，您穿 M 码正合适，肩宽 38 厘米",
        ]
        assert conversations[6][:2] == ["u:Hi\nDo you have this jacket in medium?", "a:Yes, medium is in stock."]
        assert conversations[8] == ["u:Can I get an invoice?", "a:Yes, you can download it from the order page."]
        assert all(one[0][0] == "u" and one[-1][0] == "a" for one in conversations)
        assert "shop_chats.xlsx [封面 Cover]: not read (no such conversations)" in ended.err
        assert "shop_chats.xlsx [codes]: not read (hidden)" in ended.err
        assert "who answers: 客服小林, Agent Anna, 客服小美, Agent Ben (by their names)" in ended.err

    def test_every_row_and_message_is_accounted_for(self, convert: Any) -> None:
        ended, _ = convert(SHOP, "--json")
        summary = json.loads(ended.out)
        assert summary["rows"] == {"read": 78, "above": 6, "outside": 2, "with_messages": 70}
        assert summary["messages"] == {
            "all": 70, "used": 52, "media": 6, "opening": 2, "unanswered": 2, "notice": 2, "sticker": 2, "no_answer": 2, "no_question": 2,
        }  # fmt: skip
        assert summary["nothing_came_of"] == {"no_answer": 2, "no_question": 2}
        assert (summary["conversations"], summary["turns"], summary["private"]) == (12, 48, 2)

    def test_curate_reads_what_was_written(self, convert: Any, tmp_path: Path) -> None:
        convert(SHOP)
        imported = read_samples([tmp_path / "out.jsonl"], reporter=QUIET)
        assert [imported.detected[0].format, len(imported.samples), imported.problems] == ["messages", 12, []]
        assert {sample.language for sample in imported.samples} == {"zh", "en"}

    def test_private_data_is_named_in_place_where_it_is_asked_for(self, convert: Any) -> None:
        ended, plain = convert(SHOP)
        assert "2 conversations hold private data; --redact replaces it" in ended.out
        ended, redacted = convert(SHOP, "--redact")
        assert plain[1][4] == "u:改到杭州市西湖区文三路 100 号，邮箱 lin.qing@qinghe-shop.cn"
        assert redacted[1][4] == "u:改到杭州市西湖区文三路 100 号，邮箱 [邮箱_1]"
        assert redacted[7][4] == "u:12 Mill Lane, Leeds; my email is [EMAIL_1]"
        assert "private data was replaced in 2 conversations" in ended.out

    def test_it_is_told_in_chinese(self, convert: Any) -> None:
        ended, _ = convert(SHOP, SEEDBED_REPORT_LANGUAGE="zh")
        assert (
            "shop_chats.xlsx [聊天记录]：一行一条消息，表头在第 3 行；列：会话编号 → conversation、发送方 → speaker"
            in ended.err
        )
        assert "12 段对话，48 轮" in ended.out
        assert "问或答中有图片、语音或文件 6" in ended.out


class TestShapes:
    """Each in Chinese and English, none with a flag."""

    def test_a_packed_csv_with_a_title_and_a_separator_of_its_own(self, convert: Any, tmp_path: Path) -> None:
        text = "五月聊天记录\n会话ID;角色;内容\n1;客户;在吗，有货吗\n1;客服;在的\n"
        (tmp_path / "a.csv.gz").write_bytes(gzip.compress(text.encode("gb18030")))
        ended, conversations = convert(tmp_path / "a.csv.gz")
        assert conversations == [["u:在吗，有货吗", "a:在的"]]
        assert "header in row 2" in ended.err

    @pytest.mark.parametrize("language", ["zh", "en"])
    def test_messages_by_partner_and_pauses_out_of_order(self, convert: Any, tmp_path: Path, language: str) -> None:
        header = {"zh": ["客户昵称", "发送人", "发送时间", "内容"], "en": ["Contact", "From", "Sent at", "Text"]}[
            language
        ]
        partners, staff = {"zh": (["晴天", "阿南", "小雨"], "李想"), "en": (["Sam", "Kim", "Ola"], "Maria")}[language]
        rows = []
        for number, name in enumerate(partners):
            for day in range(2):
                time = START + timedelta(days=day)
                for place in range(2):
                    asked, said = (text[2:] for text in exchange(language, number + place))
                    rows.append([name, name, time + timedelta(minutes=9 * place), asked])
                    rows.append([name, staff, time + timedelta(minutes=9 * place + 4), said])
        ended, conversations = convert(workbook(tmp_path / "a.xlsx", header, *reversed(rows)))
        assert ended.code == 0, ended.err
        assert sorted(conversations) == sorted(
            2 * [exchange(language, number) + exchange(language, number + 1) for number in range(3)]
        )
        assert "a question after a pause of 240 minutes begins a new conversation" in ended.err

    def test_a_csv_in_gb18030_of_two_who_write_to_each_other(self, convert: Any, tmp_path: Path) -> None:
        lines = ["时间,发送方,内容"]
        for day in (1, 2):
            lines += [f"2024/5/{day} 上午9:03,tb86****,在吗", f"2024/5/{day} 上午9:03,tb86****,{ASKED['zh'][day]}"]
            lines += [
                f"2024/5/{day} 上午9:05,青禾旗舰店,{SAID['zh'][day]}",
                f"2024/5/{day} 下午1:00,系统消息,以上是打招呼的内容",
            ]
        ended, conversations = convert(csv(tmp_path / "a.csv", *lines, encoding="gb18030"))
        assert conversations == [[f"u:在吗\n{ASKED['zh'][day]}", f"a:{SAID['zh'][day]}"] for day in (1, 2)]
        assert "notices of the system 2" in ended.out

    @pytest.mark.parametrize(
        ("language", "header"),
        [
            ("zh", ["客户问题", "客服回复"]),
            ("zh", ["问题", "答案"]),
            ("en", ["Customer", "Agent"]),
            ("en", ["question", "answer"]),
        ],
    )
    def test_a_column_that_asks_and_one_that_answers(
        self, convert: Any, tmp_path: Path, language: str, header: list[str]
    ) -> None:
        rows = [list(pair) for pair in zip(ASKED[language], SAID[language], strict=True)]
        path = workbook(
            tmp_path / "a.xlsx", ["FAQ"], header, *rows, [None, "alone"], ["only asked", None], merged=["A1:B1"]
        )
        ended, conversations = convert(path)
        assert conversations == [exchange(language, place) for place in range(3)]
        assert "conversations without a question 1" in ended.out
        assert "conversations without an answer 1" in ended.out

    def test_names_of_customers_are_no_questions(self, convert: Any, tmp_path: Path) -> None:
        lines = ["客户,客服,问题,回复", *(f"tb{n}00{n},小美{n},{ASKED['zh'][n]},{SAID['zh'][n]}" for n in range(3))]
        _, conversations = convert(csv(tmp_path / "a.csv", *lines))
        assert conversations == [exchange("zh", place) for place in range(3)]
        ended, _ = convert(
            csv(tmp_path / "b.csv", "客户,客服,时间,内容", *(f"tb{n},小美{n},2024-05-0{n + 1},在吗" for n in range(3)))
        )
        assert ended.code == 2
        assert "no conversations were found:\n  - columns of b.csv: 客户, 客服, 时间, 内容" in ended.err

    def test_rounds_that_a_conversation_holds_together(self, convert: Any, tmp_path: Path) -> None:
        rows = [
            f"S{n},2024-5-{n} 9:0{place},{ASKED['zh'][place]},{SAID['zh'][place]}" for n in (1, 2) for place in (1, 0)
        ]
        _, conversations = convert(csv(tmp_path / "a.csv", "会话ID,时间,客户咨询内容,客服回复", *rows))
        assert conversations == 2 * [exchange("zh", 0) + exchange("zh", 1)]

    @pytest.mark.parametrize(
        "header",
        [
            ["问1", "答1", "问2", "答2"],
            ["Q1", "A1", "Q2", "A2"],
            ["第一轮提问", "第一轮回答", "第二轮提问", "第二轮回答"],
        ],
    )
    def test_numbered_rounds(self, convert: Any, tmp_path: Path, header: list[str]) -> None:
        rows: list[list[Any]] = [["q", "a", "q2", "a2"], ["问", "答", None, None]]
        _, conversations = convert(workbook(tmp_path / "a.xlsx", header, *rows))
        assert conversations == [["u:q", "a:a", "u:q2", "a:a2"], ["u:问", "a:答"]]

    def test_a_merged_question_with_several_answers(self, convert: Any, tmp_path: Path) -> None:
        rows: list[list[Any]] = [["怎么退货", "在订单页申请"], [None, "联系客服也可以"], ["包邮吗", "包邮"]]
        _, conversations = convert(workbook(tmp_path / "a.xlsx", ["问题", "答案"], *rows, merged=["A2:A3"]))
        assert conversations == [
            ["u:怎么退货", "a:在订单页申请"], ["u:怎么退货", "a:联系客服也可以"], ["u:包邮吗", "a:包邮"],
        ]  # fmt: skip

    def test_a_header_of_two_rows(self, convert: Any, tmp_path: Path) -> None:
        rows = [[f"W{n}", who, START, text] for n in range(2) for who, text in (("客户", "在吗"), ("客服", "在的"))]
        path = workbook(
            tmp_path / "a.xlsx", ["会话编号", "消息", None, None], [None, "发送人", "时间", "内容"], *rows, merged=["A1:A2", "B1:D1"]
        )  # fmt: skip
        _, conversations = convert(path)
        assert conversations == 2 * [["u:在吗", "a:在的"]]

    def test_no_header_at_all(self, convert: Any, tmp_path: Path) -> None:
        lines = [f'{day}/05/2024 09:0{n} AM,{who},"{text}"' for day in (13, 14) for n, (who, text) in enumerate(
            [("customer", "Is it in stock, and in which sizes does it come?"), ("support", "It is, in all sizes from S to XL.")]
        )]  # fmt: skip
        ended, conversations = convert(csv(tmp_path / "a.csv", *lines))
        assert [one[0] for one in conversations] == 2 * ["u:Is it in stock, and in which sizes does it come?"]
        assert "no header; columns: A → time, B → speaker, C → text" in ended.err

    @pytest.mark.parametrize(
        ("header", "customer", "shop"),
        [("Contact,is_from_customer,Date,Time,Body", "TRUE", "FALSE"), ("客户,收发,日期,时间,内容", "接收", "发送")],
    )
    def test_a_column_that_says_which_way_a_message_went(
        self, convert: Any, tmp_path: Path, header: str, customer: str, shop: str
    ) -> None:
        lines = [header]
        for n in range(3):
            lines += [
                f"+4420{n},{customer},0{n + 1}/05/2024,9:03 AM,Hello?",
                f"+4420{n},{shop},0{n + 1}/05/2024,9:05 AM,Hello!",
            ]
        _, conversations = convert(csv(tmp_path / "a.csv", *lines))
        assert conversations == 3 * [["u:Hello?", "a:Hello!"]]

    def test_senders_and_receivers_and_zones(self, convert: Any, tmp_path: Path) -> None:
        lines = ["发送人,接收人,时间,内容"]
        for n in range(3):
            lines += [f"王芳,阿{n},2024-05-0{n + 1}T01:05:00Z,在的", f"阿{n},王芳,2024-05-0{n + 1}T09:03:00+08:00,在吗"]
        ended, conversations = convert(csv(tmp_path / "a.csv", *lines))
        assert conversations == 3 * [["u:在吗", "a:在的"]]
        assert "who answers: 王芳 (they speak in most conversations)" in ended.err

    def test_json_lines_with_a_role_a_row(self, convert: Any, tmp_path: Path) -> None:
        rows = [
            {"conversation_id": n, "turn": turn, "role": role, "content": text}
            for n in range(2)
            for turn, (role, text) in enumerate([("system", "Be brief."), ("user", "6×7?"), ("assistant", "42")])
        ]
        path = tmp_path / "a.jsonl"
        path.write_text("\n".join(map(json.dumps, reversed(rows))))
        _, conversations = convert(path)
        assert conversations == 2 * [["s:Be brief.", "u:6×7?", "a:42"]]

    def test_one_chat_a_file_shows_who_is_in_all_of_them(self, convert: Any, tmp_path: Path) -> None:
        paths = [
            csv(tmp_path / f"{name}.csv", "time,sender,message", f"2024-05-01 09:00,{name},Hello?", "2024-05-01 09:01,Lee,Hello!")
            for name in ("Ann", "Bob", "Cy")
        ]  # fmt: skip
        ended, conversations = convert(*paths)
        assert conversations == 3 * [["u:Hello?", "a:Hello!"]]
        assert "who answers: Lee (they speak in most conversations)" in ended.err


class TestWhatIsNotSure:
    def test_who_answers_is_asked_for_with_the_flags_that_say_it(self, convert: Any, tmp_path: Path) -> None:
        path = csv(tmp_path / "a.csv", "time,sender,message", "2024-05-01 09:00,Ann,Hi", "2024-05-01 09:01,Bob,Hello")
        ended, _ = convert(path)
        assert ended.code == 2
        assert not (tmp_path / "out.jsonl").exists()
        assert (
            "it is not sure who answers; speakers and their messages: Ann (1), Bob (1): --roles Ann=assistant | --roles Bob=assistant"
            in ended.err
        )
        assert convert(path, "--roles", "Bob=assistant")[1] == [["u:Hi", "a:Hello"]]
        assert convert(path, "--roles", "Ann=user,Bob=assistant")[1] == [["u:Hi", "a:Hello"]]

    def test_names_with_commas_are_said_as_they_are(self, convert: Any, tmp_path: Path) -> None:
        path = csv(tmp_path / "a.csv", "会话,发送人,内容", '1,"Roe, Jane",Price?', '1,"Doe, Ann",Nine')
        _, conversations = convert(path, "--roles", "Doe, Ann=assistant,Roe, Jane=user")
        assert conversations == [["u:Price?", "a:Nine"]]

    def test_a_column_is_asked_for_with_the_columns_that_it_may_be(self, convert: Any, tmp_path: Path) -> None:
        lines = ["时间,甲列,乙列,内容"] + [
            f"2024-05-01 09:0{n},{'东西'[n % 2]},{'南北'[n % 2]},第{n}条消息" for n in range(6)
        ]
        ended, _ = convert(csv(tmp_path / "a.csv", *lines))
        assert ended.code == 2
        assert (
            "a.csv: it is not sure which column says who said it: --map speaker=甲列 | --map speaker=乙列" in ended.err
        )
        _, conversations = convert(tmp_path / "a.csv", "--map", "speaker=乙列", "--roles", "北=assistant")
        assert conversations == [[f"{'ua'[n % 2]}:第{n}条消息" for n in range(6)]]

    def test_sheets_of_different_kinds_are_asked_for(self, convert: Any, tmp_path: Path) -> None:
        path = workbook(
            tmp_path / "a.xlsx", ["会话ID", "角色", "内容"], [1, "客户", "在吗"], [1, "客服", "在的"], title="聊天"
        )
        book = openpyxl.load_workbook(path)
        faq = book.create_sheet("FAQ")
        for row in (["问题", "答案"], ["包邮吗", "包邮"]):
            faq.append(row)
        book.save(path)
        ended, _ = convert(path)
        assert ended.code == 2
        assert "several of its sheets hold conversations in different ways: --sheet 聊天 | --sheet FAQ" in ended.err
        assert convert(path, "--sheet", "FAQ")[1] == [["u:包邮吗", "a:包邮"]]
        assert convert(path, "--sheet", "1")[1] == [["u:在吗", "a:在的"]]
        assert "no sheet 'FAK', did you mean 'FAQ'?" in convert(path, "--sheet", "FAK")[0].err

    def test_what_tells_conversations_apart_is_asked_for_where_several_ask_at_once(
        self, convert: Any, tmp_path: Path
    ) -> None:
        lines = ["ref,author_id,inbound,created_at,text"]
        for minute in range(0, 8, 2):
            for who in (101, 102):
                lines.append(
                    f"r{who},{who},True,Mon May 06 09:{minute:02}:{who - 100:02} +0000 2024,ask {who} {minute}"
                )
                lines.append(
                    f"r{who},Shop,False,Mon May 06 09:{minute + 1:02}:{who - 100:02} +0000 2024,say {who} {minute}"
                )
        path = csv(tmp_path / "a.csv", *lines)
        ended, _ = convert(path)
        assert ended.code == 2
        assert "a.csv: several people ask at the same time" in ended.err
        assert "(--gap 0 takes it as one): --map conversation=ref" in ended.err
        _, conversations = convert(path, "--map", "conversation=ref")
        assert conversations == [
            [text for minute in range(0, 8, 2) for text in (f"u:ask {who} {minute}", f"a:say {who} {minute}")]
            for who in (101, 102)
        ]

    def test_where_a_conversation_ends_is_asked_for_where_nothing_says_so(self, convert: Any, tmp_path: Path) -> None:
        path = csv(
            tmp_path / "a.csv", "角色,内容,班", *(f"{'客户客服'[n % 2 * 2 :][:2]},第{n}条,{n // 4}" for n in range(80))
        )
        ended, _ = convert(path)
        assert ended.code == 2
        assert "no column that is known says where a conversation ends" in ended.err
        assert "--map conversation=班" in ended.err
        assert [len(one) for one in convert(path, "--map", "conversation=班")[1]] == [4] * 20
        assert [len(one) for one in convert(path, "--gap", "0")[1]] == [80]

    def test_a_file_without_conversations_is_refused_with_what_is_in_it(self, convert: Any, tmp_path: Path) -> None:
        ended, _ = convert(workbook(tmp_path / "a.xlsx", ["产品", "价格"], ["大衣", 300], ["毛衣", 120]))
        assert ended.code == 2
        assert "no conversations were found:" in ended.err
        assert "columns of Sheet: 产品, 价格" in ended.err

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["--map", "who=内容"], "unknown field 'who'"),
            (["--map", "text=消息内容"], "no column '消息内容', did you mean '内容'?"),
            (["--roles", "客服"], "expected speaker = role"),
            (["--roles", "客服=boss"], "unknown role 'boss'"),
            (["--roles", "客服=assistant,路人=user"], "--roles says nothing of the speaker '神秘人'"),
            (["--header-row", "9"], "no conversations were found"),
            (["--map", "nowhere.yaml"], "nowhere.yaml: cannot be read"),
        ],
    )
    def test_what_is_asked_for_has_to_be_there(
        self, convert: Any, tmp_path: Path, arguments: list[str], message: str
    ) -> None:
        path = csv(tmp_path / "a.csv", "会话ID,发送方,内容", "1,客户,在吗", "1,客服,在的", "1,神秘人,嗯")
        ended, _ = convert(path, *arguments)
        assert ended.code == 2
        assert message in ended.err

    def test_what_was_found_is_saved_and_used_again(self, convert: Any, tmp_path: Path) -> None:
        saved = tmp_path / "map.yaml"
        first = csv(tmp_path / "a.csv", "t,a,b", *(f"2024-05-01 09:0{n},{'东西'[n % 2]},第{n}条" for n in range(4)))
        convert(
            first, "--map", "time=t,speaker=a,text=b", "--roles", "西=assistant", "--gap", "30", "--save-map", saved
        )
        assert saved.read_text(encoding="utf-8").splitlines() == [
            "header_row: 1", "map:", "  time: t", "  speaker: a", "  text: b", "roles:", "  西: assistant", "  '*': user", "gap: 30.0",
        ]  # fmt: skip
        assert convert(first, "--map", saved)[1] == [["u:第0条", "a:第1条", "u:第2条", "a:第3条"]]

    def test_the_output_is_called_what_it_is(self, seedbed: Seedbed, tmp_path: Path) -> None:
        ended = seedbed("convert", SHOP, "--out", tmp_path / "out.csv")
        assert ended.code == 2
        assert "out.csv: what is written is JSON Lines" in ended.err

    def test_what_is_no_file_is_named(self, convert: Any, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe.csv")
        assert "pipe.csv: a pipe or a device where a data file was expected" in convert(tmp_path / "pipe.csv")[0].err
        assert "nope.xlsx: no such file" in convert(tmp_path / "nope.xlsx")[0].err

    def test_nothing_is_written_over(self, seedbed: Seedbed, tmp_path: Path) -> None:
        (tmp_path / "out.jsonl").write_text("mine")
        ended = seedbed("convert", SHOP, "--out", tmp_path / "out.jsonl")
        assert (ended.code, (tmp_path / "out.jsonl").read_text()) == (2, "mine")
        assert "exists already" in ended.err


def test_a_terminal_is_shown_three_conversations_and_asked(tmp_path: Path) -> None:
    """The real command at the end of a pseudo-terminal: it asks who answers, shows, is told another pause, and writes."""
    lines = [f"2024-05-0{1 + n // 2} 09:0{n % 2},{'Ann' if n % 2 == 0 else 'Bob'},line {n}" for n in range(8)]
    path = csv(tmp_path / "a.csv", "time,sender,message", *lines)
    out = tmp_path / "out.jsonl"
    ours, theirs = pty.openpty()
    environment = os.environ | {"TERM": "dumb", "NO_COLOR": "1", "LC_ALL": "C.UTF-8"}
    command = [sys.executable, "-m", "builder", "convert", str(path), "--out", str(out)]
    said = b""
    answers = [
        (b"--roles (a number", b"2\n"),
        (b"[q]uit >", b"c\n"),
        (b"--gap MINUTES >", b"--gap 0\n"),
        (b"[q]uit >", b"y\n"),
    ]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        for prompt, answer in answers:
            seen = len(said)
            while prompt not in said[seen:]:
                said += os.read(ours, 4096)
            os.write(ours, answer)
        with contextlib.suppress(OSError):  # the other end is closed
            while data := os.read(ours, 4096):
                said += data
    os.close(ours)
    text = said.decode()
    assert process.returncode == 0, text
    assert "  1  Ann=assistant" in text
    assert "conversations  --gap 60: 4 · --gap 240: 4 · --gap 1440: 1" in text
    assert "  3  a.csv#6-7" in text
    assert "     assistant  line 5" in text
    assert "out.jsonl: 1 conversation, 8 turns" in text
    assert turns(out) == [[f"{'ua'[n % 2]}:line {n}" for n in range(8)]]


class TestInCurate:
    """A table with one message a row, where nothing is to be asked, is read by `curate` too."""

    def test_it_says_how_it_reads_it(self, tmp_path: Path) -> None:
        lines = ["会话ID,角色,时间,内容"] + [
            f"{n},{who},2024-05-0{n} 09:0{minute},{text}"
            for n in (1, 2)
            for minute, (who, text) in enumerate(
                [("客户", "在吗"), ("客户", f"有{n}码吗"), ("客服", "有的"), ("客户", "谢谢")]
            )
        ]
        imported = read_samples([csv(tmp_path / "a.csv", *lines)], reporter=QUIET)
        assert [(sample.source, [turn.content for turn in sample.messages]) for sample in imported.samples] == [
            ("a.csv#1", ["在吗\n有1码吗", "有的"]),
            ("a.csv#5", ["在吗\n有2码吗", "有的"]),
        ]
        assert describe(imported.detected[0], "en") == (
            "a.csv: 2 rows, chat messages (CSV, read as one message a row, speakers 客户=user, 客服=assistant); columns: messages"
        )

    def test_where_something_has_to_be_asked_it_names_the_command_that_asks(self, tmp_path: Path) -> None:
        path = csv(tmp_path / "a.csv", "session,sender,message", "1,Ann,Hi", "1,Bob,Hello")
        with pytest.raises(InputFileError, match="it is not sure who asks and who answers in this chat") as raised:
            read_samples([path], reporter=QUIET)
        assert f"seedbed convert {path}" in raised.value.remedy

    def test_articles_are_no_chats(self, tmp_path: Path) -> None:
        lines = [
            "title,author,date,text",
            *(f"T{n},Ann {n},2024-05-0{n},A long story about day {n}." for n in range(1, 5)),
        ]
        with pytest.raises(InputFileError, match="found columns title, author, date, text"):
            read_samples([csv(tmp_path / "a.csv", *lines)], reporter=QUIET)

    def test_a_title_above_the_header_is_for_convert(self, tmp_path: Path) -> None:
        path = workbook(tmp_path / "a.xlsx", ["五月记录"], ["角色", "内容"], ["客户", "在吗"], ["客服", "在"])
        with pytest.raises(InputFileError, match="`seedbed convert` finds a header that stands below titles and notes"):
            read_samples([path], reporter=QUIET)


def test_rows_that_hold_a_conversation_are_read_as_curate_reads_them(convert: Any, tmp_path: Path) -> None:
    """An answer that is labelled as bad is none, a picture stands in its turn, and a row about a video is left out."""
    rows = [
        {"messages": [{"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "5"}], "label": False},
        {
            "messages": [
                {"role": "user", "content": "<image>这是什么？"},
                {"role": "assistant", "content": "一只猫。"},
            ],
            "images": ["https://example.org/cat.png"],
        },
        {
            "messages": [{"role": "user", "content": "<video>"}, {"role": "assistant", "content": "He waves."}],
            "videos": ["a.mp4"],
        },
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    ended = convert(path, "--json")[0]
    (line,) = (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["messages"][0]["content"] == [
        {"type": "image", "image": "https://example.org/cat.png"},
        {"type": "text", "text": "这是什么？"},
    ]
    summary = json.loads(ended.out)
    assert summary["rows"] == {"read": 3, "above": 0, "with_messages": 2, "not_whole": 1}
    assert summary["nothing_came_of"] == {"no_answer": 1}


def test_ctrl_c_ends_a_question(monkeypatch: pytest.MonkeyPatch) -> None:
    signal.siginterrupt(signal.SIGINT, False)  # as Polars has it: a read goes on
    reads, writes = os.pipe()
    with os.fdopen(reads) as stdin, os.fdopen(writes, "w") as answers:
        monkeypatch.setattr("sys.stdin", stdin)
        in_a_while = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT))
        too_late = threading.Timer(2, lambda: print("y", file=answers, flush=True))
        in_a_while.start()
        too_late.start()
        with pytest.raises(KeyboardInterrupt):
            converting._ask("Write them?", "要写吗？")
        assert too_late.is_alive()
        too_late.cancel()
