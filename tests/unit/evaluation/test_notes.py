import pytest
from factories import MODEL, PROMPT, make_score, make_student_score
from hearth.evaluation.notes import BASELINES_NOTE, settings_text, table_notes
from hearth.evaluation.provenance import ASSUMPTIONS, assumptions


def test_notes_say_a_fact_once_where_all_agree():
    found = dict(table_notes([make_score(), make_score("large")], "abc"))
    assert found["Prompt"] == ["six-parts@0123456789ab, reasoning think"]
    assert found["Decoding"] == [
        "max_new_tokens 4096, seed 7, temperature 0.6, top_k 20, top_p 0.95; precision float32; engine transformers"
    ]
    assert found["Seeds"] == ["split 1; decoding 7"]
    assert found["Code"] == ["git commit abc"]
    assert found["Models"] == [
        f"example/little at revision 0123456789abcdef0123456789abcdef01234567, snapshot {MODEL['digest'][:12]}"
    ]
    assert found["Split"][0].startswith("by session, test fraction 0.3, seed 1: 1 sessions for training, 2 for testing")
    assert not {"Students", "Simulated data", "Tiny models"} & found.keys()


def test_notes_name_the_owners_where_facts_differ():
    other = {"model": MODEL | {"source": "example/large"}}
    scores = [make_score(), make_score("large", provenance=other), make_score("large", "d2", provenance=other)]
    found = dict(table_notes(scores, "abc"))
    assert [text.split(" at ")[0] for text in found["Models"]] == ["little: example/little", "large: example/large"]
    assert [text.split(":")[0] for text in found["Data"]] == ["made-up", "d2"]


def test_notes_name_recogniser_and_dataset_where_one_owner_disagrees_with_itself():
    plain = {"prompt": PROMPT | {"version": "brief@1", "reasoning": "none"}}
    found = dict(table_notes([make_score(), make_score("large", provenance=plain)], "abc"))
    assert found["Prompt"] == [
        "little on made-up: six-parts@0123456789ab, reasoning think",
        "large on made-up: brief@1, reasoning none",
    ]


def test_notes_tell_how_students_were_trained_and_what_is_assumed():
    found = dict(table_notes([make_score(), make_student_score()], "abc"))
    assert found["Students"] == [
        "recipe reasoning, teacher large, trained on made-up (4 of 5 traces); learning_rate 0.0002, "
        "lora (r 16, target_modules q_proj v_proj), seed 3; precision float32, ranks 1"
    ]
    assert found["Seeds"] == ["split 1; decoding 7; training 3"]
    assert found["Assumed, because the paper does not say"] == [ASSUMPTIONS[key] for key in assumptions("student")]


def test_notes_of_a_baseline_tell_of_no_prompt_and_no_model():
    baseline = {"prompt": None, "model": None, "decoding": {}, "assumed": assumptions("baseline")}
    only = make_score("majority", kind="baseline", parameters=None, provenance=baseline)
    found = dict(table_notes([only], "abc"))
    assert not {"Prompt", "Decoding", "Models", "Students"} & found.keys()
    assert found["Baselines"] == [f"majority: {BASELINES_NOTE}"]
    assert found["Seeds"] == ["split 1"]
    beside = dict(table_notes([make_score(), only], "abc"))
    assert beside["Prompt"] == ["six-parts@0123456789ab, reasoning think"]
    assert beside["Seeds"] == ["split 1; decoding 7"]


def test_notes_tell_how_many_windows_a_prompt_shows():
    shown = {"prompt": PROMPT | {"shots": 3, "shots_by": "similarity"}}
    found = dict(table_notes([make_score(provenance=shown)], "abc"))
    assert found["Prompt"] == [
        "six-parts@0123456789ab, reasoning think, 3 few-shot examples from the train split (selected by similarity)"
    ]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "windows of 2 events, shorter ones kept"),
        ({"window_by": "time", "window_seconds": 60.0}, "windows of at most 60 seconds and 2 events"),
        ({"window_by": "gap", "window_seconds": 9}, "windows of at most 2 events, cut at pauses longer than 9 seconds"),
    ],
)
def test_notes_tell_how_windows_are_cut(changes, said):
    split = make_score()["provenance"]["split"] | changes
    assert said in dict(table_notes([make_score(provenance={"split": split})], "abc"))["Split"][0]


def test_settings_in_settings_text():
    assert settings_text({"b": {"y": True, "x": None}, "a": [1, "two"]}) == "a 1 two, b (x null, y true)"
