"""Open an exported student: its engine, home, prompt, decoding and windows."""

from dataclasses import dataclass, replace
from pathlib import Path

from hearth.common.cli import UserError
from hearth.data.windows import WindowEvent
from hearth.distillation.documents import DIRECT_PROMPT, Export, ExportedHome, WindowSettings, read_export
from hearth.engines.llamacpp import LlamaCppEngine
from hearth.engines.protocol import Decoding, Engine
from hearth.homes.home import Home, load_home
from hearth.models.light_tokenizer import LightTokenizer
from hearth.models.tokens import encode
from hearth.prompting.chat_templates import chat_prompt
from hearth.prompting.prompts import Prompt, read_prompt, shows_similar_windows, window_text


@dataclass(frozen=True)
class Student:
    """An exported student of one home, ready to answer its windows.

    `form` is the number format of its GGUF file, and `home_file` the yaml of the home.
    """

    name: str
    form: str
    home: Home
    home_file: Path
    prompt: Prompt
    engine: Engine
    decoding: Decoding
    windows: WindowSettings


def open_student(
    folder: Path,
    *,
    form: str = "",
    dataset: str = "",
    direct: bool = False,
    home: Path | None = None,
    confidence: bool = False,
) -> Student:
    """Open the export in `folder`, to be run by llama.cpp.

    `form` is the number format of the GGUF file, '' for the export's default. `dataset` names the home of a student of
    several. `direct` asks for no reasoning. `home` is the yaml of the home, if it is not the export's. `confidence`
    asks for the probability of labels. Raises UserError for an export that lacks any of these.
    """
    if not (folder / "export.json").exists():
        raise UserError(f"{folder}: no export of a student; it has no export.json")
    export = read_export(folder / "export.json")
    learned = find_home(export, dataset)
    beside = folder / "homes" / learned["dataset"] if learned else folder
    form = form or export["gguf"]["default"]
    decoding = Decoding.from_settings(export["decoding"])
    prompt, windows = open_prompt(beside / (DIRECT_PROMPT if direct else "prompt.json")), (learned or export)["windows"]
    home_file = home or beside / "home.yaml"
    lived_in = load_home(home_file)
    check_labels(prompt, lived_in, home_file)
    context = needed_context(folder / "merged", lived_in, prompt, windows["size"], decoding)
    engine = open_engine(folder, export, form, context)
    try:
        list(engine.complete("", [], decoding))  # refuses what it does not support
    except ValueError as error:
        raise UserError(f"{folder / 'export.json'}: {error}; switch it off there") from None
    return Student(
        name=export["student"],
        form=form,
        home=lived_in,
        home_file=home_file,
        prompt=prompt,
        engine=engine,
        decoding=replace(decoding, confidence="tokens") if confidence else decoding,
        windows=windows,
    )


def check_labels(prompt: Prompt, home: Home, path: Path) -> None:
    """Raise UserError if the home, whose yaml is `path`, lacks labels that the prompt asks for."""
    if missing := [label for label in prompt["labels"] if label not in home.labels]:
        raise UserError(
            f"{path}: labels lack {', '.join(missing)}, with which the student answers: keep the labels of its own "
            "home, and change `entities` only"
        )


def find_home(export: Export, dataset: str) -> ExportedHome | None:
    """Return the home of a student of several that `dataset` names; None for a student of one home.

    Raises UserError if there is none of that name, or if a student of several homes gets no name.
    """
    homes = {one["dataset"]: one for one in export.get("homes", [])}
    if dataset in homes:
        return homes[dataset]
    if dataset:
        known = ", ".join(homes) or "one home only, so that it needs no dataset"
        raise UserError(f"dataset {dataset}: the student learned from {known}")
    if homes:
        raise UserError(
            f"the student learned from {', '.join(homes)}: name the one whose events these are as its dataset"
        )
    return None


def open_prompt(path: Path) -> Prompt:
    """Return a prompt that any window can be asked with. Raises UserError if there is none."""
    if not path.exists():
        hint = "; only students of recipe joint learn to answer directly" if path.name == DIRECT_PROMPT else ""
        raise UserError(f"{path} is missing{hint}")
    prompt = read_prompt(path)
    if shows_similar_windows(prompt):
        raise UserError(
            f"{path}: it shows windows that resemble each window, which only the workflow can find; use a student "
            "whose prompt shows none"
        )
    return prompt


def needed_context(model: Path, home: Home, prompt: Prompt, size: int, decoding: Decoding) -> int:
    """Return the number of tokens of a prompt with the longest window of the home, and of the longest answer to it.

    `model` is the folder of the tokenizer. Raises UserError if there is none.
    """
    if not (model / "tokenizer.json").is_file():
        raise UserError(f"{model / 'tokenizer.json'} is missing; copy the whole folder of the export")
    tokenizer = LightTokenizer(model)
    parts = chat_prompt(tokenizer, prompt)
    texts = [sensor.describe(words) for sensor in home.sensors.values() for words in sensor.states.values()]
    longest = max(texts, key=lambda text: len(encode(tokenizer, text)))
    events: list[WindowEvent] = [
        {"id": number, "time": "22:58:47", "description": longest} for number in range(1, size + 1)
    ]
    window = window_text({"window_id": "", "events": events})
    tokens = encode(tokenizer, parts.prefix) + encode(tokenizer, window + parts.after, continues=True)
    return len(tokens) + decoding.max_new_tokens


def open_engine(folder: Path, export: Export, form: str = "", context: int | None = None) -> LlamaCppEngine:
    """Return the engine that runs the GGUF file of the export in `folder`; `form` '' stands for the default's.

    `context` is the number of tokens for which it takes memory. Raises UserError if there is no such file.
    """
    gguf = export["gguf"]
    if not gguf["files"]:
        raise UserError(f"{folder}: the export has no GGUF file: {gguf['why_not']}")
    form = form or gguf["default"]
    if form not in gguf["files"]:
        raise UserError(f"{folder}: the export has no form {form}; it has {', '.join(gguf['files'])}")
    by_ids = not gguf.get("pre_tokenizer")
    path = folder / gguf["files"][form]
    if not path.is_file():
        raise UserError(f"{path} is missing; copy the whole folder of the export")
    return LlamaCppEngine(path, folder / "merged", by_ids, context=context)
