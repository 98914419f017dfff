# From windows to predictions; one rule serves zero-shot models, teachers on the train split, students and baselines.
#
# In:   windows.jsonl, shards.json; the prompt and a model's snapshot, except for baselines; a student's adapter
# Out:  results/predictions/{recogniser}/{dataset}/{split}/{shard}.jsonl and .stats.json; all.jsonl; parsed.jsonl
# Steps: recognise (one job per shard, resumes from work/) -> gather_predictions -> parse_predictions

from hearth.engines.registry import SERVED_ENGINE


localrules:
    gather_predictions,
    parse_predictions,


def engine_name(wildcards):
    """Return the name of a recogniser's engine: "openai" for a served model, else engine.name; "" for a baseline."""
    base = recogniser_of(wildcards).base
    if not base:
        return ""
    served = registry[base]["source"] == "served"
    return SERVED_ENGINE if served else config["engine"]["name"]


def engine_environment(wildcards):
    return f"../envs/{'vllm' if engine_name(wildcards) == 'vllm' else 'llm'}.yaml"


def server_url(wildcards):
    """Return the URL of a served model's server; "" for other recognisers."""
    if engine_name(wildcards) != SERVED_ENGINE:
        return ""
    base = recogniser_of(wildcards).base
    return registry[base]["base_url"] or config["engine"]["base_url"]


def adapter_folder(wildcards):
    """Return the folder of a student's adapter; "" for other recognisers."""
    student = recogniser_of(wildcards).student
    return f"results/students/{student.name}/adapter" if student else ""


def adapter_files(wildcards):
    """Return the files of a student's adapter; an empty list for other recognisers."""
    folder = adapter_folder(wildcards)
    names = ("adapter_model.safetensors", "adapter_config.json")
    return [f"{folder}/{name}" for name in names] if folder else []


def recognition_options(wildcards):
    """Return the settings that decide a prediction, as options of the program; the windows are other options."""
    recogniser = recogniser_of(wildcards)
    if recogniser.kind == "baseline":
        return f"--baseline {recogniser.name}"
    options = {
        "--model": f"results/models/{recogniser.base}",
        "--adapter": adapter_folder(wildcards),
        "--prompt": recogniser_prompt(wildcards),
        "--decoding": json.dumps(recogniser.decoding, sort_keys=True),
    }
    engine = engine_name(wildcards)
    if engine != SERVED_ENGINE:  # a server decides its own precision
        options["--dtype"] = config["engine"]["dtype"]
    if engine == "vllm":
        options["--engine"] = engine
    return " ".join(
        f"{option} {shlex.quote(value)}" for option, value in options.items() if value
    )


rule recognise:
    input:
        windows=rules.window_dataset.output.windows,
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
        # Resources and not params, because these settings decide no result, so a change must rerun nothing.
        device=config["engine"]["device"],
        batch_size=config["engine"]["batch_size"],
        base_url=server_url,
        timeout=config["engine"]["timeout"],
    params:
        engine=recognition_options,
    message:
        "Recognising {wildcards.dataset} {wildcards.split} {wildcards.shard} with {wildcards.recogniser}"
    shell:
        "OMP_NUM_THREADS={threads} python $SCRIPTS/recognise.py {params.engine}"
        " --windows {input.windows:q} --split {wildcards.split} --shard {wildcards.shard}"
        " --device {resources.device} --batch-size {resources.batch_size}"
        " --base-url={resources.base_url:q} --timeout {resources.timeout}"
        " --work work/predictions/{wildcards.recogniser}/{wildcards.dataset}/{wildcards.split}/{wildcards.shard}"
        " --out {output.predictions:q} --stats {output.stats:q} > {log:q} 2>&1"


def shard_predictions(wildcards):
    """Return the prediction files of all shards of the wildcards' dataset and split, in window order."""
    shards = shard_names(wildcards.dataset, wildcards.split)
    return collect(rules.recognise.output.predictions, shard=shards, **wildcards)


rule gather_predictions:
    input:
        windows=rules.window_dataset.output.windows,
        shards=shard_predictions,
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
        windows=rules.window_dataset.output.windows,
        home=home_file,
        predictions=rules.gather_predictions.output.predictions,
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
        "Parsing the answers of {wildcards.recogniser} on {wildcards.dataset} {wildcards.split}"
    shell:
        "python $SCRIPTS/parse_predictions.py --windows {input.windows:q} --home {input.home:q}"
        " --split {wildcards.split} --predictions {input.predictions:q} --out {output.parsed:q} > {log:q} 2>&1"
