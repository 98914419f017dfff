"""The tiny family: its lessons, its words, its tokeniser, and that it learns."""

import json
import random

import pytest
import torch
import train_tiny_models
from hearth.homes.home import load_home
from hearth.prompting.parsing import parse
from hearth.prompting.prompts import answer_text, render_prompt
from hearth.toy_models import answer_formats, models, training, training_data
from hearth.toy_models.paraphrases import WORDS, dialect, translate
from repository import REPOSITORY

TEMPLATE = REPOSITORY / "config" / "prompts" / "brief.j2"
HOMES = {source: load_home(REPOSITORY / "config" / "homes" / f"{source}.yaml") for source in WORDS}
SESSIONS = {"marble": 2, "mural": 1}

each_source = pytest.mark.parametrize("source", sorted(WORDS))


def drawn(source: str, seed: int, form: answer_formats.Form = answer_formats.ASKED) -> training_data.HomeLessons:
    return training_data.draw_home(source, HOMES[source], TEMPLATE, seed, SESSIONS[source], size=10, form=form)


@pytest.fixture(scope="module")
def taught() -> dict[str, list[training_data.HomeLessons]]:
    return {source: [drawn(source, seed) for seed in range(1000, 1006)] for source in sorted(WORDS)}


@pytest.fixture(scope="module")
def tokenizer(taught, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokenizer")
    models.train_tokenizer(train_tiny_models.texts(taught), 2560, folder)
    return models.load_tokenizer(folder)


@each_source
def test_the_other_words_are_for_labels_and_sensors_of_the_home_and_tell_them_apart(source):
    home, words = HOMES[source], WORDS[source]
    assert list(words["labels"]) == list(home.labels)
    assert list(words["sensors"]) == list(home.sensors)
    labels = [word for label, others in words["labels"].items() for word in [label, *others]]
    assert len(labels) == len(set(labels))
    places = [
        (sensor.room, word) for name, sensor in home.sensors.items() for word in [sensor.words, words["sensors"][name]]
    ]
    assert len(places) == len(set(places))


@each_source
def test_a_dialect_says_the_same_of_every_event(source):
    home = HOMES[source]
    spoken, labels = dialect(home, source, 1000)
    window = training_data.windows_of(source, home, 1000, 1, 10)[0]
    said = translate(window, home, spoken, labels)
    back = {new: old for old, new in labels.items()}
    assert [back[label] for label in said["gold"]] == window["gold"]
    assert [(e["id"], e["time"]) for e in said["events"]] == [(e["id"], e["time"]) for e in window["events"]]
    known = {spoken.describe(name, state)[2] for name, sensor in spoken.sensors.items() for state in sensor.states}
    assert {event["description"] for event in said["events"]} <= known


@each_source
def test_no_label_of_the_home_is_left_where_its_dialect_has_another(source):
    seed = next(
        seed for seed in range(1000, 1020) if dialect(HOMES[source], source, seed)[0].labels != HOMES[source].labels
    )
    spoken, labels = dialect(HOMES[source], source, seed)
    system = render_prompt(spoken, TEMPLATE, "think")["system"]
    replaced = [old for old, new in labels.items() if old != new and not any(old in word for word in labels.values())]
    assert replaced
    assert not [label for label in replaced if f"{label};" in system or f'"{label}"' in system]


@each_source
def test_homes_differ_in_sensors_words_and_days_and_equal_seeds_are_equal(source):
    assert drawn(source, 1003) == drawn(source, 1003)
    assert drawn(source, 1003).lessons != drawn(source, 1004).lessons
    # three styles of labels, two of sensors
    spoken = [dialect(HOMES[source], source, seed)[0] for seed in range(1000, 1040)]
    assert len({home.labels for home in spoken}) == 3
    assert len({tuple(sensor.words for sensor in home.sensors.values()) for home in spoken}) == 2


@each_source
def test_a_lesson_reasons_event_by_event_and_gives_the_true_labels(source, taught):
    for lesson in taught[source][0].lessons:
        answer = parse(lesson.completion, len(lesson.gold), taught[source][0].home.labels, "stop")
        assert (answer.status, answer.labels) == ("ok", lesson.gold)
        lines = [line.split(" | ") for line in answer.reasoning.splitlines()]
        assert [(line[0], line[3], line[4]) for line in lines] == [
            (str(number), str(number), label) for number, label in enumerate(lesson.gold, start=1)
        ]
        assert lines[0][2] == "A"


def test_homes_ask_for_many_forms_of_answers_and_some_for_the_one_that_the_workflow_asks_for():
    labels = ["COOKING", "EATING"]
    assert answer_formats.ASKED.write(labels) == answer_text(labels)
    asked = [answer_formats.draw("marble", seed) for seed in range(1206, 1286)]
    assert len(set(asked)) > 20
    assert 0.1 < asked.count(answer_formats.ASKED) / len(asked) < 0.5


@pytest.mark.parametrize("container", sorted(set(answer_formats.CONTAINERS)))
def test_a_home_asks_for_a_form_in_words_and_by_its_example_and_is_answered_in_it(container):
    form = answer_formats.Form(container, "event", "label")
    taught = drawn("marble", 1000, form)
    example = [event["label"] for event in taught.home.example["events"]]
    assert taught.system.count(form.described()) == 1
    assert taught.system.endswith(form.write(example))
    assert all(lesson.completion.endswith(form.write(lesson.gold)) for lesson in taught.lessons)
    assert json.loads(form.write(example))
    with pytest.raises(ValueError, match="has to say once"):
        answer_formats.asking("Answer as you like.", form, example)


def test_an_examination_tells_wrong_labels_from_events_left_without_an_answer(taught, tokenizer):
    torch.manual_seed(0)
    untrained = training.examine(models.build("tiny-s", tokenizer), tokenizer, taught["marble"][:1])
    assert untrained == {"accuracy": {"marble": 0.0}, "unanswered": {"marble": 1.0}}


@each_source
def test_a_label_is_one_token_in_the_prompts_list_in_the_reasoning_and_in_the_answer(source, taught, tokenizer):
    home = taught[source][0]
    label = home.lessons[0].gold[0]
    (token,) = tokenizer(label, add_special_tokens=False)["input_ids"]
    for text in (home.system, home.lessons[0].completion):
        assert token in tokenizer(text, add_special_tokens=False)["input_ids"]


def test_the_tokeniser_gives_every_text_back(taught, tokenizer):
    for text in [*list(train_tiny_models.texts(taught))[:60], "größer | 3;\n 7.", "<think>\n12:05"]:
        assert tokenizer.decode(tokenizer(text, add_special_tokens=False)["input_ids"]) == text


def test_the_prefix_encoded_once_gives_the_loss_of_whole_prompts(taught, tokenizer):
    home = training.encode(tokenizer, taught["marble"][0])
    torch.manual_seed(0)
    model = models.build("tiny-s", tokenizer)
    rows = home.rows[:3]
    whole = [(home.prefix + ids, len(home.prefix) + prompt) for ids, prompt in rows]
    inputs, targets = training._collate(whole)
    counted = targets != training.IGNORED
    logits = model(input_ids=inputs).logits
    expected = torch.nn.functional.cross_entropy(logits[counted], targets[counted])
    torch.testing.assert_close(training._loss(model, home.prefix, rows), expected)


def test_training_lowers_the_loss_and_the_same_seed_gives_the_same_weights(taught, tokenizer):
    sources = [[training.encode(tokenizer, home) for home in homes] for homes in taught.values()]

    def train(steps: int) -> tuple[float, torch.Tensor]:
        torch.manual_seed(0)
        model = models.build("tiny-s", tokenizer)
        settings = {"batch_size": 4, "learning_rate": 4e-3, "seed": 0, "report": lambda line: None}
        loss = training.train(model, sources, steps=steps, **settings)
        return loss, model.model.embed_tokens.weight.detach()

    first, _ = train(1)
    loss, weights = train(40)
    assert loss < 0.8 * first
    assert torch.equal(weights, train(40)[1])


def test_every_lesson_comes_once_before_any_comes_again():
    rng = random.Random(3)
    homes = [
        training.EncodedHome([index], [([index, number] * rng.randint(3, 9), 2) for number in range(7)])
        for index in range(5)
    ]
    batches = training._batches(homes, 3, steps=15, seed=0)
    seen = [tuple(ids[:2]) for prefix, rows in batches for ids, _ in rows if prefix == [ids[0]]]
    assert sorted(seen) == [(index, number) for index in range(5) for number in range(7)]


def test_a_saved_model_opens_again_with_the_familys_turns_and_ends(tokenizer, taught, tmp_path):
    family = tmp_path / "family"
    models.train_tokenizer(train_tiny_models.texts(taught), 2560, family)
    models.save(models.build("tiny-s", tokenizer), family, tmp_path / "tiny-s")
    reopened = models.load_tokenizer(tmp_path / "tiny-s")
    assert reopened.eos_token == models.END
    assert "<think>" in reopened.get_vocab()
    assert (tmp_path / "tiny-s" / "model.safetensors").stat().st_size < 1_000_000
