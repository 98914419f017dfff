"""What the Snakefile needs to know before any job runs: the checked config, and what a run makes of it.

It may import every package whose work it plans, except toy_models. Of all jobs, only preflight and plan import it.
Start reading in configuration.py, then run_plan.py.
"""
