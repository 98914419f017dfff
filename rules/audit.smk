# The traces that students learn from, looked through for what a program can doubt.
#
# In:   parsed.jsonl of a recogniser on a dataset's train split, windows, home, the prompt
# Out:  results/audits/{recogniser}/{dataset}.json; results/tables/audit.md, .csv, .tex
# Steps: audit -> audit_table (of every teacher and dataset that the run's students learn from)


rule audit:
    input:
        windows="results/datasets/{dataset}/windows.jsonl",
        home=home_file,
        prompt=recogniser_prompt,
        parsed="results/predictions/{recogniser}/{dataset}/train/parsed.jsonl",
    output:
        audit="results/audits/{recogniser}/{dataset}.json",
    log:
        "logs/audit/{recogniser}/{dataset}.log",
    benchmark:
        "benchmarks/audit/{recogniser}/{dataset}.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        code=code_digest("audit"),
    message:
        "Auditing the traces of {wildcards.recogniser} on {wildcards.dataset}"
    shell:
        "python $SCRIPTS/audit.py --recogniser {wildcards.recogniser} --dataset {wildcards.dataset}"
        " --windows {input.windows:q} --home {input.home:q} --prompt {input.prompt:q} --parsed {input.parsed:q}"
        " --out {output.audit:q} > {log:q} 2>&1"


rule audit_table:
    input:
        audits=audits,
    output:
        markdown=report(
            "results/tables/audit.md",
            category="Tables",
            labels={"table": "audit"},
            caption="../report/table.rst",
        ),
        csv="results/tables/audit.csv",
        tex="results/tables/audit.tex",
    log:
        "logs/audit_table/audit.log",
    benchmark:
        "benchmarks/audit_table/audit.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        simulated=simulated_datasets,
        tiny=tiny_teachers,
        code=code_digest("audit_table"),
    message:
        "Writing the table audit"
    shell:
        "python $SCRIPTS/audit_table.py --audits {input.audits:q} --simulated {params.simulated:q} --tiny {params.tiny:q}"
        " --markdown {output.markdown:q} --csv {output.csv:q} --tex {output.tex:q} > {log:q} 2>&1"
