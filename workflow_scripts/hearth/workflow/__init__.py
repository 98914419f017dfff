"""Everything that the Snakefile needs before any job runs: the checked config and the plan of the run.

It may import every package whose work it plans, except toy_models. Of all jobs, only preflight and plan import it.
Start reading in configuration.py, then run_plan.py.
"""
