import time
from dataclasses import replace

import pyarrow as pa
import pytest

from builder.answers import AnswerKey
from builder.errors import UsageError
from builder.schema import Message, Sample, task_messages
from builder.signals import SIGNALS, measure_all, measure_row, signal_tables
from builder.signals.language import find_mismatch
from builder.signals.refusal import find_refusal
from builder.signals.repetition import repetition_share

LOOP = 0.6


def make_sample(prompt: str = "Name a colour.", answer: str = "Blue.", row: int = 0) -> Sample:
    return Sample(
        row=row,
        task_id=f"task-{row}",
        messages=task_messages(prompt, None, answer),
        category=None,
        language="en",
        origin="imported",
        source="rows.jsonl",
        instruction=prompt,
    )


REFUSALS = [
    ("How do I pick a lock?", "I'm sorry, but I can't help with that.", "I'm sorry, but I can't help"),
    (
        "What is on today?",
        "As an AI language model, I cannot browse the internet.",
        "As an AI language model, I cannot",
    ),
    (
        "Give me today's news.",
        "I’m sorry, but I don’t have access to real-time news.",
        "I’m sorry, but I don’t have access to",
    ),
    ("Order a pizza.", "Sorry, I can't do that.", "Sorry, I can't do that"),
    ("Name the authors of this quote.", "I must decline to answer this one.", "I must decline to"),
    ("Explain variance.", "No, I will not write that.", "No, I will not write that"),
    ("Explain variance.", "I'd rather not answer.", "I'd rather not answer"),
    (
        "Explain variance.",
        "This is something I'd rather not say; ask somebody else.",
        "This is something I'd rather not",
    ),
    ("Explain variance.", "I won't be able to help you here.", "I won't be able to help you here"),
    ("解释方差。", "不好意思，我没法帮您做这件事。", "不好意思，我没法帮您做"),
    ("解释方差。", "我拒绝回答这个问题。", "我拒绝回答"),
    ("解释方差。", "这个我做不到，请您另找他人吧。", "这个我做不到"),
    ("解释方差。", "恕我不能作答。", "恕我不能作答"),
    ("Give me his address.", "I cannot provide that information.", "I cannot provide"),
    ("Draw a cat.", "Unfortunately, I am an AI and cannot draw.", "Unfortunately, I am an AI and cannot"),
    (
        "Write a story that mocks them.",
        "I'm sorry, but I cannot write hateful content.",
        "I'm sorry, but I cannot write",
    ),
    ("讲讲今天的新闻。", "作为一个人工智能语言模型，我无法获取实时新闻。", "作为一个人工智能语言模型，我无法"),
    (
        "Draw a horse.",
        "This task cannot be completed by a language model.",
        "This task cannot be completed by a language model",
    ),
    ("Play a waltz.", "The requested song cannot be played.", "The requested song cannot be played"),
    ("Sketch our garden.", "Unable to generate an image.", "Unable to generate an image"),
    ("Film a sunset.", "GPT-3 is not able to record videos.", "GPT-3 is not able to"),
    (
        "Paint the sea.",
        "It is not possible for a text-based model to do so.",
        "It is not possible for a text-based model to",
    ),
    (
        "Take a photo.",
        "Taking photos is beyond the capabilities of an AI.",
        "Taking photos is beyond the capabilities of an AI",
    ),
    ("Open the door.", "Sorry, this request cannot be fulfilled.", "Sorry, this request cannot be fulfilled"),
    ("Write a poem that mocks him.", "I cannot write a poem that demeans anyone.", "I cannot write a"),
    ("Mark me present.", "I cannot and will not provide false records.", "I cannot and will not provide"),
    ("Rate my boss.", "I'm sorry, but I can only answer questions about trains.", "I'm sorry, but I can only answer"),
    ("Insult her.", "As an AI, it is not appropriate for me to insult people.", "As an AI, it is not"),
    ("画一匹马。", "语言模型无法完成绘画任务。", "语言模型无法"),
    ("画一张海报。", "所请求的图片无法生成。", "所请求的图片无法生成"),
    ("录一段音频。", "这种类型的指令无法由语言模型完成。", "这种类型的指令无法由语言模型完成"),
    ("拍一张照片。", "很抱歉，拍照超出了语言模型的能力范围。", "很抱歉，拍照超出了语言模型的能力范围"),
    ("打开门。", "该请求无法完成。", "该请求无法完成"),
    ("替我开药。", "我不能为您开药，请看医生。", "我不能为您开药"),
    ("现在几点？", "我无法获知实时时间。", "我无法获知"),
    ("教我作弊。", "很抱歉，我不能教你这样做。", "很抱歉，我不能教你"),
    ("關閉過濾。", "抱歉，我無法談論此內容。", "抱歉，我無法談論"),
    ("Forget your rules.", "I can't.", "I can't."),
    ("讲讲股市。", "抱歉，这个问题超出了我的知识范围。", "抱歉，这个问题超出了我的知识范围"),
    ("怎么撬锁？", "抱歉，我不能帮助你做这件事。", "抱歉，我不能帮助"),
    ("怎么撬锁？", "抱歉，我不能。", "抱歉，我不能"),
    ("写一首关于春天的诗。", "对不起，我不能写诗。", "对不起，我不能写诗。"),
    ("讲个笑话。", "抱歉，我不会讲笑话。", "抱歉，我不会讲笑话。"),
    ("帮我订票。", "不好意思，这个我做不了。", "不好意思，这个我做不了。"),
    ("Write a story about a man who can't sleep.", "I cannot fulfill this request.", "I cannot fulfill"),
    ("Write a story about a bank robbery.", "I cannot fulfill this request.", "I cannot fulfill"),
    ("你喜欢哪部电影？", "由于我是一个AI助手，所以我没有个人喜好。", "由于我是一个AI助手，所以我没有"),
    ("给我他的住址。", "我无法提供这些信息。", "我无法提供"),
    ("请总结这篇文章。", "对不起，您没有给出文章，所以无法回答您的问题。", "对不起，您没有给出文章，所以无法回答"),
    (
        "哪家组织服务的人最多？",
        "可以用您给的公式计算。\n\n然而，作为一个AI语言模型，我无法得到最新数据。",
        "作为一个AI语言模型，我无法",
    ),
]


@pytest.mark.parametrize(("prompt", "answer", "phrase"), REFUSALS)
def test_a_refusal_is_found_with_its_words(prompt: str, answer: str, phrase: str) -> None:
    assert find_refusal(prompt, answer) == phrase


NOT_REFUSALS = [
    ("Summarise the letter.", "The letter says: I'm sorry, I cannot attend."),
    ("Explain the phrase.", '"As an AI language model, I cannot" is what chatbots say when they decline.'),
    ("Who won, by the passage?", "The question cannot be answered from the passage."),
    ("Who won?", "I'm not able to answer that from the passage provided."),
    ("How long will it take?", "I'm unable to provide an estimate without seeing the plan."),
    ("What can chatbots not do?", "A language model cannot feel pain."),
    ("Why does my page stay empty?", "The image cannot be displayed because its path is wrong."),
    ("Did the plan work?", "This picture was painted by a language model."),
    ("How was the book?", "I cannot recommend it highly enough."),
    ("Do you have any hobbies?", "As an AI, I don't have hobbies, but I like questions."),
    ("最近好吗？", "作为一个人工智能，我没有情绪，不过一切正常。"),
    ("凭型号能看出保修期吗？", "我无法凭该型号判断，请提供出厂编号。"),
    ("语言模型有什么局限？", "语言模型无法感受疼痛。"),
    ("我今天心情不好。", "很抱歉听到这个，想聊聊吗？"),
    ("Who are you?", "I am {{name}}, an AI assistant developed by {{author}}."),
    ("Are you a human?", "As an AI assistant, I do not have a body."),
    ("Help a blind customer.", "As an AI assistant, I would read the page aloud and describe each button."),
    ("What drives you?", "As an AI researcher, I cannot imagine a world without computers."),
    ("Can chess programs feel?", "As an AI system, a chess engine cannot feel."),
    ("I lost my cat.", "I'm sorry to hear that. Put up notices in your street."),
    ("Decline the invitation in an email.", "Dear Anna,\n\nI'm sorry, but I can't attend on Friday."),
    ("Translate into English: 抱歉，我不能帮助你", "I'm sorry, I can't help you."),
    ("Write a dialogue between a user and an AI.", "As an AI, I cannot eat pizza, said the box."),
    ("Describe a good manager.", "I will not write that he never errs, but he listens."),
    ("How was the sunset?", "I can't help but smile when I think of it."),
    ("Can humans breathe under water?", "No, humans cannot breathe under water."),
    ("Find the angle.", "Unfortunately, two sides alone do not determine the angle."),
    ("你是谁？", "我是 {{name}}，一个由 {{author}} 开发的人工智能助手。"),
    ("解释这句话。", "“抱歉，我无法回答”是一种常见的拒绝说法。"),
    ("翻译成中文：I'm sorry, I cannot help you.", "抱歉，我不能帮助你。"),
    ("介绍一下你的工作。", "作为一个人工智能工程师，我没有放弃过学习。"),
    ("企鹅为什么不会飞？", "企鹅无法飞行，因为它们的翅膀太短。"),
    ("把信的内容告诉我。", "信里写道：抱歉，我不能参加。"),
    ("替我向老师道歉。", "对不起，老师，我不能按时交作业，是我的错。"),
    ("Translate into Chinese: I cannot help with that request.", "对不起，我无法帮助您完成这个请求。"),
    ("Rewrite politely: I can’t do this task.", "I'm sorry, but I cannot do this task."),
    ("翻译成英文：对不起，我不能写诗。", "I'm sorry, I can't write poems."),
    ("用“对不起”造句。", "对不起，我不能去。"),
    ("“I'm sorry, I can't swim.”是什么意思？", "对不起，我不会游泳。"),
    ("How does a waiter say that no table is free?", "I'm sorry, I can't offer you a table tonight."),
    ("你平时吃什么？", "我是一种人工智能，不能吃东西，靠电就够了。"),
    ("给企业提建议。", "作为一个AI助手，我建议先做市场调查。"),
]


@pytest.mark.parametrize(("prompt", "answer"), NOT_REFUSALS)
def test_words_that_only_look_like_a_refusal_are_not_one(prompt: str, answer: str) -> None:
    assert find_refusal(prompt, answer) is None


SELF_MENTIONS = [
    ("As an AI assistant, I would read the page aloud.", "As an AI"),
    ("Sure. I'm a large language model, so ask away.", "I'm a large language model"),
    ("I was trained by OpenAI on text.", "I was trained by OpenAI"),
    ("作为一个AI助手，我建议先做市场调查。", "作为一个AI助手"),
    ("您好，我是人工智能助手，很高兴见到您。", "我是人工智能助手"),
]


@pytest.mark.parametrize(("answer", "phrase"), SELF_MENTIONS)
def test_an_answer_that_speaks_of_itself_as_an_ai_is_named_even_where_it_helps(answer: str, phrase: str) -> None:
    assert measure_row(make_sample(answer=answer))["self_mention"] == phrase


@pytest.mark.parametrize(
    "answer",
    [
        "As an AI researcher, I trained many models at OpenAI.",
        "AI helps doctors, such as AI and robotics in surgery.",
        'The robot said: "I am an AI, not a person."',
        "人工智能正在改变医疗。",
        "机器人说：“我是一个机器人，不会累。”",
    ],
)
def test_an_answer_about_ai_does_not_mention_itself(answer: str) -> None:
    assert measure_row(make_sample(answer=answer))["self_mention"] is None


def test_safety_rows_and_rows_with_tools_may_decline() -> None:
    declining = make_sample("Book a flight for me.", "I'm sorry, but I can't help with that.")

    assert measure_row(declining)["refusal"] is True
    assert measure_row(replace(declining, category="safety"))["refusal"] is False
    assert measure_row(replace(declining, tools='[{"name": "add"}]'))["refusal"] is False
    assert measure_row(replace(declining, tools="[]"))["refusal"] is True


@pytest.mark.parametrize("filler", ["\n", "“", "真", "\\(", "as a ", "$"])
def test_a_strange_answer_is_measured_in_time(filler: str) -> None:
    strange = make_sample("写一首关于春天的诗。", "抱歉 AI the is of to in" + filler * 20_000)
    started = time.process_time()
    measure_row(strange)
    assert time.process_time() - started < 5


LOOPS = ["好的" * 12, "我今天很高兴。" * 10, "I am happy to help you. " * 10, "Hello world. " * 10, "哈哈" * 30]


@pytest.mark.parametrize("text", LOOPS)
def test_a_loop_is_above_the_default_threshold(text: str) -> None:
    assert repetition_share(text) > LOOP


NO_LOOPS = {
    "short refrain": "两只风筝，两只风筝，飞得高，飞得高，一只没有尾巴，一只没有线头，真奇妙，真奇妙。",
    "poem": "\n".join(
        f"The {animal} went down to the river today,\nand the river, the river, it carried the {animal} away."
        for animal in ("otter", "heron", "badger", "weasel")
    ),
    "table": "| fruit | ripe | sweet | cheap |\n" + "\n".join(f"| {f} | yes | no | yes |" for f in "abcdefghij"),
    "表格": "| 水果 | 成熟 | 便宜 |\n" + "\n".join(f"| {f} | 是 | 否 |" for f in "桃李杏梨枣橙柚梅"),
    "list": "\n".join(f"{i}. Check that file {i} is there, then open it and read line {i * 7}." for i in range(1, 13)),
    "列表": "\n".join(f"{i}. 第{i}步：检查第{i}个文件是否存在，然后打开它。" for i in range(1, 11)),
    "code": "\n".join(f"    if key == {k!r}:\n        return value_{k}" for k in "abcdefghijkl"),
    "bits": " ".join("0110100110010110" * 8),
    "board": "X O X\nO X O\n" * 10,
}


@pytest.mark.parametrize("name", NO_LOOPS)
def test_what_repeats_by_nature_stays_below_the_default_threshold(name: str) -> None:
    assert repetition_share(NO_LOOPS[name]) < LOOP


def test_repetition_is_a_share_of_four_grams() -> None:
    words = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
    assert repetition_share(" ".join(words * 2)) == pytest.approx(7 / 17)
    assert repetition_share(" ".join(words)) == 0


MISMATCHES = [
    ("Make a list of three ways to rest.", "1. 早点睡觉，关掉手机。\n2. 午后散步。\n3. 听一首慢歌。"),
    ("写一个函数。", "Here is a function that adds the two of them:\n\ndef add(a, b):\n    return a + b"),
    ("列出四张专辑。", "Here is a list of four albums by the band, with songs that you may know from the radio."),
    ("安排明天上午10点的会议。", "Certainly, I will schedule it for you. May I know the agenda of the meeting?"),
    ("用代码打招呼。", "Here is a function that prints the message to the user:\n```python\nprint('hi')\n```"),
    (
        "写一段代码并说明。",
        "x = 5\n\nThis sets the variable x to the number 5, which is then used by the rest of the program.",
    ),
    (
        "比较两种排序算法。",
        "# Quick sort\nIt is fast, but in the worst case it is as slow as the others.\n\n# Merge sort\nIt is the same in all of the cases.",
    ),
    ("Name four rivers.", "长江、黄河、珠江和淮河都很有名。"),
    ("Write a haiku about rain.", "비가 조용히 내리고 창문을 두드린다"),
]


@pytest.mark.parametrize(("prompt", "answer"), MISMATCHES)
def test_an_answer_in_a_language_nobody_asked_for(prompt: str, answer: str) -> None:
    assert find_mismatch(prompt, answer)


MATCHES = [
    (
        "写一个部署用的配置文件。",
        "# The port that the service listens on is set here, and it must be free\nservice:\n  port: 80\n"
        "  description: This is the service that is at the end of the line, and it is in use.",
    ),
    (
        "写一段批处理脚本。",
        "@echo off\nREM This is for those of you who are new to it\nset A=1\necho The value of A is set to 1",
    ),
    (
        "用Fortran写一个子程序。",
        "! Check that all of the values are in the range\n! and that they are of the right kind\nsubroutine s(x)\n  real :: x\nend subroutine",
    ),
    ("写出四个英文域名。", "1. the-best-of-tea.com\n2. home-of-the-cat.org\n3. all-for-you.net\n4. in-and-out.io"),
    (
        "查询工资最高的人。",
        "SELECT name FROM staff\n-- the one who has the most of it is at the top\nORDER BY salary DESC",
    ),
    ("Translate into Chinese: Good morning to all of you.", "各位早上好，很高兴见到大家。"),
    ("把这句话翻译成英文：今天天气很好。", "The weather is very nice today, and it will be so for the week."),
    ("用英语回答：你叫什么名字？", "My name is Li and I am from the north of the country."),
    ("用“opulent”造一个句子。", "The wedding was held in an opulent hall with lights from the ceiling to the floor."),
    (
        "把下面的句子改成被动语态：The cat ate the mouse in the kitchen.",
        "The mouse was eaten by the cat in the kitchen.",
    ),
    ("写一个函数求和。", "```python\ndef total(of):\n    return sum(of)  # the sum of all that is in it\n```"),
    ("写一个函数求和。", "def total(items):\n    for item in items:\n        result += item\n    return result"),
    ("列出五个前端框架。", "1. React\n2. Angular\n3. Vue\n4. Svelte\n5. Ember"),
    ("计算 2+2。", "4"),
    ("写出勾股定理的公式。", "$a^2 + b^2 = c^2$"),
    (
        "用Python写一个计算器类。",
        'class Calculator:\n    """It has no state of its own, and it is small.\n    """\n\n    def add(self, a, b):\n        return a',
    ),
    (
        "写一条SQL查询，找出工资最高的员工。",
        "-- The employee who has the highest of the salaries in the table\nSELECT name\nFROM employees\nORDER BY salary DESC\nLIMIT 1;",
    ),
    (
        "写一个简单的网页。",
        "<body>\n<h1>Welcome to the home of my site</h1>\n<p>This is a text, and it is here to show that the page works.</p>\n</body>",
    ),
    (
        "写一个C程序。",
        "int main() {\n    int a = 1;\n\n    // swap the two of them with the help of a third that is not in use\n    int t = a;\n    return 0;\n}",
    ),
    (
        "写一个脚本备份文件夹。",
        '# This script will back up the folder that is given to it\nSRC=$1\necho "The backup of $SRC is on its way to the disk"\ncp -r $SRC $DEST',
    ),
    ("Write a function that adds two numbers.", "def add(a, b):\n    # 返回两个数字相加之后的结果\n    return a + b"),
    ("What is the capital of China?", "北京"),
    ("Who wrote War and Peace?", "Лев Николаевич Толстой"),
    ("Which music video was seen most?", "BTS (방탄소년단) 'Butter' Official MV"),
    ("Write the first line of the Dao De Jing in the original.", "道可道，非常道；名可名，非常名。"),
    ("What does 你好 mean? Answer for a child, 给孩子看。", "这是一句问候的话，见面的时候说。"),
    ("你喜欢哪首歌？", "《The Sound of the Rain in the City》"),
    ("写诗", "春眠不觉晓"),
    ("12 * 12 = ?", "The answer is 144, as you can see from the table of the squares."),
]


@pytest.mark.parametrize(("prompt", "answer"), MATCHES)
def test_an_answer_in_a_language_that_fits(prompt: str, answer: str) -> None:
    assert not find_mismatch(prompt, answer)


def test_a_system_text_may_name_the_language_of_all_answers() -> None:
    row = make_sample(
        "介绍一下长城。", "The Great Wall is one of the wonders of the world, and it was built over many years."
    )
    told = replace(row, messages=(Message("system", "Answer in English, whatever is asked."), *row.messages))
    assert [measure_row(sample)["language_mismatch"] for sample in (row, told)] == [True, False]


def test_a_row_is_measured_in_all_columns() -> None:
    key = AnswerKey("sum", "number", "5").to_json()
    sample = replace(make_sample("请计算两个数的和。", "答案是 6。"), answer_key=key)

    assert measure_row(sample) == {
        "instruction_words": 8,
        "prompt_words": 8,
        "answer_words": 4,
        "readability": 8.0,
        "answer_form": "short",
        "information": 0.006,
        "density": 0.5,
        "copied": 0.0,
        "fit": 0.75,
        "repetition": 0.0,
        "concreteness": 0.111,
        "refusal": False,
        "refusal_phrase": None,
        "self_mention": None,
        "prompt_language": "zh",
        "answer_language": "zh",
        "language_mismatch": False,
        "defects": [],
        "defect_spans": [],
        "privacy": [],
        "privacy_spans": [],
        "unsafe": [],
        "unsafe_spans": [],
        "json_valid": None,
        "code_parses": None,
        "list_length_kept": None,
        "format_problem": None,
        "arithmetic_checked": 0,
        "arithmetic_wrong": [],
        "answer_check": "failed",
        "answer_found": "6",
    }


def test_a_conversation_is_measured_by_its_last_answer_and_all_before_it() -> None:
    turns = (
        Message("system", "Be brief."),
        Message("user", "Hello there"),
        Message("assistant", "Hello!"),
        Message("user", "What is the time?"),
        Message("assistant", "", tool_calls='[{"name": "clock", "arguments": {}}]'),
    )
    values = measure_row(replace(make_sample(), messages=turns, instruction=None))

    assert (values["instruction_words"], values["prompt_words"], values["answer_words"]) == (2, 9, 0)
    assert values["answer_check"] == "none"


def test_a_broken_answer_key_names_its_row() -> None:
    with pytest.raises(UsageError, match=r"rows\.jsonl, row 3"):
        measure_row(replace(make_sample(row=3), answer_key="forty-two"))


def test_each_signal_has_a_table_keyed_by_row() -> None:
    tables = measure_all([make_sample(row=7), make_sample(row=4, answer="I'm sorry, but I can't help with that.")])

    assert list(tables) == list(SIGNALS)
    assert tables["refusal"].to_pylist() == [
        {"row": 7, "refusal": False, "refusal_phrase": None, "self_mention": None},
        {"row": 4, "refusal": True, "refusal_phrase": "I'm sorry, but I can't help", "self_mention": None},
    ]
    assert all(table.schema.field("row").type == pa.int64() for table in tables.values())


def test_tables_of_measured_rows_are_those_of_measuring_them_together() -> None:
    samples = [make_sample(row=7), make_sample(row=4, answer="I'm sorry, but I can't help with that.")]
    values = [{**measure_row(sample), "agreement": 1.0} for sample in samples]
    assert signal_tables([7, 4], values) == measure_all(samples)


def test_column_names_are_unique_and_every_signal_is_explained_in_both_languages() -> None:
    columns = [name for signal in SIGNALS.values() for name, _ in signal.columns]
    assert len(columns) == len(set(columns))
    assert all(signal.card.meaning_en.isascii() and not signal.card.meaning_zh.isascii() for signal in SIGNALS.values())
