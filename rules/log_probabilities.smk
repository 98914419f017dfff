# From finished text to the likeliest tokens in the place of each of its tokens, for students that learn probabilities.
#
# In:   {shard}.jsonl and all.jsonl of the recogniser that wrote the text; windows.jsonl, its index, splits.json; prompt, snapshot and adapter of the teacher that scores it
# Out:  results/log_probabilities/{teacher}/{recogniser}/{dataset}/{split}/{shard}.safetensors and .stats.json; all.safetensors
# Steps: log_probabilities or log_probabilities_vllm (one job per shard of the predictions; a killed one starts again, as reading a text takes a small part of the time that writing it took) -> gather_log_probabilities

from functools import wraps


localrules:
    gather_log_probabilities,


class NamedWildcards(dict):
    """Wildcards of another job."""

    __getattr__ = dict.__getitem__


def of_teacher(function):
    """Return a function of wildcards that calls `function` with the recogniser that {teacher} names as {recogniser}."""

    @wraps(function)
    def value(wildcards, **others):
        named = NamedWildcards(wildcards.items(), recogniser=wildcards.teacher)
        return function(named, **others)

    return value


def scoring_options(wildcards):
    """Return the settings that decide log-probabilities, as options of the program.

    Raises WorkflowError for a recogniser that a server runs: it does not score finished text.
    """
    if engine_name(wildcards) in SERVER_ENGINES:
        raise WorkflowError(
            f"{wildcards.recogniser} cannot score finished text, because a server runs it (engine.name,"
            " or source: served in the model registry). Set engine.name to transformers or vllm, or use recipes that"
            " learn from text alone."
        )
    options = recognition_settings(wildcards)
    return command_line(options | {"--top-tokens": str(config["teacher_top_tokens"])})


rule log_probabilities:
    input:
        windows=rules.window_dataset.output.windows,
        index=rules.window_dataset.output.index,
        splits=split_file,
        predictions=rules.recognise.output.predictions,
        prompt=of_teacher(recogniser_prompt),
        model=of_teacher(model_snapshot),
        adapter=of_teacher(adapter_files),
    output:
        log_probabilities="results/log_probabilities/{teacher}/{recogniser}/{dataset}/{split}/{shard}.safetensors",
        stats="results/log_probabilities/{teacher}/{recogniser}/{dataset}/{split}/{shard}.stats.json",
    log:
        "logs/log_probabilities/{teacher}/{recogniser}/{dataset}/{split}/{shard}.log",
    benchmark:
        "benchmarks/log_probabilities/{teacher}/{recogniser}/{dataset}/{split}/{shard}.tsv"
    wildcard_constraints:
        teacher=all_but(f"{BY_VLLM}|{BASELINES}|{MAJORITIES}"),
        recogniser=all_but(f"{BASELINES}|{MAJORITIES}"),
    conda:
        "../envs/llm.yaml"
    container:
        IMAGES["llm"]
    threads: of_teacher(recognition_cores)
    resources:
        **{
            name: of_teacher(value)
            for name, value in node_request(recognition_gpus).items()
        },
        gpu=of_teacher(recognition_gpus),
        mem_mb=of_teacher(recognition_memory),
        runtime=of_teacher(growing_resource("runtime")),
        omp_threads=of_teacher(recognition_omp_threads),
        activate=of_teacher(activate_engine),
        # Resources and not params, because these settings decide no result, so a change must rerun nothing.
        device=config["engine"]["device"],
        batch_size=config["engine"]["batch_size"],
        stage_weights=config["engine"]["stage_weights"],
        vllm=of_teacher(vllm_options),
    params:
        split=splits_option,
        engine=of_teacher(scoring_options),
    message:
        "Scoring the text of {wildcards.recogniser} on {wildcards.dataset} {wildcards.split} {wildcards.shard} with {wildcards.teacher}"
    shell:
        "source {resources.activate:q}; "
        'OMP_NUM_THREADS={resources.omp_threads} python "$SCRIPTS/log_probabilities.py" {params.engine}'
        " --windows {input.windows:q} --index {input.index:q} {params.split} --shard {wildcards.shard}"
        " --predictions {input.predictions:q} --device {resources.device} --batch-size {resources.batch_size}"
        " {resources.vllm} --stage-weights={resources.stage_weights:q}"
        " --out {output.log_probabilities:q} --stats {output.stats:q} > {log:q} 2>&1"


use rule log_probabilities as log_probabilities_vllm with:
    log:
        "logs/log_probabilities_vllm/{teacher}/{recogniser}/{dataset}/{split}/{shard}.log",
    benchmark:
        "benchmarks/log_probabilities_vllm/{teacher}/{recogniser}/{dataset}/{split}/{shard}.tsv"
    wildcard_constraints:
        teacher=BY_VLLM,
        recogniser=all_but(f"{BASELINES}|{MAJORITIES}"),
    conda:
        "../envs/vllm.yaml"
    container:
        IMAGES["vllm"]


def scored_shards(wildcards):
    """Return the log-probabilities of all shards of a recogniser's predictions on a split, in window order."""
    named = dict(wildcards.items())
    teacher = named.pop("teacher")
    return collect(
        rules.log_probabilities.output.log_probabilities,
        shard=shard_names(**named),
        teacher=teacher,
        **named,
    )


rule gather_log_probabilities:
    input:
        predictions=rules.gather_predictions.output.predictions,
        shards=scored_shards,
    output:
        log_probabilities="results/log_probabilities/{teacher}/{recogniser}/{dataset}/{split}/all.safetensors",
    log:
        "logs/gather_log_probabilities/{teacher}/{recogniser}/{dataset}/{split}.log",
    benchmark:
        "benchmarks/gather_log_probabilities/{teacher}/{recogniser}/{dataset}/{split}.tsv"
    wildcard_constraints:
        teacher=all_but(f"{BASELINES}|{MAJORITIES}"),
        recogniser=all_but(f"{BASELINES}|{MAJORITIES}"),
    conda:
        "../envs/llm.yaml"
    container:
        IMAGES["llm"]
    resources:
        # All of it is in memory, some of it twice.
        mem_mb=lambda wildcards, input: max(2000, round(3 * input.size_mb)),
        runtime=15,
    message:
        "Gathering the log-probabilities of {wildcards.teacher} for {wildcards.recogniser} on {wildcards.dataset} {wildcards.split}"
    shell:
        'python "$SCRIPTS/gather_log_probabilities.py" --predictions {input.predictions:q} --shards {input.shards:q}'
        " --out {output.log_probabilities:q} > {log:q} 2>&1"
