"""Check that each unknown name or unusable value in a config is reported with file, key, value and remedy."""

import pytest
from config_factories import CONFIG, REGISTRY, check_single_problem, make_project, problem_lines, replace_at, write_yaml
from factories import HOME
from hearth.workflow.configuration import resolve

SERVED = {"source": "served", "served_model": "Example/Large", "license": "Apache-2.0"}


@pytest.fixture
def project(tmp_path):
    return make_project(tmp_path / "project")


@pytest.fixture
def serving(project):
    """Return a project in which the model `large` is served."""
    write_yaml(project / "config" / "models.yaml", replace_at(REGISTRY, "large", SERVED))
    return project


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("datasets/made-up/home", "madeup", "datasets.made-up.home: unknown home 'madeup'; did you mean 'made-up'?"),
        ("datasets/made-up/home", "my/flat.yaml", "datasets.made-up.home: my/flat.yaml: no such home"),
        (
            "decoding",
            {"temperature": 0, "seeds": [0, 1]},
            "decoding.seeds: greedy decoding (temperature 0) gives the same answer with every seed; set `seeds`",
        ),
        ("decoding", {"seed": 3}, "decoding.seed: 'seed' has been renamed to 'seeds'"),
        ("decoding_without_reasoning", {"temprature": 1}, "decoding_without_reasoning.temprature: unknown key"),
        ("variants", {"decode1": {"of": "models"}}, "variants.decode1: 'decode1' would name a seed of"),
        (
            "variants",
            {"vote": {"of": "models", "self_consistency": 3, "prompt": {"rules": False}}},
            "variants.vote.self_consistency: it takes samples of the recognisers in `of` as they are",
        ),
        ("prompt", {"date": "2026-02-30"}, "prompt.date: '2026-02-30' is no date: "),
        (
            "prompt",
            {"date": "26 Jul 2024"},
            "prompt.date: '26 Jul 2024' is not a date in quotes, such as \"2024-07-26\"",
        ),
        (
            "variants",
            {"later": {"of": "models", "prompt": {"date": "2026-01-01"}}},
            "variants.later.prompt.date: one date holds for the whole run; set `prompt.date`",
        ),
        ("prompt", {"sensor_kinds": True}, "prompt.sensor_kinds: no sensor of the home 'made-up' has a `kind`; add it"),
        (
            "metrics",
            {"without": {"moving": ["TRANSITON"], "meals": ["EATING"]}},
            "metrics.without.moving: no home has the label 'TRANSITON'; known: COOKING, EATING, drinking water",
        ),
        (
            "metrics",
            {"without": {"meals": ["COOKING", "EATNG"]}},
            "metrics.without.meals: no home has the label 'EATNG'; did you mean 'EATING'?",
        ),
        (
            "tables/scaling/columns",
            ["recogniser", "weighted_f1_without_moving"],
            "tables.scaling.columns.1: unknown set of labels 'moving'; set metrics.without.moving",
        ),
        (
            "tables/scaling",
            {"title": "T", "rows": "labels", "columns": ["accuracy"], "select": [{"recognisers": "models"}]},
            "tables.scaling.columns: a table of labels has none; remove it or set rows: scores",
        ),
        (
            "tables/scaling",
            {"title": "T", "rows": "labels", "layout": "paper", "select": [{"recognisers": "models"}]},
            "tables.scaling.layout: a table of labels has none; remove it or set rows: scores",
        ),
        (
            "datasets/second/source",
            "table",
            "datasets.second.source: a simulated home must be one of marble, mural, not 'table'; or draw one",
        ),
        (
            "datasets/second/simulate/without",
            ["habits"],
            "datasets.second.simulate.without: only a simulated home in the format of marble has these traits",
        ),
        (
            "datasets/second",
            {"source": "table", "home": "made-up", "simulate": {"kind": "drawn", "seed": 1, "sessions": 2}},
            "datasets.second.home: the home of a dataset with simulate.kind 'drawn' must be 'drawn', not 'made-up'",
        ),
        ("datasets/second/home", "drawn", "datasets.second.home: only a dataset with `simulate: {kind: drawn"),
        (
            "datasets/second",
            {"source": "casas", "home": "drawn", "simulate": {"kind": "drawn", "seed": 1, "sessions": 2}},
            "datasets.second.source: a drawn home is written as tables; use table, not 'casas'",
        ),
        (
            "datasets/second",
            {"source": "mural", "home": "made-up", "simulate": {"kind": "variant", "seed": 1, "sessions": 2}},
            "datasets.second.home: a variant is drawn of the home of its format: use 'mural', not 'made-up'",
        ),
        (
            "datasets/second",
            {"source": "casas", "home": "made-up", "simulate": {"kind": "variant", "seed": 1, "sessions": 2}},
            "datasets.second.source: a simulated home must be one of marble, mural, not 'casas'",
        ),
        ("datasets/made-up/root", ..., "no folder of raw files: set it here or with --config made-up_root=PATH"),
        ("datasets/second/root", "x", "datasets.second.root: 'x' would not be read: the dataset is simulated"),
        ("second_root", "x", "second_root: 'x' would not be read: the dataset is simulated"),
        ("secnd_root", "x", "secnd_root: unknown dataset 'secnd'; did you mean 'second'?"),
        ("models/0", "litle", "models.0: unknown model 'litle'; did you mean 'little'?"),
        ("teacher", "larg", "teacher: unknown model 'larg'; did you mean 'large'?"),
        ("students/bases/0", "litle", "students.bases.0: unknown model 'litle'; did you mean 'little'?"),
        (
            "students/trained_on",
            ["scond"],
            "students.trained_on.0: unknown dataset or group 'scond'; did you mean 'second'?",
        ),
        (
            "students/deepspeed",
            "zero9.json",
            "no such file: 'zero9.json'; files of the project: config/deepspeed/zero2",
        ),
        ("prompt", {"template": "six-part"}, "prompt.template: unknown template 'six-part'; did you mean 'six-parts'?"),
        ("tables/scaling/select/0/recognisers", "modles", "unknown group 'modles'; did you mean 'models'?"),
        ("tables/scaling/compare", [["little", "larg"]], "compare.0.1: unknown recogniser or group 'larg'; did you"),
        ("tables/scaling/compare", [["models", "bases"]], "scaling.compare: models has 2 recognisers and bases has 1"),
        ("windows", {"by": "time"}, "windows.seconds: windows by time need a number of seconds"),
        ("datasets/second/windows", {"by": "gap"}, "datasets.second.windows.seconds: windows by gap need"),
        ("variants", {"direct": {"of": "models"}}, "variants.direct: the name 'direct' is taken"),
        ("variants", {"models": {"of": "models"}}, "variants.models: the name 'models' is taken"),
        ("variants", {"cold": {"of": "modles"}}, "cold.of: unknown group 'modles'; did you mean 'models'?"),
        ("variants", {"cold": {"of": ["litle"]}}, "cold.of.0: unknown model or student 'litle'; did you mean"),
        (
            "variants",
            {"cold": {"of": "models", "prompt": {"template": "six-part"}}},
            "variants.cold.prompt.template: unknown template 'six-part'; did you mean 'six-parts'?",
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
            ["larg"],
            "recognisers.0: unknown recogniser 'larg'; did you mean 'large'?",
        ),
        ("tables/scaling/select/0/datasets", ["scond"], "datasets.0: unknown dataset 'scond'; did you mean 'second'?"),
        (
            "tables/scaling/select/0/datasets",
            "trained_on",
            "tables.scaling.select: selects no recogniser on any dataset",
        ),
        ("tables/cost", {"title": "x", "select": [{"recognisers": "models"}]}, "tables.cost: 'cost' is a table that"),
        ("tables/claims", {"title": "x", "select": [{"recognisers": "models"}]}, "'claims' is a table that every run"),
    ],
)
def test_each_mistake_is_one_line_with_file_key_value_and_remedy(project, path, value, said):
    check_single_problem(project, path, value, said)


def test_a_teacher_whose_prompt_shows_the_answers_is_refused(project):
    def config(shots_by: str) -> dict:
        taught = replace_at(CONFIG, "students/groups", {"few": {"teacher": "large_shown"}})
        return taught | {"variants": {"shown": {"of": "models", "prompt": {"shots": 2, "shots_by": shots_by}}}}

    (line,) = problem_lines(config("random"), project)
    assert "students.groups.few.teacher: the prompt of 'large_shown' shows windows of the train split" in line
    resolve(config("similarity"), [], project)


def test_labels_to_leave_out_may_be_those_of_another_home_of_the_project_beside_one_of_the_config(project):
    write_yaml(project / "config" / "homes" / "other.yaml", replace_at(HOME, "labels", [*HOME["labels"], "OUTSIDE"]))
    resolve(CONFIG | {"metrics": {"without": {"away": ["EATING", "OUTSIDE"]}}}, [], project)
    (line,) = problem_lines(CONFIG | {"metrics": {"without": {"away": ["OUTSIDE"]}}}, project)
    assert "metrics.without.away: no home of the config has one of these labels; known: COOKING, EATING" in line


def test_a_bad_home_is_named_with_the_key_that_names_it(project):
    write_yaml(project / "config" / "homes" / "made-up.yaml", replace_at(HOME, "nmae", "x"))
    lines = problem_lines(replace_at(CONFIG, "datasets/second", ...) | {"tables": {}}, project)
    assert len(lines) == 1
    assert "run.yaml: datasets.made-up.home: " in lines[0]
    assert "made-up.yaml: nmae: unknown key 'nmae'; did you mean 'name'?" in lines[0]


@pytest.mark.parametrize(
    ("batch_size", "resources", "said"),
    [
        (
            16,
            {"nodes": 2, "train_gpus": 3},
            "16 does not divide among the 2 nodes x 3 GPUs = 6 ranks for students",
        ),
        (16, {"nodes": 2, "gpus": 3}, "of 'little'; nearest: 12 or 18"),
        (2, {"train_gpus": 4}, "1 node x 4 GPUs = 4 ranks for students of 'little'; nearest: 4"),
        (3, {"nodes": 2}, "the 2 nodes = 2 ranks for students of 'little'; nearest: 2 or 4"),
        (3, {"nodes": 2, "train_gpus": 4}, "change train_gpus (now 4) or nodes (now 2) of 'little' in the model regis"),
    ],
)
def test_a_batch_that_does_not_divide_among_the_ranks_is_refused(project, batch_size, resources, said):
    write_yaml(project / "config" / "models.yaml", replace_at(REGISTRY, "little", REGISTRY["little"] | resources))
    (line,) = problem_lines(replace_at(CONFIG, "students/training", {"batch_size": batch_size}), project)
    assert "run.yaml: students.training.batch_size: " in line
    assert said in line


def test_a_batch_that_divides_among_the_ranks_is_accepted(project):
    resources = {"nodes": 2, "train_gpus": 4}
    write_yaml(project / "config" / "models.yaml", replace_at(REGISTRY, "little", REGISTRY["little"] | resources))
    resolve(replace_at(CONFIG, "students/training", {"batch_size": 8}), [], project)


@pytest.mark.parametrize(
    ("place", "value", "key"),
    [
        ("training/max_examples", 2, "training.max_examples"),
        ("groups", {"few": {"max_examples": [20, 2]}}, "groups.few"),
    ],
)
def test_examples_too_few_for_a_step_that_learns_are_refused(project, place, value, key):
    config = replace_at(CONFIG, "students/training", {"epochs": 1})
    (line,) = problem_lines(replace_at(config, f"students/{place}", value), project)
    assert f"students.{key}" in line
    assert "the training has only 1 step, and warm-up starts at a learning rate of 0" in line
    assert "2 examples, students.training.batch_size 16, epochs 1" in line


@pytest.mark.parametrize("url", ["http://localhost:8000/v1", "https://models.example.org", "http://[::1]:80/a-b/v1/"])
def test_a_served_teacher_needs_a_server(serving, url):
    (line,) = problem_lines(CONFIG, serving)
    assert line.endswith("engine.base_url: 'large' is a served model: set this to the URL of its server")
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
def test_a_malformed_server_url_or_one_with_a_secret_is_refused_and_not_repeated(serving, url):
    (line,) = problem_lines(CONFIG | {"engine": {"base_url": url}}, serving)
    assert "engine.base_url: the server of 'large' must be http(s)://HOST[:PORT]/PATH" in line
    assert "OPENAI_API_KEY" in line
    assert url not in line


def test_a_malformed_url_in_the_model_registry_is_reported_there(serving):
    write_yaml(serving / "config" / "models.yaml", replace_at(REGISTRY, "large", SERVED | {"base_url": "h:1/v1"}))
    (line,) = problem_lines(CONFIG, serving)
    assert ": model_registry: in config/models.yaml, large.base_url must be http(s)://HOST[:PORT]/PATH" in line


@pytest.mark.parametrize(
    ("interface", "key", "value", "said"),
    [
        ("vllm", "confidence", "tokens", "servers do not say which distribution"),
        ("openai", "reasoning_budget", 20, "OpenAI's interface cannot close a model's reasoning"),
        ("openai", "top_k", 20, "OpenAI's interface has no top_k; set it to 0"),
        ("vllm", "reasoning_budget", 20, None),
        ("vllm", "top_k", 20, None),
    ],
)
@pytest.mark.parametrize("of_variant", [False, True])
def test_decoding_that_the_server_of_a_model_cannot_do_is_refused(serving, interface, key, value, said, of_variant):
    served = SERVED | {"base_url": "http://h/v1", "interface": interface}
    write_yaml(serving / "config" / "models.yaml", replace_at(REGISTRY, "large", served))
    possible = {"reasoning_budget": None, "top_k": 0, "confidence": "none"}
    config = CONFIG | {"decoding": possible if of_variant else possible | {key: value}}
    if of_variant:
        config |= {"variants": {"other": {"of": ["large"], "decoding": {key: value}}}}
    lines = problem_lines(config, serving) if said else resolve(config, [], serving) and []
    assert [f"decoding.{key}: not possible with the served model 'large': {said}" in line for line in lines] == (
        [True] if said else []
    )


def test_no_student_can_be_made_of_a_served_model(serving):
    config = replace_at(CONFIG, "students/bases", ["little", "large"]) | {"engine": {"base_url": "http://h/v1"}}
    config["students"]["groups"] = {"more": {"bases": ["large"]}}
    main, group = problem_lines(config, serving)
    said = "'large' is served: the run lacks its weights, so no student can be made of it"
    assert main.endswith(f"students.bases.1: {said}")
    assert group.endswith(f"students.groups.more.bases.0: {said}")


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"decoding": {"confidence": "tokens"}}, "decoding.confidence"),
        ({"variants": {"sure": {"of": "models", "decoding": {"confidence": "tokens"}}}}, "sure.decoding.confidence"),
    ],
)
def test_the_runs_own_servers_cannot_be_asked_for_probabilities(project, changes, place):
    (line,) = problem_lines(CONFIG | {"engine": {"name": "server"}} | changes, project)
    assert f"{place}: a server does not say which distribution" in line
    resolve(CONFIG | {"engine": {"name": "vllm"}} | changes, [], project)
