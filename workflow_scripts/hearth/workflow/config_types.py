"""Types of the checked config and of the model registry. config/schemas/ has the meaning and default of every key."""

from typing import Any, Literal, NotRequired, TypedDict

from hearth.distillation.balance import Balance
from hearth.evaluation.score_document import Labels, MetricSettings
from hearth.models.fetch import ModelSpec

# A JSON object that is not checked yet, or that is passed on without being read.
Json = dict[str, Any]


class WindowSettings(TypedDict):
    """`windows`, and `datasets.<name>.windows` once settings that it lacks are filled in from `windows`."""

    by: Literal["count", "time", "gap"]
    size: int
    seconds: float | None
    short: Literal["keep", "drop"]


class Simulation(TypedDict):
    """`datasets.<name>.simulate`."""

    kind: Literal["source", "drawn"]
    seed: int
    sessions: int
    without: list[str]


class DatasetSplit(TypedDict):
    """`datasets.<name>.split`, once what it lacks is filled in from `split`."""

    by: str
    folds: int
    test_fraction: float


class Dataset(TypedDict):
    """`datasets.<name>`; one with `simulate` has no `root`."""

    source: str
    home: str
    root: str
    windows: WindowSettings
    split: DatasetSplit
    all: bool
    max_broken_share: float
    max_broken_label_share: float
    simulate: NotRequired[Simulation]


class Split(TypedDict):
    """`split`."""

    folds: int
    by: str
    seed: int
    test_fraction: float


class PromptSettings(TypedDict):
    """`prompt`."""

    template: str
    reasoning: Literal["think", "inline", "none"]
    rules: bool
    example: bool
    sensor_kinds: bool
    label_order: Literal["home", "reversed", "shuffled"]
    date: str
    shots: int
    shots_by: Literal["random", "similarity"]


class SamplingSettings(TypedDict):
    """The settings that `decoding` shares with the decoding of one recogniser."""

    temperature: float
    top_p: float
    top_k: int
    max_new_tokens: int
    constrained: bool
    reasoning_budget: int | None
    confidence: Literal["none", "tokens"]


class DecodingSettings(SamplingSettings):
    """`decoding`."""

    seeds: list[int]


class Decoding(SamplingSettings):
    """The decoding of one recogniser, which has one of the `seeds`."""

    seed: int


class Variant(TypedDict):
    """`variants.<name>`: `prompt` and `decoding` hold only the settings that differ from the config's own."""

    of: str | list[str]
    prompt: Json
    decoding: Json
    self_consistency: int | None


class Engine(TypedDict):
    """`engine`."""

    name: Literal["auto", "transformers", "vllm", "server"]
    base_url: str
    timeout: float
    server_wait: float
    dtype: Literal["auto", "float32", "bfloat16"]
    device: Literal["auto", "cpu", "cuda"]
    batch_size: int | Literal["auto"]
    shard_size: int | Literal["auto"]
    shard_minutes: float
    max_unanswered_share: float
    stage_weights: str
    threads: int


class Containers(TypedDict):
    """`containers`."""

    analysis: str
    llm: str
    vllm: str


# A largest number of examples; "smallest" stands for that of the dataset with the fewest train windows.
ExampleLimit = int | Literal["smallest"]


class StudentGroup(TypedDict):
    """`students.groups.<name>`; an empty value stands for the value of the main students."""

    recipes: list[str]
    bases: list[str]
    trained_on: list[str]
    seeds: list[int]
    max_examples: list[ExampleLimit]
    learning_rates: list[float]
    ranks: list[int]
    balance: list[Balance]
    replay: list[float]
    replay_on: list[str]
    teacher: str


class Students(TypedDict):
    """`students`. `training` is checked and read by distillation/settings.py, but for its `balance`."""

    bases: list[str]
    recipe: str
    groups: dict[str, StudentGroup]
    trained_on: list[str]
    replay: float
    replay_on: list[str]
    on_policy_rounds: int
    seeds: list[int]
    training: Json
    dtype: Literal["", "auto", "float32", "bfloat16"]
    deepspeed: str


class Export(TypedDict):
    """`export`."""

    windows: int


class WindowBrowser(TypedDict):
    """`window_browser`."""

    windows: int
    seed: int


class Selection(TypedDict):
    """One item of `tables.<name>.select`."""

    recognisers: str | list[str]
    datasets: str | list[str]


class TableSpec(TypedDict):
    """`tables.<name>`."""

    title: str
    caption: str
    all: bool
    compare: list[tuple[str, str]]
    rows: Literal["scores", "labels", "parts", "homes", "forgetting", "votes", "recipes", "gains"]
    labels: Labels
    layout: Literal["wide", "paper"]
    seeds: Literal["each", "mean"]
    select: list[Selection]
    columns: list[str]


class Config(TypedDict):
    """A checked config with its defaults filled in."""

    datasets: dict[str, Dataset]
    dataset_groups: dict[str, list[str]]
    windows: WindowSettings
    split: Split
    prompt: PromptSettings
    decoding: DecodingSettings
    decoding_without_reasoning: Json
    variants: dict[str, Variant]
    metrics: MetricSettings
    baselines: list[str]
    transfer_baselines: list[str]
    engine: Engine
    containers: Containers
    models: list[str]
    model_registry: str
    teacher: str
    teacher_samples: int
    teacher_sampling: Json
    teacher_top_tokens: int
    students: Students
    export: Export
    window_browser: WindowBrowser
    tables: dict[str, TableSpec]


class Model(ModelSpec):
    """An entry of the model registry: the source of the weights, and the resources that the model's jobs request.

    `train_gpus` is a number here: null in the file stands for `gpus`.
    """

    base_url: str
    limit_field: str
    omitted_fields: list[str]
    gpus: int
    train_gpus: int
    pipeline_parallel: int
    nodes: int
    cpus: int
    partition: str
    gpu_type: str
    constraint: str
    qos: str
    engine_options: Json
    mem_mb: int
    runtime: int


Registry = dict[str, Model]
