"""Operations on a person's record in JSON."""

import json
import random
from collections.abc import Callable

from builder.procedural.families import vocabulary
from builder.procedural.families.kinds import JSON_TEXT, NUMBER, PHRASE, TEXT
from builder.procedural.families.operation import AnyOperation, Kind, Language, Operation, wording

Record = dict[str, str | int]

_PRIVATE = ("id_number", "password", "address")

_JOBS: dict[Language, tuple[str, ...]] = {
    "en": ("baker", "nurse", "teacher", "tailor", "gardener", "librarian", "plumber"),
    "zh": ("面包师", "护士", "教师", "裁缝", "园丁", "图书管理员", "水管工"),
}

_CITIES: dict[Language, tuple[str, ...]] = {
    "en": ("Lisbon", "Oslo", "Nairobi", "Lima", "Hanoi", "Porto", "Quito"),
    "zh": ("成都", "西安", "厦门", "昆明", "大连", "扬州", "桂林"),
}


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _sample_record(rng: random.Random, language: Language, small: bool) -> Record:
    record: Record = {"name": rng.choice(vocabulary.PEOPLE[language]), "age": rng.randint(18, 70)}
    record["job"] = rng.choice(_JOBS[language])
    record["city"] = rng.choice(_CITIES[language])
    private = rng.choice(_PRIVATE)
    record[private] = f"{rng.choice('ABCDEFGH')}{rng.randint(1000, 9999)}"
    keys = rng.sample(list(record), len(record))
    return {key: record[key] for key in keys}


def _read_record(text: str, language: Language) -> Record:
    record: object = json.loads(text)
    if not isinstance(record, dict) or not {"name", "age", "job", "city"} <= record.keys():
        raise ValueError(f"not a record of a person: {text!r}")
    if not all(isinstance(value, str | int) for value in record.values()):
        raise ValueError(f"not a flat record: {text!r}")
    return {str(key): value for key, value in record.items()}


def _public(record: Record) -> Record:
    return {key: value for key, value in record.items() if key not in _PRIVATE}


RECORD: Kind[Record] = Kind(
    "record",
    "json",
    lambda value, language: _dump(value),
    _read_record,
    _sample_record,
    wording(
        en="the JSON entry of a club member | a guest's JSON profile | the staff record in JSON | "
        "the JSON object from the sign-up form | one JSON line of the address book | "
        "the volunteer's details as JSON | a patient card stored as JSON | the JSON sent by the booking desk | "
        "the reader account in JSON | a tenant's JSON sheet",
        zh="社团成员的 JSON 条目 | 一位客人的 JSON 资料 | 员工的 JSON 记录 | 报名表导出的 JSON 对象 | "
        "通讯录里的一行 JSON | 志愿者信息的 JSON | 存成 JSON 的就诊卡 | 前台发来的 JSON | 读者账户的 JSON | "
        "租客的 JSON 登记",
    ),
    wording(en="this record | the record given", zh="这条记录 | 该记录"),
)


def _member(key: str) -> Callable[[Record], str]:
    return lambda record: str(record[key])


OPERATIONS: tuple[AnyOperation, ...] = (
    Operation(
        "record_city",
        "closed_qa",
        RECORD,
        PHRASE,
        _member("city"),
        wording(
            en="tell from {x} where the person lives | look into {x} and name the city | "
            "answer with the home town found in {x} | use {x} to state the city of residence",
            zh="根据{x}说出此人住在哪里 | 查看{x}，写出城市 | 用{x}里的居住城市作答 | 依据{x}答出所在城市",
        ),
    ),
    Operation(
        "record_job",
        "closed_qa",
        RECORD,
        PHRASE,
        _member("job"),
        wording(
            en="tell from {x} what the person does for a living | look into {x} and name the occupation | "
            "answer with the profession found in {x} | use {x} to state the person's trade",
            zh="根据{x}说出此人以什么为生 | 查看{x}，写出职业 | 用{x}里的工作作答 | 依据{x}答出从事的行当",
        ),
    ),
    Operation(
        "record_age",
        "closed_qa",
        RECORD,
        NUMBER,
        lambda record: int(record["age"]),
        wording(
            en="tell from {x} how old the person is | look into {x} and give the age | "
            "answer with the years of age found in {x} | use {x} to state the person's age",
            zh="根据{x}说出此人几岁 | 查看{x}，写出年龄 | 用{x}里的岁数作答 | 依据{x}答出年龄数字",
        ),
    ),
    Operation(
        "record_redacted",
        "safety",
        RECORD,
        JSON_TEXT,
        lambda record: _dump(_public(record)),
        wording(
            en="protect privacy in {x}: delete the keys id_number, password and address, keep the others | "
            "strip id_number, password and address from {x} and return the JSON | "
            "make {x} safe to share by leaving out id_number, password and address | "
            "return {x} less any id_number, password or address",
            zh="保护{x}的隐私：删去 id_number、password、address 这些键，其余保留 | "
            "从{x}去掉 id_number、password 和 address，返回 JSON | "
            "让{x}可以放心公开，略去 id_number、password、address | 返回不含 id_number、password、address 的{x}",
        ),
    ),
    Operation(
        "record_introduction",
        "writing",
        RECORD,
        TEXT,
        lambda record: f"{record['name']} ({record['age']}), {record['job']}, {record['city']}",
        wording(
            en='write a byline from {x} in the form "Name (age), job, city" | '
            "compose a one-line introduction out of {x}: Name (age), job, city | "
            'draft a badge text with {x}, as "Name (age), job, city" | '
            "put {x} into prose shorthand: Name (age), job, city",
            zh="用{x}写一行署名，格式为“姓名 (年龄), 职业, 城市” | "
            "根据{x}撰写一句介绍，形如“姓名 (年龄), 职业, 城市” | 拿{x}拟一段胸牌文字：姓名 (年龄), 职业, 城市 | "
            "把{x}写成“姓名 (年龄), 职业, 城市”这样的简介",
        ),
    ),
)
