"""Write sections of an exported student's model card: its scores, its files, and how to use them."""

from collections.abc import Mapping, Sequence
from typing import Any

from hearth.distillation.documents import Export
from hearth.evaluation.parity import Estimate, FormParity, LackingForm, Parity, QuantisedParity

# Metrics of a score that the card shows, with their headings.
_METRICS = {"macro_f1": "macro F1", "weighted_f1": "weighted F1", "missing_rate": "events without an answer"}


def export_sections(
    export: Export,
    parity: Parity,
    scores: Sequence[Mapping[str, Any]],
    quantised: Sequence[QuantisedParity | LackingForm] = (),
) -> list[str]:
    """Return the sections as lines of Markdown.

    `scores` are the student's, one for each home that it was tested on; `quantised` are the parities of its forms.
    """
    of_homes = [line for score in scores for line in _score(score)]
    return ["## Scores", "", *of_homes, *_files(export, parity), *_quantised(parity, quantised), *_use(export)]


def _score(score: Mapping[str, Any]) -> list[str]:
    strict = score["strict"]
    values = strict | strict["rates"]
    rows = [
        f"| {heading} | {values[metric]:.3f} | {_interval(strict['intervals'].get(metric))} |"
        for metric, heading in _METRICS.items()
    ]
    folds = score["provenance"]["split"]["folds"]
    tested = f"{score['n_windows']} windows, {score['n_events']} events, {score['n_sessions']} sessions"
    if folds == 1:
        about = f"The adapter on the tested windows of {score['dataset']}: {tested}, none of which it learned from"
    else:
        about = (
            f"This is the adapter of fold 1 of {folds}. The scores pool the adapters of all folds, each on the windows "
            f"of {score['dataset']} that it did not learn from: {tested}"
        )
    if score["dataset"] not in score["train_datasets"]:
        about += "; it has not seen this home"
    return [
        f"{about}; strictly parsed.",
        "",
        "| metric | value | 95 % interval over groups |",
        "|---|---|---|",
        *rows,
        "",
    ]


def _interval(bounds: Sequence[float] | None) -> str:
    return f"{bounds[0]:.3f} to {bounds[1]:.3f}" if bounds else "too few groups"


def _files(export: Export, parity: Parity) -> list[str]:
    gguf = export["gguf"]
    rows = [
        "| `adapter/` | the LoRA adapter; it needs the base model | the scored format |",
        f"| `merged/` | base and adapter as one model, merged in fp32, {export['dtype']}; plain "
        f"`transformers.AutoModelForCausalLM.from_pretrained` loads it | {_agreement(parity['merged'], parity)} |",
    ]
    for form, file in gguf["files"].items():
        hub = "; the form for a home hub" if form == gguf["default"] else ""
        own = "gguf" in parity and form == parity.get("form", form)
        about = _agreement(parity["gguf"], parity) if own else "see below"
        rows.append(f"| `{file}` | the merged model for llama.cpp, {form}{hub} | {about} |")
    lines = [
        "## Files",
        "",
        "| file | content | labels compared with the adapter's |",
        "|---|---|---|",
        *rows,
        *(f"| {names} | {content} | |" for names, content in _prompt_files(export)),
        "| `parity*.json`, `export.json` | the comparison of the forms (greedy decoding); the export's settings | |",
        "",
    ]
    if gguf["why_not"]:
        lines += [
            f"There is no GGUF file: {gguf['why_not']}. llama.cpp's own converter may support it; in its repository: "
            f"`python convert_hf_to_gguf.py merged --outfile {export['student']}.gguf`.",
            "",
        ]
    elif not gguf["pre_tokenizer"]:
        lines += [
            "llama.cpp does not know this model's pre-tokenizer. Pass it prompts as token ids, made by the tokenizer "
            "in `merged/`: llama.cpp itself would split the same text into other tokens.",
            "",
        ]
    return lines


def _quantised(parity: Parity, quantised: Sequence[QuantisedParity | LackingForm]) -> list[str]:
    """Return the table of quantised forms, beside the adapter and the GGUF file in the model's own format."""
    lacking = [f"There is no form {form['form']}: {form['why_not']}." for form in quantised if "why_not" in form]
    rows = [
        f"| {form['form']} | {form['bytes'] / 1e6:.3g} | {form['agreement']:.4f} | {form['accuracy']['value']:.3f} "
        f"| {_estimate(form['loss']['accuracy'])} | {_estimate(form['loss']['macro_f1'])} "
        f"| {form['missing_rate']:.3f} | {_shift(form['confidence'].get('shift'))} |"
        for form in quantised
        if "loss" in form
    ]
    lines = ["## Quantised forms", ""] if rows or lacking else []
    if rows:
        heading = (
            "| form | MB | equal labels | accuracy | accuracy lost | macro F1 lost | events without an answer "
            "| shift of confidence |"
        )
        adapter = parity["adapter"].get("figures")
        own = f", beside the adapter's accuracy of {adapter['accuracy']['value']:.3f}" if adapter else ""
        lines += [
            f"On {parity['windows']} tested windows of {parity['dataset']}, {parity['events']} events, decoded greedily"
            f"{own}. Losses are the adapter's value minus the form's, with 95 % intervals, paired over groups. "
            "Confidence shifts against the file in the model's own number format.",
            "",
            heading,
            "|---|---|---|---|---|---|---|---|",
            *rows,
            "",
        ]
    return [*lines, *(line for reason in lacking for line in (reason, ""))]


def _estimate(estimate: Estimate) -> str:
    bounds = estimate["interval"]
    return f"{estimate['value']:.3f} ({bounds[0]:.3f} to {bounds[1]:.3f})" if bounds else f"{estimate['value']:.3f}"


def _shift(value: float | None) -> str:
    return "" if value is None else f"{value:+.3f}"


def _prompt_files(export: Export) -> list[tuple[str, str]]:
    """Return (files, content) of the prompts and the homes."""
    if "homes" not in export:
        return [("`prompt.json`, `home.yaml`", "the prompt it was trained with; the home it learned from")]
    names = ", ".join(one["dataset"] for one in export["homes"])
    return [
        ("`homes/DATASET/`", f"`prompt.json` and `home.yaml` of each dataset that it learned from: {names}"),
        ("`prompt.json`, `home.yaml`", f"those of {export['homes'][0]['dataset']}, with which formats were compared"),
    ]


def _agreement(form: FormParity, parity: Parity) -> str:
    prompts = f", prompts as {form['prompts']}" if "prompts" in form else ""
    return (
        f"equal for {form['agreement']:.4f} of {parity['events']} events; {form['same_text']} of {parity['windows']} "
        f"answers word for word{prompts}"
    )


def _use(export: Export) -> list[str]:
    changed: list[str] = []
    if changes := export.get("chat_template"):
        changed = [f"The student was trained with changes to the base's chat template: {'; '.join(changes)}.", ""]
    dataset = " --dataset DATASET" if "homes" in export else ""
    hub = bool(export["gguf"]["files"])
    return [
        "## Use",
        "",
        "With the project Hearth, one JSON line for each event:",
        "",
        "```bash",
        f"python workflow_scripts/recognise_stream.py --student THIS_FOLDER{dataset} --input FOLDER_OR_FILE",
        "```",
        "",
        *(["On a home hub: `workflow_scripts/home_service.py`, with MQTT and Home Assistant.", ""] if hub else []),
        f"Without it: put the `system` text of `prompt.json` and a window of {export['windows']['size']} events, as "
        "JSON, into the chat template.",
        "",
        *changed,
    ]
