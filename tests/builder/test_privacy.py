from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.schema import Sample, task_messages
from builder.signals.privacy import find_private, measure_privacy

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
    ("social_security", "Her SSN is 536-22-8714, born in May.", "536-22-8714"),
    ("social_security", "Social Security Number: 536 22 8714", "536 22 8714"),
    ("social_security", "social security no. 536228714 (on file)", "536228714"),
    ("social_security", "He wrote 536-22-8714 (SSN) on the form.", "536-22-8714"),
    ("social_security", '{"name": "Ann", "ssn": "536-22-8714"}', "536-22-8714"),
    ("social_security", "他的美国社会安全号码是536-22-8714。", "536-22-8714"),
    ("social_security", "536-22-8714", "536-22-8714"),
    ("passport", "我的护照号码是E71930284，请登记。", "E71930284"),
    ("passport", "护照：EA2719304", "EA2719304"),
    ("passport", "護照號碼：K04719283", "K04719283"),
    ("passport", "持中国护照（G27193048）入境。", "G27193048"),
    ("passport", "Her US passport number is 530917264.", "530917264"),
    ("passport", "Passport No: A30917264 expires in May.", "A30917264"),
    ("passport", "British passport #: 530917264", "530917264"),
    ("passport", "his Indian passport, M7391028, was lost", "M7391028"),
    ("passport", "French passport 17AK93028", "17AK93028"),
    ("passport", "Canadian passport AC739102 or, since 2023, other shapes", "AC739102"),
    ("passport", "passport P739102CD, issued in Ottawa", "P739102CD"),
    ("passport", "Korean passport M739D1028", "M739D1028"),
    ("passport", "Passport number (Germany): C4T71N3L8", "C4T71N3L8"),
    ("passport", "Japanese passport TK7391028", "TK7391028"),
    ("passport", '{"passport_number": "E71930284"}', "E71930284"),
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


def _iban(country: str, account: str) -> str:
    """The IBAN of an account, by ISO 13616."""
    rest = int("".join(str(int(letter, 36)) for letter in f"{account}{country}00")) % 97
    return f"{country}{98 - rest:02}{account}"


ACCOUNTS = [
    ("DE", "512108001245126199"),
    ("GB", "LOYD30963471930284"),
    ("FR", "20041010057193028M02615"),
    ("NL", "RABO0371930284"),
    ("NO", "71930284615"),
    ("CH", "0076271930284AB95"),
    ("MT", "VALL22013000000071930284615"),
]


@pytest.mark.parametrize(("country", "account"), ACCOUNTS)
def test_ibans_are_found_by_length_and_check_digits_alone(country: str, account: str) -> None:
    number = _iban(country, account)
    grouped = " ".join(number[start : start + 4] for start in range(0, len(number), 4))
    wrong = number[:-1] + str((int(number[-1], 36) + 1) % 10)

    for text in (number, grouped):
        found = find_private(f"请汇至{text}，谢谢。 BIC FITBXX21. Pay to {text} BIC FITBXX21.")
        assert [(span.kind, span.end - span.start) for span in found] == [("iban", len(text))] * 2
    assert [span.kind for span in find_private(f"Pay to {wrong} BIC.") if span.kind == "iban"] == []
    assert [span.kind for span in find_private(f"Pay to {number}7.") if span.kind == "iban"] == []


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
    "Part 536-22-8714 fits the pump.",
    "Your SSN has the form AAA-GG-SSSS, such as 123-45-6789.",
    "Never print 078-05-1120; no social security number begins with 000-12-3456, 666-22-8714 or 923-22-8714.",
    "Social Security paid 536,228,714 dollars.",
    "The Social Security office answers 536-22-871.",
    '{"ssn": 536228714}',
    "社会安全基金共 536.22.8714",
    "A passport holds 32 pages and lasts 10 years.",
    "The passport fee is 130917264 won; the passport office has room B7391028.",
    "护照号码如 E12345678 由字母和八位数字组成。",
    "护照费用为 530917264 元。",
    "My Passport drive WD7391028 broke.",
    "passport.js 0530917264 users",
    "Flight CA7391028 left after the passport check.",
    "DE89 3704 0044 0532 0130 00 and GB82 WEST 1234 5698 7654 32 are examples.",
    "DE00 0000 0000 0000 0000 00",
    "AB12 3456 7890 is a licence key.",
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


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("My passport no. is 509274618.", ["509274618"]),
        ("Passport No. E50927461", ["E50927461"]),
        ("护照EA5092746", ["EA5092746"]),
        ("Go through passport control to gate A509274.", []),
        ("passport photo DSC509274", []),
        ("Do I need a passport? No. Flight BA509274 is domestic.", []),
    ],
)
def test_a_passport_s_number_is_announced(text: str, found: list[str]) -> None:
    assert [text[span.start : span.end] for span in find_private(text)] == found


@pytest.mark.parametrize(
    ("question", "kinds"),
    [
        ("Find the order number in the mail.", []),
        ("What is her SSN?", ["social_security"]),
        ("查一下社会安全号。", ["social_security"]),
    ],
)
def test_a_bare_number_is_one_of_social_security_where_the_row_speaks_of_it(question: str, kinds: list[str]) -> None:
    sample = Sample(
        row=0,
        task_id="t",
        messages=task_messages(question, None, "536-22-8714"),
        category=None,
        language="en",
        origin="imported",
        source="rows.json",
    )
    assert measure_privacy(sample)[0] == kinds
