"""A trained adapter as files: reopened and checked before it takes its place, with a log and a model card."""

import json
import shutil
from pathlib import Path

import torch
from transformers.integrations.deepspeed import unset_hf_deepspeed_config

from hearth import models
from hearth.files import read_json, write_json
from hearth.programs import UserError
from hearth.recipes import RECIPES

FILES = ("adapter_config.json", "adapter_model.safetensors")


def save_adapter(trainer, model_name: str, folder: Path) -> None:
    """Write the adapter's two files into `folder`. All ranks must call it; rank 0 writes.

    The config names its base by `model_name`, not by a path of this machine, and gets sorted keys and
    target modules, so that equal adapters are equal files. The Trainer's pickle and PEFT's card are left out.
    """
    if trainer.is_world_process_zero():
        shutil.rmtree(folder, ignore_errors=True)
    trainer.save_model(str(folder))
    if not trainer.is_world_process_zero():
        return
    for path in folder.iterdir():
        if path.name not in FILES:
            path.unlink()
    config = read_json(folder / "adapter_config.json")
    config["base_model_name_or_path"] = model_name
    config["target_modules"] = sorted(config["target_modules"])
    write_json(folder / "adapter_config.json", config)


def check_adapter(model_dir: Path, folder: Path) -> None:
    """Reopen the adapter on its base and look at every LoRA B: it starts at zero, so zero means nothing was learned.

    An empty or wrongly named save (ZeRO-3, gradient checkpointing) shows here too. Raises UserError.
    """
    unset_hf_deepspeed_config()  # or ZeRO-3 would split this model too
    student = models.load_model(model_dir, adapter=folder, dtype="float32", device="cpu")
    norms = {name: float(p.norm()) for name, p in student.named_parameters() if "lora_B" in name}
    idle = [name for name, norm in norms.items() if not (norm > 0 and torch.isfinite(torch.tensor(norm)))]
    if idle or not norms:
        raise UserError(f"the adapter learned nothing in {len(idle)} of {len(norms)} modules: {', '.join(idle[:3])}")


def publish(folder: Path, destination: Path) -> None:
    """Move a finished folder to its place; what stood there before is removed."""
    old = destination.with_name(f".{destination.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if destination.exists():
        destination.rename(old)
    folder.rename(destination)
    shutil.rmtree(old, ignore_errors=True)


def model_card(log: dict, notes: list[str]) -> str:
    """The student's card in Markdown, from its training log; `notes` are shown first."""
    base, examples, settings = log["base"], log["examples"], log["settings"]
    left_out = ", ".join(f"{count} {reason.replace('_', ' ')}" for reason, count in examples["left_out"].items())
    kind, _, place = base["source"].partition(":")
    on_hub = place if kind == "hub" else ""
    revision = f", revision {base['revision']}" if base["revision"] else ""
    learned = "reasoning traces" if RECIPES[log["recipe"]].reasons else "answers"
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
        f"{learned} of a larger model (after *Knowledge Distillation for LLM-Based Human Activity Recognition "
        "in Homes*, arXiv 2601.07469).",
        "",
        "| | |",
        "|---|---|",
        f"| Base model | {base['model']} ({base['source']}){revision} |",
        f"| Teacher | {log['teacher']} |",
        f"| Dataset | {log['dataset']}, train split |",
        f"| Recipe | {log['recipe']} |",
        f"| Prompt | {log['prompt']['version']}, reasoning mode {log['prompt']['reasoning']} |",
        f"| Traces | {examples['traces']}; used {examples['used']} ({examples['truncated']} of them truncated); "
        f"left out: {left_out} |",
        f"| Training | {log['steps']} steps, {log['trainable_parameters']:,} trained parameters, {log['dtype']}, "
        f"{log['ranks']} rank(s), final loss {log['losses'][-1]:.4f} |",
        "",
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
        "- The teacher's traces were not corrected: its mistakes are learned too.",
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
