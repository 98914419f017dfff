# What a run needs, looked at before a day is queued: `snakemake preflight`, with the options of the run.
#
# In:   the config and its models' entries in the registry; nothing is fetched, no result is made of it
# Out:  everything that is missing, at once, each with what to do; it fails where something is
# Steps: check_login (beside Snakemake), check_node (a job as `recognise` submits it, one for every ask) -> preflight

import time

ASKS = models_by_ask()
# A param, so that everything is looked at again each time.
NOW = time.time()


rule check_login:
    output:
        "results/preflight/login.json",
    log:
        "logs/check_login/login.log",
    benchmark:
        "benchmarks/check_login/login.tsv"
    conda:
        "../envs/llm.yaml"
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        models=json.dumps({model: model_spec(model) for model in MODELS}),
        project=SOURCE,
        datasets=json.dumps(config["datasets"]),
        splits=collect(
            "results/datasets/{dataset}/splits.json", dataset=config["datasets"]
        ),
        recognisers=len({recogniser for recogniser, _ in PAIRS}),
        max_new_tokens=config["decoding"]["max_new_tokens"],
        # Without conda, all rules share the environment that runs Snakemake.
        pins=[f"{PROJECT}envs/llm.yaml"]
        + ([] if WITH_CONDA else [f"{PROJECT}envs/analysis.yaml"]),
        now=NOW,
    message:
        "Looking at what the run needs here"
    shell:
        "python $SCRIPTS/check_login.py --models {params.models:q} --fetched results/models"
        " --base {params.project:q} --datasets {params.datasets:q} --splits {params.splits:q}"
        " --recognisers {params.recognisers} --max-new-tokens {params.max_new_tokens} --pins {params.pins:q}"
        " --out {output:q} > {log:q} 2>&1"


rule check_node:
    output:
        "results/preflight/{gpus}-gpus-{mem_mb}-mb.json",
    log:
        "logs/check_node/{gpus}-gpus-{mem_mb}-mb.log",
    benchmark:
        "benchmarks/check_node/{gpus}-gpus-{mem_mb}-mb.tsv"
    wildcard_constraints:
        gpus=r"\d+",
        mem_mb=r"\d+",
    conda:
        "../envs/llm.yaml"
    resources:
        gpu=lambda wildcards: int(wildcards.gpus),
        mem_mb=lambda wildcards: int(wildcards.mem_mb),
        runtime=10,
        slurm_partition=lambda wildcards: partition_for(int(wildcards.gpus)),
    params:
        models=lambda wildcards: [
            f"results/models/{model}"
            for model in ASKS[wildcards.gpus, wildcards.mem_mb]
        ],
        dtype=config["engine"]["dtype"],
        pins=f"{PROJECT}envs/llm.yaml",
        now=NOW,
    message:
        "Looking at a machine with {wildcards.gpus} GPUs and {wildcards.mem_mb} MB"
    shell:
        "python $SCRIPTS/check_node.py --models {params.models:q} --gpus {wildcards.gpus} --mem-mb {wildcards.mem_mb}"
        " --dtype {params.dtype} --pins {params.pins:q} --work work --out {output:q} > {log:q} 2>&1"


rule preflight:
    input:
        "results/preflight/login.json",
        [f"results/preflight/{gpus}-gpus-{mem_mb}-mb.json" for gpus, mem_mb in ASKS],
    log:
        "logs/preflight/preflight.log",
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=500,
        runtime=5,
    message:
        "Saying what is missing"
    shell:
        # Snakemake shows the log of a job that failed by itself.
        "python $SCRIPTS/preflight.py --findings {input:q} > {log:q} 2>&1 && cat {log:q}"
