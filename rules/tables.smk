# From scores to tables; `snakemake table_<name>` makes a single table.
#
# In:   the scores that a table selects (tables.<name>.select in config); for `claims`, those that any table selects;
#       for `audit`, the audits; for `cost`, the stats of every job
# Out:  results/tables/{table}.md, .csv, .tex, and .provenance.md, all that the numbers depend on
# Steps: table, claims, budgets, audit_table, cost; tables of recipes and of gains are made in recipe_tables.smk

from hearth.workflow.config_references import OWN_TABLES
from hearth.workflow.selection import compared_pairs, table_pairs


localrules:
    table,
    claims,
    budgets,
    audit_table,
    cost,


def table_files(name):
    """Return the paths of a table's files."""
    suffixes = {
        "markdown": "md",
        "csv": "csv",
        "tex": "tex",
        "provenance": "provenance.md",
    }
    return {
        option: f"results/tables/{name}.{suffix}" for option, suffix in suffixes.items()
    }


def table_outputs(name):
    """Return the files of a table as named outputs. Snakemake's report shows the first.

    For outputs only: as an input of a rule, a file with `report` would need its caption relative to that rule.
    """
    files = table_files(name)
    options = {
        "category": "Tables",
        "labels": {"table": name},
        "caption": "../report/table.rst",
    }
    return {**files, "markdown": report(files["markdown"], **options)}


def table_spec(table):
    """Return the specification of a table for the programs table.py and report.py."""
    keys = ("title", "caption", "columns", "seeds", "layout", "rows", "labels")
    spec = {key: config["tables"][table][key] for key in keys}
    return spec | {"compare": compared_pairs(config, table)}


def tables_of(*rows):
    """Return a regular expression for the names of the declared tables with these `rows`."""
    return matching(
        name for name, spec in config["tables"].items() if spec["rows"] in rows
    )


rule table:
    input:
        scores=lambda wildcards: score_files(table_pairs(config, wildcards.table)),
    output:
        **table_outputs("{table}"),
    log:
        "logs/table/{table}.log",
    benchmark:
        "benchmarks/table/{table}.tsv"
    wildcard_constraints:
        table=rf"(?!(?:{'|'.join(OWN_TABLES)}|{tables_of('recipes', 'gains')})\b)[a-z][a-z0-9_]*",
    conda:
        "../envs/analysis.yaml"
    container:
        IMAGES["analysis"]
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        spec=lambda wildcards: json.dumps(table_spec(wildcards.table), sort_keys=True),
        code=code_digest("table"),
    message:
        "Writing the table {wildcards.table}"
    shell:
        'python "$SCRIPTS/table.py" --name {wildcards.table} --spec {params.spec:q} --scores {input.scores:q}'
        " --markdown {output.markdown:q} --csv {output.csv:q} --tex {output.tex:q} > {log:q} 2>&1"


rule claims:
    input:
        scores=SCORES,
    output:
        **table_outputs("claims"),
    log:
        "logs/claims/claims.log",
    benchmark:
        "benchmarks/claims/claims.tsv"
    conda:
        "../envs/analysis.yaml"
    container:
        IMAGES["analysis"]
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        code=code_digest("claims"),
    message:
        "Deciding the paper's claims"
    shell:
        'python "$SCRIPTS/claims.py" --scores {input.scores:q}'
        " --markdown {output.markdown:q} --csv {output.csv:q} --tex {output.tex:q} > {log:q} 2>&1"


rule budgets:
    input:
        scores=SCORES,
    output:
        **table_outputs("budgets"),
    log:
        "logs/budgets/budgets.log",
    benchmark:
        "benchmarks/budgets/budgets.tsv"
    conda:
        "../envs/analysis.yaml"
    container:
        IMAGES["analysis"]
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        code=code_digest("budgets"),
    message:
        "Writing the table budgets"
    shell:
        'python "$SCRIPTS/budgets.py" --scores {input.scores:q}'
        " --markdown {output.markdown:q} --csv {output.csv:q} --tex {output.tex:q} > {log:q} 2>&1"


SIMULATED_DATASETS = [name for name in config["datasets"] if is_simulated(name)]


def stand_ins(names):
    """Return the models or recognisers in `names` whose model only stands in for a real one, each once."""
    bases = {
        name: RECOGNISERS[name].base if name in RECOGNISERS else name for name in names
    }
    return [name for name, base in bases.items() if stand_in(base)]


rule audit_table:
    input:
        audits=AUDITS,
    output:
        **table_outputs("audit"),
    log:
        "logs/audit_table/audit.log",
    benchmark:
        "benchmarks/audit_table/audit.tsv"
    conda:
        "../envs/analysis.yaml"
    container:
        IMAGES["analysis"]
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        simulated=SIMULATED_DATASETS,
        tiny=stand_ins([teacher for teacher, _ in RUN.teacher_pairs]),
        code=code_digest("audit_table"),
    message:
        "Writing the table audit"
    shell:
        'python "$SCRIPTS/audit_table.py" --audits {input.audits:q} --simulated {params.simulated:q} --tiny {params.tiny:q}'
        " --markdown {output.markdown:q} --csv {output.csv:q} --tex {output.tex:q} > {log:q} 2>&1"


def stats_of_predictions(needed):
    """Return the stats files of predictions: (recogniser, dataset, split)."""
    files = []
    for recogniser, dataset, split in sorted(needed):
        place = {"recogniser": recogniser, "dataset": dataset, "split": split}
        if RECOGNISERS[recogniser].base:
            shards = shard_names(**place)
            files += collect(rules.recognise.output.stats, shard=shards, **place)
        else:
            files += [
                f"results/predictions/{recogniser}/{dataset}/{split}/all.stats.json"
            ]
    return files


def prediction_stats(wildcards):
    """Return the stats files of all predictions that the run's scores and students need."""
    needed = {
        (name, dataset, split)
        for name, dataset in RUN.asked_pairs
        for split in scored_splits(config, RECOGNISERS[name], dataset)
    }
    return stats_of_predictions(needed | {*RUN.traces, *RUN.replayed, *RUN.policies})


def stats_of_scoring(scored):
    """Return the stats files of the scoring of text: (teacher, recogniser, dataset, split)."""
    return [
        path
        for teacher, recogniser, dataset, split in sorted(scored)
        for path in collect(
            rules.log_probabilities.output.stats,
            teacher=teacher,
            recogniser=recogniser,
            dataset=dataset,
            split=split,
            shard=shard_names(recogniser=recogniser, dataset=dataset, split=split),
        )
    ]


rule cost:
    input:
        predictions=prediction_stats,
        scoring=lambda wildcards: stats_of_scoring(RUN.scored),
        students=student_files(rules.distil.output.stats, RUN.trained),
    output:
        **table_outputs("cost"),
    log:
        "logs/cost/cost.log",
    benchmark:
        "benchmarks/cost/cost.tsv"
    conda:
        "../envs/analysis.yaml"
    container:
        IMAGES["analysis"]
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        simulated=SIMULATED_DATASETS,
        tiny=stand_ins([*RUN.models, *RUN.trained, *(name for name, _ in RUN.pairs)]),
        code=code_digest("cost"),
    message:
        "Writing the table cost"
    shell:
        'python "$SCRIPTS/cost.py" --predictions {input.predictions:q} --scoring {input.scoring:q}'
        " --students {input.students:q}"
        " --simulated {params.simulated:q} --tiny {params.tiny:q}"
        " --markdown {output.markdown:q} --csv {output.csv:q} --tex {output.tex:q} > {log:q} 2>&1"


for name in [*config["tables"], *RUN.own_tables]:

    rule:
        name:
            f"table_{name}"
        input:
            table_files(name).values(),
