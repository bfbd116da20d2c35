"""What is put right in rows as they are read, and what stays as it is."""

import json
from pathlib import Path

import pytest

from builder.config import Mending
from builder.formats.importing import open_samples, read_samples
from builder.formats.mending import mend
from builder.formats.row_format import SampleParts
from builder.pipeline import add_files, curate_files
from builder.pipeline.redacting import redact_folder
from builder.progress import Reporter
from builder.queries.browsing import explain_row, read_page
from builder.queries.database import Database
from builder.queries.selecting import Filters
from builder.schema import Mend, Message, Sample, compose_prompt, task_messages
from builder.settings_file import load_settings
from builder.signals import measure_row
from builder.store.dataset_folder import DatasetFolder
from tests.command import Seedbed

QUIET = Reporter(quiet=True)
KINDS = Mending().kinds


def task(instruction: str, answer: str, given: str | None = None) -> SampleParts:
    return SampleParts(task_messages(instruction, given, answer), instruction=instruction, input=given)


def talk(*turns: tuple[str, str] | Message, rejected: str | None = None, tools: str | None = None) -> SampleParts:
    messages = [turn if isinstance(turn, Message) else Message(*turn) for turn in turns]  # type: ignore[arg-type]
    return SampleParts(tuple(messages), rejected=rejected, tools=tools)


def said(parts: SampleParts) -> list[tuple[str, str]]:
    return [(turn.role, turn.content) for turn in parts.messages]


@pytest.mark.parametrize(
    ("instruction", "marker"),
    [
        ("Name a fruit.", "<noinput>"),
        ("Name a fruit.", "No input required."),
        ("Name three types of trees.", "None"),
        ("Write 100 words on tides.", "N/A"),
        ("Name a fruit.", "&lt;noinput&gt;"),
        ("Say what makes a person's character.", "NoInput"),
        ("说出一种水果。", "无输入"),
        ("写一篇500字的作文。", "（无）"),
        ("说出一种水果。", "输入：无"),
        ("说出一种水果。", "不适用"),
    ],
)
def test_a_marker_is_no_input(instruction: str, marker: str) -> None:
    mended = mend(task(instruction, "Plum.", marker), KINDS)
    assert (mended.instruction, mended.input) == (instruction, "")
    assert said(mended) == [("user", instruction), ("assistant", "Plum.")]
    assert mended.mended == (Mend("no_input_marker", "input", marker),)


@pytest.mark.parametrize(
    ("instruction", "given"),
    [
        ("Classify the sentiment of the review.", "None"),
        ("Is it a palindrome?", "nan"),
        ("Describe the allergies of the patient in one sentence.", "None"),
        ("Give the opposite.", "none"),
        ("Make this error message friendlier.", "No input"),
        ("What should the owner of the monitor check?", "No input"),
        ("根据病人的过敏史推荐药物。", "无"),
        ("给出拼音。", "无"),
        ("判断情感", "无"),
        ("把下面的报错改得更友好。", "没有输入"),
    ],
)
def test_a_word_that_the_instruction_may_be_applied_to_is_no_marker(instruction: str, given: str) -> None:
    row = task(instruction, "Yes.", given)
    assert mend(row, KINDS) is row


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("How do I type &eacute; on a keyboard?", "Alt+0233."),
        ("What does &nbsp; mean?", "A space."),
        ("&nbsp; 是什么意思？", "不换行的空格。"),
        ("在 Markdown 里怎么空两格？", "写两个 &emsp; 即可。"),
        ("Which is right, & or &amp;?", "The second."),
        ("Haskell lambda", "\\n -> n + 1"),
        ("Draw a face.", "( \\n_n/ )"),
        ("How does a header end?", "Each one ends with \\r\\n."),
        ("C 语言怎么换行？", "用 \\n。"),
        ("Set A minus n", "A\\n"),
        ("What is FS?", "FS=\\t"),
    ],
)
def test_what_a_row_names_is_not_left_over(question: str, answer: str) -> None:
    row = task(question, answer)
    assert mend(row, KINDS) is row


def test_a_null_argument_stays_where_no_tool_says_what_it_may_be() -> None:
    row = talk(("user", "q"), Message("assistant", "", '[{"name": "f", "arguments": {"task": 5, "due": null}}]'))
    assert mend(row, KINDS) is row


def test_a_marker_that_others_composed_goes_from_the_prompt() -> None:
    assert said(mend(talk(("user", "Name a fruit.\n\n<noinput>"), ("assistant", "Plum.")), KINDS))[0] == (
        "user",
        "Name a fruit.",
    )
    whole = mend(task("说出一种水果。\n\n【无输入】", "李子。"), KINDS)
    assert whole.instruction == "说出一种水果。"
    assert whole.mended == (Mend("no_input_marker", "instruction", "说出一种水果。\n\n【无输入】"),)


CLEANED = [
    ("entities", "Wrens &amp; robins &lt;3 &quot;sing&quot;, it&#39s caf&eacute;.", 'Wrens & robins <3 "sing", it\'s café.'),
    ("entities", "春&middot;夏&nbsp;&amp;amp; 秋", "春·夏 & 秋"),
    ("entities", "Tom &amp; Jerry:\n```js\na &amp;&amp; b\n```\n`x &lt; y`", "Tom & Jerry:\n```js\na &amp;&amp; b\n```\n`x &lt; y`"),
    ("escapes", "Ingredients:\\n- flour\\n- milk\\n\\nMix.", "Ingredients:\n- flour\n- milk\n\nMix."),
    ("escapes", "Roses are red,\\nViolets are blue,\\nsugar is sweet.", "Roses are red,\nViolets are blue,\nsugar is sweet."),
    ("escapes", "第一步：洗米。\\n第二步：煮饭。", "第一步：洗米。\n第二步：煮饭。"),
    ("escapes", "A caf\\u00e9 \\ud83d\\ude00", "A café 😀"),
    ("escapes", "I don\\'t know \\\"him\\\".", 'I don\'t know "him".'),
    ("invisible_characters", "麻雀\u200b和\ufeff燕子。", "麻雀和燕子。"),
    ("invisible_characters", "A co\u00adop\u200derative\u200c \u200ewren\u202c.", "A cooperative wren."),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "before", "after"), CLEANED)
def test_what_tools_left_in_a_text_goes(kind: str, before: str, after: str) -> None:
    mended = mend(task("Name a bird.", before), KINDS)
    assert mended.messages[1].content == after
    assert mended.mended == (Mend(kind, "messages/1", before),)
    assert mend(mended, KINDS) is mended


STAYS = [
    ("Convert the text to HTML entities.", "Tom &amp; Jerry"),
    ("How do I show a less-than sign on a web page?", "Write &lt; in the source."),
    ("Sum up to n.", "for (i = 0; i &lt; n; i++) {\n  sum += i;\n}"),
    ("Write a bold word.", "&lt;b&gt;bold&lt;/b&gt;"),
    ("Give the item of the feed.", "<item><title>Tom &amp; Jerry</title></item>"),
    ("在网页上怎样显示小于号？", "写成 &lt; 即可。"),
    ("Choose a password.", "aB3#fG6&kL9@"),
    ("Print a poem in two lines.", "print('roses are red\\nviolets are blue')"),
    ("Print a poem in two lines.", 'puts "Roses are red,\\nViolets are blue"'),
    ("What is \\n?", "It stands for a new line: \\n."),
    ("Write the Greek letter.", "\\nu and \\theta, \\neq \\times"),
    ("Where is the log?", "It is in C:\\new\\temp\\n1."),
    ("Write the product.", "1/2 \\times 3\\n= 1.5"),
    ("Where do I cut?", "Split on \\n or \\t."),
    ("Which keys?", "Press Ctrl+\\n"),
    ("What is small?", "The value \\nu is small.\\nThe rest is not."),
    ("Where is the share?", "\\\\server\\n1\\t2"),
    ("Give the object.", '{"text": "a\\nb"}'),
    ("What is the code point of é?", "It is \\u00e9."),
    ("换行符怎么写？", "写作 \\n。"),
    ("What does the zero-width space do?", "It\u200b breaks lines."),
    ("零宽空格是什么？", "就是“\u200b”。"),
    ("Show a family and a flag.", "👨\u200d👩\u200d👧 ❤️\u200d🔥 🏳️\u200d🌈"),
    ("ترجمه کن", "نمی\u200cدانم \u202bسلام\u202c"),
    ("हिन्दी में लिखो", "क्\u200dष और र्\u200dय"),
    ("ចូរសរសេរ", "កម្ពុជា\u200bជា\u200bប្រទេស"),
    ("Write bold in Markdown.", "\\*bold\\* ¯\\_(ツ)_/¯"),
]  # fmt: skip


@pytest.mark.parametrize(("instruction", "answer"), STAYS)
def test_what_is_meant_as_it_stands_stays(instruction: str, answer: str) -> None:
    row = task(instruction, answer)
    assert mend(row, KINDS) is row


@pytest.mark.parametrize(
    ("instruction", "given"),
    [
        ("Translate the word into German.", "none"),
        ("What type is the following value?", "None"),
        ("Find an antonym of the word:", "empty"),
        ("Give the meaning of the abbreviation.", "N/A"),
        ("Describe the feeling.", "empty"),
        ("把这个词翻译成英文。", "无"),
        ("用这个字组词。", "空"),
        ("Repair this device.", "No input device was found"),
    ],
)
def test_an_input_that_only_looks_like_a_marker_stays(instruction: str, given: str) -> None:
    row = task(instruction, "As you wish.", given)
    assert mend(row, KINDS) is row


def test_turns_are_put_in_order() -> None:
    mended = mend(
        talk(
            ("assistant", "Hello! How can I help you today?"),
            ("user", "Hi"),
            ("user", "Where is my parcel &amp; invoice?"),
            ("assistant", "On its way."),
            ("user", "Thanks!"),
        ),
        KINDS,
    )
    assert said(mended) == [("user", "Hi\nWhere is my parcel & invoice?"), ("assistant", "On its way.")]
    assert mended.mended == (
        Mend("greeting", "messages/0", "Hello! How can I help you today?"),
        Mend("joined_turns", "messages/0", "Hi"),
        Mend("entities", "messages/0", "Where is my parcel &amp; invoice?"),
        Mend("joined_turns", "messages/0", "Where is my parcel &amp; invoice?"),
        Mend("trailing_question", "messages/2", "Thanks!"),
    )


@pytest.mark.parametrize(
    "greeting",
    [
        "Hi there! I'm your assistant. What can I do for you?",
        "Good morning, how may I assist you?",
        "您好，请问有什么可以帮您？",
        "你好！我是小美，很高兴为您服务。",
        "欢迎光临，有什么需要帮忙的吗？",
        "亲，在的，您好",
        "Good morning, Mr. Brown. This is Maria speaking. How can I help you?",
        "早上好！工号 1024 为您服务，请描述您的问题。",
        "",
    ],
)
def test_a_greeting_before_the_first_question_goes(greeting: str) -> None:
    row = talk(("assistant", greeting), ("user", "Is the shop open?"), ("assistant", "Yes."))
    assert said(mend(row, KINDS)) == [("user", "Is the shop open?"), ("assistant", "Yes.")]


def test_what_an_assistant_says_first_stays_where_it_is_more_than_a_greeting() -> None:
    scene = ("system", "You are Grim, who keeps an inn.")
    rows = [
        talk(scene, ("assistant", "Welcome to the Rusty Nail. I'm Grim."), ("user", "Ale."), ("assistant", "Here.")),
        talk(scene, ("assistant", "Hi, I'm Grim! How can I help?"), ("user", "Ale."), ("assistant", "Here.")),
        talk(("assistant", "Hello! How are you?"), ("user", "Fine, and you?"), ("assistant", "Fine.")),
        talk(
            ("assistant", "Hello, I am afraid we are closed. Can I help you?"), ("user", "No."), ("assistant", "Bye.")
        ),
        talk(("assistant", "Correct! How can I help you?"), ("user", "Next."), ("assistant", "Bye.")),
        talk(("assistant", "您好，您的订单已发货，有什么可以帮您？"), ("user", "几天到"), ("assistant", "三天。")),
        talk(("assistant", "The dragon wakes. Who dares?"), ("user", "Me."), ("assistant", "Flee!")),
        talk(("assistant", "您好，请问您的订单号是多少？"), ("user", "12345"), ("assistant", "已发货。")),
        talk(
            ("assistant", "Let me know how I can help you move on Saturday."), ("user", "Ten?"), ("assistant", "Yes.")
        ),
        talk(("assistant", "Hello! How can I help you?"), ("user", "Ale.")),
    ]
    assert [mend(row, KINDS) is row for row in rows] == [True] * len(rows)
    plain = talk(scene, ("assistant", "Hello! How can I help you?"), ("user", "Ale."), ("assistant", "Here."))
    assert said(mend(plain, KINDS)) == [scene, ("user", "Ale."), ("assistant", "Here.")]


CALL = '[{"name": "look", "arguments": {}}]'


def test_turns_are_joined_only_where_they_say_the_same_as_one() -> None:
    calling = talk(
        ("user", "Rain?"),
        ("assistant", "I look."),
        Message("assistant", "", CALL),
        ("tool", "no"),
        ("assistant", "No."),
    )
    joined = mend(calling, KINDS)
    assert joined.messages[1] == Message("assistant", "I look.", CALL)
    thought = talk(("user", "q"), Message("assistant", "One.", reasoning="Hm."), ("assistant", "Two,\nthree."))
    assert mend(thought, KINDS).messages[1] == Message("assistant", "One.\nTwo,\nthree.", reasoning="Hm.")
    twice = talk(("user", "Hello?"), ("user", "hello?"), ("assistant", "Yes?"))
    assert said(mend(twice, KINDS)) == [("user", "Hello?"), ("assistant", "Yes?")]
    apart = [
        talk(("user", "Who?"), Message("user", "Me.", name="Ada"), ("assistant", "Ah.")),
        talk(("user", "q"), Message("assistant", "a", weight=0), ("assistant", "b")),
        talk(("user", "q"), ("assistant", "a"), Message("assistant", "b", reasoning="Hm.")),
        talk(("user", "q"), Message("assistant", "", CALL), ("assistant", "It rains.")),
        talk(("user", "q"), Message("assistant", "", CALL), ("tool", "1"), ("tool", "2"), ("assistant", "It rains.")),
        talk(("user", "q"), ("assistant", "The capital is Lima."), ("assistant", "The capital is Lima, in Peru.")),
    ]
    assert [mend(row, KINDS) is row for row in apart] == [True] * len(apart)


def test_a_question_that_alone_is_left_stays() -> None:
    rows = [
        talk(("user", "q")),
        talk(("user", "q"), rejected="A bad answer."),
        talk(("user", "q"), Message("assistant", "", CALL), ("tool", "1"), ("user", "Well?")),
    ]
    assert [mend(row, KINDS) is row for row in rows] == [True] * len(rows)


def test_null_arguments_go_unless_the_tool_asks_for_them() -> None:
    calls = '[{"name": "book", "arguments": {"city": "Suzhou", "room": null, "until": null, "guest": {"name": "Li", "age": null}}}]'
    tools = '[{"name": "book", "default": null, "parameters": {"properties": {"until": {"type": ["string", "null"]}, "x": null}}}]'
    mended = mend(talk(("user", "q"), Message("assistant", "", calls), tools=tools), KINDS)
    assert json.loads(mended.messages[1].tool_calls or "") == [
        {"name": "book", "arguments": {"city": "Suzhou", "until": None, "guest": {"name": "Li"}}}
    ]
    assert json.loads(mended.tools or "") == [
        {"name": "book", "default": None, "parameters": {"properties": {"until": {"type": ["string", "null"]}}}}
    ]
    assert mended.mended == (Mend("null_members", "tools", tools), Mend("null_members", "messages/1/tool_calls", calls))
    kept = talk(
        ("user", "q"), Message("assistant", "", '[{"name": "f", "arguments": {"x": 1}}]'), ("tool", '{"a": null}')
    )
    assert mend(kept, KINDS) is kept


def test_instruction_and_input_still_compose_to_the_first_message() -> None:
    mended = mend(task("Name a bird &amp; a tree.", "A wren,\u200b an elm.", "In\u200b Oslo"), KINDS)
    assert (mended.instruction, mended.input) == ("Name a bird & a tree.", "In Oslo")
    assert mended.messages[0].content == compose_prompt("Name a bird & a tree.", "In Oslo")
    assert [one.place for one in mended.mended] == ["instruction", "input", "messages/1"]
    turns = (Message("user", "Name a bird."), Message("user", "Please."), Message("assistant", "A wren."))
    joined = mend(SampleParts(turns, instruction="Name a bird."), KINDS)
    assert (joined.instruction, joined.messages[0].content) == (None, "Name a bird.\nPlease.")


def test_the_worse_answer_is_mended_too() -> None:
    pair = SampleParts(task_messages("Name a bird.", None, "A wren."), rejected="A cat &amp; a dog.")
    mended = mend(pair, KINDS)
    assert (mended.rejected, mended.mended) == ("A cat & a dog.", (Mend("entities", "rejected", "A cat &amp; a dog."),))


def test_only_the_kinds_that_are_asked_for_are_mended() -> None:
    row = task("Name a bird.", "A wren &amp;\u200b a robin.", "<noinput>")
    assert mend(row, []) is row
    assert mend(row, ["entities"]).messages[1].content == "A wren &\u200b a robin."
    assert mend(row, ["no_input_marker"]).mended == (Mend("no_input_marker", "input", "<noinput>"),)


ROWS = [
    {"instruction": "Name a fruit that floats.", "input": "<noinput>", "output": "An apple floats &amp; a pear does not."},
    {"instruction": "Name a fruit that floats.", "input": "", "output": "An apple floats & a pear does not."},
    {"instruction": "Say whom to ask.", "input": "N/A", "output": "Write to anna.larsen@mill-post.net\u200b about it."},
]  # fmt: skip


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(map(json.dumps, ROWS)), encoding="utf-8")
    return path


def curated(path: Path, root: Path, *overrides: str) -> DatasetFolder:
    curate_files([path], load_settings(None, overrides, {}), root, QUIET)
    return DatasetFolder(root)


def stored(folder: DatasetFolder) -> list[Sample]:
    return list(folder.iter_samples())


def test_a_mended_row_says_so_wherever_it_is_shown(rows: Path, tmp_path: Path) -> None:
    folder = curated(rows, tmp_path / "set")
    report = json.loads(folder.report_json.read_text(encoding="utf-8"))
    assert report["mended"] == {
        "rows": 2,
        "kept": 2,
        "by_kind": {"no_input_marker": 2, "entities": 1, "invisible_characters": 1},
    }
    with Database.open(folder.root) as database:
        page = read_page(database, Filters(mended=True), limit=9)
    assert ([line.row for line in page.lines], page.total) == ([0, 2], 2)
    assert explain_row(folder.root, "0")["sample"]["mended"] == [
        {"kind": "no_input_marker", "place": "input", "before": "<noinput>"},
        {"kind": "entities", "place": "messages/1", "before": "An apple floats &amp; a pear does not."},
    ]
    assert "Marker in place of no input" in folder.report_html.read_text(encoding="utf-8")
    assert "Faults of form were put right in 2 of them" in (folder.publish / "README.md").read_text(encoding="utf-8")


def test_rows_that_are_equal_once_mended_are_duplicates(rows: Path, tmp_path: Path) -> None:
    assert [v.reason for v in curated(rows, tmp_path / "on").read_verdicts()] == [None, "exact_duplicate", None]
    off = curated(rows, tmp_path / "off", "mend.kinds=[]")
    assert [sample.mended for sample in stored(off)] == [(), (), ()]
    assert stored(off)[0].input == "<noinput>"
    assert json.loads(off.report_json.read_text(encoding="utf-8"))["mended"] is None
    assert "exact_duplicate" not in [v.reason for v in off.read_verdicts()]


def test_what_is_mended_is_no_defect_any_more(rows: Path) -> None:
    before, after = (read_samples([rows], mends=kinds, reporter=QUIET).samples for kinds in ((), KINDS))
    assert [measure_row(sample)["defects"] for sample in before] == [
        ["no_input_marker", "mendable_characters"],
        [],
        ["no_input_marker", "mendable_characters"],
    ]
    assert [measure_row(sample)["defects"] for sample in after] == [[], [], []]


def test_added_rows_are_mended_as_the_folder_has_it(rows: Path, tmp_path: Path) -> None:
    more = tmp_path / "more.jsonl"
    more.write_text(json.dumps({"instruction": "Name a stone.", "input": "None", "output": "Flint."}), encoding="utf-8")
    on, off = curated(rows, tmp_path / "on"), curated(rows, tmp_path / "off", "mend.kinds=[]")
    for folder in (on, off):
        add_files(folder.root, [more], (), QUIET)
    assert [stored(folder)[3].input for folder in (on, off)] == ["", "None"]


def test_a_redacted_row_shows_no_text_as_the_file_has_it(rows: Path, tmp_path: Path) -> None:
    folder = curated(rows, tmp_path / "set")
    redact_folder(folder.root, QUIET)
    redacted = stored(folder)[3]
    assert (redacted.answer, redacted.mended) == ("Write to [EMAIL_1] about it.", ())
    assert stored(folder)[2].mended[0] == Mend("no_input_marker", "input", "N/A")
    published = b"".join(path.read_bytes() for path in (folder.publish / "data").glob("*.parquet"))
    assert b"anna.larsen" not in published


def test_rows_of_a_folder_keep_what_was_mended(rows: Path, tmp_path: Path) -> None:
    folder = curated(rows, tmp_path / "set")
    again = read_samples([folder.samples / "part-00000.parquet"], mends=KINDS, reporter=QUIET).samples
    assert [sample.mended for sample in again] == [sample.mended for sample in stored(folder)]


def test_the_import_counts_rows_and_kinds(rows: Path) -> None:
    files = open_samples([rows], mends=KINDS, reporter=QUIET)
    list(files.samples(note=lambda problem: None))
    counts = {key: count for key, count in files.tallies[0].seen.items() if key.startswith("mended")}
    assert counts == {"mended": 2, "mended:no_input_marker": 2, "mended:entities": 1, "mended:invisible_characters": 1}


@pytest.mark.parametrize(
    ("language", "told", "shown"),
    [
        (
            "en",
            "rows.jsonl: mended: 2 rows (no_input_marker 2, entities 1, invisible_characters 1)",
            "  mended      input (no_input_marker); the file has:\n              <noinput>\n"
            "  mended      turn 2 (entities); the file has:\n              An apple floats &amp; a pear does not.\n",
        ),
        (
            "zh",
            "rows.jsonl：已修正 2 行（用标记代替空输入 2，HTML 实体 1，不可见字符 1）",
            "  已修正      输入（用标记代替空输入）；文件中为：\n              <noinput>\n"
            "  已修正      第 2 轮（HTML 实体）；文件中为：\n              An apple floats &amp; a pear does not.\n",
        ),
    ],
)
def test_the_command_says_what_was_mended(
    rows: Path, tmp_path: Path, seedbed: Seedbed, monkeypatch: pytest.MonkeyPatch, language: str, told: str, shown: str
) -> None:
    monkeypatch.setenv("SEEDBED_REPORT_LANGUAGE", language)
    assert told in seedbed("curate", rows, "--out", tmp_path / "set").err
    assert shown in seedbed("why", tmp_path / "set", "0").out
    assert [line.split()[0] for line in seedbed("show", tmp_path / "set", "--mended").out.splitlines()][1:-1] == [
        "0",
        "2",
    ]
