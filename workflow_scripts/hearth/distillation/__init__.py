"""Distillation: a teacher's traces in, a student's LoRA adapter and its exports out.

May import prompting, models, data and common; it knows nothing of scores or engines. Start with `recipes` (what is
learned) and `examples` (training examples), then `training`.
"""
