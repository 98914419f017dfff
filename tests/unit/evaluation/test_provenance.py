import shutil
import subprocess

import pytest
from factories import MODEL, PROMPT, make_score, make_student_score
from hearth.evaluation import provenance
from hearth.evaluation.provenance import ASSUMED, assumed, git_commit, notes, words


def test_notes_say_a_fact_once_where_all_agree():
    found = dict(notes([make_score(), make_score("large")], "abc"))
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
    found = dict(notes(scores, "abc"))
    assert [text.split(" at ")[0] for text in found["Models"]] == ["little: example/little", "large: example/large"]
    assert [text.split(":")[0] for text in found["Data"]] == ["made-up", "d2"]


def test_notes_name_recogniser_and_dataset_where_one_owner_disagrees_with_itself():
    plain = {"prompt": PROMPT | {"version": "brief@1", "reasoning": "none"}}
    found = dict(notes([make_score(), make_score("large", provenance=plain)], "abc"))
    assert found["Prompt"] == [
        "little on made-up: six-parts@0123456789ab, reasoning think",
        "large on made-up: brief@1, reasoning none",
    ]


def test_notes_tell_how_students_were_trained_and_what_is_assumed():
    found = dict(notes([make_score(), make_student_score()], "abc"))
    assert found["Students"] == [
        "recipe reasoning, teacher large, trained on made-up (4 of 5 traces); learning_rate 0.0002, "
        "lora (r 16, target_modules q_proj v_proj), seed 3; precision float32, ranks 1"
    ]
    assert found["Seeds"] == ["split 1; decoding 7; training 3"]
    assert found["Assumed, because the paper does not say"] == [ASSUMED[key] for key in ("split", "prompt", "training")]


def test_notes_of_a_baseline_tell_of_no_prompt_and_no_model():
    baseline = {"prompt": None, "model": None, "decoding": {}, "assumed": assumed("baseline")}
    only = make_score("majority", kind="baseline", parameters=None, provenance=baseline)
    found = dict(notes([only], "abc"))
    assert not {"Prompt", "Decoding", "Models", "Students"} & found.keys()
    assert found["Baselines"] == [f"majority: {provenance.BASELINES_NOTE}"]
    assert found["Seeds"] == ["split 1"]
    beside = dict(notes([make_score(), only], "abc"))
    assert beside["Prompt"] == ["six-parts@0123456789ab, reasoning think"]
    assert beside["Seeds"] == ["split 1; decoding 7"]


def test_notes_tell_how_many_windows_a_prompt_shows():
    shown = {"prompt": PROMPT | {"shots": 3, "shots_by": "similarity"}}
    found = dict(notes([make_score(provenance=shown)], "abc"))
    assert found["Prompt"] == [
        "six-parts@0123456789ab, reasoning think, 3 windows of the train split shown with their labels (similarity)"
    ]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "windows of 2 events, shorter ones kept"),
        ({"window_by": "time", "window_seconds": 60.0}, "windows of 60 seconds and at most 2 events"),
        ({"window_by": "gap", "window_seconds": 9}, "windows that end at a pause of more than 9 seconds, of at most 2"),
    ],
)
def test_notes_tell_how_windows_are_cut(changes, said):
    split = make_score()["provenance"]["split"] | changes
    assert said in dict(notes([make_score(provenance={"split": split})], "abc"))["Split"][0]


def test_training_is_assumed_of_students_only():
    assert assumed("student") == list(ASSUMED)
    assert assumed("base") == [key for key in ASSUMED if key != "training"]
    assert set(assumed("baseline")) < set(assumed("base"))


def test_what_is_assumed_is_plain_ascii():
    assert all(text.isascii() for text in [*ASSUMED.values(), provenance.METRICS_NOTE])


def test_settings_in_words():
    assert words({"b": {"y": True, "x": None}, "a": [1, "two"]}) == "a 1 two, b (x null, y true)"


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A git repository that holds provenance.py where the project has it; runs git in it."""
    module = tmp_path / "project" / "workflow_scripts" / "hearth" / "evaluation" / "provenance.py"
    module.parent.mkdir(parents=True)
    shutil.copy(provenance.__file__, module)
    monkeypatch.setattr(provenance, "__file__", str(module))
    for name in ("GIT_DIR", "GIT_WORK_TREE"):
        monkeypatch.delenv(name, raising=False)

    def git(*arguments):
        identity = ("-c", "user.name=T", "-c", "user.email=t@example.org")
        command = ["git", "-C", tmp_path / "project", *identity, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    git.root = tmp_path / "project"
    return git


def test_commit_is_unknown_outside_git(checkout):
    assert git_commit() == "unknown"


def test_commit_is_unknown_in_somebody_elses_repository(checkout):
    subprocess.run(["git", "init", "-q", checkout.root.parent], check=True)
    assert git_commit() == "unknown"


def test_commit_is_unknown_without_git(checkout, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert git_commit() == "unknown"


def test_commit_names_changes(checkout):
    checkout("init", "-q")
    checkout("add", ".")
    checkout("commit", "-q", "-m", "All")
    commit = checkout("rev-parse", "HEAD")
    assert git_commit() == commit
    (checkout.root / "new.yaml").write_text("a: 1\n")
    assert git_commit() == f"{commit}+changes"
