import json

import pytest
from hearth.evaluation.trace_checks import CHECKS, Trace, failed_checks
from hearth.evaluation.trace_vocabulary import Vocabulary
from hearth.homes.home import load_home
from hearth.toy_models.answer_formats import STANDARD
from hearth.toy_models.training_data import make_home_examples
from repository import CONFIG
from trace_factories import CORRECT_LABELS, PROMPT, SOUND, WINDOW, answer_text, make_parsed_prediction, make_trace_home


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return make_trace_home(tmp_path_factory.mktemp("home"))


@pytest.fixture
def failures(home):
    """Return a function that runs all checks on a completion, given as `text` or by its reasoning and labels."""

    def check(said=SOUND, labels=CORRECT_LABELS, text=None, finish_reason="stop", **prompt):
        text = f"<think>\n{said}\n</think>\n\n{answer_text(labels)}" if text is None else text
        prediction = make_parsed_prediction(home, text, finish_reason)
        return failed_checks(Trace(Vocabulary(home), PROMPT | prompt, WINDOW, prediction))

    return check


def test_a_sound_trace_fails_no_check(failures):
    assert failures() == {}


def test_every_check_has_a_meaning():
    assert all(check.meaning for check in CHECKS.values())


def test_an_answer_must_label_every_event(failures):
    assert failures(labels=CORRECT_LABELS[:2]) == {"answer_incomplete": ["missing_events"]}
    assert "answer_incomplete" in failures(text=f"<think>{SOUND}</think>COOKING, EATING, COOKING")
    assert "answer_incomplete" not in failures(labels=["COOKING", "DANCING", "COOKING"])


def test_labels_must_be_in_the_homes_list(failures):
    assert failures(labels=["COOKING", "DANCING", "COOKING"])["label_unknown"] == ["DANCING"]
    assert failures(labels=["COOKING", "cooking"])["label_unknown"] == ["cooking"]
    assert "label_unknown" not in failures()


def test_a_label_with_a_lone_surrogate_can_be_written(failures):
    text = f'<think>{SOUND}</think>[{{"id": 1, "activity": "\\ud83d"}}]'
    assert failures(text=text)["label_unknown"] == ["?"]


@pytest.mark.parametrize(
    "reasoning",
    [
        "The office chair is used. COOKING, EATING.",
        "Somebody watches the bedroom_1 TV. COOKING, EATING.",
        "The Kitchen  Hatch opens. COOKING, EATING.",
        "The TV runs. COOKING, EATING.",
    ],
)
def test_a_sensor_that_is_not_in_the_window_is_found(failures, reasoning):
    assert set(failures(reasoning)) == {"sensor_not_in_window"}


@pytest.mark.parametrize(
    "reasoning",
    [
        "Dining room chair 1: EATING. The stove: COOKING.",
        "Somebody takes a chair: EATING, no COOKING.",
        "They may be watching TV, or EATING, or COOKING.",
        "COOKING, EATING. As the rule says, the office chair belongs to USING_PC. No such event here.",
        "COOKING, EATING with a TVset.",
    ],
)
def test_a_sensor_of_the_window_or_a_part_of_another_name_passes(failures, reasoning):
    assert failures(reasoning) == {}


def test_a_room_that_is_not_in_the_window_is_found(failures):
    assert failures("Nobody is in the Office: COOKING, EATING.") == {"room_not_in_window": ["office"]}
    assert failures("COOKING, EATING, then to bedroom_1.") == {"room_not_in_window": ["bedroom 1"]}


def test_every_answered_label_must_be_in_the_reasoning(failures):
    assert failures("Somebody is COOKING.") == {"label_not_in_reasoning": ["eating"]}
    assert failures("Cooking and eating.") == {}
    assert failures("She is cooking; he is overeating.") == {"label_not_in_reasoning": ["eating"]}


@pytest.mark.parametrize(
    "reasoning",
    [
        "1 | kitchen stove turned ON | A | 1 | EATING\n2 | dining room chair 1 occupied | B | 2 | EATING\n3 | COOKING",
        "Event 1 is EATING. The rest is COOKING.",
        'I answer [{"id": 1, "activity": "EATING"}, {"id": 2, "activity": "EATING"}]. COOKING?',
        "- **Event 1**: EATING\n- Event 3: COOKING",
        "Event 1: COOKING. No, wait. Event 1 -> EATING.",
    ],
)
def test_a_label_that_contradicts_the_reasoning_is_found(failures, reasoning):
    assert failures(reasoning) == {"label_contradicts_reasoning": ["event 1: eating, answered cooking"]}


@pytest.mark.parametrize(
    "reasoning",
    [
        "1 | kitchen stove turned ON | A | 1 | COOKING\n2 | dining room chair 1 occupied | B | 2 | EATING",
        "Event 1: EATING or COOKING?",
        "Event 1: EATING/COOKING, hard to say.",
        "Event 1: EATING? Event 1: COOKING.",
        "Chair 1: EATING. COOKING.",
        "At 08:00:01: EATING. COOKING.",
        "Event 1 is not EATING but COOKING.",
        "Event 17: EATING. COOKING.",
    ],
)
def test_a_label_that_is_confirmed_or_only_considered_is_no_contradiction(failures, reasoning):
    assert "label_contradicts_reasoning" not in failures(reasoning)


def test_a_time_must_be_that_of_an_event(failures):
    assert failures(f"{SOUND} At 08:00:10 it ends.") == {"time_not_in_window": ["08:00:10"]}
    assert failures(f"{SOUND} At 08:00:09 it ends, at 8:00:09, 08:00 or 1:08:00:10.") == {}


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ("Event 2 came before event 1.", True),
        ("Event 1 is right after event 3.", True),
        ("Event 1 came before event 2.", False),
        ("Event 3 happened before event 2.", False),
        ("Did event 2 come before event 1?", False),
        ("Is event 2 before event 1?", False),
        ("Event 9 is before event 1.", False),
    ],
)
def test_a_reversed_order_of_events_is_found(failures, said, wrong):
    assert ("order_reversed" in failures(f"{SOUND} {said}")) == wrong


def test_text_after_the_answer_is_found(failures):
    written = f"<think>{SOUND}</think>```json\n{answer_text(CORRECT_LABELS)}\n```"
    assert failures(text=written) == {}
    assert failures(text=f"{written} I hope this helps.") == {"text_after_answer": ["I hope this helps."]}


def test_a_script_that_the_prompt_does_not_use_is_found(failures):
    assert failures(f"{SOUND} 首先看厨房") == {"foreign_script": ["CJK"]}
    assert failures(f"{SOUND} 首先看厨房", system="用中文回答") == {}
    assert failures(f"{SOUND} Déjà vu.") == {}
    assert failures(f"{SOUND * 9} 厨") == {}


def test_missing_reasoning_is_found_if_the_prompt_asks_for_it(failures):
    assert set(failures("")) == {"reasoning_empty"}
    assert failures("", reasoning="none") == {}


def test_a_text_that_ends_in_a_loop_is_found(failures):
    assert set(failures(SOUND + " Wait, is somebody COOKING?" * 60)) == {"repetitive"}
    assert failures(SOUND + " Wait, is somebody COOKING?" * 6) == {}


def test_a_text_cut_at_the_token_limit_is_found(failures):
    assert set(failures(finish_reason="length")) == {"truncated"}


def test_reasoning_that_never_closes_is_found(failures):
    assert set(failures(text=f"<think>{SOUND}")) == {"answer_incomplete", "reasoning_unclosed"}


@pytest.mark.parametrize("source", ["marble", "mural"])
def test_training_data_of_the_toy_models_fails_no_check(source):
    home = load_home(CONFIG / "homes" / f"{source}.yaml")
    examples = make_home_examples(
        source, home, CONFIG / "prompts" / "brief.j2", seed=3, sessions=2, size=10, answer_format=STANDARD
    )
    vocabulary, prompt = Vocabulary(examples.home), PROMPT | {"system": examples.system}
    failures = []
    for example in examples.examples:
        window = WINDOW | {"events": json.loads(example.user), "gold": example.gold}
        prediction = make_parsed_prediction(examples.home, example.completion, window=window)
        failures.append(failed_checks(Trace(vocabulary, prompt, window, prediction)))
    assert failures == [{}] * len(failures)
