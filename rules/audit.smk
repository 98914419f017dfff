# Automated checks of the traces that students learn from.
#
# In:   parsed.jsonl of a recogniser on the split of its traces (all or train<k>), windows, home, the prompt
# Out:  results/audits/{recogniser}/{dataset}/{split}.jsonl
# Steps: audit


localrules:
    audit,


rule audit:
    input:
        windows=rules.window_dataset.output.windows,
        home=home_file,
        prompt=recogniser_prompt,
        splits=rules.split_dataset.output.splits,
        parsed=rules.parse_predictions.output.parsed,
    output:
        audit="results/audits/{recogniser}/{dataset}/{split}.jsonl",
    log:
        "logs/audit/{recogniser}/{dataset}/{split}.log",
    benchmark:
        "benchmarks/audit/{recogniser}/{dataset}/{split}.tsv"
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
        'python "$SCRIPTS/audit.py" --recogniser {wildcards.recogniser} --dataset {wildcards.dataset}'
        " --windows {input.windows:q} --splits {input.splits:q} --split {wildcards.split} --home {input.home:q}"
        " --prompt {input.prompt:q} --parsed {input.parsed:q}"
        " --out {output.audit:q} > {log:q} 2>&1"


# Paths of the audits of all traces that the run's students learn from.
AUDITS = [
    rules.audit.output.audit.format(recogniser=teacher, dataset=dataset, split=split)
    for teacher, dataset, split in RUN.traces
]
