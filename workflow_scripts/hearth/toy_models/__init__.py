"""The tiny Qwen3 family: stand-ins for real language models, trained from scratch on simulated homes.

They exist so that the whole workflow can run, and be tested, on two CPU cores. Their training homes are
other draws (seeds 1000 and up) than any home of the demo, so that zero-shot stays zero-shot.
"""
