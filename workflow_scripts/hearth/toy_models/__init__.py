"""The tiny Qwen3 family: stand-ins for real language models, trained from scratch on simulated homes.

They let the whole workflow run, and be tested, on two CPU cores. The package may import every other package. Start with
`training_data`: its homes are drawn with seeds from 1000 on, unlike those of the demo, so that zero-shot stays
zero-shot.
"""
