"""Check the config and plan the run, which the Snakefile needs before any job runs.

This package may import every package whose work it plans, except toy_models. Of all jobs, only those of the rules for
preflight and plan import it. Start reading in configuration.py, then read run_plan.py.
"""
