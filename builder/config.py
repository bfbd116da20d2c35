"""The settings as frozen models: what each means, its default and its limits. `settings_file` reads and writes them.

API keys are never settings: `teacher.api_key_env` names the environment variable that holds the key.
"""

from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

Share = Annotated[float, Field(ge=0, le=1)]
Language = Literal["zh", "en"]
RecipeName = Literal["alpaca"]

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
        files: seed files (JSONL, JSON, CSV, XLSX); `builtin` is the 175 tasks that ship with Seedbed.
        publish: whether the seeds are published too, on top of the target.
    """

    files: tuple[str, ...] = ("builtin",)
    publish: bool = False


class Teacher(Section):
    """Who answers.

    Attributes:
        provider: `embedded` needs no key and no network and writes procedural tasks; `openai` is any compatible endpoint.
        base_url: the endpoint's address, such as http://127.0.0.1:8000/v1; None is the provider's own.
        api_key_env: the environment variable that holds the key.
        max_tokens: ceiling of one reply, in the endpoint's tokens.
        timeout: seconds for one attempt.
        max_attempts: attempts for one request before the run ends with exit code 5.
        response_format: `json_object` asks the endpoint for JSON; `none` for endpoints that refuse the parameter.
        faults: how the embedded teacher misbehaves, such as `429=0.2,500=0.1,cut=0.05`.
    """

    provider: Literal["embedded", "openai"] = "embedded"
    model: str = "seedbed-procedural"
    base_url: str | None = None
    api_key_env: str = "OPENAI_API_KEY"
    temperature: Annotated[float, Field(ge=0, le=2)] = 1.0
    max_tokens: Annotated[int, Field(ge=16)] = 4096
    concurrency: Annotated[int, Field(ge=1, le=4096)] = 16
    timeout: Annotated[float, Field(gt=0)] = 120.0
    max_attempts: Annotated[int, Field(ge=1)] = 8
    response_format: Literal["json_object", "none"] = "json_object"
    faults: str = ""

    @field_validator("base_url")
    @classmethod
    def _no_credentials(cls, value: str | None) -> str | None:
        if value is None:
            return value
        parts = urlsplit(value)
        if parts.username or parts.password:
            raise ValueError(
                "must not carry a user name or password; put the key in an environment variable and name it "
                "in teacher.api_key_env"
            )
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("must be an http:// or https:// address such as http://127.0.0.1:8000/v1")
        return value.rstrip("/")


class Budget(Section):
    """Caps, reserved before a request is sent; None is no cap."""

    max_requests: Annotated[int, Field(ge=1)] | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None


class Growth(Section):
    """The Self-Instruct loop.

    Attributes:
        recipes: weights by recipe; a build can mix them.
        languages: weights by language.
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
    languages: dict[Language, Annotated[float, Field(gt=0)]] = {"en": 1.0, "zh": 1.0}
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

    @field_validator("languages", "recipes")
    @classmethod
    def _not_empty(cls, value: dict[str, float]) -> dict[str, float]:
        if not value:
            raise ValueError("must name at least one, such as {en: 1, zh: 1} or {alpaca: 1}")
        return value

    @model_validator(mode="after")
    def _human_share(self) -> Self:
        if self.human_demonstrations > self.demonstrations:
            raise ValueError("human_demonstrations must not exceed demonstrations")
        return self


class Filters(Section):
    """Thresholds on signals. Lengths are in words: one for each CJK character, one for each word of other scripts.

    Attributes:
        min_instruction_words: Self-Instruct drops instructions of 3 words or fewer; a Chinese one of 4 characters is whole.
        max_instruction_words: Self-Instruct's 150; applied to grown tasks, imported prompts have `max_prompt_words`.
        max_repetition: share of the answer's 4-grams that repeat an earlier one. Lines of lists repeat a little; above
            0.6 an answer is a loop.
        blocked_words: whole words (or Chinese strings) that an instruction must not hold, since a text model cannot see
            or draw the thing; Self-Instruct's and Alpaca's lists by default for grown tasks.
        languages: languages a row may be in; None is any.
    """

    min_instruction_words: Annotated[int, Field(ge=0)] = 3
    max_instruction_words: Annotated[int, Field(ge=1)] = 150
    max_prompt_words: Annotated[int, Field(ge=1)] = 8000
    min_answer_words: Annotated[int, Field(ge=0)] = 1
    max_answer_words: Annotated[int, Field(ge=1)] = 8000
    max_repetition: Share = 0.6
    drop_refusals: bool = True
    drop_wrong_answers: bool = True
    drop_language_mismatch: bool = True
    languages: tuple[str, ...] | None = None
    blocked_words: tuple[str, ...] | None = None


class Novelty(Section):
    """The one scan.

    Attributes:
        key: what is compared: `auto` is the instruction for grown tasks and the whole prompt for imported ones.
        threshold: a row goes if a kept one is more similar than this by ROUGE-L F1 (0.7: Self-Instruct's). 1 keeps all but
            exact duplicates.
    """

    key: Literal["auto", "instruction", "prompt", "conversation", "answer"] = "auto"
    threshold: Annotated[float, Field(gt=0, le=1)] = 0.7


class Contamination(Section):
    """Overlap with held-out benchmarks.

    Attributes:
        against: files whose prompts and answers must not be in the published data.
        ngram: tokens that must match in a row (13: GPT-3's decontamination, Brown et al. 2020, appendix C); texts shorter
            than that must match whole.
    """

    against: tuple[str, ...] = ()
    ngram: Annotated[int, Field(ge=3)] = 13


class Balance(Section):
    """Mix over category × language.

    Attributes:
        max_share: largest share of the kept rows for one cell; 1 is no cap.
        caps: largest number of rows by cell, such as {mathematics/en: 500} or {mathematics: 800}.
        floors: smallest number of rows by cell, taken before others when the target cuts; missing it is a warning.
    """

    max_share: Annotated[float, Field(gt=0, le=1)] = 1.0
    caps: dict[str, Annotated[int, Field(ge=0)]] = {}
    floors: dict[str, Annotated[int, Field(ge=0)]] = {}


class Split(Section):
    """Train and validation.

    Attributes:
        validation_share: share of the kept rows; whole tasks go to one side.
        max_similarity: no validation prompt is closer than this to a training prompt by ROUGE-L F1.
        min_validation_rows: fewer than this is reported as too small.
    """

    validation_share: Annotated[float, Field(ge=0, lt=1)] = 0.05
    max_similarity: Annotated[float, Field(gt=0, le=1)] = 0.6
    min_validation_rows: Annotated[int, Field(ge=0)] = 20


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
        learning_rate: None is 1e-3 for scratch models, 2e-4 for LoRA, 2e-5 for full tuning.
        epochs: passes over the training rows.
        max_minutes: stop after this many minutes of training; None is no limit.
    """

    model: str = "scratch:tiny"
    template: str | None = None
    loss_on: Literal["all", "last"] = "all"
    tuning: Literal["full", "lora"] = "full"
    max_length: Annotated[int, Field(ge=16)] = 1024
    epochs: Annotated[float, Field(gt=0)] = 3.0
    batch_size: Annotated[int, Field(ge=1)] = 16
    gradient_accumulation: Annotated[int, Field(ge=1)] = 1
    learning_rate: Annotated[float, Field(gt=0)] | None = None
    weight_decay: Annotated[float, Field(ge=0)] = 0.1
    warmup_steps: Annotated[int, Field(ge=0)] = 50
    max_minutes: Annotated[float, Field(gt=0)] | None = None
    lora_rank: Annotated[int, Field(ge=1)] = 16
    packing: bool = False
    bf16: bool = False


def _as_path_name(value: Any) -> Any:
    if isinstance(value, str) and (not value or any(c in value for c in "/\\\0") or value in (".", "..")):
        raise ValueError("must be a plain folder name, without slashes")
    return value


class Settings(Section):
    """Everything one dataset folder is made with.

    Attributes:
        name: of the dataset; also the folder's name under `datasets_out/` where no `--out` is given.
        seed: of all random choices.
        target: grown rows to publish, exactly; None for curating files: all that pass.
    """

    name: Annotated[str, BeforeValidator(_as_path_name)] = "dataset"
    seed: int = 0
    target: Annotated[int, Field(ge=1)] | None = None
    seeds: Seeds = Seeds()
    teacher: Teacher = Teacher()
    budget: Budget = Budget()
    growth: Growth = Growth()
    filters: Filters = Filters()
    novelty: Novelty = Novelty()
    contamination: Contamination = Contamination()
    balance: Balance = Balance()
    split: Split = Split()
    report: Report = Report()
    train: Train = Train()

    @property
    def ordered(self) -> bool:
        """Whether replies are admitted in request order."""
        return self.teacher.provider == "embedded" if self.growth.ordered is None else self.growth.ordered
