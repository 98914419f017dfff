"""Hearth: from sensor events of a home to the paper's tables. Stages are included in the order of their work."""

from snakemake.utils import min_version

min_version("9.18")


if not workflow.overwrite_configfiles:

    configfile: f"{workflow.basedir}/config/config.yaml"


report: "report/workflow.rst"


include: "rules/common.smk"
include: "rules/resources.smk"
include: "rules/start.smk"
include: "rules/project_files.smk"
include: "rules/data.smk"
include: "rules/prompts.smk"
include: "rules/models.smk"
include: "rules/recognition.smk"
include: "rules/baselines.smk"
include: "rules/voting.smk"
include: "rules/serving.smk"
include: "rules/audit.smk"
include: "rules/log_probabilities.smk"
include: "rules/training_nodes.smk"
include: "rules/distillation.smk"
include: "rules/evaluation.smk"
include: "rules/tables.smk"
include: "rules/recipe_tables.smk"
include: "rules/figures.smk"
include: "rules/report.smk"
include: "rules/provenance.smk"
include: "rules/export.smk"
include: "rules/deployment.smk"
include: "rules/preflight.smk"
include: "rules/plan.smk"
include: "rules/unknown_target.smk"


onstart:
    refuse_nodes_without_slurm()
    patch_scheduler(workflow.scheduler)
    run_state.write_run_config(config)
    run_state.write_run_record(Path(), workflow.rundir, SLURM_JOB)
    start_servers()


onerror:
    print(run_state.failure_message(workflow.basedir, log))


# Other named targets: table_<name>, figure_<name>, report, window_browser, export, deployment, preflight, plan.
rule all:
    default_target: True
    input:
        [table_files(table).values() for table in RUN.tables],
        collect(rules.figure.output, figure=[*RUN.figures, *RUN.cost_figures]),
        ["results/report.html", "results/provenance.json"] if RUN.pairs else [],
        ["results/windows.html"] if BROWSED else [],
        collect(rules.load_dataset.output.card, dataset=default_datasets(config)),
