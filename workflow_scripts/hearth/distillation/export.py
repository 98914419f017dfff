"""Save a trained adapter, reopen and check it, and move it to its final folder."""

import shutil
from pathlib import Path

import torch
from transformers import Trainer
from transformers.integrations.deepspeed import unset_hf_deepspeed_config

from hearth.common.cli import UserError
from hearth.common.files import read_json_object, write_json
from hearth.models.load import load_model
from hearth.models.snapshot import ADAPTER_FILES


def save_adapter(trainer: Trainer, model_name: str, folder: Path) -> None:
    """Write the adapter's two files into `folder`. All ranks must call it; rank 0 writes.

    Equal adapters give equal files: adapter_config.json has sorted keys and target modules, and names its base model by
    `model_name`, not by a path on this machine. The Trainer's pickle and PEFT's model card are deleted.
    """
    if trainer.is_world_process_zero():
        shutil.rmtree(folder, ignore_errors=True)
    trainer.save_model(str(folder))
    if not trainer.is_world_process_zero():
        return
    for path in folder.iterdir():
        if path.name not in ADAPTER_FILES:
            path.unlink()
    config = read_json_object(folder / "adapter_config.json")
    config["base_model_name_or_path"] = model_name
    config["target_modules"] = sorted(config["target_modules"])
    write_json(folder / "adapter_config.json", config)


def check_adapter(model_dir: Path, folder: Path) -> None:
    """Reopen the adapter on its base model; raise UserError if the B matrix of any LoRA module is zero or not finite.

    LoRA's B matrices start at zero, so zero means that nothing was learned. Adapter files that lack weights or name
    them wrongly, as ZeRO-3 or gradient checkpointing may cause, are detected too.
    """
    unset_hf_deepspeed_config()  # otherwise ZeRO-3 would partition the model loaded here, too
    student = load_model(model_dir, adapter=folder, dtype="float32", device="cpu")
    norms = {name: float(p.norm()) for name, p in student.named_parameters() if "lora_B" in name}
    idle = [name for name, norm in norms.items() if not (norm > 0 and torch.isfinite(torch.tensor(norm)))]
    if idle or not norms:
        raise UserError(f"the adapter learned nothing in {len(idle)} of {len(norms)} modules: {', '.join(idle[:3])}")


def publish(folder: Path, destination: Path) -> None:
    """Move `folder` to `destination` and make its files readable for everybody; delete an older `destination`."""
    for path in folder.iterdir():
        path.chmod(0o644)  # safetensors makes weights readable for their owner only
    old = destination.with_name(f".{destination.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if destination.exists():
        destination.rename(old)
    folder.rename(destination)
    shutil.rmtree(old, ignore_errors=True)
