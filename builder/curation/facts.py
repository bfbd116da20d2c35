"""What decisions need of a row beside its signals, taken from its text once and kept as `signals/facts.parquet`."""

import hashlib
from collections.abc import Iterable, Sequence

import pyarrow as pa

from builder.curation.asking import material_key, read_request, request_key
from builder.curation.blocked_words import find_blocked_word
from builder.curation.exact import conversation_fingerprint
from builder.pictures import has_pictures, is_data, is_file, is_local, pictures_in
from builder.schema import Message, Sample
from builder.signals import SignalValue
from builder.signals.signal import table_schema, task_text
from builder.similarity import NoveltyKey, novelty_text
from builder.text import count_words, has_text, normalise

FACTS = "facts"
FACTS_VERSION = 7

_EVIDENCE_CHARACTERS = 80
_EVOLVED = "evolve:"  # what the source of rows of the recipe begins with


def facts_schema(novelty_key: NoveltyKey) -> pa.Schema:
    """The schema of the table; its version names what the novelty texts are."""
    return table_schema(
        f"{FACTS}/{FACTS_VERSION}/{novelty_key}",
        [
            pa.field("asked", pa.bool_(), nullable=False),
            pa.field("labelled_bad", pa.string()),
            pa.field("trained", pa.bool_(), nullable=False),
            pa.field("answered", pa.bool_(), nullable=False),
            pa.field("answer_has_text", pa.bool_(), nullable=False),
            pa.field("answer_beginning", pa.string(), nullable=False),
            pa.field("blocked_word", pa.string()),
            pa.field("fingerprint", pa.binary(16), nullable=False),
            pa.field("novelty_text", pa.string(), nullable=False),
            pa.field("request", pa.binary(8)),
            pa.field("material", pa.binary(8), nullable=False),
            pa.field("answer", pa.binary(8)),
            pa.field("answer_size", pa.int32(), nullable=False),
            pa.field("wording", pa.binary(8)),
            pa.field("given", pa.binary(8)),
            pa.field("redaction_of", pa.int64()),
            pa.field("evolved_from", pa.string()),
            pa.field("pictures", pa.list_(pa.string())),
            pa.field("picture_key", pa.binary(8)),
            pa.field("missing_picture", pa.string()),
        ],
    )


def row_facts(sample: Sample) -> dict[str, SignalValue]:
    """Facts that the row filters use.

    Returns:
        asked: something is asked, as `is_asked` has it; labelled_bad: the beginning of an answer that the source labels as
        bad, or None; trained: some assistant turn is to be trained on, where there is one; answered: the last assistant turn
        says something or calls a tool; answer_has_text; answer_beginning: its first 80 characters; blocked_word: the first
        word of the default list in a grown instruction, or None.
    """
    answers = [turn for turn in sample.messages if turn.role == "assistant"]
    last = answers[-1] if answers else None
    answer = "" if last is None else last.content.strip()
    bad = sample.rejected if sample.is_labelled_bad else None
    return {
        "asked": is_asked(sample.messages),
        "labelled_bad": None if bad is None else bad.strip()[:_EVIDENCE_CHARACTERS],
        "trained": not answers or any(turn.weight != 0 for turn in answers),
        "answered": bad is not None or (last is not None and bool(answer or last.tool_calls or last.parts)),
        "answer_has_text": bool(answer),
        "answer_beginning": answer[:_EVIDENCE_CHARACTERS],
        "blocked_word": find_blocked_word(task_text(sample), None) if sample.origin == "generated" else None,
    }


def is_asked(messages: Sequence[Message]) -> bool:
    """Whether a user says something, and every answer that is trained on follows something that is said.

    What comes before the first question, such as an assistant's greeting, answers none. A tool's result says something, empty
    or not, and so does a picture.
    """
    asked = said = False
    before = ""
    for turn in messages:
        if turn.role == "assistant":
            if asked and before == "user" and not said and turn.weight != 0:
                return False
            said = False
        else:
            says = turn.role == "user" and (turn.parts is not None or has_text(turn.content))
            said, asked = said or turn.role == "tool" or says, asked or says
        before = turn.role
    return asked


def facts_table(samples: Iterable[Sample], novelty_key: NoveltyKey) -> pa.Table:
    """The facts of rows, in their order.

    Args:
        novelty_key: whose text `novelty_text` is.

    Returns:
        `row`, the columns of `row_facts`, `fingerprint` (128 bits, equal for conversations that a reader would call the
        same), `novelty_text`, the columns of `request_facts`, hashes of the instruction (`wording`) and of its normalised
        input (`given`), null where there is no instruction, the row that it is the redaction of, and the task that it was
        evolved from, null where it is none; `pictures` (of one that holds itself a hash), and a hash of them, null where there are
        none. `missing_picture` is null until `find_missing` looked.
    """
    records = [
        {
            "row": sample.row,
            **row_facts(sample),
            "fingerprint": conversation_fingerprint(sample),
            "novelty_text": text,
            **request_facts(text, sample.answer, key),
            "wording": None if sample.instruction is None else _hash(sample.instruction),
            "given": None if sample.instruction is None else _hash(normalise(sample.input or ""), key),
            "redaction_of": sample.redaction_of,
            "evolved_from": sample.parents[0] if sample.parents and sample.source.startswith(_EVOLVED) else None,
            "pictures": pictures or None,
            "picture_key": key or None,
        }
        for sample in samples
        for text, pictures in ((novelty_text(sample, novelty_key), _pictures(sample)),)
        for key in (_hash("\0".join(pictures)) if pictures else b"",)
    ]
    return pa.Table.from_pylist(records, schema=facts_schema(novelty_key))


def _pictures(sample: Sample) -> list[str]:
    if not has_pictures(sample.messages):  # as nearly all rows
        return []
    return [f"data:{_hash(one).hex()}" if is_data(one) else one for one in pictures_in(sample.messages)]


def find_missing(facts: pa.Table, seen: dict[str, bool]) -> pa.Table:
    """The facts with `missing_picture`: the first of a row's pictures that is a path to no file here. Addresses are not fetched.

    Args:
        seen: whether paths that were looked at before are files; each is looked at once.
    """
    if facts["pictures"].null_count == len(facts):
        return facts

    def is_missing(picture: str) -> bool:
        if picture not in seen:
            seen[picture] = not is_local(picture) or is_file(picture)
        return not seen[picture]

    missing = [next(filter(is_missing, pictures or ()), None) for pictures in facts["pictures"].to_pylist()]
    place = facts.schema.get_field_index("missing_picture")
    return facts.set_column(place, facts.schema.field(place), pa.array(missing, pa.string()))


def request_facts(text: str, answer: str, pictures: bytes = b"") -> dict[str, SignalValue | bytes]:
    """What a row is compared by where one of two is imported (`builder.curation.novelty.requests`).

    Args:
        pictures: a hash of the row's: one request about two of them is two.

    Returns:
        request: the `request_key` of the text, null where it has no words; material: the `material_key`; answer: 64 bits, equal
        for answers that read the same but for case, spacing and a last mark, null where it has no words; answer_size: how many words
        it has.
    """
    request, words = read_request(text), count_words(answer)
    return {
        "request": _with(request_key(request), pictures) if pictures or request.asked or request.given else None,
        "material": _with(material_key(request), pictures),
        "answer": _hash(normalise(answer).rstrip(".!。！")) if words else None,
        "answer_size": words,
    }


def _hash(text: str, more: bytes = b"") -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass") + more, digest_size=8).digest()


def _with(key: bytes, pictures: bytes) -> bytes:
    return bytes(some ^ other for some, other in zip(key, pictures, strict=True)) if pictures else key
