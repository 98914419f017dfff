"""Test the check of a config against its schema: each problem names file, key, value and the nearest valid value."""

import json

import pytest
import yaml
from config_factories import CONFIG, REGISTRY, check_single_problem, make_project, problem_lines, replace_at, write_yaml
from hearth.workflow.configuration import resolve, unused_settings

TRAINING = "students/training"


def with_split(split):
    """Return the datasets of CONFIG, the second with a split of its own."""
    return replace_at(CONFIG["datasets"], "second/split", split)


@pytest.fixture
def project(tmp_path):
    return make_project(tmp_path / "project")


def test_a_root_from_the_command_line_goes_to_its_dataset(project):
    filled, _ = resolve({**CONFIG, "made-up_root": "/data"}, [], project)
    assert filled["datasets"]["made-up"]["root"] == "/data"
    assert "made-up_root" not in filled


def test_the_spelling_of_a_whole_number_does_not_matter(project):
    filled, _ = resolve({**CONFIG, "windows": {"size": 10.0}, "decoding": {"temperature": 0.0}}, [], project)
    assert json.dumps([filled["windows"]["size"], filled["decoding"]["temperature"]]) == "[10, 0]"


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("modles", [], "modles: unknown key 'modles'; did you mean 'models'?"),
        ("windows", {"size:3": None}, "windows.size:3: unknown key 'size:3'; write a blank after the colon: size: 3"),
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
        (
            "students/nodes",
            2,
            "students.nodes: unknown key 'nodes'; it belongs to the base model in the model registry",
        ),
        (TRAINING, {"train_gpus": 2}, "training.train_gpus: unknown key 'train_gpus'; it belongs to the base model"),
        (
            "students/epochs",
            2,
            "students.epochs: unknown key 'epochs'; it belongs below training: students.training.ep",
        ),
        (
            "students/groups",
            {"few": {"batch_size": 2}},
            "unknown key 'batch_size'; training settings are the same for all students: students.training.batch_size",
        ),
        ("students/groups", {"few": {"learning_rate": 0.1}}, "one student for each value: learning_rates"),
        ("students/groups", {"few": {"lora": {"r": 8}}}, "a group has a list of ranks, one student for each: ranks"),
        ("students/groups", {"few": {"training": {}}}, "settings are the same for all students: students.training"),
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
        ("models", {"little": 1}, "models: {'little': 1} is not of type 'array'"),
        ("models", "little", "(write [little])"),
        ("students/seeds", 3, "students.seeds: 3 is not of type 'array' (write [3])"),
        ("students/groups", {"few": {"max_examples": 10}}, "few.max_examples: 10 is not of type 'array' (write [10])"),
        (TRAINING, {"lora": {"target_modules": "q_proj"}}, "is not of type 'array' (write [q_proj])"),
        (TRAINING, {"micro_batch_size": "4"}, "'4' is not auto or a whole number (YAML reads it as text; write 4)"),
        (TRAINING, {"gradient_checkpointing": "off"}, "'off' is not of type 'boolean' (write true or false)"),
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
        (
            "datasets/Made_Up",
            {"source": "marble", "home": "made-up", "root": "x"},
            "datasets.Made_Up: the name 'Made_Up'",
        ),
        (
            "split",
            {"by": "Sitting"},
            "split.by: 'Sitting' does not match '^[a-z][a-z0-9_]*$' (write it in lower case: sitting)",
        ),
        (
            "metrics",
            {"without": ["EATING"]},
            "metrics.without: ['EATING'] is not of type 'object' (write {name: [LABEL]})",
        ),
        ("second_root", "", "second_root: '' "),
        ("prompt", {"template": "../x"}, "prompt.template: '../x' does not match"),
        ("tables/scaling/select/0/recognisers", 1, "recognisers: 1 is neither a list of names nor"),
        ("tables/scaling/compare", [["little"]], "compare.0: ['little'] is too short"),
        (
            "datasets/second/windows",
            {"sise": 5},
            "datasets.second.windows.sise: unknown key 'sise'; did you mean 'size'?",
        ),
        (
            "tables/scaling/columns",
            ["macro_f2"],
            "tables.scaling.columns.0: 'macro_f2' is not one of the valid values; did you mean 'macro_f1'?",
        ),
        ("baselines", ["majorty"], "baselines.0: 'majorty' is not one of the valid values; did you mean 'majority'?"),
        (
            "variants",
            {"cold": {"of": "models", "decoding": {"temprature": 0}}},
            "variants.cold.decoding.temprature: unknown key 'temprature'; did you mean 'temperature'?",
        ),
        (
            "students/groups",
            {"few": {"max_example": [5]}},
            "students.groups.few.max_example: unknown key 'max_example'; did you mean 'max_examples'?",
        ),
        (
            "tables/scaling/select/0/recognisers",
            [1],
            "tables.scaling.select.0.recognisers.0: 1 is not of type 'string'",
        ),
        ("tables/scaling/select/0/datasets", "al", "datasets: 'al' is neither a list of names nor"),
        ("tables/Scaling", {"title": "x", "select": [{"recognisers": "models"}]}, "tables.Scaling: the name 'Scaling'"),
        ("model_registry", "none.yaml", "cannot be read: No such file"),
    ],
)
def test_each_mistake_is_one_line_with_file_key_value_and_remedy(project, path, value, said):
    check_single_problem(project, path, value, said)


@pytest.mark.parametrize("key", [True, 1, None, "made\nup"])
@pytest.mark.parametrize("at", ["", "datasets", "tables", "students"])
def test_keys_that_are_not_plain_text_are_refused(project, key, at):
    config = replace_at(CONFIG, "teacher", "large")
    (config[at] if at else config)[key] = {}
    (line,) = problem_lines(config, project)
    assert f"the key {key!r} " in line


@pytest.mark.parametrize("config", [None, [], "text", 3, {}])
def test_an_empty_config_or_one_that_is_no_mapping_is_refused(project, config):
    assert all("top level: " in line for line in problem_lines(config, project))


def test_all_mistakes_are_reported(project):
    config = replace_at(replace_at(CONFIG, "teacher", 3), "windows", {"size": 0, "sise": 1})
    assert len(problem_lines(config, project)) == 3
    config = replace_at(replace_at(CONFIG, "teacher", "x"), "datasets/made-up/home", "x")
    assert len(problem_lines(config, project)) == 2


def test_an_unknown_key_hides_no_other_problem(project):
    config = replace_at(replace_at(CONFIG, "modles", []), "datasets/made-up/home", "mad-up")
    unknown, reference = problem_lines(replace_at(config, "teacher", "large"), project)
    assert "modles: unknown key 'modles'" in unknown
    assert "datasets.made-up.home: unknown home 'mad-up'; did you mean 'made-up'?" in reference


def test_a_value_that_the_schema_forbids_hides_no_wrong_name(project):
    config = replace_at(replace_at(CONFIG, "teacher", "larg"), "datasets/made-up/home", "mad-up")
    config = replace_at(replace_at(config, "models", ["little", "litle"]), "students/bases", ["litle"])
    config |= {"baselines": ["majorty"], "prompt": {"template": "breif"}, "split": {"folds": 0}}
    config = replace_at(config, "tables/students/select/1/recognisers", 3)
    lines = problem_lines(config, project)
    for said in (
        "baselines.0: 'majorty' is not one of the valid values; did you mean 'majority'?",
        "split.folds: 0 is less than the minimum",
        "tables.students.select.1.recognisers: 3 is neither a list of names nor",
        "teacher: unknown model 'larg'; did you mean 'large'?",
        "models.1: unknown model 'litle'; did you mean 'little'?",
        "students.bases.0: unknown model 'litle'; did you mean 'little'?",
        "datasets.made-up.home: unknown home 'mad-up'; did you mean 'made-up'?",
        "prompt.template: unknown template 'breif'; did you mean 'brief'?",
    ):
        assert sum(said in line for line in lines) == 1, said
    assert len(lines) == 8


def test_a_name_of_a_default_is_not_reported_beside_another_mistake(project):
    (line,) = problem_lines(CONFIG | {"teacher": 3}, project)
    assert "teacher: 3 is not of type 'string'" in line


def test_a_bad_registry_hides_no_unknown_key(project):
    write_yaml(project / "config" / "models.yaml", replace_at(REGISTRY, "little/gpu", 1))
    unknown, registry = problem_lines(CONFIG | {"modles": []}, project)
    assert "modles: unknown key 'modles'" in unknown
    assert "models.yaml: little.gpu: unknown key 'gpu'" in registry


def test_a_misspelt_key_is_no_missing_value_for_what_refers_to_it(project):
    misspelt = {("modells" if key == "models" else key): value for key, value in CONFIG.items()}
    missing, unknown = sorted(problem_lines(misspelt, project), key=lambda line: "unknown" in line)
    assert "'models' is missing" in missing
    assert "modells: unknown key 'modells'; did you mean 'models'?" in unknown


def test_numbers_in_mappings_of_the_command_line_are_numbers(project):
    """Snakemake reads every value within a mapping or list of --config as text."""
    file = write_yaml(project / "run.yaml", CONFIG)
    given = {"split": {"folds": "2"}, "decoding": {"temperature": "0.5", "seeds": ["0", "1"]}, "models": ["little"]}
    filled, _ = resolve(CONFIG | given, [file], project)
    assert filled["split"]["folds"] == 2
    assert filled["decoding"]["temperature"] == 0.5
    assert filled["decoding"]["seeds"] == [0, 1]
    (line,) = problem_lines(CONFIG | {"split": {"folds": "two"}}, project, file)
    assert line.startswith("--config: split.folds: 'two' is not of type 'integer'")
    written = write_yaml(file, CONFIG | {"split": {"folds": "2"}})
    (line,) = problem_lines(CONFIG | {"split": {"folds": "2"}}, project, written)
    assert line.endswith("split.folds: '2' is not of type 'integer' (YAML reads it as text; write 2)")


@pytest.mark.parametrize(
    ("path", "value"),
    [("models", ["litle"]), ("split", {"folds": 2, "by": "x y"}), ("students", CONFIG["students"] | {"bases": ["x"]})],
)
def test_a_mapping_or_a_list_from_the_command_line_is_not_called_the_files(project, path, value):
    file = write_yaml(project / "run.yaml", CONFIG)
    lines = problem_lines(CONFIG | {path: value}, project, file)
    assert any(line.startswith(f"--config: {path}") for line in lines)
    assert not any(line.startswith(f"{file}: {path}") for line in lines)


def test_a_mapping_that_two_files_share_is_the_later_ones(project):
    first = write_yaml(project / "first.yaml", replace_at(CONFIG, "students", {"bases": ["little"], "seeds": []}))
    second = write_yaml(project / "second.yaml", {"students": {"recipe": "labels"}, "split": {"folds": 0}})
    merged = replace_at(CONFIG, "students", {"bases": ["little"], "seeds": [], "recipe": "labels"})
    seeds, folds = sorted(problem_lines(merged | {"split": {"folds": 0}}, project, first, second))
    assert seeds.startswith(f"{first}: students.seeds: ")
    assert folds.startswith(f"{second}: split.folds: ")


@pytest.mark.parametrize(
    ("changes", "unused"),
    [
        ({}, []),
        ({"split": {"test_fraction": 0.2}}, []),
        ({"split": {"folds": 5}}, []),
        ({"split": {"folds": 5, "test_fraction": 0.2}}, ["split.test_fraction is not used: 5 folds test every group"]),
        ({"split": {"test_fraction": 0.2}, "datasets": with_split({"folds": 5})}, []),
        (
            {"datasets": with_split({"folds": 5, "test_fraction": 0.2})},
            ["datasets.second.split.test_fraction is not used: 5 folds test every group"],
        ),
        ({"windows": {"seconds": 60, "by": "gap"}}, []),
        ({"windows": {"seconds": 60}}, ["windows.seconds is not used: windows are cut by count"]),
        ({"windows": {"seconds": None}}, []),
        ({"teacher_sampling": {"top_p": 0.9}}, ["teacher_sampling is not used: teacher_samples is 0"]),
        ({"teacher_sampling": {"top_p": 0.9}, "teacher_samples": 2}, []),
        (
            {"teacher_top_tokens": 8},
            ["teacher_top_tokens is not used: no student learns from log-probabilities (soft, on-policy)"],
        ),
        ({"teacher_top_tokens": 8, "students": CONFIG["students"] | {"groups": {"soft": {"recipes": ["soft"]}}}}, []),
        (
            {"students": CONFIG["students"] | {"on_policy_rounds": 3}},
            ["students.on_policy_rounds is not used: no student has the recipe on-policy"],
        ),
        ({"students": CONFIG["students"] | {"groups": {"own": {"recipes": ["on-policy"]}}, "on_policy_rounds": 3}}, []),
        (
            {"tables": {"own": {"title": "T", "select": [{"recognisers": "models"}, {"recognisers": "direct"}]}}},
            ["tables.own.select.1 adds no row: the run has no direct"],
        ),
    ],
)
def test_settings_without_effect_are_listed(project, changes, unused):
    config, _ = resolve(CONFIG | changes, [], project)
    assert unused_settings(CONFIG | changes, config) == unused


def test_a_dataset_has_the_split_of_the_run_where_it_has_none_of_its_own(project):
    datasets = with_split({"folds": 3, "by": "sitting"})
    config, _ = resolve(CONFIG | {"split": {"test_fraction": 0.2}, "datasets": datasets}, [], project)
    splits = {name: dataset["split"] for name, dataset in config["datasets"].items()}
    assert splits == {
        "made-up": {"by": "session", "folds": 1, "test_fraction": 0.2},
        "second": {"by": "sitting", "folds": 3, "test_fraction": 0.2},
    }


@pytest.mark.parametrize(("by", "used"), [("time", True), ("count", False)])
def test_seconds_of_a_dataset_are_used_by_its_own_way_of_cutting(project, by, used):
    written = replace_at(CONFIG, "datasets/made-up/windows", {"by": by, "seconds": 60})
    config, _ = resolve(written, [], project)
    line = "datasets.made-up.windows.seconds is not used: its windows are cut by count"
    assert unused_settings(written, config) == ([] if used else [line])


@pytest.mark.parametrize(
    ("registry", "said"),
    [
        (None, "top level: None is not of type 'object'"),
        (
            {"Little": REGISTRY["little"]},
            "does not match the pattern ^[a-z0-9][a-z0-9.-]*$ (write it in lower case: little)",
        ),
        ({**REGISTRY, 1.5: REGISTRY["little"]}, "1.5: the key 1.5 is not text"),
        (replace_at(REGISTRY, "little/gpu", 1), "little.gpu: unknown key 'gpu'; did you mean 'gpus'?"),
        (replace_at(REGISTRY, "little/source", "hub"), "little: 'id' is missing"),
        (replace_at(REGISTRY, "little/path", ...), "little: 'path' is missing"),
        (replace_at(REGISTRY, "little/source", "served"), "little: 'served_model' is missing"),
        ("little: {}\nlittle: {}\n", "models.yaml:2: invalid YAML: 'little' is given twice"),
        ("little: [", "invalid YAML"),
        (
            REGISTRY | {"large": REGISTRY["large"] | {"gpus": 6, "pipeline_parallel": 4}},
            "large.gpus: 6 is not a multiple of pipeline_parallel 4; the nearest valid numbers are 4 and 8",
        ),
        (
            REGISTRY | {"large": REGISTRY["large"] | {"gpus": 0, "pipeline_parallel": 2}},
            "large.gpus: pipeline_parallel 2 needs at least 2 GPUs, not 0",
        ),
    ],
)
def test_a_bad_registry(project, registry, said):
    write_yaml(project / "config" / "models.yaml", yaml.safe_dump(registry) if registry is None else registry)
    lines = problem_lines(CONFIG, project)
    assert all("models.yaml" in line for line in lines)
    assert any(said in line for line in lines)


def test_problems_name_the_file_that_a_value_comes_from(project):
    first = write_yaml(project / "first.yaml", CONFIG)
    second = write_yaml(project / "second.yaml", {"teacher": "larg"})
    (line,) = problem_lines({**CONFIG, "teacher": "larg"}, project, first, second)
    assert line.startswith(f"{second}: teacher: ")
    (line,) = problem_lines(
        replace_at(CONFIG, "models/0", "litle"),
        project,
        write_yaml(first, replace_at(CONFIG, "models/0", "litle")),
        second,
    )
    assert line.startswith(f"{first}: models.0: ")
    (line,) = problem_lines({**CONFIG, "teacher": "lage"}, project, first, second)
    assert line.startswith("--config: teacher: ")
    (line,) = problem_lines({**CONFIG, "tacher": "large"}, project, first, second)
    assert line.startswith("--config: tacher: ")
    (line,) = problem_lines(
        replace_at(CONFIG, "datasets/made-up/root", ...), project, second, write_yaml(first, {"datasets": {}})
    )
    assert line.startswith("--config: datasets.made-up.root: ")


def test_a_key_given_twice_is_refused(project):
    file = write_yaml(project / "run.yaml", yaml.safe_dump(CONFIG) + "teacher: little\n")
    (line,) = problem_lines({**CONFIG, "teacher": "little"}, project, file)
    assert line.endswith("invalid YAML: 'teacher' is given twice")
