# From scores and figures to the report page.
#
# In:   every score that a table selects, the audits, the figures, the page's template
# Out:  results/report.html
# Steps: report


localrules:
    report,


def report_tables():
    """Return the specification and the (recogniser, dataset) pairs of each table that the report shows, as JSON."""
    tables = {
        name: table_spec(name) | {"pairs": table_pairs(config, name)}
        for name, spec in config["tables"].items()
        if spec["all"]
    }
    return json.dumps(tables)


rule report:
    input:
        scores=SCORES,
        audits=AUDITS,
        figures=collect(rules.figure.output.svg, figure=RUN.figures),
        template=project_file("workflow_scripts/hearth/evaluation/report.html.j2"),
    output:
        page=report(
            "results/report.html",
            category="Report",
            caption="../report/report.rst",
        ),
    log:
        "logs/report/report.log",
    benchmark:
        "benchmarks/report/report.tsv"
    conda:
        "../envs/analysis.yaml"
    container:
        IMAGES["analysis"]
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        tables=report_tables(),
        code=code_digest("report"),
    message:
        "Writing the report"
    shell:
        "python $SCRIPTS/report.py --scores {input.scores:q} --audits {input.audits:q} --tables {params.tables:q}"
        " --figures {input.figures:q} --template {input.template:q} --out {output.page:q} > {log:q} 2>&1"
