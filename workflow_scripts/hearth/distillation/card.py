"""Write the model card of a student: its base, teacher, dataset and training settings, and its limits."""

import json
from collections.abc import Sequence

from hearth.distillation.documents import TrainingLog, truncated_warning
from hearth.distillation.recipes import find_recipe


def model_card(log: TrainingLog, notes: Sequence[str], sections: Sequence[str] = ()) -> str:
    """Return a student's card in Markdown.

    `notes` are shown first. `sections`, lines of Markdown, are inserted before the settings.
    """
    base, examples, settings = log["base"], log["examples"], log["settings"]
    recipe = find_recipe(log["recipe"])
    left_out = ", ".join(f"{count} {reason.replace('_', ' ')}" for reason, count in examples["left_out"].items())
    kind, _, place = base["source"].partition(":")
    on_hub = place if kind == "hub" else ""
    revision = f", revision {base['revision']}" if base["revision"] else ""
    learned = "recorded labels"
    if recipe.needs_teacher:
        learned = f"{'reasoning traces' if recipe.reasons else 'answers'} of a larger model"
    if base["stand_in"]:
        notes = [*notes, f"The base model is a stand-in: {base['stand_in']}."]
    if warning := truncated_warning(examples["truncated"], examples["used"]):
        notes = [*notes, f"{warning}."]
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
        "A LoRA adapter that names the activity behind every sensor event in a window of events from a home, learned "
        f"from the {learned} (after *Knowledge Distillation for LLM-Based Human Activity Recognition in Homes*, arXiv "
        "2601.07469).",
        "",
        "| | |",
        "|---|---|",
        f"| Base model | {base['model']} ({base['source']}){revision} |",
        f"| Teacher | {log['teacher'] or 'none'} |",
        f"| Dataset | {log['dataset']}, split {log['split']} |",
        f"| Recipe | {log['recipe']} |",
        f"| Prompt | {log['prompt']['version']}, reasoning mode {log['prompt']['reasoning']} |",
        f"| Traces | {examples['traces']}; used {examples['used']} ({examples['truncated']} of them truncated); "
        f"left out: {left_out} |",
        f"| Training | {log['steps']} steps, {log['trainable_parameters']:,} trained parameters, {log['dtype']}, "
        f"{log['ranks']} rank(s), final loss {log['losses'][-1]:.4f} |",
        "",
        *sections,
        "## Settings",
        "",
        "All settings are assumed: the paper does not give its own.",
        "",
        "```json",
        json.dumps(settings, indent=2, sort_keys=True),
        "```",
        "",
        "## Limits",
        "",
        f"- It learned from one dataset ({log['dataset']}); other homes have other rooms, sensors and labels.",
        *(["- The teacher's traces were not corrected: its mistakes are learned too."] if recipe.needs_teacher else []),
        f"- Use it with the prompt and reasoning mode above ({log['prompt']['reasoning']}); it was trained with no "
        "other.",
        "- It describes activities of people at home: use it only with their consent, and not where a wrong "
        "answer does harm.",
        "",
        "## Licence",
        "",
        f"The base model's licence applies ({base['license'] or 'not stated'}); the dataset's terms apply to what was "
        "learned from it.",
    ]
    return "\n".join(lines) + "\n"
