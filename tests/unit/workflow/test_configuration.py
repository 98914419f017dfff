"""A run's config: what is shipped is right, what it means, and mistakes are named with file, key and a better value."""

import json

import pytest
import yaml
from config_factories import CONFIG, REGISTRY, SCHEMAS, make_project, replace_at, schema_properties, write_yaml
from factories import HOME
from hearth.workflow.configuration import ConfigError, content_digest, home_path, resolve
from hearth.workflow.recognisers import table_pairs
from repository import REPOSITORY
from snakemake.utils import update_config

SHIPPED = sorted((REPOSITORY / "config").glob("*.yaml"))
# What is laid over another config, and over which.
OVERLAYS = {"science": "demo", "ablations": "config", "ablations-demo": "demo"}
CONFIGS = [path for path in SHIPPED if path.name != "models.yaml"]


def schema(name):
    return yaml.safe_load((SCHEMAS / f"{name}.schema.yaml").read_text(encoding="utf-8"))


@pytest.fixture
def project(tmp_path):
    return make_project(tmp_path / "project")


def complaints(config, project, *files):
    """Lines of the error that a config raises; it is written to run.yaml unless files are given."""
    files = files or (write_yaml(project / "run.yaml", config),)
    with pytest.raises(ConfigError) as raised:
        resolve(config, list(files), project)
    return str(raised.value).splitlines()


# What is shipped


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_shipped_configs_are_valid(path):
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    if path.stem in OVERLAYS:
        below = path.with_stem(OVERLAYS[path.stem])
        over, config = config, yaml.safe_load(below.read_text(encoding="utf-8"))
        update_config(config, over)
    if path.stem in ("laptop", "real-run"):
        config |= {f"{dataset}_root": "somewhere" for dataset in config["datasets"]}
    filled, registry = resolve(config, [path])
    assert set(filled["models"]) <= set(registry)
    assert all(table_pairs(filled, table) for table in filled["tables"])


def test_the_laptop_config_asks_for_its_data():
    path = REPOSITORY / "config" / "laptop.yaml"
    (line,) = complaints(yaml.safe_load(path.read_text(encoding="utf-8")), REPOSITORY, path)
    assert line.endswith("datasets.marble.root: no folder is named; add it here or run with --config marble_root=PATH")


def test_the_papers_tables():
    path = REPOSITORY / "config" / "config.yaml"
    config, _ = resolve(yaml.safe_load(path.read_text(encoding="utf-8")), [path])
    sizes = ["0.6b", "1.7b", "4b", "8b", "14b", "32b"]
    assert table_pairs(config, "scaling") == [(f"qwen3-{s}", home) for s in sizes for home in ("marble", "mural")]
    small = ["qwen3-0.6b", "qwen3-1.7b"]
    learned = [(f"{base}_reasoning_{home}", home) for base in small for home in ("marble", "mural")]
    zero_shot = [(base, home) for base in [*small, "qwen3-32b"] for home in ("marble", "mural")]
    assert table_pairs(config, "distillation") == learned + zero_shot


# Schemas

CONDITIONAL = {
    "source",
    *(name for rule in schema("models")["additionalProperties"]["allOf"] for name in rule["then"]["required"]),
}


@pytest.mark.parametrize("name", ["config", "models"])
def test_every_property_is_described_and_has_a_default_unless_required(name):
    for where, part, required in schema_properties(schema(name)):
        assert part.get("description"), where
        # `simulate` means something by being there; a model's source says which of its keys it takes.
        may_be_absent = where.endswith(".simulate") or (name == "models" and where.rpartition(".")[2] in CONDITIONAL)
        assert required + ("default" in part) + may_be_absent >= 1, where
        assert not (required and "default" in part), where


def test_defaults_fit_their_own_schema():
    from jsonschema import Draft202012Validator

    for name in ("config", "models", "home"):
        Draft202012Validator.check_schema(schema(name))
        for _, part, _ in schema_properties(schema(name)):
            if "default" in part:
                Draft202012Validator(part).validate(part["default"])


def test_a_teacher_that_is_shown_the_answers_it_would_be_asked_for_is_refused(project):
    def config(shots_by: str) -> dict:
        taught = replace_at(CONFIG, "students/groups", {"few": {"teacher": "large_shown"}})
        return taught | {"variants": {"shown": {"of": "models", "prompt": {"shots": 2, "shots_by": shots_by}}}}

    (line,) = complaints(config("random"), project)
    assert "students.groups.few.teacher: 'large_shown' is shown windows of the train split" in line
    resolve(config("similarity"), [], project)


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
    assert registry["little"]["gpus"] == 0
    assert least == {key: CONFIG[key] for key in least}


# Meaning


def test_a_root_from_the_command_line_goes_to_its_dataset(project):
    filled, _ = resolve({**CONFIG, "made-up_root": "/data"}, [], project)
    assert filled["datasets"]["made-up"]["root"] == "/data"
    assert "made-up_root" not in filled


def test_how_a_whole_number_is_spelled_does_not_matter(project):
    filled, _ = resolve({**CONFIG, "windows": {"size": 10.0}, "decoding": {"temperature": 0.0}}, [], project)
    assert json.dumps([filled["windows"]["size"], filled["decoding"]["temperature"]]) == "[10, 0]"


# Mistakes

TRAINING = "students/training"


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("modles", [], "modles: unknown key 'modles'; did you mean 'models'?"),
        ("datasets/made-up/hmoe", "x", "datasets.made-up.hmoe: unknown key 'hmoe'; did you mean 'home'?"),
        ("datasets/second/simulate/sed", 1, "datasets.second.simulate.sed: unknown key 'sed'; did you mean 'seed'?"),
        ("students/seeds", [], "students.seeds: [] should be non-empty"),
        ("students/seeds", [0, 0], "students.seeds: [0, 0] has non-unique elements"),
        ("students/seeds", [-1], "students.seeds.0: -1 is less than the minimum of 0"),
        ("conditions", {"cold": {"of": "models"}}, "conditions: 'conditions' has been renamed to 'variants'"),
        ("students/recipe", "truth", "students.recipe: 'truth' has been renamed to 'gold-labels'"),
        (
            "students/groups",
            {"few": {"recipes": ["labels", "format"]}},
            "students.groups.few.recipes.1: 'format' has been renamed to 'verified-labels'",
        ),
        ("students/basis", [], "students.basis: unknown key 'basis'; did you mean 'bases'?"),
        (TRAINING, {"epoch": 1}, "students.training.epoch: unknown key 'epoch'; did you mean 'epochs'?"),
        (TRAINING, {"lora": {"rank": 1}}, "students.training.lora.rank: unknown key 'rank'; known: r, alpha"),
        ("tables/scaling/titel", "x", "tables.scaling.titel: unknown key 'titel'; did you mean 'title'?"),
        ("tables/scaling/select/0/on", "x", "tables.scaling.select.0.on: unknown key 'on'; "),
        ("models", ..., "top level: 'models' is missing"),
        ("datasets/made-up/source", ..., "datasets.made-up: 'source' is missing"),
        ("teacher", None, "teacher: None is not of type 'string'"),
        ("students", None, "students: None is not of type 'object'"),
        ("datasets/made-up", None, "datasets.made-up: None is not of type 'object'"),
        ("models", "little", "models: 'little' is not of type 'array'"),
        ("models", [["little"]], "models.0: ['little'] is not of type 'string'"),
        ("models", ["little", "little"], "models: ['little', 'little'] has non-unique elements"),
        ("windows", {"size": "ten"}, "windows.size: 'ten' is not of type 'integer'"),
        ("windows", {"size": "10"}, "windows.size: '10' is not of type 'integer' (YAML reads it as text; write 10)"),
        ("windows", {"size": True}, "windows.size: True is not of type 'integer'"),
        ("windows", {"size": 0}, "windows.size: 0 is less than the minimum of 1"),
        (TRAINING, {"learning_rate": "1e-4"}, "(YAML reads it as text; write 0.0001)"),
        (TRAINING, {"learning_rate": "1e-5"}, "(YAML reads it as text; write 1.0e-05)"),
        ("decoding", {"temperature": float("nan")}, "decoding.temperature: nan is not a finite number"),
        ("decoding", {"temperature": float("inf")}, "decoding.temperature: inf is not a finite number"),
        (
            "datasets/made-up/source",
            "marbel",
            "source: 'marbel' is not one of the valid values; did you mean 'marble'?",
        ),
        ("datasets/made-up/source", ["a"], "datasets.made-up.source: ['a'] is not one of the valid values"),
        ("datasets/made-up/home", "madeup", "datasets.made-up.home: unknown home 'madeup'; did you mean 'made-up'?"),
        ("datasets/made-up/home", "my/flat.yaml", "datasets.made-up.home: my/flat.yaml: no such home"),
        ("datasets/second/source", "table", "datasets.second.source: no home is simulated as 'table'; it must be"),
        (
            "datasets/Made_Up",
            {"source": "marble", "home": "made-up", "root": "x"},
            "datasets.Made_Up: the name 'Made_Up'",
        ),
        ("datasets/made-up/root", ..., "no folder is named; add it here or run with --config made-up_root=PATH"),
        ("datasets/second/root", "x", "datasets.second.root: 'x' would not be read: the dataset is simulated"),
        ("second_root", "x", "second_root: 'x' would not be read: the dataset is simulated"),
        ("secnd_root", "x", "secnd_root: unknown dataset 'secnd'; did you mean 'second'?"),
        ("second_root", "", "second_root: '' "),
        ("models/0", "litle", "models.0: unknown model 'litle'; did you mean 'little'?"),
        ("teacher", "larg", "teacher: unknown model 'larg'; did you mean 'large'?"),
        ("students/bases/0", "litle", "students.bases.0: unknown model 'litle'; did you mean 'little'?"),
        ("students/trained_on", ["scond"], "students.trained_on.0: unknown dataset 'scond'; did you mean 'second'?"),
        ("students/deepspeed", "zero9.json", "students.deepspeed: no such file: 'zero9.json'"),
        ("prompt", {"template": "six-part"}, "prompt.template: unknown template 'six-part'; did you mean 'six-parts'?"),
        ("prompt", {"template": "../x"}, "prompt.template: '../x' does not match"),
        ("tables/scaling/select/0/recognisers", "modles", "unknown group 'modles'; did you mean 'models'?"),
        ("tables/scaling/select/0/recognisers", 1, "recognisers: 1 is neither a list of names nor"),
        ("tables/scaling/compare", [["little", "larg"]], "compare.0.1: unknown recogniser or group 'larg'; did you"),
        ("tables/scaling/compare", [["models", "bases"]], "scaling.compare: models has 2 recognisers and bases has 1"),
        ("tables/scaling/compare", [["little"]], "compare.0: ['little'] is too short"),
        ("windows", {"by": "time"}, "windows.seconds: windows by time need a number of seconds"),
        (
            "datasets/second/windows",
            {"sise": 5},
            "datasets.second.windows.sise: unknown key 'sise'; did you mean 'size'?",
        ),
        ("datasets/second/windows", {"by": "gap"}, "datasets.second.windows.seconds: windows by gap need"),
        ("baselines", ["majorty"], "baselines.0: 'majorty' is not one of the valid values; did you mean 'majority'?"),
        ("variants", {"direct": {"of": "models"}}, "variants.direct: the name 'direct' is taken"),
        ("variants", {"models": {"of": "models"}}, "variants.models: the name 'models' is taken"),
        ("variants", {"cold": {"of": "modles"}}, "cold.of: unknown group 'modles'; did you mean 'models'?"),
        ("variants", {"cold": {"of": ["litle"]}}, "cold.of.0: unknown model or student 'litle'; did you mean"),
        (
            "variants",
            {"cold": {"of": "models", "decoding": {"temprature": 0}}},
            "variants.cold.decoding.temprature: unknown key 'temprature'; did you mean 'temperature'?",
        ),
        (
            "variants",
            {"cold": {"of": "models", "prompt": {"template": "six-part"}}},
            "variants.cold.prompt.template: unknown template 'six-part'; did you mean 'six-parts'?",
        ),
        (
            "students/groups",
            {"few": {"max_example": [5]}},
            "students.groups.few.max_example: unknown key 'max_example'; did you mean 'max_examples'?",
        ),
        ("students/groups", {"few": {"teacher": "larg"}}, "students.groups.few.teacher: unknown model 'larg'; did you"),
        (
            "students/groups",
            {"few": {"teacher": "large_cold"}},
            "students.groups.few.teacher: unknown variant 'cold'",
        ),
        ("students/groups", {"bases": {}}, "students.groups.bases: the name 'bases' is taken"),
        (
            "tables/scaling/select/0/recognisers",
            [1],
            "tables.scaling.select.0.recognisers.0: 1 is not of type 'string'",
        ),
        (
            "tables/scaling/select/0/recognisers",
            ["larg"],
            "recognisers.0: unknown recogniser 'larg'; did you mean 'large'?",
        ),
        ("tables/scaling/select/0/datasets", "al", "datasets: 'al' is neither a list of names nor"),
        ("tables/scaling/select/0/datasets", ["scond"], "datasets.0: unknown dataset 'scond'; did you mean 'second'?"),
        (
            "tables/scaling/select/0/datasets",
            "trained_on",
            "tables.scaling.select: selects no recogniser on any dataset",
        ),
        ("tables/Scaling", {"title": "x", "select": [{"recognisers": "models"}]}, "tables.Scaling: the name 'Scaling'"),
        ("tables/cost", {"title": "x", "select": [{"recognisers": "models"}]}, "tables.cost: 'cost' is a table that"),
        ("tables/claims", {"title": "x", "select": [{"recognisers": "models"}]}, "'claims' is a table that every run"),
        ("model_registry", "none.yaml", "cannot be read: No such file"),
    ],
)
def test_each_mistake_is_one_line_with_file_key_value_and_what_would_be_right(project, path, value, said):
    lines = complaints(replace_at(CONFIG, path, value), project)
    # A table may name a student that is no more; then that is a mistake of its own.
    assert len([line for line in lines if "unknown recogniser 'little_reasoning" not in line]) == 1
    assert any(said in line for line in lines)
    assert all("run.yaml: " in line or "model_registry: " in line for line in lines)


@pytest.mark.parametrize("key", [True, 1, None, "made\nup"])
@pytest.mark.parametrize("at", ["", "datasets", "tables", "students"])
def test_keys_that_are_no_plain_text(project, key, at):
    config = replace_at(CONFIG, "teacher", "large")
    (config[at] if at else config)[key] = {}
    (line,) = complaints(config, project)
    assert f"the key {key!r} " in line


@pytest.mark.parametrize("config", [None, [], "text", 3, {}])
def test_a_config_that_is_no_mapping_or_an_empty_one(project, config):
    assert all("top level: " in line for line in complaints(config, project))


def test_all_mistakes_are_reported(project):
    config = replace_at(replace_at(CONFIG, "teacher", 3), "windows", {"size": 0, "sise": 1})
    assert len(complaints(config, project)) == 3
    config = replace_at(replace_at(CONFIG, "teacher", "x"), "datasets/made-up/home", "x")
    assert len(complaints(config, project)) == 2


def test_a_home_may_be_a_file_outside_of_the_project(project, tmp_path):
    own = write_yaml(tmp_path / "my-flat.yaml", HOME)
    config, _ = resolve(replace_at(CONFIG, "datasets/made-up/home", str(own)), [], project)
    assert home_path(config["datasets"]["made-up"]["home"]) == own


def test_a_bad_home_is_named_with_the_key_that_names_it(project):
    write_yaml(project / "config" / "homes" / "made-up.yaml", replace_at(HOME, "nmae", "x"))
    lines = complaints(replace_at(CONFIG, "datasets/second", ...) | {"tables": {}}, project)
    assert len(lines) == 1
    assert "run.yaml: datasets.made-up.home: " in lines[0]
    assert "made-up.yaml: nmae: unknown key 'nmae'; did you mean 'name'?" in lines[0]


@pytest.mark.parametrize(
    ("registry", "said"),
    [
        (None, "top level: None is not of type 'object'"),
        ({"Little": REGISTRY["little"]}, "Little: the name 'Little' is not of the form"),
        ({**REGISTRY, 1.5: REGISTRY["little"]}, "1.5: the key 1.5 is not text"),
        (replace_at(REGISTRY, "little/gpu", 1), "little.gpu: unknown key 'gpu'; did you mean 'gpus'?"),
        (replace_at(REGISTRY, "little/source", "hub"), "little: 'id' is missing"),
        (replace_at(REGISTRY, "little/path", ...), "little: 'path' is missing"),
        (replace_at(REGISTRY, "little/source", "served"), "little: 'served_model' is missing"),
        ("little: {}\nlittle: {}\n", "models.yaml:2: not YAML as it should be: 'little' is given twice"),
        ("little: [", "not YAML as it should be"),
    ],
)
def test_a_bad_registry(project, registry, said):
    write_yaml(project / "config" / "models.yaml", yaml.safe_dump(registry) if registry is None else registry)
    lines = complaints(CONFIG, project)
    assert all("models.yaml" in line for line in lines)
    assert any(said in line for line in lines)


SERVED = {"source": "served", "served_model": "Example/Large", "license": "Apache-2.0"}


@pytest.fixture
def serving(project):
    """A project whose large model is served."""
    write_yaml(project / "config" / "models.yaml", replace_at(REGISTRY, "large", SERVED))
    return project


@pytest.mark.parametrize("url", ["http://localhost:8000/v1", "https://models.example.org", "http://[::1]:80/a-b/v1/"])
def test_a_served_teacher_needs_a_server(serving, url):
    (line,) = complaints(CONFIG, serving)
    assert line.endswith("engine.base_url: 'large' is served, and this names no server")
    config = CONFIG | {"engine": {"base_url": url}}
    assert resolve(config, [write_yaml(serving / "run.yaml", config)], serving)[0]["engine"]["base_url"] == url


def test_a_served_model_can_have_a_server_of_its_own(serving):
    write_yaml(
        serving / "config" / "models.yaml", replace_at(REGISTRY, "large", SERVED | {"base_url": "http://h:1/v1"})
    )
    _, registry = resolve(CONFIG, [write_yaml(serving / "run.yaml", CONFIG)], serving)
    assert (registry["large"]["base_url"], registry["large"]["interface"]) == ("http://h:1/v1", "vllm")


@pytest.mark.parametrize(
    "url", ["localhost:9000", "http://me:secret@h/v1", "http://h/v1?key=secret", "http://h/v1 --out x", "file:///etc"]
)
def test_a_server_that_is_none_or_holds_a_secret_is_refused_and_not_repeated(serving, url):
    (line,) = complaints(CONFIG | {"engine": {"base_url": url}}, serving)
    assert "engine.base_url: the server of 'large' must be http(s)://HOST[:PORT]/PATH" in line
    assert "OPENAI_API_KEY" in line
    assert url not in line


def test_no_student_can_be_made_of_a_served_model(serving):
    config = replace_at(CONFIG, "students/bases", ["little", "large"]) | {"engine": {"base_url": "http://h/v1"}}
    config["students"]["groups"] = {"more": {"bases": ["large"]}}
    main, group = complaints(config, serving)
    said = "'large' is served: its weights are not here, so no student can be made of it"
    assert main.endswith(f"students.bases.1: {said}")
    assert group.endswith(f"students.groups.more.bases.0: {said}")


def test_problems_name_the_file_that_a_value_comes_from(project):
    first = write_yaml(project / "first.yaml", CONFIG)
    second = write_yaml(project / "second.yaml", {"teacher": "larg"})
    (line,) = complaints({**CONFIG, "teacher": "larg"}, project, first, second)
    assert line.startswith(f"{second}: teacher: ")
    (line,) = complaints(
        replace_at(CONFIG, "models/0", "litle"),
        project,
        write_yaml(first, replace_at(CONFIG, "models/0", "litle")),
        second,
    )
    assert line.startswith(f"{first}: models.0: ")
    (line,) = complaints({**CONFIG, "teacher": "lage"}, project, first, second)
    assert line.startswith("--config: teacher: ")
    (line,) = complaints({**CONFIG, "tacher": "large"}, project, first, second)
    assert line.startswith("--config: tacher: ")
    (line,) = complaints(
        replace_at(CONFIG, "datasets/made-up/root", ...), project, second, write_yaml(first, {"datasets": {}})
    )
    assert line.startswith("--config: datasets.made-up.root: ")


def test_a_key_given_twice_is_refused(project):
    file = write_yaml(project / "run.yaml", yaml.safe_dump(CONFIG) + "teacher: little\n")
    (line,) = complaints({**CONFIG, "teacher": "little"}, project, file)
    assert line.endswith("not YAML as it should be: 'teacher' is given twice")


# What a file of the project says


@pytest.mark.parametrize("name", ["home.yaml", "zero.json"])
def test_comments_and_layout_say_nothing_and_the_order_of_keys_does(tmp_path, name):
    path = tmp_path / name
    digests = []
    for text in ('{"kitchen": 1, "hall": 2}', '{ "kitchen": 1,\n  "hall": 2 }\n', '{"hall": 2, "kitchen": 1}'):
        path.write_text(text)
        digests.append(content_digest(path))
    assert digests[0] == digests[1] != digests[2]
    if name.endswith(".yaml"):
        path.write_text("# A remark.\nkitchen: 1\nhall: 2\n")
        assert content_digest(path) == digests[0]


def test_every_byte_of_a_template_counts(tmp_path):
    path = tmp_path / "brief.j2"
    path.write_text("one")
    before = content_digest(path)
    path.write_text("one ")
    assert content_digest(path) != before
