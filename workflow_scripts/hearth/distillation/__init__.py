"""Train a student's LoRA adapter on a teacher's traces, and export the student.

May import prompting, models, data and common; it uses neither scores nor engines. Start with `recipes` (which traces
and texts a student learns) and `examples` (training examples), then read `training`.
"""
