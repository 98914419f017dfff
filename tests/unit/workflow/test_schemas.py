"""Check that the shipped configs are valid, and that the schemas describe every key and hold every default."""

import pytest
import yaml
from config_factories import CONFIG, SCHEMAS, make_project, problem_lines, schema_properties
from hearth.common.schemas import schema_problems
from hearth.workflow.configuration import resolve
from hearth.workflow.selection import table_pairs
from jsonschema import Draft202012Validator
from repository import REPOSITORY
from snakemake.utils import update_config

# From the name of a config that extends another one to the name of that other config.
OVERLAYS = {"science": "demo", "ablations": "config", "ablations-demo": "demo", "forgetting-demo": "demo"}
CONFIGS = [path for path in sorted((REPOSITORY / "config").glob("*.yaml")) if path.name != "models.yaml"]


def schema(name):
    return yaml.safe_load((SCHEMAS / f"{name}.schema.yaml").read_text(encoding="utf-8"))


# Keys of a registry entry that are required or not depending on the model's source.
CONDITIONAL = {
    "source",
    *(name for rule in schema("models")["additionalProperties"]["allOf"] for name in rule["then"]["required"]),
}


@pytest.fixture
def project(tmp_path):
    return make_project(tmp_path / "project")


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_shipped_configs_are_valid(path):
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    if path.stem in OVERLAYS:
        below = path.with_stem(OVERLAYS[path.stem])
        over, config = config, yaml.safe_load(below.read_text(encoding="utf-8"))
        update_config(config, over)
    if path.stem in ("laptop", "marble-folds", "real-homes", "real-run", "sim-to-real"):
        recorded = [name for name, dataset in config["datasets"].items() if "simulate" not in dataset]
        config |= {f"{dataset}_root": "somewhere" for dataset in recorded}
    filled, registry = resolve(config, [path])
    assert set(filled["models"]) <= set(registry)
    assert all(table_pairs(filled, table) for table in filled["tables"])


def test_the_laptop_config_asks_for_its_data():
    path = REPOSITORY / "config" / "laptop.yaml"
    (line,) = problem_lines(yaml.safe_load(path.read_text(encoding="utf-8")), REPOSITORY, path)
    said = "no folder of raw files: set it here or with --config marble_root=PATH"
    assert line.endswith(f"datasets.marble.root: {said}")


def test_the_papers_tables():
    path = REPOSITORY / "config" / "config.yaml"
    config, _ = resolve(yaml.safe_load(path.read_text(encoding="utf-8")), [path])
    sizes = ["0.6b", "1.7b", "4b", "8b", "14b", "32b"]
    seeds = ["", "_decode1", "_decode2"]
    rows = ["majority", "sensor-majority", *(f"qwen3-{size}{seed}" for size in sizes for seed in seeds)]
    assert table_pairs(config, "scaling") == [(name, home) for name in rows for home in ("marble", "mural")]
    small = ["qwen3-0.6b", "qwen3-1.7b"]
    learned = [
        (f"{base}_reasoning_{home}{seed}", home) for base in small for home in ("marble", "mural") for seed in seeds
    ]
    zero_shot = [
        (base + seed, home) for base in [*small, "qwen3-32b"] for seed in seeds for home in ("marble", "mural")
    ]
    assert table_pairs(config, "distillation") == learned + zero_shot


@pytest.mark.parametrize("name", ["config", "models"])
def test_every_property_is_described_and_has_a_default_unless_required(name):
    for where, part, required in schema_properties(schema(name)):
        assert part.get("description"), where
        # `simulate` has no default, because its presence is the setting; a model's source decides which keys it needs;
        # vLLM has the defaults of its options.
        parent, _, key = where.rpartition(".")
        may_be_absent = key == "simulate" or (name == "models" and key in CONDITIONAL) or "engine_options" in parent
        assert required + ("default" in part) + may_be_absent >= 1, where
        assert not (required and "default" in part), where


def test_defaults_fit_their_own_schema():
    for name in ("config", "models", "home"):
        Draft202012Validator.check_schema(schema(name))
        for _, part, _ in schema_properties(schema(name)):
            if "default" in part:
                Draft202012Validator(part).validate(part["default"])


def test_the_least_config_gets_every_default_of_the_schema(project):
    least = {key: CONFIG[key] for key in ("datasets", "models", "teacher")}
    filled, registry = resolve(least, [], project)

    def check(value, part):
        for name, inner in part.get("properties", {}).items():
            if "default" not in inner:
                continue
            if inner.get("properties"):
                check(value[name], inner)
            elif name != "trained_on":
                assert value[name] == inner["default"], name

    check(filled, schema("config"))
    assert filled["datasets"]["made-up"]["max_broken_share"] == 0.02
    assert filled["students"]["training"]["lora"]["r"] == 16
    assert filled["students"]["trained_on"] == ["made-up", "second"]
    assert registry["little"]["gpus"] == registry["little"]["train_gpus"] == 0
    assert registry["large"]["gpus"] == registry["large"]["train_gpus"] == 1
    assert least == {key: CONFIG[key] for key in least}


def test_a_pattern_is_explained_in_words():
    schema = {"type": "string", "pattern": "^auto$", "x-expected": "auto or a whole number"}
    assert schema_problems("automatic", schema) == [([], "'automatic' is not auto or a whole number")]
