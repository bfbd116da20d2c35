"""Row formats of the catalogue: rows as their sets have them to samples, and detection that takes nothing from others."""

import json
from pathlib import Path
from typing import Any, ClassVar

import pytest

from builder.errors import InputFileError
from builder.formats.detection import detect
from builder.formats.importing import Imported, read_samples
from builder.progress import Reporter
from builder.schema import Message, Sample


def write(path: Path, rows: Any) -> Path:
    lines = rows if path.suffix == ".jsonl" else [rows]
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in lines), encoding="utf-8")
    return path


def load(path: Path) -> Imported:
    return read_samples([path], reporter=Reporter(quiet=True))


def said(sample: Sample) -> list[tuple[str, str]]:
    return [(turn.role, turn.content) for turn in sample.messages]


class TestXlam:
    ROW: ClassVar[dict[str, Any]] = {
        "id": 0,
        "query": "苏州和杭州明天的天气怎么样？",
        "answers": '[{"name": "weather", "arguments": {"city": "苏州", "days": 1}}, {"name": "weather", "arguments": {"city": "杭州"}}]',
        "tools": json.dumps(
            [
                {
                    "name": "weather",
                    "description": "Forecast",
                    "parameters": {
                        "city": {"description": "Name", "type": "str"},
                        "days": {"description": "How many", "type": "int", "default": 1},
                        "units": {"description": "Which", "type": "List[str], optional"},
                    },
                }
            ]
        ),
    }

    def test_calls_are_a_turn_and_parameters_a_schema(self, tmp_path: Path) -> None:
        path = write(tmp_path / "a.json", [self.ROW])
        imported = load(path)
        assert imported.samples[0].messages == (
            Message("user", "苏州和杭州明天的天气怎么样？"),
            Message(
                "assistant",
                "",
                '[{"name": "weather", "arguments": {"city": "苏州", "days": 1}}, {"name": "weather", "arguments": {"city": "杭州"}}]',
            ),
        )
        assert json.loads(imported.samples[0].tools or "") == [
            {
                "name": "weather",
                "description": "Forecast",
                "parameters": {
                    "type": "object",
                    "properties": {
                        "city": {"description": "Name", "type": "string"},
                        "days": {"description": "How many", "type": "integer", "default": 1},
                        "units": {"description": "Which", "type": "array"},
                    },
                    "required": ["city"],
                },
            }
        ]
        assert detect(path).format == "xlam"

    def test_schemas_stay_and_no_call_is_said(self, tmp_path: Path) -> None:
        schema = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
        bare = {"name": "g", "parameters": {"type": "object", "properties": {"a": {"type": "string"}}}}
        row = {"query": "Hi", "tools": [bare], "answers": []}
        imported = load(write(tmp_path / "a.jsonl", [row, {**row, "tools": [bare, {"name": "h"}]}]))
        assert json.loads(imported.samples[0].tools or "") == [bare]
        assert json.loads(imported.samples[1].tools or "") == [bare, {"name": "h"}]
        assert [p.problem for p in imported.problems if p.row == 1] == [
            "its list of calls is empty",
            "it has no answer",
        ]
        wrapped = load(write(tmp_path / "b.jsonl", [{**row, "tools": [schema]}]))
        assert json.loads(wrapped.samples[0].tools or "") == [schema]
        with pytest.raises(InputFileError, match="a tool is no object with a name"):
            load(write(tmp_path / "c.jsonl", [{**row, "tools": ["f"]}]))


class TestSquad:
    def test_rows_and_documents_say_the_same(self, tmp_path: Path) -> None:
        context = "西湖位于浙江省杭州市，面积约六平方公里。"
        asked: list[dict[str, Any]] = [
            {"id": "q1", "question": "西湖在哪个城市？", "answers": [{"text": "杭州市", "answer_start": 7}, {"text": "杭州", "answer_start": 7}]},
            {"id": "q2", "question": "西湖有多深？", "answers": [], "is_impossible": True, "plausible_answers": [{"text": "六"}]},
        ]  # fmt: skip
        document = {"version": "v2.0", "data": [{"title": "西湖", "paragraphs": [{"context": context, "qas": asked}]}]}
        rows = [
            {
                "id": one["id"],
                "title": "西湖",
                "context": context,
                "question": one["question"],
                "answers": {"text": [a["text"] for a in one["answers"]], "answer_start": []},
            }
            for one in asked
        ]
        whole, flat = load(write(tmp_path / "dev.json", document)), load(write(tmp_path / "dev.jsonl", rows))
        assert [said(sample) for sample in whole.samples] == [
            [("user", f"西湖在哪个城市？\n\n{context}"), ("assistant", "杭州市")],
            [("user", f"西湖有多深？\n\n{context}")],
        ]
        assert [(s.messages, s.instruction, s.input, s.task_id) for s in whole.samples] == [
            (s.messages, s.instruction, s.input, s.task_id) for s in flat.samples
        ]
        assert whole.samples[0].task_id == "q1"
        assert "its question is marked as one that the text does not answer" in [p.problem for p in flat.problems]

    def test_answers_in_a_cell_are_json(self, tmp_path: Path) -> None:
        path = tmp_path / "a.csv"
        path.write_text(
            'context,question,answers\nThe Tagus is long.,Which river?,"{""text"": [""The Tagus""], ""answer_start"": [0]}"\n',
            encoding="utf-8",
        )
        assert said(load(path).samples[0])[1] == ("assistant", "The Tagus")
        path.write_text('context,question,answers\nc,q,"{""said"": 1, ""text"": {}}"\n', encoding="utf-8")
        with pytest.raises(InputFileError, match="'answers' must be"):
            load(path)


def test_firefly_has_its_kind_as_category(tmp_path: Path) -> None:
    row = {"kind": "NLI", "input": "自然语言推理：\n前提：下雨了\n假设：地湿了", "target": "蕴含"}
    path = write(tmp_path / "a.jsonl", [row])
    assert detect(path).format == "firefly"
    sample = load(path).samples[0]
    assert said(sample) == [("user", row["input"]), ("assistant", "蕴含")]
    assert sample.category == "NLI"


class TestRounds:
    @pytest.mark.parametrize(
        ("column", "asks", "answers"),
        [
            ("conversation", "human", "assistant"),
            ("conversations", "question", "answer"),
            ("对话", "问", "答"),
            ("qa", "Question", "Answer"),
            ("messages", "用户", "助手"),
        ],
    )
    def test_each_round_is_two_turns(self, tmp_path: Path, column: str, asks: str, answers: str) -> None:
        rounds = [{asks: "在吗", answers: "在的"}, {asks: "有货吗", answers: "有"}]
        imported = load(write(tmp_path / "a.jsonl", [{column: [], "category": "x"}, {column: rounds}][1:]))
        assert said(imported.samples[0]) == [
            ("user", "在吗"),
            ("assistant", "在的"),
            ("user", "有货吗"),
            ("assistant", "有"),
        ]
        assert imported.problems == []

    def test_system_of_the_first_round_and_other_keys(self, tmp_path: Path) -> None:
        rounds = [
            {"system": "Be brief.", "input": "Hi", "output": "Hello.", "score": 3},
            {"input": "Bye", "output": "Bye."},
        ]
        imported = load(write(tmp_path / "a.json", [{"conversation": rounds}]))
        assert said(imported.samples[0])[0] == ("system", "Be brief.")
        assert [p.problem for p in imported.problems] == ["keys of its rounds were not used: score"]

    def test_a_broken_round_is_named(self, tmp_path: Path) -> None:
        path = write(tmp_path / "a.jsonl", [{"conversation": [{"human": "a", "assistant": "b"}, {"human": "c"}]}])
        with pytest.raises(InputFileError, match="row 1: round 2 holds no question and answer"):
            load(path)

    def test_lists_of_turns_stay_what_they_are(self, tmp_path: Path) -> None:
        turns = [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]
        assert detect(write(tmp_path / "a.json", [{"conversations": turns}])).format == "sharegpt"
        asked = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
        assert detect(write(tmp_path / "b.json", [{"messages": asked}])).format == "messages"
        shots = {"question": "q", "answer": "a", "qa": [{"question": "shot", "answer": "x"}]}
        assert detect(write(tmp_path / "c.json", [shots])).format == "rounds"


def node(text: str, role: str, *replies: Any, **more: Any) -> dict[str, Any]:
    return {"message_id": text, "text": text, "role": role, "lang": "en", "replies": list(replies), **more}


class TestOpenAssistant:
    TREE = node(
        "What is a monopsony?",
        "prompter",
        node("Bad one", "assistant", rank=2),
        node(
            "One buyer.",
            "assistant",
            node("Unanswered, first", "prompter", rank=0),
            node("An example?", "prompter", node("A mill town.", "assistant", rank=None), rank=1),
            rank=0,
        ),
        node("Spam", "assistant", review_result=False, rank=1),
        node("Gone", "assistant", deleted=True),
        node("Waiting", "assistant", review_result=None),
        node("A market with one buyer only, perhaps.", "assistant", rank=1),
    )

    def test_the_best_path_and_its_pairs(self, tmp_path: Path) -> None:
        row = {"message_tree_id": "t", "tree_state": "ready_for_export", "prompt": self.TREE}
        imported = load(write(tmp_path / "trees.jsonl", [row]))
        asked = [("user", "What is a monopsony?"), ("assistant", "One buyer.")]
        assert [(said(sample), sample.rejected) for sample in imported.samples] == [
            ([*asked, ("user", "An example?"), ("assistant", "A mill town.")], None),
            (asked, "Bad one"),
            (asked, "A market with one buyer only, perhaps."),
        ]
        assert {sample.task_id for sample in imported.samples} == {"trees#1"}
        assert imported.problems == []

    def test_what_is_left_out_is_counted(self, tmp_path: Path) -> None:
        from builder.formats.importing import open_samples
        from builder.formats.left_out import tell_left_out

        rows = [
            {"message_tree_id": "t", "prompt": self.TREE},
            {"message_tree_id": "u", "prompt": node("Alone?", "prompter")},
            {"message_tree_id": "v", "tree_state": "aborted_low_grade", "prompt": self.TREE},
        ]
        files = open_samples([write(tmp_path / "trees.jsonl", rows)], reporter=Reporter(quiet=True))
        assert len(list(files.samples(note=lambda problem: None))) == 3
        assert tell_left_out(files.tallies[0].inside, "en") == (
            "questions that nobody answered 1, deleted messages 1, messages refused in review 1, messages never reviewed 1"
        )
        assert tell_left_out(files.tallies[0].inside, "zh") == (
            "无人回答的提问 1 条、已删除的消息 1 条、审核未通过的消息 1 条、未经审核的消息 1 条"
        )
        assert [(one["row"], one["problem"], one["broken"]) for one in files.left_out()] == [
            (2, "no message of the tree is both a question and answered", False),
            (3, "its makers gave up the tree", False),
        ]


def mapped(*nodes: tuple[str, str | None, str, Any]) -> dict[str, Any]:
    """A `mapping` of (name, parent, role, content or whole message)."""
    return {
        name: {
            "id": name,
            "parent": parent,
            "children": [],
            "message": None
            if said is None
            else said
            if isinstance(said, dict)
            else {"author": {"role": role}, "content": {"content_type": "text", "parts": [said]}, "recipient": "all"},
        }
        for name, parent, role, said in nodes
    }


class TestChatGpt:
    def test_the_shown_path_is_taken(self, tmp_path: Path) -> None:
        custom = {
            "author": {"role": "user"},
            "content": {"content_type": "user_editable_context", "user_profile": "p"},
            "metadata": {"is_visually_hidden_from_conversation": True},
        }
        thoughts = {
            "author": {"role": "assistant"},
            "content": {"content_type": "thoughts", "thoughts": [{"summary": "s", "content": "Count them."}]},
        }
        call = {
            "author": {"role": "assistant"},
            "recipient": "python",
            "content": {"content_type": "code", "text": "1+1"},
        }
        result = {
            "author": {"role": "tool", "name": "python"},
            "content": {"content_type": "execution_output", "text": "2"},
        }
        answer = {
            "author": {"role": "assistant"},
            "content": {"content_type": "text", "parts": ["It is 2.\ue200cite\ue202turn0search1\ue201"]},
            "metadata": {"model_slug": "o3"},
        }
        row = {
            "title": "Sums",
            "create_time": 1.5,
            "current_node": "f",
            "mapping": mapped(
                ("root", None, "", None),
                ("s", "root", "system", ""),
                ("u", "s", "user", custom),
                ("a", "u", "user", "What is 1+1?"),
                ("old", "a", "assistant", "It is 3."),
                ("b", "a", "assistant", thoughts),
                ("c", "b", "assistant", call),
                ("d", "c", "tool", result),
                ("f", "d", "assistant", answer),
            ),
        }
        imported = load(write(tmp_path / "conversations.json", [row]))
        assert imported.samples[0].messages == (
            Message("user", "What is 1+1?"),
            Message("assistant", "It is 2.", reasoning="Count them."),
        )
        assert [p.problem for p in imported.problems] == [
            "calls of tools and their results were left out: python",
        ]
        assert imported.detected[0].format == "chatgpt"

    def test_a_picture_cuts_and_nothing_said_is_left_out(self, tmp_path: Path) -> None:
        from builder.formats.importing import open_samples
        from builder.formats.left_out import tell_left_out

        picture = {
            "author": {"role": "user"},
            "content": {
                "content_type": "multimodal_text",
                "parts": [{"content_type": "image_asset_pointer", "asset_pointer": "file-service://x"}, "这是什么？"],
            },
        }
        first = mapped(
            ("a", None, "user", "你好"),
            ("b", "a", "assistant", "你好！"),
            ("c", "b", "user", picture),
            ("d", "c", "assistant", "一只猫。"),
        )
        rows = [
            {"title": "猫", "mapping": first, "current_node": "d"},
            {"title": "空", "mapping": mapped(("r", None, "", None)), "current_node": "r"},
            {
                "title": "环",
                "mapping": mapped(("a", "b", "user", "q"), ("b", "a", "assistant", "r")),
                "current_node": "b",
            },
        ]
        path = write(tmp_path / "conversations.json", rows)
        files = open_samples([path], reporter=Reporter(quiet=True))
        samples = list(files.samples(note=lambda problem: None))
        assert [said(sample) for sample in samples] == [
            [("user", "你好"), ("assistant", "你好！")],
            [("user", "q"), ("assistant", "r")],
        ]
        assert tell_left_out(files.tallies[0].inside, "zh") == "因缺图片或文件而截断的对话 1 段"
        assert [one["problem"] for one in files.left_out()] == ["nothing is said in the conversation"]

    def test_fragments_of_deepseek(self, tmp_path: Path) -> None:
        asked = {"model": "m", "fragments": [{"type": "REQUEST", "content": "鸡兔同笼？"}]}
        answered = {
            "fragments": [{"type": "THINK", "content": "设鸡 x 只。"}, {"type": "RESPONSE", "content": "鸡 3 只。"}]
        }
        mapping = mapped(("root", None, "", None), ("1", "root", "", asked), ("2", "1", "", answered))
        imported = load(
            write(tmp_path / "conversations.json", [{"id": "x", "title": "t", "inserted_at": "", "mapping": mapping}])
        )
        assert imported.samples[0].messages == (
            Message("user", "鸡兔同笼？"),
            Message("assistant", "鸡 3 只。", reasoning="设鸡 x 只。"),
        )


class TestClaude:
    def test_parts_attachments_and_branches(self, tmp_path: Path) -> None:
        def message(uuid: str, parent: str, sender: str, *parts: dict[str, Any], **more: Any) -> dict[str, Any]:
            return {
                "uuid": uuid,
                "parent_message_uuid": parent,
                "sender": sender,
                "content": list(parts),
                "text": "",
                **more,
            }

        def text(words: str) -> dict[str, Any]:
            return {"type": "text", "text": words}

        attached = {"file_name": "n.txt", "extracted_content": "Rain."}
        thought = {"type": "thinking", "thinking": "Short."}
        row = {
            "uuid": "c",
            "name": "Notes",
            "chat_messages": [
                message("1", "0", "human", text("Sum it up"), attachments=[attached]),
                message("2", "1", "assistant", text("Old answer")),
                message("3", "1", "assistant", thought, text("It rained."), {"type": "tool_use", "name": "search"}),
            ],
        }  # fmt: skip
        plain = {
            "uuid": "d",
            "name": "",
            "chat_messages": [{"sender": "human", "text": "嗨"}, {"sender": "assistant", "text": "你好"}],
        }
        pictured = {
            "uuid": "e",
            "chat_messages": [{"sender": "human", "text": "看图", "files": [{"file_name": "a.png"}]}],
        }
        imported = load(write(tmp_path / "conversations.json", [row, plain, pictured]))
        assert imported.samples[0].messages == (
            Message("user", "Sum it up\n\nRain."),
            Message("assistant", "It rained.", reasoning="Short."),
        )
        assert said(imported.samples[1]) == [("user", "嗨"), ("assistant", "你好")]
        assert len(imported.samples) == 2
