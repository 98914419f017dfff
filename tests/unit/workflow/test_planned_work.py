import shutil

import pytest
from hearth.common.files import write_json
from hearth.workflow.gpu_memory import WindowTokens
from hearth.workflow.planned_work import Load, longest_window, measure_loads, measured_window
from plan_factories import make_results, planned_load


@pytest.fixture
def results(tiny_model, tmp_path):
    return make_results(tmp_path, tiny_model, test=600, long=[7])


def measure(results, tokenised=("small",)):
    (load,) = measure_loads([planned_load(results, "small", "test1")], tokenised, results).values()
    return load


def test_the_longest_window_is_found_beside_the_mean(results):
    load = measure(results)
    assert load.windows == 600
    assert load.longest.read > load.mean.read + 40
    assert load.mean.prefix == load.longest.prefix > 0
    assert load.mean.written == load.longest.written == 50
    assert load.seconds is None


def test_finished_shards_say_how_long_answers_are(results):
    stats = {"seconds": 1, "windows": 4, "completion_tokens": 40}
    write_json(results / "predictions/small/flat/test1/0.stats.json", stats)
    load = measure(results)
    assert (load.mean.written, load.longest.written, load.seconds) == (10, 50, 0.25)


def test_prompts_of_a_served_model_are_not_tokenised(results):
    load = measure(results, tokenised=())
    assert load.windows == 600
    assert load.mean == WindowTokens(0, 0, 50)


def test_tokens_and_seconds_are_the_mean_of_finished_shards(tmp_path):
    assert measured_window([]) is None
    for number, (windows, tokens) in enumerate([(10, 100), (30, 900)]):
        write_json(tmp_path / f"{number}.json", {"seconds": 1, "windows": windows, "completion_tokens": tokens})
    assert measured_window(tmp_path.glob("*.json")) == (25, 0.05)


def test_the_longest_window_of_several_loads_has_the_most_of_every_part():
    loads = [Load("m", 1, WindowTokens(1, 1, 1), WindowTokens(*parts), None) for parts in [(5, 1, 9), (2, 7, 3)]]
    assert longest_window(loads) == WindowTokens(5, 7, 9)


def test_a_chat_template_that_cannot_make_the_prompt_names_its_model(results, tiny_model):
    folder = results / "models" / "small"
    folder.unlink()
    folder.mkdir()
    for path in tiny_model.glob("tokenizer*"):
        shutil.copy(path, folder)
    (folder / "chat_template.jinja").write_text("{{ messages[0].content }}")
    with pytest.raises(ValueError, match="small: the model's chat template does not show the user's turn exactly once"):
        measure(results)
