"""Answer keys: what passes, what does not, and what a broken key says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.answers import CHECK_KINDS, AnswerKey, AnswerKeyError, CheckKind, check_answer
from builder.errors import UsageError


@pytest.mark.parametrize(
    ("check", "answer", "text", "passed"),
    [
        ("exact", "Paris", "paris.", True),
        ("exact", "星期三", "星期三。", True),
        ("exact", "Paris", "The answer is Paris", False),
        ("exact", "A B", "Ａ  Ｂ！", True),
        ("verbatim", "HAT", "HAT\n", True),
        ("verbatim", "HAT", "hat", False),
        ("verbatim", "- 1\n- 2", "- 1\r\n- 2  \n", True),
        ("verbatim", "- 1\n- 2", "- 1 - 2", False),
        ("number", "42", "42", True),
        ("number", "42", "42.0", True),
        ("number", "1234", "1,234", True),
        ("number", "42", "４２", True),
        ("number", "42", "The answer is 42.", True),
        ("number", "42", "答案是42。", True),
        ("number", "-5", "答案是−5", True),
        ("number", "42", "6 times 7 is 42", False),
        ("number", "42", "forty-two", False),
        ("number", "42", "43", False),
        ("number", "1", "Q1", False),
        ("number", "1", "1e3", False),
        ("number", "3", "1.2.3", False),
        ("choice", "odd", "Odd.", True),
        ("choice", "odd", "The answer is odd.", True),
        ("choice", "奇数", "答案是奇数。", True),
        ("choice", "odd", "odd or even", False),
        ("choice", "positive", "not positive", False),
        ("list", "1, 2, 3", "1、2；3", True),
        ("list", "cat, dog", "- Cat\n- dog.", True),
        ("list", "1, 2", "2, 1", False),
        ("set", "a+b\na+c", "a+c, a+b", True),
        ("set", "a, a, b", "a, b, b", False),
        ("json", '{"a": 1, "b": [2]}', '```json\n{"b":[2.0],"a":1}\n```', True),
        ("json", '{"a": 1}', '{"a": true}', False),
        ("json", '{"a": 1}', '{"a": 1', False),
        ("json", "[1, 2]", "[2, 1]", False),
    ],
)
def test_check(check: CheckKind, answer: str, text: str, passed: bool) -> None:
    assert check_answer(AnswerKey("any", check, answer), text).passed is passed


def test_found_shows_what_was_compared() -> None:
    assert check_answer(AnswerKey("any", "number", "42"), "6 times 7 is 42").found == "6, 7, 42"
    assert check_answer(AnswerKey("any", "choice", "odd"), "The answer is Odd.").found == "odd"


def test_deep_json_fails_instead_of_raising() -> None:
    assert not check_answer(AnswerKey("any", "json", "[]"), "[" * 200_000).passed


@given(st.builds(AnswerKey, st.text(), st.sampled_from(CHECK_KINDS), st.text()))
def test_json_round_trip(key: AnswerKey) -> None:
    text = key.to_json()
    assert AnswerKey.from_json(text) == key
    assert "\n" not in text


@given(st.sampled_from(CHECK_KINDS), st.text())
def test_any_text_gets_a_verdict(check: CheckKind, text: str) -> None:
    assert check_answer(AnswerKey("any", check, "17"), text).passed in (True, False)


@pytest.mark.parametrize("check", ["exact", "verbatim", "choice", "list", "set"])
@given(text=st.text())
def test_an_answer_passes_its_own_check(check: CheckKind, text: str) -> None:
    assert check_answer(AnswerKey("any", check, text), text).passed


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("not json", "not JSON"),
        ("[1]", "not a JSON object"),
        ('{"family": "f", "check": "exact"}', "'answer' is not a string"),
        ('{"family": "f", "check": "nubmer", "answer": "1"}', "did you mean 'number'?"),
    ],
)
def test_broken_keys_say_what_is_wrong(text: str, message: str) -> None:
    with pytest.raises(AnswerKeyError, match=message) as caught:
        AnswerKey.from_json(text)
    assert isinstance(caught.value, UsageError)
