# Automated checks of the traces that students learn from.
#
# In:   parsed.jsonl of a recogniser on a dataset's train split, windows, home, the prompt
# Out:  results/audits/{recogniser}/{dataset}.jsonl
# Steps: audit


localrules:
    audit,


rule audit:
    input:
        windows=rules.window_dataset.output.windows,
        home=home_file,
        prompt=recogniser_prompt,
        parsed=collect(
            rules.parse_predictions.output.parsed, split="train", allow_missing=True
        ),
    output:
        audit="results/audits/{recogniser}/{dataset}.jsonl",
    log:
        "logs/audit/{recogniser}/{dataset}.log",
    benchmark:
        "benchmarks/audit/{recogniser}/{dataset}.tsv"
    conda:
        "../envs/analysis.yaml"
    container:
        IMAGES["analysis"]
    resources:
        mem_mb=500,
        runtime=30,
    params:
        code=code_digest("audit"),
    message:
        "Auditing the traces of {wildcards.recogniser} on {wildcards.dataset}"
    shell:
        "python $SCRIPTS/audit.py --recogniser {wildcards.recogniser} --dataset {wildcards.dataset}"
        " --windows {input.windows:q} --home {input.home:q} --prompt {input.prompt:q} --parsed {input.parsed:q}"
        " --out {output.audit:q} > {log:q} 2>&1"


# Paths of the audits of all traces that the run's students learn from.
AUDITS = [
    rules.audit.output.audit.format(recogniser=teacher, dataset=dataset)
    for teacher, dataset in RUN.teacher_pairs
]
