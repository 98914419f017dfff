import pytest
from factories import MODEL, PROMPT
from hearth.evaluation.notes import BASELINES_NOTE, settings_text, short_notes, table_notes
from hearth.evaluation.provenance import ASSUMPTIONS, assumptions
from score_factories import make_score, make_student_score


def test_a_fact_is_stated_once_if_all_scores_agree():
    notes = dict(table_notes([make_score(), make_score("large")], "abc"))
    assert notes["Prompt"] == ["six-parts@0123456789ab, reasoning think"]
    assert notes["Decoding"] == [
        "max_new_tokens 4096, seed 7, temperature 0.6, top_k 20, top_p 0.95; precision float32; engine transformers"
    ]
    assert notes["Seeds"] == ["split 1; decoding 7"]
    assert notes["Code"] == ["git commit abc"]
    assert notes["Models"] == [
        f"example/little at revision 0123456789abcdef0123456789abcdef01234567, snapshot {MODEL['digest'][:12]}"
    ]
    assert notes["Split"][0].startswith("by session, test fraction 0.3, seed 1: 1 sessions for training, 2 for testing")
    assert not {"Students", "Simulated data", "Tiny models"} & notes.keys()


def test_windows_without_an_answer_are_counted():
    scores = [make_score(), make_score("large")]
    assert "Never answered" not in dict(table_notes(scores, "abc"))
    scores[1]["strict"]["status"]["unanswered"] = 2
    windows = scores[1]["n_windows"]
    expected = [f"large on made-up: 2 of {windows} windows; their events count as wrong"]
    assert dict(table_notes(scores, "abc"))["Never answered"] == expected


def test_fields_that_a_server_did_not_get_have_no_value_of_ours():
    omitted = {"engine": "openai", "engine_options": {"omitted_fields": ["temperature", "top_p"]}}
    (text,) = dict(table_notes([make_score(provenance=omitted)], "abc"))["Decoding"]
    assert text.endswith("engine openai (omitted_fields temperature top_p)")
    assert text.startswith("max_new_tokens 4096, seed 7, top_k 20; precision")


def test_doubtful_answers_are_counted_in_every_note():
    scores = [make_score(), make_score("large")]
    assert "Doubtful answers" not in dict(table_notes(scores, "abc"))
    windows = scores[1]["n_windows"]
    scores[1]["oddities"] = {"prompt_cut": windows - 1, "of_a_later_version": 1}
    status = scores[1]["strict"]["status"]
    status |= dict.fromkeys(status, 0) | {"malformed": windows - 1, "truncated": 1}
    for notes in (table_notes(scores, "abc"), short_notes(scores)):
        unreadable, cut, later = dict(notes)["Doubtful answers"]
        assert unreadable.startswith(
            f"large on made-up: not one of {windows} answers could be read ({windows - 1} malf"
        )
        assert cut.startswith(f"large on made-up: {windows - 1} of {windows} answers are to prompts for which")
        assert later == f"large on made-up: 1 of {windows} answers are odd (of_a_later_version)"


def test_unreadable_answers_are_said_when_nearly_all_are():
    score = make_score()
    status = score["strict"]["status"]
    for malformed, said in ((10, "not one of 10 answers"), (9, "9 of 10 answers could"), (8, None)):
        status |= dict.fromkeys(status, 0) | {"malformed": malformed, "ok": 10 - malformed, "unanswered": 5}
        notes = dict(short_notes([score])).get("Doubtful answers", [])
        assert ([said in text for text in notes] == [True]) if said else notes == []


def test_facts_that_differ_name_their_owners():
    other = {"model": MODEL | {"source": "example/large"}}
    scores = [make_score(), make_score("large", provenance=other), make_score("large", "d2", provenance=other)]
    notes = dict(table_notes(scores, "abc"))
    assert [text.split(" at ")[0] for text in notes["Models"]] == ["little: example/little", "large: example/large"]
    assert [text.split(":")[0] for text in notes["Data"]] == ["made-up", "d2"]


def test_a_table_of_several_engines_says_which_rows_have_which_and_that_they_differ():
    decoding = make_score()["provenance"]["decoding"]
    fast = {"engine": "vllm", "decoding": decoding}
    notes = dict(table_notes([make_score(), make_score("large", "d2", provenance=fast)], "abc"))
    assert [text.split(":")[0] for text in notes["Decoding"]] == ["little", "large", "engines transformers, vllm"]
    assert notes["Decoding"][0].endswith("engine transformers")
    assert notes["Decoding"][1].endswith("engine vllm")
    same = dict(table_notes([make_score(), make_score("large", "d2")], "abc"))
    assert len(same["Decoding"]) == 1


def test_the_options_of_an_engine_stand_behind_it():
    options = {"engine": "vllm", "engine_options": {"kv_cache_dtype": "fp8", "max_model_len": 4096}}
    notes = dict(table_notes([make_score(provenance=options)], "abc"))
    assert notes["Decoding"][0].endswith("engine vllm (kv_cache_dtype fp8, max_model_len 4096)")


def test_facts_that_differ_within_an_owner_name_recogniser_and_dataset():
    plain = {"prompt": PROMPT | {"version": "brief@1", "reasoning": "none"}}
    notes = dict(table_notes([make_score(), make_score("large", provenance=plain)], "abc"))
    assert notes["Prompt"] == [
        "little on made-up: six-parts@0123456789ab, reasoning think",
        "large on made-up: brief@1, reasoning none",
    ]


def test_notes_have_the_training_of_students_and_the_assumptions():
    notes = dict(table_notes([make_score(), make_student_score()], "abc"))
    assert notes["Students"] == [
        "recipe reasoning, teacher large, trained on made-up (4 of 5 traces); learning_rate 0.0002, "
        "lora (r 16, target_modules q_proj v_proj), seed 3; precision float32, ranks 1"
    ]
    assert notes["Seeds"] == ["split 1; decoding 7; training 3"]
    assert notes["Assumed, because the paper does not say"] == [ASSUMPTIONS[key] for key in assumptions("student")]


def test_notes_warn_of_a_student_that_learned_from_truncated_traces():
    score = make_student_score()
    assert "Truncated traces" not in dict(table_notes([score], "abc"))
    score["provenance"]["student"]["examples"]["truncated"] = 1
    (warning,) = dict(table_notes([score, score | {"dataset": "d2"}], "abc"))["Truncated traces"]
    assert warning.startswith("little_reasoning_made-up: 1 of 4 traces (25%) were cut off")


def test_notes_list_the_datasets_of_a_set_and_those_replayed():
    alone, several = make_student_score(), make_student_score()
    assert "Sets of datasets" not in dict(short_notes([alone]))
    several |= {"train_dataset": "flats", "train_datasets": ["made-up", "second"]}
    counts = several["provenance"]["student"]["examples"]
    names = {"made-up": False, "spare": True}
    parts = [{"dataset": name, "is_replayed": again, "counts": counts} for name, again in names.items()]
    several["provenance"]["student"]["parts"] = parts
    expected = ["flats: made-up, second", "replayed to little_reasoning_made-up: spare"]
    for notes in (short_notes([alone, several]), table_notes([alone, several], "abc")):
        assert dict(notes)["Sets of datasets"] == expected


def test_notes_on_a_baseline_have_no_prompt_and_no_model():
    baseline = {"prompt": None, "model": None, "decoding": {}, "assumed": assumptions("baseline")}
    only = make_score("majority", kind="baseline", parameters=None, provenance=baseline)
    notes = dict(table_notes([only], "abc"))
    assert not {"Prompt", "Decoding", "Models", "Students"} & notes.keys()
    assert notes["Baselines"] == [f"majority: {BASELINES_NOTE}"]
    assert notes["Seeds"] == ["split 1"]
    beside = dict(table_notes([make_score(), only], "abc"))
    assert beside["Prompt"] == ["six-parts@0123456789ab, reasoning think"]
    assert beside["Seeds"] == ["split 1; decoding 7"]


def test_a_split_of_several_folds_says_that_every_group_is_tested_once():
    split = make_score()["provenance"]["split"] | {"folds": 2, "by": "sitting", "groups": 3}
    notes = dict(table_notes([make_student_score(provenance={"split": split})], "abc"))
    assert notes["Split"][0].startswith("by sitting, 2 folds, seed 1: 3 sessions in 3 groups, each tested once; ")
    assert "(4 of 5 traces in fold 1 of 2)" in notes["Students"][0]


def test_notes_have_the_number_of_few_shot_examples():
    shown = {"prompt": PROMPT | {"shots": 3, "shots_by": "similarity"}}
    notes = dict(table_notes([make_score(provenance=shown)], "abc"))
    assert notes["Prompt"] == [
        "six-parts@0123456789ab, reasoning think, 3 few-shot examples from the train split (selected by similarity)"
    ]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "windows of 2 events, shorter ones kept"),
        ({"window_by": "time", "window_seconds": 60.0}, "windows of at most 60 seconds and 2 events"),
        ({"window_by": "gap", "window_seconds": 9}, "windows of at most 2 events, cut at pauses longer than 9 seconds"),
    ],
)
def test_notes_say_how_windows_are_cut(changes, text):
    split = make_score()["provenance"]["split"] | changes
    assert text in dict(table_notes([make_score(provenance={"split": split})], "abc"))["Split"][0]


def test_settings_as_text():
    assert settings_text({"b": {"y": True, "x": None}, "a": [1, "two"]}) == "a 1 two, b (x null, y true)"
