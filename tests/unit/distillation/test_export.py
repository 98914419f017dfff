"""Export a student with random weights by the programs of the three export rules, and check the files."""

import json
import shutil

import check_export
import check_quantised
import export_card
import export_student
import pytest
import recognise_stream
import training_fixtures as fixtures
from chat_families import make_family
from factories import HOME
from hearth.common import files
from hearth.common.cli import UserError
from hearth.distillation.documents import read_export
from hearth.evaluation.export_card import export_sections
from hearth.evaluation.parity import read_quantised_parity
from hearth.models.light_tokenizer import LightTokenizer
from hearth.models.load import load_tokenizer
from hearth.models.tokens import encode
from hearth.prompting.chat_templates import chat_prompt
from hearth.prompting.prompts import read_prompt
from score_factories import make_student_score
from transformers import AutoTokenizer
from window_factories import make_splits

SETTINGS = {
    "source": "table",
    "windows": {"by": "count", "size": 10, "seconds": None},
    "decoding": {"temperature": 0.6, "max_new_tokens": 40},
}
LOG = {
    "student": "tiny_reasoning_toy",
    "base": {
        "model": "tiny",
        "source": "folder:x",
        "revision": "",
        "license": "Apache-2.0",
        "stand_in": "",
        "digest": "0",
    },
    "teacher": "big",
    "dataset": "toy",
    "split": "train1",
    "recipe": "reasoning",
    "prompt": {"version": "test@000000000000", "reasoning": "think"},
    "settings": fixtures.SETTINGS,
    "deepspeed": {},
    "dtype": "float32",
    "ranks": 1,
    "static_prefix": "once an optimizer step",
    "examples": {"traces": 5, "used": 4, "truncated": 0, "left_out": {"too_long": 1}},
    "trainable_parameters": 1000,
    "steps": 2,
    "losses": [1.0, 0.5],
    "digests": {"run": "1", "examples": "2", "traces": "3"},
}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    windows = fixtures.make_windows(3)
    files.write_json_lines(folder / "windows.jsonl", windows)
    files.write_json(folder / "splits.json", make_splits({"s0": 1, "s1": 1, "s2": 1, "tested": None}, windows))
    files.write_json(folder / "prompt.json", fixtures.PROMPT)
    files.write_json(folder / "training_log.json", LOG)
    files.write_json(folder / "score.json", make_student_score())
    (folder / "home.yaml").write_text(json.dumps(HOME))
    return folder


def export(out, inputs, model, adapter, *quantise):
    options = {
        "student": "tiny_reasoning_toy", "model": model, "adapter": adapter, "prompt": inputs / "prompt.json",
        "home": inputs / "home.yaml", "settings": json.dumps(SETTINGS), "out": out,
    }  # fmt: skip
    arguments = [str(part) for name, value in options.items() for part in (f"--{name}", value)]
    export_student.main([*arguments, *(["--quantise", *quantise] if quantise else [])])
    return out


@pytest.fixture(scope="module")
def exported(inputs, tiny_model, tiny_adapter, tmp_path_factory):
    return export(tmp_path_factory.mktemp("export") / "out", inputs, tiny_model, tiny_adapter)


@pytest.fixture(scope="module")
def checked(exported, inputs, tiny_model, tmp_path_factory):
    check_export.main(
        [
            *("--export", str(exported), "--model", str(tiny_model), "--windows", str(inputs / "windows.jsonl")),
            *("--splits", str(inputs / "splits.json")),
            *("--count", "3", "--device", "cpu", "--work", str(tmp_path_factory.mktemp("work"))),
            *("--answers", str(exported / "parity_answers.json"), "--out", str(exported / "parity.json")),
        ]
    )
    return files.read_json(exported / "parity.json")


def check_form(exported, inputs, folder, form="q8_0", max_loss="1"):
    """Return the path of the parity of a quantised form."""
    options = {
        "export": exported, "form": form, "answers": folder / "parity_answers.json", "max-loss": max_loss,
        "windows": inputs / "windows.jsonl", "splits": inputs / "splits.json", "count": 3, "work": folder / "work",
        "out": folder / f"parity-{form}.json",
    }  # fmt: skip
    check_quantised.main([str(part) for name, value in options.items() for part in (f"--{name}", value)])
    return folder / f"parity-{form}.json"


@pytest.fixture(scope="module")
def quantised(checked, exported, inputs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("quantised")
    shutil.copy(exported / "parity_answers.json", folder)
    return check_form(exported, inputs, folder)


@pytest.mark.parametrize("settings", [{"tokenizer_class": "Qwen2Tokenizer"}, {"additional_special_tokens": ["<|zz|>"]}])
def test_the_export_has_the_tokens_of_the_training(inputs, tiny_model, tiny_adapter, tmp_path, settings):
    base = tmp_path / "base"
    shutil.copytree(tiny_model, base)
    path = base / "tokenizer_config.json"
    files.write_json(path, files.read_json(path) | settings)
    out = export(tmp_path / "out", inputs, base, tiny_adapter)
    trained, alone = load_tokenizer(base), LightTokenizer(out / "merged")
    for text in ("e\u0301 12 windows at 07:15:09", "<|zz|> <|im_end|>\n kitchen"):
        assert encode(alone, text) == encode(trained, text) == encode(load_tokenizer(out / "merged"), text)
    same = export(tmp_path / "same", inputs, tiny_model, tiny_adapter) / "merged" / "tokenizer.json"
    assert same.read_bytes() == (tiny_model / "tokenizer.json").read_bytes()


def test_a_student_that_answers_both_ways_is_exported_with_both_prompts(inputs, tiny_model, tiny_adapter, tmp_path):
    prompts = [tmp_path / f"{name}.json" for name in ("toy", "second")]
    for path in prompts:
        files.write_json(path, fixtures.PROMPT | {"reasoning": "none", "system": path.stem})
    homes = [{"dataset": path.stem} | {key: SETTINGS[key] for key in ("source", "windows")} for path in prompts]
    out = tmp_path / "out"
    options = {
        "student": ["tiny_joint_both"], "model": [tiny_model], "adapter": [tiny_adapter],
        "prompt": [inputs / "prompt.json"] * 2, "direct-prompt": prompts, "home": [inputs / "home.yaml"] * 2,
        "settings": [json.dumps(SETTINGS | {"homes": homes})], "out": [out],
    }  # fmt: skip
    export_student.main([str(part) for name, values in options.items() for part in (f"--{name}", *values)])
    assert files.read_json(out / "direct_prompt.json")["system"] == "toy"
    asked, _ = recognise_stream.parse_arguments(["--student", str(out), "--dataset", "second", "--direct"])
    assert files.read_json(asked.prompt)["system"] == "second"
    plain, _ = recognise_stream.parse_arguments(["--student", str(out), "--dataset", "second"])
    assert plain.prompt == out / "homes" / "second" / "prompt.json"


def test_other_students_are_not_asked_directly(exported, capsys):
    with pytest.raises(SystemExit):
        recognise_stream.parse_arguments(["--student", str(exported), "--direct"])
    assert "only students of recipe joint learn to answer directly" in capsys.readouterr().err


def test_an_export_has_every_form_with_its_prompt_and_settings(exported, inputs, tiny_adapter):
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        assert (exported / "adapter" / name).read_bytes() == (tiny_adapter / name).read_bytes()
    assert (exported / "merged" / "model.safetensors").is_file()
    sizes = [(exported / "gguf" / f"tiny_reasoning_toy-{form}.gguf").stat().st_size for form in ("f32", "q8_0")]
    assert sizes == sorted(sizes, reverse=True)
    assert files.read_json(exported / "prompt.json")["labels"] == fixtures.LABELS
    about = files.read_json(exported / "export.json")
    assert about["gguf"] == {
        "files": {"f32": "gguf/tiny_reasoning_toy-f32.gguf", "q8_0": "gguf/tiny_reasoning_toy-q8_0.gguf"},
        "default": "q8_0",
        "why_not": "",
        "pre_tokenizer": "smollm",
    }
    assert {key: about[key] for key in SETTINGS} == SETTINGS
    assert not [path for path in exported.rglob("*") if path.name.startswith(".")]
    assert {path.stat().st_mode & 0o777 for path in exported.rglob("*") if path.is_file()} == {0o644}


def test_an_export_of_several_homes_has_a_prompt_and_a_home_for_each(inputs, tiny_model, tiny_adapter, tmp_path):
    files.write_json(tmp_path / "second.json", fixtures.PROMPT | {"system": "Another home."})
    (tmp_path / "second.yaml").write_text(json.dumps(HOME | {"rooms": {}}))
    homes = [{"dataset": name, "source": "table", "windows": SETTINGS["windows"]} for name in ("toy", "second")]
    out = tmp_path / "out"
    options = {
        "student": ["s"], "model": [tiny_model], "adapter": [tiny_adapter],
        "prompt": [inputs / "prompt.json", tmp_path / "second.json"],
        "home": [inputs / "home.yaml", tmp_path / "second.yaml"],
        "settings": [json.dumps(SETTINGS | {"homes": homes})], "out": [out],
    }  # fmt: skip
    export_student.main([str(part) for name, values in options.items() for part in (f"--{name}", *values)])
    assert files.read_json(out / "homes/second/prompt.json")["system"] == "Another home."
    assert (out / "homes/second/home.yaml").read_bytes() == (tmp_path / "second.yaml").read_bytes()
    for name in ("prompt.json", "home.yaml"):
        assert (out / "homes/toy" / name).read_bytes() == (out / name).read_bytes() == (inputs / name).read_bytes()
    parity = {
        "events": 2,
        "windows": 1,
        "merged": {"agreement": 1.0, "same_text": 1},
        "gguf": {"agreement": 1.0, "same_text": 1},
    }
    scores = [make_student_score(), make_student_score("second")]
    card = "\n".join(export_sections(read_export(out / "export.json"), parity, scores))
    assert (
        "| `homes/DATASET/` | `prompt.json` and `home.yaml` of each dataset that it learned from: toy, second | |"
        in card
    )
    assert "--student THIS_FOLDER --dataset DATASET --input" in card
    assert "tested windows of second" in card
    assert card.count("it has not seen this home") == 1


def test_a_second_export_has_the_same_bytes(exported, inputs, tiny_model, tiny_adapter, tmp_path):
    again = export(tmp_path / "again", inputs, tiny_model, tiny_adapter)
    names = [path.relative_to(again) for path in again.rglob("*") if path.is_file()]
    assert len(names) > 8
    assert [name for name in names if (again / name).read_bytes() != (exported / name).read_bytes()] == []


def test_an_export_has_the_chat_template_that_the_student_was_trained_with(
    exported, checked, inputs, tiny_adapter, tmp_path
):
    base = make_family(tmp_path / "base", "all-at-once")
    files.write_json(tmp_path / "prompt.json", fixtures.PROMPT | {"date": "2031-12-31"})
    (tmp_path / "home.yaml").write_text(json.dumps(HOME))
    out = export(tmp_path / "out", tmp_path, base, tiny_adapter)
    prompt = read_prompt(out / "prompt.json")
    assert chat_prompt(load_tokenizer(out / "merged"), prompt) == chat_prompt(load_tokenizer(base), prompt)
    assert "31 Dec 2031" in AutoTokenizer.from_pretrained(out / "merged").apply_chat_template(
        [{"role": "system", "content": "S"}, {"role": "user", "content": "U"}], tokenize=False
    )
    about = read_export(out / "export.json")
    assert about["chat_template"][0] == "today is always 2031-12-31"
    parity = files.read_json(exported / "parity.json")
    card = "\n".join(export_sections(about, parity, [make_student_score()]))
    assert "changes to the base's chat template: today is always 2031-12-31; the system's text is put" in card
    assert "chat_template" not in files.read_json(exported / "export.json")


def test_the_forms_are_compared_window_by_window(checked):
    assert (checked["windows"], checked["events"], checked["dataset"]) == (3, 6, "toy")
    assert checked["decoding"] == {"temperature": 0, "max_new_tokens": 40}
    assert checked["merged"]["agreement"] == 1.0
    assert checked["merged"]["same_text"] == 3
    assert sum(checked["adapter"]["status"].values()) == 3
    # llama.cpp keeps keys and values in 16 bits, so not all texts need to be the same.
    assert checked["gguf"]["same_text"] >= 1
    assert checked["gguf"]["prompts"] == "text"
    assert (checked["form"], checked["gguf"]["bytes"] > 1000) == ("f32", True)
    for form in ("adapter", "gguf"):
        figures = checked[form]["figures"]
        assert 0 <= figures["accuracy"]["value"] <= 1
        assert figures["accuracy"]["interval"] is None  # three groups are too few
        assert 1 <= figures["answer_tokens"] <= 40


def test_a_quantised_form_is_compared_with_the_adapter(quantised, checked, exported):
    parity = read_quantised_parity(quantised)
    assert (parity["student"], parity["dataset"], parity["form"]) == ("tiny_reasoning_toy", "toy", "q8_0")
    assert parity["bytes"] == (exported / "gguf" / "tiny_reasoning_toy-q8_0.gguf").stat().st_size
    assert (parity["windows"], parity["events"]) == (3, 6)
    lost = checked["adapter"]["figures"]["accuracy"]["value"] - parity["accuracy"]["value"]
    assert parity["loss"]["accuracy"]["value"] == pytest.approx(lost)
    assert 0 <= parity["agreement"] <= 1
    assert "shift" in parity["confidence"]


def test_a_form_that_loses_too_much_is_refused(exported, inputs, tmp_path, quantised):
    answers = files.read_json(exported / "parity_answers.json")
    windows = {window["window_id"]: window["gold"] for window in files.read_json_lines(inputs / "windows.jsonl")}
    for answer in answers["adapter"]:
        answer["labels"], answer["status"] = windows[answer["window_id"]], "ok"
    files.write_json(tmp_path / "parity_answers.json", answers)
    with pytest.raises(UserError, match=r"form q8_0 is 0.\d+, .* below the adapter's .* export.max_loss allows 0.05"):
        check_form(exported, inputs, tmp_path, max_loss="0.05")
    assert not (tmp_path / "parity-q8_0.json").exists()


def test_a_form_that_the_export_lacks_is_said(exported, inputs, tmp_path, checked):
    shutil.copy(exported / "parity_answers.json", tmp_path)
    lacking = read_quantised_parity(check_form(exported, inputs, tmp_path, form="q4_k_m"))
    assert lacking["why_not"] == "it could not be written; see the log of export_student"
    card = "\n".join(export_sections(read_export(exported / "export.json"), checked, [make_student_score()], [lacking]))
    assert "There is no form q4_k_m: it could not be written; see the log of export_student." in card
    assert "| form | MB |" not in card


def test_a_form_that_cannot_be_written_does_not_break_the_export(
    inputs, tiny_model, tiny_adapter, tmp_path, monkeypatch, caplog
):
    from hearth.distillation import quantisation

    monkeypatch.setattr(quantisation, "_library", lambda: None)
    out = export(tmp_path / "out", inputs, tiny_model, tiny_adapter, "q4_k_m", "q4_0")
    about = read_export(out / "export.json")
    assert (list(about["gguf"]["files"]), about["gguf"]["default"]) == (["f32", "q4_0"], "q4_0")
    assert "no form q4_k_m: the package xllamacpp exports no ggml_quantize_chunk" in caplog.text
    again = read_export(export(out, inputs, tiny_model, tiny_adapter, "q8_0") / "export.json")
    assert list(again["gguf"]["files"]) == ["f32", "q8_0"]
    assert {path.name for path in (out / "gguf").iterdir()} == {
        f"tiny_reasoning_toy-{form}.gguf" for form in ("f32", "q8_0")
    }


def test_the_card_shows_origin_scores_parity_and_use(checked, quantised, exported, inputs, tmp_path):
    export_card.main(
        [
            *("--training-log", str(inputs / "training_log.json"), "--about", str(exported / "export.json")),
            *("--parity", str(exported / "parity.json"), "--score", str(inputs / "score.json")),
            *("--quantised", str(quantised)),
            *("--notes", '["toy is a simulated home"]', "--out", str(tmp_path / "README.md")),
        ]
    )
    card = (tmp_path / "README.md").read_text()
    for line in (
        "> **Note.** toy is a simulated home",
        "| Base model | tiny (folder:x) |",
        "| Teacher | big |",
        "| macro F1 | 0.",
        "equal for 1.0000 of 6 events; 3 of 3 answers word for word",
        "python workflow_scripts/recognise_stream.py --student",
        "workflow_scripts/home_service.py",
        "the merged model for llama.cpp, q8_0; the form for a home hub | see below |",
        "| form | MB | equal labels | accuracy | accuracy lost | macro F1 lost | events without an answer |",
        "On 3 tested windows of toy, 6 events, decoded greedily, beside the adapter's accuracy of 0.",
        "## Limits",
        "## Licence",
    ):
        assert line in card, line
    assert str(exported) not in card


def test_an_unsupported_architecture_is_exported_without_a_gguf_file(
    inputs, tiny_model, tiny_adapter, tmp_path, monkeypatch
):
    from hearth.distillation import gguf_file
    from hearth.evaluation import export_card as sections

    monkeypatch.setattr(gguf_file, "unsupported_reason", lambda folder: "architecture mamba is none of qwen3, llama")
    out = export(tmp_path / "out", inputs, tiny_model, tiny_adapter)
    assert list((out / "gguf").iterdir()) == []
    about = files.read_json(out / "export.json")
    form = {"agreement": 1.0, "same_text": 1}
    text = "\n".join(
        sections.export_sections(about, {"events": 2, "windows": 1, "merged": form}, [make_student_score()])
    )
    assert "There is no GGUF file: architecture mamba" in text
    assert "python convert_hf_to_gguf.py merged" in text
    assert "The adapter on the tested windows of made-up: 3 windows" in text
    split = make_student_score()["provenance"]["split"] | {"folds": 3}
    pooled = make_student_score(provenance={"split": split})
    text = "\n".join(sections.export_sections(about, {"events": 2, "windows": 1, "merged": form}, [pooled]))
    assert "This is the adapter of fold 1 of 3. The scores pool the adapters of all folds" in text


def test_unfinished_parts_of_a_killed_export_are_not_used(inputs, tiny_model, tiny_adapter, tmp_path):
    out = tmp_path / "out"
    (out / ".merged.part").mkdir(parents=True)
    (out / ".merged.part" / "strange.safetensors").write_text("half")
    export(out, inputs, tiny_model, tiny_adapter)
    assert not (out / "merged" / "strange.safetensors").exists()
    shutil.rmtree(out)
