from dataclasses import replace
from typing import get_args

import pytest

from builder.config import DefectName, Filters
from builder.curation.filtering import check_row
from builder.schema import Message, Sample, task_messages
from builder.signals import measure_row


def row(instruction: str, answer: str = "Here it is, as you asked.", input: str | None = None) -> Sample:
    return Sample(
        row=0,
        task_id="t",
        messages=task_messages(instruction, input, answer),
        category=None,
        language="en",
        origin="imported",
        source="rows.json",
        instruction=instruction,
        input=input,
    )


# Defect, instruction, answer, input, and words that the evidence must hold.
PLANTED = [
    ("unseen_reference", "Summarise the following article in two sentences.", "It is about rivers.", None, "article"),
    ("unseen_reference", "Describe what happens in this picture.", "A dog runs over a field.", None, "this picture"),
    ("unseen_reference", "Find the errors in the code snippet below.", "Line two lacks a bracket.", None, "code snippet"),
    ("unseen_reference", "Sum up this article.", "It is about tea.", "https://news.test/tea-harvest", "https://news.test"),
    ("unseen_reference", "Sum up this article: https://news.test/tea", "It is about tea.", None, "https://news.test/tea"),
    ("unseen_reference", "总结这篇文章：https://news.test/cha", "讲的是茶。", None, "https://news.test/cha"),
    ("unseen_reference", "概括以下文章的中心思想。", "文章讲的是环保。", None, "以下文章"),
    ("unseen_reference", "这张图片表达了什么情绪？", "表达了喜悦。", None, "这张图片"),
    ("unseen_reference", "请把给定的句子改成被动语态：", "没问题。", None, "给定的句子"),
    ("unseen_reference", "According to the table, which month was the wettest?", "May.", None, "According to the table"),
    ("unseen_reference", "Describe the chart I uploaded.", "It rises.", None, "chart I uploaded"),
    ("unseen_reference", "请把附件中的文档翻译成白话。", "每月一号交房租。", None, "附件中的文档"),
    ("unseen_reference", "根据表格，哪个月雨水最多？", "五月。", None, "根据表格"),
    ("unseen_reference", "说说我上传的图表的走势。", "缓慢上升。", None, "我上传的图表"),
    ("merged_instructions", "Recommend a book about bees. Give five uses of a spoon.", "Bees at Work.", None, "Give five"),
    ("merged_instructions", "找出最长的河。编写一份菜单。", "长江。", None, "编写一份"),
    ("merged_instructions", "Write a haiku about frost. What is the capital of Peru?", "Lima.", None, "capital of Peru"),
    ("merged_instructions", "Task 1: add the numbers.\nTask 2: name a fish.", "7. Trout.", None, "Task 2"),
    ("merged_instructions", "Name three trees.", "Oak, elm, ash.\n\n### Instruction:\nName a lake.", None, "Instruction"),
    ("merged_instructions", "写一首咏梅的诗。计算十二乘以四。", "梅花开了。四十八。", None, "计算十二"),
    ("empty_answer", "Name a river.", "", None, ""),
    ("empty_answer", "Name a river.", " \n\u200b", None, ""),
    ("empty_answer", "说出一条河的名字。", "……", None, "……"),
    ("missing_code", "Write a Python function that reverses a list.", "Start at the end and walk back.", None, "Start"),
    ("missing_code", "Implement a stack in C++ code with push and pop.", "It is like a pile of plates.", None, "It is"),
    ("missing_code", "Write me a function which merges two lists.", "Take the smaller head each time.", None, "Take"),
    ("missing_code", "用Python编写一段代码，求列表的最大值。", "可以先假设第一个最大，再逐个比较。", None, "可以先"),
    ("picture_request", "Draw a cat that sleeps on a sofa.", "A cat lies there.", None, "Draw"),
    ("picture_request", "Create an image of a red barn.", "The barn is red.", None, "image"),
    ("picture_request", "请画一只睡着的猫。", "猫睡着了。", None, "画一"),
    ("picture_request", "生成一张海边日落的图片。", "夕阳很美。", None, "图片"),
    ("cut_off_answer", "Why are there tides?", "The moon pulls at the sea. In the harbour the water lifts the boats and the", None, "boats and the"),
    ("cut_off_answer", "为什么有潮汐？", "潮汐是月亮的引力造成的，海水每天涨落两次，船也跟着起落。到了十五，海水涨得更高，这是由于", None, "由于"),
    ("cut_off_answer", "爵士乐有什么特点？", "爵士乐重视即兴演奏，也重视音色的配合，常用的乐器有小号、钢琴、低音提琴、", None, "低音提琴"),
    ("na_answer", "Describe the taste of plums.", "N/A", None, "N/A"),
    ("na_answer", "What are the signs of spring?", "null", None, "null"),
    ("na_answer", "Make the sentence polite.", "N/A", "Shut the door.", "N/A"),
    ("na_answer", "提取人名。", "无", "无", "无"),
    ("na_answer", "Describe the taste of plums.", "<nooutput>", None, "output"),
    ("na_answer", "描述李子的味道。", "不适用。", None, "不适用"),
    ("no_input_marker", "Name a fruit.", "Plum.", "<noinput>", "<noinput>"),
    ("no_input_marker", "Name a fruit.", "Plum.", "No input required.", "No input"),
    ("no_input_marker", "Name a fruit.", "Plum.", "N/A", "N/A"),
    ("no_input_marker", "说出一种水果。", "李子。", "无输入", "无输入"),
    ("no_input_marker", "说出一种水果。", "李子。", "输入：无", "输入：无"),
    ("unclear_instruction", "She walked along the river at dusk.", "That sounds calm.", None, "She walked"),
    ("unclear_instruction", "Write a letter to the", "Dear Sir,", None, "to the"),
    ("unclear_instruction", "Write a post about [insert topic here].", "Here is a post.", None, "[insert topic"),
    ("unclear_instruction", "Make it better.", "Could you please clarify what you would like me to improve?", None, "clarify"),
    ("unclear_instruction", "他沿着河边散步。", "听起来很惬意。", None, "他沿着"),
    ("unclear_instruction", "处理一下。", "您的要求不够明确，请提供更多信息。", None, "不够明确"),
    ("stray_characters", "Name a bird.", "A wren\x07 sings.", None, "\\x07"),
    ("stray_characters", "Name a bird.", "A wren sings.\\nIt is small.", None, "\\n"),
    ("mendable_characters", "Name a bird.", "Wrens &amp; robins sing.", None, "&amp;"),
    ("stray_characters", "Name a bird.", "A wren.<|im_end|>", None, "<|im_end|>"),
    ("stray_characters", "说出一种鸟。", "麻雀在��檐下。", None, "ufffd"),
    ("mendable_characters", "说出一种鸟。", "麻雀\u200b和燕子。", None, "200b"),
    ("unseen_reference", "Say what is odd about this.", "The sky is green.", "![sky](https://pics.test/sky.png)", "sky.png"),
    ("unseen_reference", "Describe the bridge at https://pics.test/bridge.jpg", "It is long.", None, "bridge.jpg"),
    ("unseen_reference", "Sum up the story.", "A fox is lost.", "Link: https://tales.test/fox", "tales.test/fox"),
    ("unseen_reference", "Where was the photo taken?", "In Oslo.", "[Image]", "[Image]"),
    ("unseen_reference", "Say what the painting shows.", "A field.", "Attached painting.", "Attached painting"),
    ("unseen_reference", "把照片调亮一些。", "已经调亮。", "（照片链接）", "照片链接"),
    ("unseen_reference", "为这件作品写一句评论。", "色彩柔和。", "https://gallery.test/weaver", "gallery.test"),
    ("merged_instructions", "Name a bird.", "A wren.\n\n12. Instruction: Name a lake.\n12. Input:", None, "12. Instruction"),
    ("merged_instructions", "Sort the words.\n4. Input:\nelm, ash\n4. Output:", "ash, elm", None, "4. Output"),
    ("merged_instructions", "说出一种鸟。", "麻雀。\n7. 指令：说出一个湖。\n7. 输入：", None, "7. 指令"),
    ("cut_off_answer", "Name three trees.", "1. Oak, which is found in parks\n2. Maple\n3.", None, "3."),
    ("cut_off_answer", "Why do leaves fall?", "Leaves cost a tree water in winter. It drops them in autumn because", None, "because"),
    ("cut_off_answer", "Describe a harbour.", f"{'The boats come in with the tide. ' * 32}Then the fish is carried up the st", None, "the st"),
    ("na_answer", "Sum up the tale.", "N/A", "N/A", "N/A"),
    ("na_answer", "概括故事。", "无", "无", "无"),
    ("copied_input", "Rewrite the sentence in a formal tone.", "We can't come on Monday.", "We can't come on Monday.", "Monday"),
    ("copied_input", "Translate into English.", "磨坊在河的另一边。", "“磨坊在河的另一边。”", "磨坊"),
    ("copied_input", "改写成主动语态：\n\n渔船已经回到了港口。", "渔船已经回到了港口。", None, "渔船"),
    ("copied_input", "Tides rise and fall twice a day.", "Tides rise and fall twice a day.", None, "Tides"),
    ("copied_input", "把下面的句子改写得更生动。", "风吹过了整片麦田。", "风吹过了整片麦田。", "麦田"),
    ("copied_input", "改写时态：“他在钓鱼。”", "他在钓鱼。", None, "钓鱼"),
    ("unseen_reference", "Which sounds are used in the scene?", "Bells.", "<video clip>", "<video clip>"),
    ("na_answer", "Name three kinds of plum.", "<noinput>", None, "noinput"),
    ("unseen_reference", "Sum up the article on tides.", "They rise.", "[Link to an article on tides]", "[Link to"),
    ("empty_answer", "为渔港设计一张流程图。", "<插入流程图>", None, "插入"),
]  # fmt: skip


@pytest.mark.parametrize(("defect", "instruction", "answer", "input", "shown"), PLANTED)
def test_a_planted_defect_is_found_and_shown(
    defect: str, instruction: str, answer: str, input: str | None, shown: str
) -> None:
    values = measure_row(row(instruction, answer, input))
    names, spans = values["defects"], values["defect_spans"]

    assert isinstance(names, list)
    assert isinstance(spans, list)
    assert defect in names
    assert shown in spans[names.index(defect)] or shown == "ufffd"


def test_every_class_is_planted_in_both_languages() -> None:
    for chinese in (False, True):
        found = {defect for defect, text, *_ in PLANTED if chinese != text.isascii()}
        assert found == set(get_args(DefectName))


CLEAN = [
    ("Summarise the following article: Tea is picked by hand in spring.", "Tea is hand-picked.", None),
    ("Summarise the following article.", "Tea is hand-picked.", "Tea is picked by hand in spring."),
    ("Rewrite this sentence in the past tense. The dog runs.", "The dog ran.", None),
    ("Write a function that counts the words of a given text.", "def count(text):\n    return len(text.split())", None),
    ("Identify the part of speech in the sentence “Birds sing.”", "“Birds” is a noun.", None),
    ("把下面的句子改成疑问句：鸟在唱歌。", "鸟在唱歌吗？", None),
    ("编写一个函数，统计给定文本的字数。", "```\ndef f(t): return len(t)\n```", None),
    ("解释“画蛇添足”的意思。", "比喻多此一举。", None),
    ("Write a haiku about frost. Use the word silver.", "Silver on the pane.", None),
    ("Name a mammal and a bird. Explain how the mammal feeds its young.", "A fox and a wren. With milk.", None),
    ("写一首咏梅的诗，并解释其中的意象。", "梅花香自苦寒来。", None),
    ("Which punctuation mark ends a question?", "?", None),
    ("Answer with one letter.", "B", None),
    ("Is there a prime between 24 and 28? Answer with the prime or none.", "none", None),
    ("Fill the field, or write N/A if it is not known: birthday", "N/A", None),
    ("Write a training program for a first marathon.", "Run three times in the first week.", None),
    ("写一个两分钟的视频脚本。", "镜头一：清晨的街道。", None),
    ("Write code in Python that prints a star.", "print('*')", None),
    ("Write a regular expression that finds the word fish.", "/fish/i", None),
    ("What does the function take?", "No input.", None),
    ("Find the chance of drawing a red ball.", "One in three.", None),
    ("Create a character sketch of a harbour master.", "She counts the boats twice.", None),
    ("给出下面这段C代码，它会打印什么？", "3", 'printf("%d", 1 + 2);'),
    ("Write a script that saves all pictures of a page.", "print('saved')", "<link to the page>"),
    ("生成这段程序代码的输出。", "输出为7。", "print(3 + 4)"),
    ("Draw a conclusion from the numbers 2, 4 and 8.", "They double.", None),
    ("Write a caption for a photo of a sunset.", "Gold on the water.", None),
    ("Based on the image of Venice in old films, name a season.", "Winter.", None),
    ("According to the table, which month was the wettest?", "May.", "April 40 mm, May 90 mm"),
    ("根据图片的文件名给出排序的办法。", "按日期排序。", None),
    ("Find a synonym of calm. Give the synonym a rhyme.", "Still. Hill.", None),
    (
        "Name books on tides.",
        "Two books stand out here.\n1. The Moon and the Sea. Second edition, by Ada Larsen\n2. The Ebb. By Tom Moss",
        None,
    ),
    (
        "Write a letter.",
        "Dear Anna,\n\nthe boats are back in the harbour and all is well with us here.\n\nWith love,",
        None,
    ),
    (
        "写一段视频结尾。",
        "感谢大家收看这一期节目，如果喜欢就请点赞并订阅我们的频道，这样就能及时收到更新！我们下期再见，祝你心情愉快，",
        None,
    ),
    ("Write HTML that shows an image of a cat.", '<img src="cat.png">', None),
    ("编写一个程序，绘制柱状图。", "```python\nplt.bar(x, y)\n```", None),
    ("为一张日出照片写标题。", "金色的早晨", None),
    ("Name a fruit.", "Plum.", "round and blue"),
    ("Translate into English.", "None of us knew.", "我们谁都不知道。"),
    ("I lost my cat.", "I am sorry to hear that.", None),
    ("描述你最喜欢的季节。", "我最喜欢秋天。", None),
    ("What does \\n mean in C?", "`\\n` is the line feed.", None),
    ("Write the fraction in LaTeX.", "$\\frac{1}{2} \\neq \\nu$", None),
    ("Name a company.", "Barnes & Noble sells books.", None),
    ("Show a family.", "👨\u200d👩\u200d👧 and 🏳️", None),
    ("Write a post about the harbour.", "The boats are in today. Come and see them all #boats #tides and the", None),
    (
        "Give the address.",
        "The mill is easy to find. Ask for Mr Larsen, 14 Mill Lane, Oldtown, by the old bridge",
        None,
    ),
    ("List trees.", "Here are some that I know well. A. Oak B. Maple C. Birch D. the ash", None),
    ("写一条推文。", "港口今天很热闹，大家都在等渔船回来。快来看看吧 #港口 #潮汐", None),
    ("给出地址。", "磨坊不难找，到了村口一问便知。地址是北山县旧镇磨坊路十四号", None),
    ("描述天气。", "早上有一点雾，到了中午太阳出来，街上的人也多了起来。风很温和", None),
    ("Who was the mill built for", "For the Larsens.", None),
    ("Describe a place that you would like to live in", "A village by the sea.", None),
    ("Complete the sentence: the moon is smaller than the", "Earth.", None),
    ("Name five birds,", "Wren, robin, finch, owl and gull.", None),
    ("Write a menu for <insert season>.", "Soup and bread.", "<insert season> - winter"),
    ("续写：他推开门，看见了河和", "一条旧船。", None),
    ("Reply to the customer's complaint.", "Could you please provide more details of the order?", None),
    (
        "Tell me about tides.",
        "Could you specify a coast? In general the moon pulls at the sea. " + "It rises and falls. " * 30,
        None,
    ),
    ("创建一个订车的应用程序。", "用户可以在地图上选择司机。", None),
    ("为书店编写一份会计程序。", "每天核对一次现金。", None),
    ("编写一套安全程序，供新员工使用。", "先检查出口。", None),
    ("写出二次函数的性质。", "图像是抛物线。", None),
    ("Write a program for a village concert.", "First the choir sings.", None),
    ("Create a discount code for the shop.", "SPRING", None),
    ("Write a bash command that lists all files.", "ls -a", None),
    ("Write pseudocode in Python style for a loop.", "repeat until the list is empty", None),
    ("How does the program work?", "1. Input: two numbers.\n2. Output: their sum.", None),
    ("Plan a lesson.", "6. Goal: name trees.\n7. Instruction: walk in the wood.", None),
    ("Describe a lighthouse. Give three examples.", "A tower with a lamp.", None),
    ("Correct the sentence if needed.", "The dog runs home.", "The dog runs home."),
    ("Good morning!", "Good morning!", None),
    ("What happened then: the boat sank", "the boat sank", None),
    ("Sort the words and write them down.", "ash, elm, oak", "ash, elm, oak"),
    ("如有语法错误请改正并改写。", "他每天早上跑步。", "他每天早上跑步。"),
    ("What does SQL show for a value that is missing?", "NULL", None),
    ("What does typeof print in JavaScript for a name that was never set?", "undefined", None),
    ("Write an empty JSON object.", "{}", None),
    ("Answer with [] if there is none: odd numbers in 2, 4", "[]", None),
    ("pandas用什么表示缺失的数字？", "NaN", None),
    ("Extract the phone number.", "N/A", "We met at noon and had lunch."),
    ("Who wrote the letter?", "Not available", "It came on Monday in a blue envelope."),
    ("提取电话号码。", "无", "我们中午见面吃了饭。"),
    ("What is short for “not available”? Give the abbreviation.", "N/A", None),
    ("What is Morse code for O?", "---", None),
    ("哪个标点表示话没说完？", "……", None),
    ("Shorten the link to this article: https://mill.test/long", "https://m.test/1", None),
    ("What does this address stand for: https://mill.test", "A mill.", None),
    ("写一个HTML标签，显示图片 https://pics.test/a.png", '<img src="https://pics.test/a.png">', None),
    ("Shorten the link.", "https://m.test/1", "https://mill.test/pictures/long.png"),
    ("Write HTML that shows https://pics.test/a.png", "<img src='https://pics.test/a.png'>", None),
]


@pytest.mark.parametrize(("instruction", "answer", "input"), CLEAN)
def test_what_only_looks_like_a_defect_passes(instruction: str, answer: str, input: str | None) -> None:
    assert measure_row(row(instruction, answer, input))["defects"] == []


def test_earlier_turns_and_tools_may_hold_what_a_question_refers_to() -> None:
    turns = (
        Message("user", "Tea is picked by hand in spring."),
        Message("assistant", "I see."),
        Message("user", "Summarise the text above."),
        Message("assistant", "Tea is hand-picked."),
    )
    alone = row("Describe this picture.", "A dog.")

    assert measure_row(replace(alone, messages=turns, instruction=None))["defects"] == []
    assert measure_row(replace(alone, tools='[{"name": "see"}]'))["defects"] == []
    assert measure_row(replace(alone, instruction=None))["defects"] == ["unseen_reference"]


def test_a_call_of_a_tool_is_an_answer() -> None:
    calling = (
        Message("user", "What is the time?"),
        Message("assistant", "", tool_calls='[{"name": "clock", "arguments": {}}]'),
    )
    assert measure_row(replace(row("What is the time?"), messages=calling, tools="[]"))["defects"] == []


@pytest.mark.parametrize(
    "answer",
    [
        "Wrens &amp; robins\u200b sing.",
        "\ufeff麻雀和燕子。",
        "&quot;春天&quot;来了。",
        "It costs 3 &lt; 5 coins.",
        "\u202aWren\u202c.",
    ],
)
def test_what_only_wants_mending_drops_no_row(answer: str) -> None:
    sample = row("Name a bird.", answer)
    assert measure_row(sample)["defects"] == ["mendable_characters"]
    assert [check for check in check_row(sample, measure_row(sample), Filters()) if check.reason == "defect"] == []


def test_damage_beside_what_can_be_mended_still_drops() -> None:
    sample = row("Name a bird.", "A wr\ufffdn\u200b sings.")
    assert measure_row(sample)["defects"] == ["stray_characters", "mendable_characters"]
    (check,) = check_row(sample, measure_row(sample), Filters())
    assert check.reason == "defect"
