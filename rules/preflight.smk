# Check machines, models and data before a run is queued: `snakemake preflight`, with the options of the run.
#
# In:   the config and its models' entries in the registry; nothing is fetched, and no result depends on these checks
# Out:  a printed list of everything that is missing, with remedies; the job fails if something is missing
# Steps: check_login (on the login node), check_node (a job for each different request of GPUs and memory) -> preflight

import time


localrules:
    check_login,
    preflight,


# A param of the checks, so that they are repeated in every run.
NOW = time.time()


rule check_login:
    output:
        findings="results/preflight/login.json",
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
        models=json.dumps({model: model_spec(model) for model in RUN.models}),
        project=SOURCE,
        datasets=json.dumps(config["datasets"]),
        splits=collect(rules.window_dataset.output.splits, dataset=config["datasets"]),
        recognisers=len({recogniser for recogniser, _ in RUN.pairs}),
        max_new_tokens=config["decoding"]["max_new_tokens"],
        # Without conda, all rules share the environment that runs Snakemake.
        pins=[f"{PROJECT}envs/llm.yaml"]
        + ([] if WITH_CONDA else [f"{PROJECT}envs/analysis.yaml"]),
        now=NOW,
    message:
        "Checking what the run needs on this machine"
    shell:
        "python $SCRIPTS/check_login.py --models {params.models:q} --fetched results/models"
        " --base {params.project:q} --datasets {params.datasets:q} --splits {params.splits:q}"
        " --recognisers {params.recognisers} --max-new-tokens {params.max_new_tokens} --pins {params.pins:q}"
        " --out {output:q} > {log:q} 2>&1"


def models_by_request():
    """Return a dict from (GPUs, MB of memory), as strings, to the models of the run whose jobs request them."""
    requests = {}
    for model in RUN.models:
        request = str(registry[model]["gpus"]), str(registry[model]["mem_mb"])
        requests.setdefault(request, []).append(model)
    return requests


MODELS_BY_REQUEST = models_by_request()


rule check_node:
    output:
        findings="results/preflight/{gpus}-gpus-{mem_mb}-mb.json",
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
            for model in MODELS_BY_REQUEST[wildcards.gpus, wildcards.mem_mb]
        ],
        dtype=config["engine"]["dtype"],
        pins=f"{PROJECT}envs/llm.yaml",
        now=NOW,
    message:
        "Checking a node with {wildcards.gpus} GPUs and {wildcards.mem_mb} MB"
    shell:
        "python $SCRIPTS/check_node.py --models {params.models:q} --gpus {wildcards.gpus} --mem-mb {wildcards.mem_mb}"
        " --dtype {params.dtype} --pins {params.pins:q} --work work --out {output:q} > {log:q} 2>&1"


rule preflight:
    input:
        rules.check_login.output.findings,
        [
            rules.check_node.output.findings.format(gpus=gpus, mem_mb=mem_mb)
            for gpus, mem_mb in MODELS_BY_REQUEST
        ],
    log:
        "logs/preflight/preflight.log",
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=500,
        runtime=5,
    message:
        "Printing what is missing"
    shell:
        # If the program fails, Snakemake prints the log.
        "python $SCRIPTS/preflight.py --findings {input:q} > {log:q} 2>&1 && cat {log:q}"
