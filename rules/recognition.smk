# Windows to raw predictions: one rule for zero-shot models, the teacher on the train split, students and baselines.
#
# In:   windows.jsonl, shards.json; the prompt and a model's snapshot, but for baselines; a student's adapter
# Out:  results/predictions/{recogniser}/{dataset}/{split}/{shard}.jsonl and .stats.json; all.jsonl; parsed.jsonl
# Steps: recognise (a job a shard, resumes from work/) -> gather_predictions -> parse_predictions


rule recognise:
    input:
        windows="results/datasets/{dataset}/windows.jsonl",
        prompt=recogniser_prompt,
        model=model_snapshot,
        adapter=adapter_files,
    output:
        predictions="results/predictions/{recogniser}/{dataset}/{split}/{shard}.jsonl",
        stats="results/predictions/{recogniser}/{dataset}/{split}/{shard}.stats.json",
    log:
        "logs/recognise/{recogniser}/{dataset}/{split}/{shard}.log",
    benchmark:
        "benchmarks/recognise/{recogniser}/{dataset}/{split}/{shard}.tsv"
    conda:
        engine_environment
    threads: config["engine"]["threads"]
    resources:
        gpu=model_resource("gpus"),
        mem_mb=growing_resource("mem_mb"),
        runtime=growing_resource("runtime"),
        slurm_partition=partition,
        # How a model is run decides no result, so these are not params.
        device=config["engine"]["device"],
        batch_size=config["engine"]["batch_size"],
        base_url=server,
        timeout=config["engine"]["timeout"],
    params:
        engine=engine_options,
    message:
        "Recognising {wildcards.dataset} {wildcards.split} {wildcards.shard} with {wildcards.recogniser}"
    shell:
        "OMP_NUM_THREADS={threads} python $SCRIPTS/recognise.py {params.engine}"
        " --windows {input.windows:q} --split {wildcards.split} --shard {wildcards.shard}"
        " --device {resources.device} --batch-size {resources.batch_size}"
        " --base-url={resources.base_url:q} --timeout {resources.timeout}"
        " --work work/predictions/{wildcards.recogniser}/{wildcards.dataset}/{wildcards.split}/{wildcards.shard}"
        " --out {output.predictions:q} --stats {output.stats:q} > {log:q} 2>&1"


rule gather_predictions:
    input:
        windows="results/datasets/{dataset}/windows.jsonl",
        shards=shard_files(
            "results/predictions/{recogniser}/{dataset}/{split}/{shard}.jsonl"
        ),
    output:
        predictions="results/predictions/{recogniser}/{dataset}/{split}/all.jsonl",
    log:
        "logs/gather_predictions/{recogniser}/{dataset}/{split}.log",
    benchmark:
        "benchmarks/gather_predictions/{recogniser}/{dataset}/{split}.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=2000,
        runtime=10,
    message:
        "Gathering the predictions of {wildcards.recogniser} on {wildcards.dataset} {wildcards.split}"
    shell:
        "python $SCRIPTS/gather_predictions.py --windows {input.windows:q} --split {wildcards.split}"
        " --shards {input.shards:q} --out {output.predictions:q} > {log:q} 2>&1"


rule parse_predictions:
    input:
        windows="results/datasets/{dataset}/windows.jsonl",
        home=home_file,
        predictions="results/predictions/{recogniser}/{dataset}/{split}/all.jsonl",
    output:
        parsed="results/predictions/{recogniser}/{dataset}/{split}/parsed.jsonl",
    log:
        "logs/parse_predictions/{recogniser}/{dataset}/{split}.log",
    benchmark:
        "benchmarks/parse_predictions/{recogniser}/{dataset}/{split}.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        code=code_digest("parse_predictions"),
    message:
        "Reading the answers of {wildcards.recogniser} on {wildcards.dataset} {wildcards.split}"
    shell:
        "python $SCRIPTS/parse_predictions.py --windows {input.windows:q} --home {input.home:q}"
        " --split {wildcards.split} --predictions {input.predictions:q} --out {output.parsed:q} > {log:q} 2>&1"
