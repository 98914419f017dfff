# Scores to tables; `snakemake table_<name>` makes one.
#
# In:   the scores that a table selects (tables.<name>.select in config); for `claims`, those that any table selects;
#       for `cost`, the stats of every job
# Out:  results/tables/{table}.md, .csv, .tex
# Steps: table, claims, cost


rule table:
    input:
        scores=table_scores,
    output:
        markdown=report(
            "results/tables/{table}.md",
            category="Tables",
            labels={"table": "{table}"},
            caption="../report/table.rst",
        ),
        csv="results/tables/{table}.csv",
        tex="results/tables/{table}.tex",
    log:
        "logs/table/{table}.log",
    benchmark:
        "benchmarks/table/{table}.tsv"
    wildcard_constraints:
        table=rf"(?!(?:{'|'.join(configuration.OWN_TABLES)})\b)[a-z][a-z0-9_]*",
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        spec=table_spec,
        code=code_digest("table"),
    message:
        "Writing the table {wildcards.table}"
    shell:
        "python $SCRIPTS/table.py --name {wildcards.table} --spec {params.spec:q} --scores {input.scores:q}"
        " --markdown {output.markdown:q} --csv {output.csv:q} --tex {output.tex:q} > {log:q} 2>&1"


rule claims:
    input:
        scores=SCORES,
    output:
        markdown=report(
            "results/tables/claims.md",
            category="Tables",
            labels={"table": "claims"},
            caption="../report/table.rst",
        ),
        csv="results/tables/claims.csv",
        tex="results/tables/claims.tex",
    log:
        "logs/claims/claims.log",
    benchmark:
        "benchmarks/claims/claims.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        code=code_digest("claims"),
    message:
        "Deciding the paper's claims"
    shell:
        "python $SCRIPTS/claims.py --scores {input.scores:q}"
        " --markdown {output.markdown:q} --csv {output.csv:q} --tex {output.tex:q} > {log:q} 2>&1"


rule cost:
    input:
        predictions=prediction_stats,
        students=collect(
            "results/students/{student}/training.stats.json", student=TRAINED
        ),
    output:
        markdown=report(
            "results/tables/cost.md",
            category="Tables",
            labels={"table": "cost"},
            caption="../report/table.rst",
        ),
        csv="results/tables/cost.csv",
        tex="results/tables/cost.tex",
    log:
        "logs/cost/cost.log",
    benchmark:
        "benchmarks/cost/cost.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        simulated=simulated_datasets,
        tiny=tiny_recognisers,
        code=code_digest("cost"),
    message:
        "Writing the table cost"
    shell:
        "python $SCRIPTS/cost.py --predictions {input.predictions:q} --students {input.students:q}"
        " --simulated {params.simulated:q} --tiny {params.tiny:q}"
        " --markdown {output.markdown:q} --csv {output.csv:q} --tex {output.tex:q} > {log:q} 2>&1"


for name in [*config["tables"], *OWN_TABLES]:

    rule:
        name:
            f"table_{name}"
        input:
            expand("results/tables/{table}.{format}", table=name, format=TABLE_FORMATS),
