"""What a request asks for, in its words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.curation.asking import Request, overlap, read_request, request_key
from builder.curation.differences import reordered
from builder.curation.wordings import FIRST_ALIKE, PHRASES_ALIKE, SAID_ALIKE, SAME_ALIKE


def is_one_request(text: str, other: str) -> bool:
    same = request_key(read_request(text)) == request_key(read_request(other))
    return same and reordered(text, other) is None


@pytest.mark.parametrize(
    ("text", "asked", "given"),
    [
        ("Could you please list 5 tips for better sleep?", "5 tip improve sleep", ""),
        ("Correct the grammar: He go home.", "fix grammar", "he go home"),
        ("Summarise the report.\n\nThe pump failed.", "summarise report", "the pump failed"),
        ("Question:\nWhat is a noun?", "question noun", ""),
        ("Why don't cats swim?", "why not cat swim", ""),
        ("麻烦您帮我写两首关于春天的诗，谢谢！", "写 2 关 于 春 天 诗", ""),
        ("请翻译下面的句子：我喜欢茶。", "翻 译 句 子", "我 喜 欢 茶"),
        ("請介紹臺灣的歷史", "解 释 台 湾 历 史", ""),
        ("please", "please", ""),
        ("?!", "", ""),
    ],
)
def test_politeness_wording_and_script_leave_what_is_asked(text: str, asked: str, given: str) -> None:
    assert read_request(text) == Request(tuple(asked.split()), tuple(given.split()))


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("Write a short poem about the sea.", "Compose a brief poem about the sea!"),
        ("List five benefits of regular exercise.", "What are 5 advantages of regular exercise?"),
        ("Explain how a fridge works.", "How does a fridge work?"),
        ("Explain the causes of inflation in two sentences.", "In two sentences, explain the causes of inflation."),
        ("Tell me about the 19th century.", "I'd like to know about the nineteenth century, please."),
        ("Do not use jargon to describe a loan.", "Don't use jargon to describe a loan."),
        ("列举三种提高记忆力的办法。", "请列出3种提升记忆力的方法。"),
        ("如何快速入睡？", "怎样才能迅速入睡？"),
        ("用三句话描述大海。", "请描述大海，用三句话。"),
        ("写一篇五百字的作文。", "写一篇500字的作文。"),
        ("解释通货膨胀的原因", "解釋通貨膨脹的原因"),
        ("Identify the mood of this song.", "What is the mood of this song?"),
        ("Create a list of 5 rivers in Asia.", "Name five rivers in Asia."),
        ("How many weeks are there in a year?", "Calculate the number of weeks in a year."),
        ("Name a fruit that grows on a vine.", "Name one fruit that grows on a vine!"),
        ("Compare brown rice and white rice.", "Compare white rice and brown rice."),
        ("I was wondering if you could explain tides.", "Could you explain tides?"),
        ("骑自行车有哪些好处？", "列出骑自行车的好处。"),
        ("给面包店写一句广告语", "给面包店写句广告语"),
        ("推荐三家餐厅", "请推荐三家餐馆"),
        ("把文件转成表格", "将文件转换为表格"),
    ],
)
def test_one_request_in_other_words(text: str, other: str) -> None:
    assert is_one_request(text, other)


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("Convert 20 degrees from Celsius to Fahrenheit.", "Convert 20 degrees from Fahrenheit to Celsius."),
        ("Remove the vowels from 'banana'.", "Count the vowels of 'banana'."),
        ("What is an atom?", "What is an isotope?"),
        ("Give a synonym for big.", "Give a synonym for large."),
        ("Correct the sentence: He go home.", "Correct the sentence: He goes home."),
        ("Add the missing marks: he said hello", "Add the missing marks: he, said hello"),
        ("What is the plural of mouse?", "What is the plural of mice?"),
        ("What is C?", "What is C++?"),
        ("What does 😀 mean?", "What does 😭 mean?"),
        ("Dịch từ: ma", "Dịch từ: má"),
        ("Compute 12 + 5.", "Compute 12 - 5."),
        ("Foods that contain gluten", "Foods that do not contain gluten"),
        ("Summarise the contract:\nThe rent is 800.", "Summarise the contract:\nThe rent is 900."),
        ("What is the tenant's duty?\nThe rent is 800.", "What is the owner's duty?\nThe rent is 800."),
        ("牛顿第二定律是什么？", "牛顿第三定律是什么？"),
        ("《红楼梦》的作者是谁？", "《西游记》的作者是谁？"),
        ("“高兴”的近义词", "“快乐”的近义词"),
        ("把下面的句子改成被动句：猫吃了鱼。", "把下面的句子改成被动句：鱼吃了猫。"),
        ("哪些动物不会飞？", "哪些动物会飞？"),
        ("介绍一下酒吧这个行业。", "介绍一下酒这个行业。"),
        ("What is the effect of stress on diet?", "What is the effect of diet on stress?"),
        ("What can bees do for farmers?", "What can farmers do for bees?"),
        ("Put the cup in the bag.", "Put the bag in the cup."),
        ("Did the team win?", "Will the team win?"),
        ("Can dogs eat grapes?", "Should dogs eat grapes?"),
        ("What is on the roof?", "What is in the roof?"),
        ("Evaluate x and not y.", "Evaluate not x and y."),
        ("SELECT a FROM b", "SELECT b FROM a"),
        ("Compute -4 + 9", "Compute 4 + 9"),
        ("Convert a number to a binary number.", "Convert a binary number to a number."),
        ("将罗马数字转换为数字。", "将数字转换为罗马数字。"),
        ("如果下雨，就不去", "如果不下雨，就去"),
    ],
)
def test_one_word_that_matters_makes_two_requests(text: str, other: str) -> None:
    assert not is_one_request(text, other)


def test_the_overlap_is_of_words_in_any_order() -> None:
    some, other = read_request("List five tips for better sleep"), read_request("Five better sleep tipps")
    assert overlap(some, other) == 0.75
    assert overlap(some, some) == 1
    assert overlap(read_request(""), read_request("")) == 0


@pytest.mark.parametrize("alike", [FIRST_ALIKE, SAME_ALIKE, SAID_ALIKE, PHRASES_ALIKE])
def test_what_stands_for_others_stands_for_itself(alike: dict[str, str]) -> None:
    assert {word: standing for word, standing in alike.items() if alike.get(standing, standing) != standing} == {}


@given(st.text(max_size=80))
def test_any_text_is_a_request(text: str) -> None:
    request = read_request(text)
    assert is_one_request(text, text)
    assert len(request_key(request)) == 8
