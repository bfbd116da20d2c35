from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.signals.privacy import find_private

PEM = "-----BEGIN RSA PRIVATE KEY-----\n" + "MIIEpQ8kd93jfKL2mXw0\n" * 4 + "-----END RSA PRIVATE KEY-----"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI5MTcifQ.dBjftJeZ4CVPmB92K27uhbUJU1p1rwW1g"

# Kind, text, and the span as it stands in it. All numbers are made up; those with checksums pass them.
PLANTED = [
    ("email", "Write to li.wei88@qq.com today.", "li.wei88@qq.com"),
    ("email", "邮箱是zhang_min@163.com，请查收。", "zhang_min@163.com"),
    ("email", "联系ｗａｎｇ＠ｓｉｎａ．ｃｏｍ。", "ｗａｎｇ＠ｓｉｎａ．ｃｏｍ"),
    ("phone", "手机13912045067，随时联系。", "13912045067"),
    ("phone", "手机１３９１２０４５０６７。", "１３９１２０４５０６７"),
    ("phone", "Call +86 139-1204-5067 now.", "+86 139-1204-5067"),
    ("phone", "座机010-62781290转3。", "010-62781290"),
    ("phone", "Call (212) 867-5309 after six.", "(212) 867-5309"),
    ("phone", "Call 650-636-4812 after six.", "650-636-4812"),
    ("phone", "Ring +44 20 7183 8750 in London.", "+44 20 7183 8750"),
    ("identity_number", "身份证号11010519491231002X。", "11010519491231002X"),
    ("identity_number", "旧证号130503670401001。", "130503670401001"),
    ("bank_card", "Card 4539 1488 0343 6467 was charged.", "4539 1488 0343 6467"),
    ("ip_address", "The server is 114.55.23.190 in Hangzhou.", "114.55.23.190"),
    ("ip_address", "Seen from 2408:8207:7821:5a30::1a2f today.", "2408:8207:7821:5a30::1a2f"),
    ("secret", "api_key = sk-proj-a8Kd93LmQz71XwPv02RtYb64", "sk-proj-a8Kd93LmQz71XwPv02RtYb64"),
    ("secret", "export AWS=AKIA4QZ7MWXB92KLPT3V", "AKIA4QZ7MWXB92KLPT3V"),
    ("secret", "git clone with ghp_9fK2mX7qLwZ4vB8nR3tY6uP1sD5gH0jKcE7a", "ghp_9fK2mX7qLwZ4vB8nR3tY6uP1sD5gH0jKcE7a"),
    ("secret", f"密钥如下：\n{PEM}\n请保密。", PEM),
    ("secret", f"cookie={JWT};", JWT),
    ("secret", "Authorization: Bearer f4Kz81LmQw02XvPn7RtY63bd", "f4Kz81LmQw02XvPn7RtY63bd"),
]  # fmt: skip


PEOPLE = [
    *(
        "john.carter@gmail.com",
        "jane.kim0@proton.me",
        "john@fastmail.com",
        "jane_doe77@outlook.com",
        "john.doe@gmail.com",
    ),
    *(
        "janesmith@yahoo.co.uk",
        "j@schmidt.de",
        "user4711@gmx.net",
        "test2024@qq.com",
        "oliver@email.com",
        "anna.larsen@mail.com",
    ),
    *(
        "john.wick@test.com",
        "kim@abc.net",
        "zhang.wei@mail.ru",
        "li@examiner.com",
        "m.exampleton@web.de",
        "mail@becker.at",
    ),
    *(
        "jane.w.doe@company-huber.de",
        "info@domainhotel.it",
        "13912045067@139.com",
        "johnny@126.com",
        "lee@sampleandsons.co",
    ),
]
NOBODY = [
    *(
        "john.carter@example.com",
        "jane@mail.example.org",
        "li@example.cn",
        "a@b.test",
        "me@host.invalid",
        "x.y@printer.local",
    ),
    *(
        "user@domain.com",
        "email@email.com",
        "name@company.com",
        "boss@company.com",
        "john.doe@yourcompany.com",
        "hr@xyzcompany.com",
    ),
    *(
        "yourname@gmail.com",
        "your.email@qq.com",
        "username@outlook.com",
        "firstname.lastname@gmail.com",
        "someone@yahoo.com",
    ),
    *("john@email.com", "jane.doe@email.com", "user1@mail.com", "test@test.com", "noreply@shop.de", "git@github.com"),
    *("a@b.example", "sales@your-domain.com", "info@my-website.cn", "abc@xyz.com", "xxx@163.com", "example@qq.com"),
]


@pytest.mark.parametrize("address", PEOPLE)
def test_somebodys_address_is_found_whatever_the_name(address: str) -> None:
    assert [found.kind for found in find_private(f"Write to {address}, please. 邮箱：{address}。")] == [
        "email",
        "email",
    ]


@pytest.mark.parametrize("address", NOBODY)
def test_an_address_that_stands_for_one_is_nobodys(address: str) -> None:
    assert find_private(f"Write to {address}, please. 邮箱：{address}。") == []


@pytest.mark.parametrize(
    "number", ["13900001234", "13856785679", "+49 30 5551 2348", "+44 20 7940 2218", "+86 139 5550 1274"]
)
def test_numbers_with_zeros_or_fives_in_them_are_somebodys(number: str) -> None:
    assert [found.kind for found in find_private(f"Call {number} today.")] == ["phone"]


def _luhn(body: str) -> str:
    """The card number with its check digit."""
    digits = [int(d) for d in reversed(body)]
    total = sum(digits[1::2]) + sum(sum(divmod(2 * d, 10)) for d in digits[::2])
    return body + str(-total % 10)


def _identity(body: str) -> str:
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return body + "10X98765432"[sum(int(d) * w for d, w in zip(body, weights, strict=True)) % 11]


@pytest.mark.parametrize(("kind", "text", "span"), PLANTED)
def test_planted_private_data_is_found_where_it_stands(kind: str, text: str, span: str) -> None:
    assert [(found.kind, text[found.start : found.end]) for found in find_private(text)] == [(kind, span)]


@pytest.mark.parametrize("body", ["44030819990101551", "11010519900307283", "51010220001130914"])
def test_identity_numbers_are_found_by_their_checksum_alone(body: str) -> None:
    number = _identity(body)
    wrong = body + ("7" if number[-1] != "7" else "8")

    assert [found.kind for found in find_private(f"证号{number}。")] == ["identity_number"]
    assert [found.kind for found in find_private(f"证号{wrong}。") if found.kind == "identity_number"] == []


@pytest.mark.parametrize("body", ["622202123406789012", "62284800386291715", "453914880343646", "37982473651029"])
def test_cards_are_found_by_prefix_length_and_checksum(body: str) -> None:
    number = _luhn(body)
    wrong = number[:-1] + str((int(number[-1]) + 3) % 10)

    assert [found.kind for found in find_private(f"Card {number} expires soon.")] == ["bank_card"]
    assert find_private(f"Card {wrong} expires soon.") == []


PLACEHOLDERS = [
    "Write to jane@example.com or your.name@company.com.",
    "user@test.org and name@mail.example",
    "git@github.com:team/repo.git",
    "Call (555) 123-4567 or 212-555-0188.",
    "Call 1-800-275-2273 toll free.",
    "手机号 13800138000 或 13812345678",
    "手机 13000000000",
    "400-820-8820 是客服热线。",
    "Card 4111 1111 1111 1111 is for tests.",
    "卡号 0000 0000 0000 0000",
    "身份证 123456789012345678",
    "The router is at 192.168.1.1, the host at 10.0.0.8 and 127.0.0.1.",
    "Ask 8.8.8.8 for the name; 203.0.113.9 is for documents.",
    "Version 4.12.33.101 is out.",
    "sk-xxxxxxxxxxxxxxxxxxxxxxxx",
    "api_key = sk-your-api-key-goes-here-0000",
    "AKIAIOSFODNN7EXAMPLE",
    "Authorization: Bearer YOUR_ACCESS_TOKEN_HERE_123",
    "-----BEGIN PUBLIC KEY-----",
    "The PEM file starts with -----BEGIN PRIVATE KEY-----.",
    "sk-learn is short for scikit-learn",
]
LOOK_ALIKES = [
    "It cost 1,234,567,890 dollars in 2019-2020.",
    "π is 3.14159265358979323846",
    "12345678901234567890 is a big number.",
    "ISBN 978-7-111-40701-0",
    "Order 20231108-4471-0093 shipped.",
    "订单号：202311084471009312",
    "10:30:45 to 11:15:00",
    "std::vector<int> and a::b::c",
    "@everyone come at 8",
    "3 * 4 = 12, 650-636=14",
    "The function f(2)(3) has 100 - 200 - 3000 rows.",
    "eyJ is how a token begins",
    "公元前221年至公元1911年",
]


@pytest.mark.parametrize("text", [*PLACEHOLDERS, *LOOK_ALIKES])
def test_placeholders_and_look_alikes_pass(text: str) -> None:
    assert [(found.kind, text[found.start : found.end]) for found in find_private(text)] == []


@given(st.text(alphabet="0123456789 .-+()@aZ:sk_=，邮", max_size=60))
def test_spans_are_in_order_and_apart(text: str) -> None:
    spans = find_private(text)
    assert all(0 <= span.start < span.end <= len(text) for span in spans)
    assert all(first.end <= second.start for first, second in pairwise(spans))


@pytest.mark.parametrize(("before", "after"), list(product(["", "见", "(", "“", "："], ["", "。", ")", "”", " 谢谢"])))
def test_a_number_is_found_beside_any_punctuation(before: str, after: str) -> None:
    assert [found.kind for found in find_private(f"{before}13912045067{after}")] == ["phone"]
