"""Hearth: from sensor events of a home to the paper's tables. The stages, in the order data flows through them."""

from snakemake.utils import min_version

min_version("9.18")


if not workflow.overwrite_configfiles:

    configfile: "config/config.yaml"


report: "report/workflow.rst"


include: "rules/common.smk"
include: "rules/project.smk"
include: "rules/data.smk"
include: "rules/prompts.smk"
include: "rules/models.smk"
include: "rules/recognition.smk"
include: "rules/distillation.smk"
include: "rules/evaluation.smk"
include: "rules/tables.smk"
include: "rules/figures.smk"
include: "rules/report.smk"


onstart:
    write_run_config()


onerror:
    print(WHERE_LOGS_ARE)


rule all:
    default_target: True
    input:
        collect(
            "results/tables/{table}.{format}",
            table=TABLES,
            format=TABLE_FORMATS,
        ),
        collect(
            "results/figures/{figure}.{format}", figure=FIGURES, format=FIGURE_FORMATS
        ),
        "results/report.html" if SCORES else [],
        collect(
            "results/datasets/{dataset}/dataset_card.md", dataset=config["datasets"]
        ),
