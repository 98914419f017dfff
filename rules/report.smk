# From scores, figures and predictions to the pages for readers.
#
# In:   every score that a table selects, the audits, the figures; for the window browser, windows and parsed
#       predictions; the templates of the pages
# Out:  results/report.html, results/windows.html
# Steps: report, window_browser

from hearth.workflow.browsed_recognisers import browsed_recognisers


localrules:
    report,
    window_browser,


def report_tables():
    """Return the specification and the (recogniser, dataset) pairs of each table that the report shows, as JSON.

    Tables of gains depend on answers, not on scores alone, so the report does not show them.
    """
    tables = {
        name: table_spec(name) | {"pairs": table_pairs(config, name)}
        for name, spec in config["tables"].items()
        if spec["all"] and spec["rows"] != "gains"
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
        'python "$SCRIPTS/report.py" --scores {input.scores:q} --audits {input.audits:q} --tables {params.tables:q}'
        " --figures {input.figures:q} --template {input.template:q} --out {output.page:q} > {log:q} 2>&1"


BROWSED = browsed_recognisers(config, RUN.pairs)


rule window_browser:
    input:
        windows=collect(rules.window_dataset.output.windows, dataset=BROWSED),
        parsed=[
            parsed_files(name, dataset)
            for dataset, roles in BROWSED.items()
            for name in roles.values()
        ],
        template=project_file(
            "workflow_scripts/hearth/evaluation/window_browser.html.j2"
        ),
        script=project_file("workflow_scripts/hearth/evaluation/window_browser.js"),
    output:
        page=report(
            "results/windows.html",
            category="Report",
            caption="../report/windows.rst",
        ),
    log:
        "logs/window_browser/windows.log",
    benchmark:
        "benchmarks/window_browser/windows.tsv"
    conda:
        "../envs/analysis.yaml"
    container:
        IMAGES["analysis"]
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        recognisers=json.dumps(BROWSED),
        settings=config["window_browser"],
        simulated=[name for name in BROWSED if is_simulated(name)],
        tiny=stand_ins(
            dict.fromkeys(
                name for roles in BROWSED.values() for name in roles.values()
            )
        ),
        code=code_digest("window_browser"),
    message:
        "Writing the window browser"
    shell:
        'python "$SCRIPTS/window_browser.py" --recognisers {params.recognisers:q} --windows {input.windows:q}'
        " --parsed {input.parsed:q} --simulated {params.simulated:q} --tiny {params.tiny:q}"
        " --number {params.settings[windows]} --seed {params.settings[seed]}"
        " --template {input.template:q} --script {input.script:q} --out {output.page:q} > {log:q} 2>&1"
