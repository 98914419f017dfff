"""Hearth: from sensor events of a home to the paper's tables. The stages, in the order data flows through them."""

from snakemake.utils import min_version

min_version("9.18")


if not workflow.overwrite_configfiles:

    configfile: f"{workflow.basedir}/config/config.yaml"


report: "report/workflow.rst"


# With a cluster profile only `recognise`, `distil` and the exports of students are cluster jobs, since they load models,
# and `check_node`, which looks at their machines.
# These run beside Snakemake, on the login node: fetch_model needs the network; the others take seconds and megabytes,
# and a cluster job costs a wait in the queue and two more starts of Snakemake. load_dataset and window_dataset grow
# with the data set, to minutes and at most the 4 GB they ask for at ten million events; where a login node does not
# allow that, make them in an interactive job first: `salloc --mem 4G snakemake --cores 1 --until window_dataset`.
localrules:
    copy_home,
    copy_project_file,
    simulate_home,
    load_dataset,
    window_dataset,
    render_prompt,
    fetch_model,
    gather_predictions,
    parse_predictions,
    audit,
    audit_table,
    score,
    table,
    claims,
    cost,
    figure,
    report,
    provenance,
    export_card,
    export,
    check_login,
    preflight,
    plan,


include: "rules/common.smk"
include: "rules/inputs.smk"
include: "rules/resources.smk"
include: "rules/facts.smk"
include: "rules/project_files.smk"
include: "rules/data.smk"
include: "rules/prompts.smk"
include: "rules/models.smk"
include: "rules/recognition.smk"
include: "rules/audit.smk"
include: "rules/distillation.smk"
include: "rules/evaluation.smk"
include: "rules/tables.smk"
include: "rules/figures.smk"
include: "rules/report.smk"
include: "rules/provenance.smk"
include: "rules/export.smk"
include: "rules/preflight.smk"
include: "rules/plan.smk"


onstart:
    mend(workflow.scheduler)
    write_run_config()
    run_state.remember(Path(), workflow.rundir)


onerror:
    print(where_logs_are(log))


rule all:
    default_target: True
    input:
        collect(
            "results/tables/{table}.{format}",
            table=TABLES,
            format=TABLE_FORMATS,
        ),
        collect(
            "results/figures/{figure}.{format}",
            figure=[*FIGURES, *TIMED_FIGURES],
            format=FIGURE_FORMATS,
        ),
        ["results/report.html", "results/provenance.json"] if SCORES else [],
        collect(
            "results/datasets/{dataset}/dataset_card.md",
            dataset=usual_datasets(config),
        ),


# A word that is the name of no rule comes here: all files of a run lie in folders.
rule no_such_target:
    input:
        refuse_target,
    output:
        "{word}",
