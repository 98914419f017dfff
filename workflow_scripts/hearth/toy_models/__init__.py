"""The tiny Qwen3 family: stand-ins for real language models, trained from scratch on simulated homes.

They let the whole workflow run, and be tested, on two CPU cores. The package may import every other package. Start with
`training_data`. Seeds of the homes in it start at 1000, above those of the demo: no model has seen the demo's homes, so
it can be tested on them zero-shot.
"""
