"""A student's model card: what it learned from and how, its limits; of an exported one also scores, files and use."""

import json
from collections.abc import Sequence

from hearth.distillation.recipes import RECIPES


def model_card(log: dict, notes: list[str], more: Sequence[str] = ()) -> str:
    """The student's card in Markdown, from its training log.

    `notes` are shown first, and the lines of `more`, such as those of `take_home`, before the settings.
    """
    base, examples, settings = log["base"], log["examples"], log["settings"]
    left_out = ", ".join(f"{count} {reason.replace('_', ' ')}" for reason, count in examples["left_out"].items())
    kind, _, place = base["source"].partition(":")
    on_hub = place if kind == "hub" else ""
    revision = f", revision {base['revision']}" if base["revision"] else ""
    of_teacher = RECIPES[log["recipe"]].taught
    learned = f"{'reasoning traces' if RECIPES[log['recipe']].reasons else 'answers'} of a larger model"
    if not of_teacher:
        learned = "recorded labels"
    if base["stand_in"]:
        notes = [*notes, f"The base model is a stand-in: {base['stand_in']}."]
    lines = [
        "---",
        f"base_model: {json.dumps(on_hub or base['model'], ensure_ascii=False)}",
        "library_name: peft",
        f"license: {json.dumps(base['license'] or 'other', ensure_ascii=False)}",
        "tags: [lora, human-activity-recognition, knowledge-distillation]",
        "---",
        "",
        f"# {log['student']}",
        "",
        *[f"> **Note.** {note}" for note in notes],
        *([""] if notes else []),
        "A LoRA adapter that names the activity behind every sensor event of a window of a home, learned from the "
        f"{learned} (after *Knowledge Distillation for LLM-Based Human Activity Recognition "
        "in Homes*, arXiv 2601.07469).",
        "",
        "| | |",
        "|---|---|",
        f"| Base model | {base['model']} ({base['source']}){revision} |",
        f"| Teacher | {log['teacher'] or 'none'} |",
        f"| Dataset | {log['dataset']}, train split |",
        f"| Recipe | {log['recipe']} |",
        f"| Prompt | {log['prompt']['version']}, reasoning mode {log['prompt']['reasoning']} |",
        f"| Traces | {examples['traces']}; used {examples['used']} ({examples['truncated']} of them truncated); "
        f"left out: {left_out} |",
        f"| Training | {log['steps']} steps, {log['trainable_parameters']:,} trained parameters, {log['dtype']}, "
        f"{log['ranks']} rank(s), final loss {log['losses'][-1]:.4f} |",
        "",
        *more,
        "## Settings",
        "",
        "All of them are assumed: the paper does not give its training settings.",
        "",
        "```json",
        json.dumps(settings, indent=2, sort_keys=True),
        "```",
        "",
        "## Limits",
        "",
        f"- Learned from one dataset ({log['dataset']}); other homes have other rooms, sensors and labels.",
        *(["- The teacher's traces were not corrected: its mistakes are learned too."] if of_teacher else []),
        f"- Use it with the prompt and reasoning mode above ({log['prompt']['reasoning']}); others were not trained.",
        "- It describes activities of people at home: use it only with their consent, and not where a wrong "
        "answer does harm.",
        "",
        "## Licence",
        "",
        f"That of the base model ({base['license'] or 'not stated'}); the dataset's terms apply to what was learned "
        "from it.",
    ]
    return "\n".join(lines) + "\n"


def take_home(about: dict, parity: dict, score: dict) -> list[str]:
    """What an exported student's card has more, as lines, from export.json, parity.json and its score at home."""
    return [*_scores(score), *_files(about, parity), *_use(about)]


def _scores(score: dict) -> list[str]:
    strict = score["strict"]
    values = strict | strict["rates"]
    rows = [
        f"| {name} | {values[key]:.3f} | {_interval(strict['intervals'].get(key))} |"
        for key, name in (
            ("macro_f1", "macro F1"),
            ("weighted_f1", "weighted F1"),
            ("missing_rate", "events without an answer"),
        )
    ]
    return [
        "## Scores",
        "",
        f"The adapter on the test split of {score['dataset']}: {score['n_windows']} windows, {score['n_events']} "
        f"events, {score['n_sessions']} sessions, none of which it learned from; strictly parsed.",
        "",
        "| metric | value | 95 % interval over sessions |",
        "|---|---|---|",
        *rows,
        "",
    ]


def _interval(bounds: list[float] | None) -> str:
    return f"{bounds[0]:.3f} to {bounds[1]:.3f}" if bounds else "too few sessions"


def _files(about: dict, parity: dict) -> list[str]:
    gguf = about["gguf"]
    rows = [
        "| `adapter/` | the LoRA adapter; it needs the base model | is what was scored |",
        f"| `merged/` | base and adapter as one model, merged in fp32, {about['dtype']}; plain "
        f"`transformers.AutoModelForCausalLM.from_pretrained` loads it | {_agreement(parity['merged'], parity)} |",
    ]
    if gguf["file"]:
        rows.append(f"| `{gguf['file']}` | the same for llama.cpp | {_agreement(parity['gguf'], parity)} |")
    lines = [
        "## Files",
        "",
        "| file | what it is | labels beside the adapter's |",
        "|---|---|---|",
        *rows,
        "| `prompt.json`, `home.yaml` | the prompt it was trained with; the home it learned from | |",
        "| `parity.json`, `export.json` | how the forms were compared, greedily; settings | |",
        "",
    ]
    if gguf["why_not"]:
        lines += [
            f"There is no GGUF file: {gguf['why_not']}. llama.cpp's own converter may know how; in its repository: "
            f"`python convert_hf_to_gguf.py merged --outfile {about['student']}.gguf`.",
            "",
        ]
    elif not gguf["pre_tokenizer"]:
        lines += [
            "llama.cpp has no name for the way in which this model's tokenizer cuts text. Give it prompts as token ids "
            "that `merged/` makes: what it cuts itself is another prompt.",
            "",
        ]
    return lines


def _agreement(form: dict, parity: dict) -> str:
    prompts = f", prompts as {form['prompts']}" if "prompts" in form else ""
    return (
        f"equal for {form['agreement']:.4f} of {parity['events']} events; {form['same_text']} of {parity['windows']} "
        f"answers word for word{prompts}"
    )


def _use(about: dict) -> list[str]:
    return [
        "## Use",
        "",
        "With the project Hearth, one JSON line an event:",
        "",
        "```bash",
        "python workflow_scripts/recognise_stream.py --student THIS_FOLDER --input FOLDER_OR_FILE",
        "```",
        "",
        f"Without: put the `system` text of `prompt.json` and a window of {about['windows']['size']} events, as JSON, "
        "into the chat template.",
        "",
    ]
