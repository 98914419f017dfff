"""A teacher's traces in, a student's LoRA adapter out: examples, settings, training, checkpoints, export."""
