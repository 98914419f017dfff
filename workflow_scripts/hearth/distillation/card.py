"""Write the model card of a student: its base, teacher, dataset and training settings, and its limits."""

import json
from collections.abc import Sequence

from hearth.distillation.documents import ExamplePart, TrainingLog, truncated_examples
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
    if warning := truncated_examples(examples, log.get("parts", [])):
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
        *_dataset_rows(log),
        f"| Recipe | {log['recipe']} |",
        f"| Prompt | {log['prompt']['version']}, reasoning mode {log['prompt']['reasoning']} |",
        f"| Traces | {examples['traces']}; used {examples['used']} ({examples['truncated']} of them truncated); "
        f"left out: {left_out} |",
        *_round_rows(log),
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
        f"- It learned from {_learned_from(log)}; other homes have other rooms, sensors and labels.",
        *(["- The teacher's traces were not corrected: its mistakes are learned too."] if recipe.needs_teacher else []),
        f"- Use it with {'a prompt of its homes' if _own_parts(log)[1:] else 'the prompt'} and reasoning mode above "
        f"({log['prompt']['reasoning']}){', or with its direct prompt' * recipe.asks_directly}; it was trained with no "
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


def _own_parts(log: TrainingLog) -> list[ExamplePart]:
    """Return the examples of each dataset that a student of several learned from; [] for a student of one."""
    return [part for part in log.get("parts", []) if not part["is_replayed"]]


def _dataset_rows(log: TrainingLog) -> list[str]:
    """Return the rows of the card's table that say what the student learned from."""
    own = _own_parts(log)
    named = f"{log['dataset']}: {_listed(own)}; balanced by {log.get('balance')}" if own[1:] else log["dataset"]
    rows = [f"| Dataset{'s' * bool(own[1:])} | {named}, split {log['split']} |"]
    if replayed := [part for part in log.get("parts", []) if part["is_replayed"]]:
        share = sum(part["counts"]["used"] for part in replayed) / log["examples"]["used"]
        rows.append(f"| Replayed traces of the base itself | {_listed(replayed)}; {share:.1%} of all examples |")
    return rows


def _round_rows(log: TrainingLog) -> list[str]:
    """Return the rows of the card's table that a later round of on-policy distillation has."""
    rows = []
    if earlier := log.get("continues"):
        rows.append(f"| Adapter trained on | that of {earlier['student']}, after {earlier['steps']} steps |")
    if own := log.get("own_texts"):
        rows.append(f"| Windows with the student's own text | {own['learned']} of {sum(own.values())} |")
    return rows


def _listed(parts: Sequence[ExamplePart]) -> str:
    return ", ".join(f"{part['dataset']} ({part['counts']['used']} of {part['counts']['traces']})" for part in parts)


def _learned_from(log: TrainingLog) -> str:
    names = [part["dataset"] for part in _own_parts(log)] or [log["dataset"]]
    return f"{len(names)} datasets ({', '.join(names)})" if names[1:] else f"one dataset ({names[0]})"
