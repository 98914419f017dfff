"""Export a student into a folder: adapter, merged model, GGUF file, prompt, home, and settings for their use."""

import argparse
import logging
import shutil
from collections.abc import Sequence
from pathlib import Path

from hearth.common import files
from hearth.common.cli import json_option, run
from hearth.common.config_schema import setting_default, settings_schema
from hearth.common.records import check_record
from hearth.distillation.documents import DIRECT_PROMPT, Export, GgufExport
from hearth.models.light_tokenizer import LightTokenizer
from hearth.models.load import load_tokenizer, work_offline
from hearth.models.snapshot import ADAPTER_FILES
from hearth.models.tokens import encode
from hearth.prompting.chat_templates import fit_template
from hearth.prompting.prompts import prompt_date, read_prompt

log = logging.getLogger(__name__)

# Text that tokenizers split in different ways: digits, spaces, line breaks, and characters that Unicode can compose.
SAMPLE_TEXT = '[{"id": 12, "time": "07:15:09"}]\n\n  fene\u0302tre \ufb01n don\'t 123 %'


def main(argv: Sequence[str] | None = None) -> None:
    """Merge, convert and copy the files of the export; a killed program leaves no incomplete file or folder in it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--student", required=True, help="name of the student")
    parser.add_argument("--model", required=True, type=Path, help="snapshot folder of the base model")
    parser.add_argument("--adapter", required=True, type=Path, help="folder of the student's adapter")
    # One for each dataset, in the order of `homes` in --settings.
    parser.add_argument("--prompt", required=True, nargs="+", type=Path, help="the student's rendered prompts (json)")
    parser.add_argument(
        "--direct-prompt", nargs="*", default=[], type=Path, help="its prompts that ask for no reasoning (json), if any"
    )
    parser.add_argument("--home", required=True, nargs="+", type=Path, help="yaml of each home that it learned from")
    parser.add_argument(
        "--settings", required=True, help="JSON object: source, windows, decoding and, of several datasets, homes"
    )
    parser.add_argument(
        "--quantise",
        nargs="*",
        choices=settings_schema("export")["quantise"]["items"]["enum"],
        default=setting_default("export", "quantise"),
        help="quantised forms, that for a home hub first",
    )
    parser.add_argument("--out", required=True, type=Path, help="folder of the export")
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    work_offline()
    from hearth.distillation.export import publish
    from hearth.distillation.merging import merge_adapter

    settings = json_option("--settings", arguments.settings, dict)
    out: Path = arguments.out
    unfinished = out / ".merged.part"
    shutil.rmtree(unfinished, ignore_errors=True)
    dtype = merge_adapter(arguments.model, arguments.adapter, unfinished)
    if changes := write_chat_template(unfinished, arguments.prompt[0]):
        settings["chat_template"] = changes
    write_tokenizer(unfinished, arguments.prompt[0])
    publish(unfinished, out / "merged")
    gguf = write_gguf_export(out, arguments.student, arguments.quantise)
    for name in ADAPTER_FILES:
        copy_file(arguments.adapter / name, out / "adapter" / name)
    copy_file(arguments.prompt[0], out / "prompt.json")
    copy_file(arguments.home[0], out / "home.yaml")
    shutil.rmtree(out / "homes", ignore_errors=True)
    folders = [out / "homes" / one["dataset"] for one in settings.get("homes", [])]
    for folder, prompt, home in zip(folders, arguments.prompt, arguments.home, strict=False):
        copy_file(prompt, folder / "prompt.json")
        copy_file(home, folder / "home.yaml")
    (out / DIRECT_PROMPT).unlink(missing_ok=True)  # that of an earlier recipe
    for folder, prompt in zip([out, *folders], [*arguments.direct_prompt[:1], *arguments.direct_prompt], strict=False):
        copy_file(prompt, folder / DIRECT_PROMPT)
    export = check_record({"student": arguments.student, "dtype": dtype, "gguf": gguf} | settings, Export, "--settings")
    files.write_json(out / "export.json", export)


def write_chat_template(merged: Path, prompt: Path) -> list[str]:
    """Write the template of the student's prompts into `merged`; return how it differs from the base's."""
    template = fit_template(load_tokenizer(merged), prompt_date(read_prompt(prompt)))
    if template.changes:
        files.write_text(merged / "chat_template.jinja", template.text)
    return list(template.changes)


def write_tokenizer(merged: Path, prompt: Path) -> None:
    """Write the tokenizer of the training into `merged` if its tokenizer.json would make other tokens.

    transformers builds the tokenizers of some classes by itself, or adds tokens of other files. Programs without
    transformers read tokenizer.json alone.
    """
    trained, alone = load_tokenizer(merged), LightTokenizer(merged)
    text = " ".join([read_prompt(prompt)["system"], SAMPLE_TEXT, *trained.get_added_vocab()])
    if encode(trained, text) != encode(alone, text):
        log.warning("transformers makes other tokens than the base's tokenizer.json; the export has those of training")
        trained.backend_tokenizer.save(str(merged / "tokenizer.json"))


def write_gguf_export(out: Path, student: str, quantised: Sequence[str]) -> GgufExport:
    """Convert the merged model in `out` to GGUF files where that is supported, and return their entry of export.json.

    The first file has the model's own number format, the others the `quantised` forms that can be written here.
    """
    from hearth.distillation import gguf_file, quantisation

    merged = out / "merged"
    (out / "gguf").mkdir(parents=True, exist_ok=True)
    if why_not := gguf_file.unsupported_reason(merged):
        return {"files": {}, "default": "", "why_not": why_not}
    own = gguf_file.form_name(merged)
    files_of_forms = {own: f"gguf/{student}-{own}.gguf"}
    gguf_file.write_gguf(merged, out / files_of_forms[own], student)
    for form in quantised:
        if reason := quantisation.unsupported_reason(form):
            log.warning("no form %s: %s", form, reason)
            continue
        files_of_forms[form] = f"gguf/{student}-{form}.gguf"
        gguf_file.write_gguf(merged, out / files_of_forms[form], student, form)
    for path in (out / "gguf").iterdir():
        if f"gguf/{path.name}" not in files_of_forms.values():
            path.unlink()  # a form of earlier settings
    return {
        "files": files_of_forms,
        "default": next((form for form in quantised if form in files_of_forms), own),
        "why_not": "",
        "pre_tokenizer": gguf_file.pre_tokenizer_name(merged),
    }


def copy_file(source: Path, destination: Path) -> None:
    """Copy one file, atomically."""
    with files.replacing(destination) as temporary:
        shutil.copyfile(source, temporary)


if __name__ == "__main__":
    run(main)
