# From windows to predictions, for zero-shot models, teachers, students and baselines.
#
# In:   windows.jsonl, its index, splits.json unless all windows are asked for; the prompt and a model's snapshot, except for baselines; a student's adapter
# Out:  results/predictions/{recogniser}/{dataset}/{split}/{shard}.jsonl and .stats.json; all.jsonl; parsed.jsonl
# Steps: recognise or recognise_vllm (one job per shard, resumes from work/) -> gather_predictions -> parse_predictions;
#        for a baseline, recognise_baseline (baselines.smk) -> parse_predictions; for a transfer baseline, none of these

from functools import cache

from hearth.engines.options import deciding_options, tuning_options
from hearth.engines.registry import SERVED_ENGINE, SERVER_ENGINE
from hearth.engines.server_record import SERVERS
from hearth.models.measure import measure_model
from hearth.models.snapshot import ModelError
from hearth.workflow.engine_choice import SERVER_ENGINES, engine_of, gpus_of
from hearth.workflow.shard_plan import plan_shards
from hearth.workflow.shard_sizes import (
    UNKNOWN_SECONDS,
    expected_tokens,
    measured_seconds,
    shard_size,
)
from hearth.workflow.throughput import job_of, window_seconds


localrules:
    gather_predictions,
    parse_predictions,


def engine_name(wildcards):
    """Return the name of a recogniser's engine; "" for a baseline."""
    return engine_of(recogniser_of(wildcards).base, config, registry)


def recognised_by(*engines):
    """Return a regular expression for the names of the recognisers that these engines run, each in full."""
    return matching(
        name
        for name, recogniser in RECOGNISERS.items()
        if not recogniser.samples
        and engine_of(recogniser.base, config, registry) in engines
    )


def matching(names):
    """Return a regular expression for these names, each in full; for none, one that matches nothing."""
    return "|".join(map(re.escape, names)) or r"(?!)"


BY_VLLM = recognised_by("vllm")
BASELINES = recognised_by("")
TRANSFER_BASELINES = matching(
    name for name, one in RECOGNISERS.items() if one.learns_from
)
# The answers of these are the majorities of other recognisers' answers.
MAJORITIES = matching(name for name, one in RECOGNISERS.items() if one.samples)


def all_but(recognisers):
    """Return a regular expression for all names that the regular expression `recognisers` does not match.

    Names that the config does not declare match too: recogniser_of reports them with the nearest name.
    """
    return rf"(?!(?:{recognisers})/)[a-z0-9][a-z0-9._-]*"


def served_options(wildcards):
    """Return how a served model's server is asked, as options of the program; "" for other recognisers."""
    if engine_name(wildcards) != SERVED_ENGINE:
        return ""
    model = registry[recogniser_of(wildcards).base]
    url = model["base_url"] or config["engine"]["base_url"]
    return command_line({"--base-url": url, "--limit-field": model["limit_field"]})


def own_server(wildcards):
    """Return the name of the run's own server for a recogniser, which is that of its weights; "" if it has none."""
    if engine_name(wildcards) != SERVER_ENGINE:
        return ""
    return weights_of(recogniser_of(wildcards), fold_of(wildcards))


def adapter_folder(wildcards):
    """Return the folder of a student's adapter; "" for other recognisers."""
    recogniser = recogniser_of(wildcards)
    if not recogniser.student:
        return ""
    fold = weights_fold(config, recogniser, fold_of(wildcards))
    return f"results/students/{recogniser.student.name}/fold{fold}/adapter"


def adapter_files(wildcards):
    """Return the files of a student's adapter; an empty list for other recognisers."""
    folder = adapter_folder(wildcards)
    names = ("adapter_model.safetensors", "adapter_config.json")
    return [f"{folder}/{name}" for name in names] if folder else []


def recognition_settings(wildcards):
    """Return the settings that decide how a recogniser's model reads text, as a dict from option to text."""
    options = {
        "--engine": engine_name(wildcards),
        "--model": f"results/models/{recogniser_of(wildcards).base}",
        "--adapter": adapter_folder(wildcards),
        "--prompt": recogniser_prompt(wildcards),
    }
    if options["--engine"] != SERVED_ENGINE:  # a server decides its own precision
        options["--dtype"] = config["engine"]["dtype"]
    deciding = deciding_engine_options(wildcards)
    options["--engine-options"] = deciding and json.dumps(deciding, sort_keys=True)
    return options


def recognition_options(wildcards):
    """Return the settings that decide a prediction, as options of the program; the windows are other options."""
    decoding = json.dumps(recogniser_of(wildcards).decoding, sort_keys=True)
    settings = recognition_settings(wildcards)
    # In this order, because Snakemake compares params of finished jobs as text.
    named = {
        name: settings.pop(name)
        for name in ("--engine", "--model", "--adapter", "--prompt")
    }
    return command_line(named | {"--decoding": decoding} | settings)


def deciding_engine_options(wildcards):
    """Return the options of vLLM or of the run's own server, or the fields a served model lacks, that decide results."""
    if engine_name(wildcards) == SERVED_ENGINE:
        fields = model_resource("omitted_fields")(wildcards)
        return {"omitted_fields": fields} if fields else {}
    if engine_name(wildcards) not in ("vllm", SERVER_ENGINE):
        return {}
    return deciding_options(model_resource("engine_options")(wildcards))


def tensor_parallel(wildcards):
    """Return the number of GPUs that share every layer of a model."""
    gpus, groups = (
        model_resource(key)(wildcards) for key in ("gpus", "pipeline_parallel")
    )
    return max(1, gpus // groups)


def vllm_options(wildcards):
    """Return the settings of vLLM that decide no prediction, as options of the program; "" for other engines."""
    if engine_name(wildcards) != "vllm":
        return ""
    tuning = tuning_options(model_resource("engine_options")(wildcards))
    return command_line(
        {
            "--tensor-parallel": str(tensor_parallel(wildcards)),
            "--pipeline-parallel": str(model_resource("pipeline_parallel")(wildcards)),
            "--engine-tuning": tuning and json.dumps(tuning, sort_keys=True),
            "--cache": "work/cache/vllm",
        }
    )


def command_line(options):
    """Return a dict from option to text as part of a shell command; an option with an empty text is left out."""
    return " ".join(
        f"{option} {shlex.quote(value)}" for option, value in options.items() if value
    )


def activate_engine(wildcards):
    """Return the file that a shell sources to activate the environment of a recogniser's engine."""
    return activate_vllm(wildcards) if engine_name(wildcards) == "vllm" else ACTIVATED


rule recognise:
    input:
        windows=rules.window_dataset.output.windows,
        index=rules.window_dataset.output.index,
        splits=split_file,
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
    wildcard_constraints:
        recogniser=all_but(f"{BY_VLLM}|{BASELINES}|{MAJORITIES}"),
    conda:
        "../envs/llm.yaml"
    container:
        IMAGES["llm"]
    threads: recognition_cores
    resources:
        **node_request(recognition_gpus),
        gpu=recognition_gpus,
        mem_mb=recognition_memory,
        runtime=growing_resource("runtime"),
        omp_threads=recognition_omp_threads,
        activate=activate_engine,
        # Resources and not params, because these settings decide no result, so a change must rerun nothing.
        device=config["engine"]["device"],
        batch_size=config["engine"]["batch_size"],
        served=served_options,
        timeout=config["engine"]["timeout"],
        server=lambda wildcards: (name := own_server(wildcards)) and f"{SERVERS}/{name}",
        server_wait=config["engine"]["server_wait"],
        stage_weights=config["engine"]["stage_weights"],
        max_unanswered_share=str(config["engine"]["max_unanswered_share"]),
        vllm=vllm_options,
    params:
        split=splits_option,
        engine=recognition_options,
    message:
        "Recognising {wildcards.dataset} {wildcards.split} {wildcards.shard} with {wildcards.recogniser}"
    shell:
        "source {resources.activate:q}; "
        'OMP_NUM_THREADS={resources.omp_threads} python "$SCRIPTS/recognise.py" {params.engine}'
        " --windows {input.windows:q} --index {input.index:q} {params.split} --shard {wildcards.shard}"
        " --device {resources.device} --batch-size {resources.batch_size} {resources.served} {resources.vllm}"
        " --timeout {resources.timeout} --server={resources.server:q} --server-wait {resources.server_wait}"
        " --stage-weights={resources.stage_weights:q} --max-unanswered-share {resources.max_unanswered_share}"
        " --work work/predictions/{wildcards.recogniser}/{wildcards.dataset}/{wildcards.split}/{wildcards.shard}"
        " --out {output.predictions:q} --stats {output.stats:q} > {log:q} 2>&1"


use rule recognise as recognise_vllm with:
    log:
        "logs/recognise_vllm/{recogniser}/{dataset}/{split}/{shard}.log",
    benchmark:
        "benchmarks/recognise_vllm/{recogniser}/{dataset}/{split}/{shard}.tsv"
    wildcard_constraints:
        recogniser=BY_VLLM,
    conda:
        "../envs/vllm.yaml"
    container:
        IMAGES["vllm"]


@cache
def shard_names(recogniser, dataset, split):
    """Return the names of the shards that hold a model's predictions on a split, in window order.

    They are known once the windows are cut and, where shards are cut by time, the model is fetched. From then on, a run
    keeps its answer, although it learns how long a window takes.
    """
    windows, events = split_sizes(dataset, split)
    place = f"predictions/{recogniser}/{dataset}/{split}"
    shards = plan_shards(
        windows,
        Path("results", place),
        Path("work", place),
        size=lambda: windows_of_shard(recogniser, dataset, events / windows),
    )
    return [shard.name for shard in shards]


def windows_of_shard(name, dataset, events):
    """Return the number of windows of a new shard; `events` is the mean number of events of a window.

    How long a window takes is known from finished shards of the recogniser, else from those of recognisers that ask the
    same of the same model, else estimated.
    """
    settings, recogniser = config["engine"], RECOGNISERS[name]
    if settings["shard_size"] != "auto":
        return settings["shard_size"]
    engine = engine_of(recogniser.base, config, registry)
    alike = [
        other.name
        for other in RECOGNISERS.values()
        if (other.base, other.prompt, unseeded(other.decoding))
        == (recogniser.base, recogniser.prompt, unseeded(recogniser.decoding))
    ]
    seconds = (
        measured_seconds([Path("results/predictions", name)], engine)
        or measured_seconds(
            [Path("results/predictions", each) for each in alike], engine
        )
        or estimated_seconds(recogniser, engine, dataset, events)
    )
    return shard_size(settings["shard_minutes"], seconds)


def unseeded(decoding):
    """Return decoding settings without their seed, which decides no time; None for a baseline."""
    return decoding and {key: value for key, value in decoding.items() if key != "seed"}


def estimated_seconds(recogniser, engine, dataset, events):
    """Return the seconds that a window of `events` events is expected to take."""
    if engine == SERVED_ENGINE:
        return UNKNOWN_SECONDS
    snapshot = checkpoints.fetch_model.get(model=recogniser.base).output.snapshot
    try:
        shape = measure_model(Path(snapshot).parent)
    except ModelError:  # a shape that the estimate does not know; engines may run it
        return UNKNOWN_SECONDS
    prompt = Path(prompt_file(recogniser, dataset, 1))
    tokens = expected_tokens(
        prompt,
        recogniser.prompt["reasoning"],
        events,
        recogniser.decoding["max_new_tokens"],
    )
    rank = lora_rank(recogniser.name)
    job = job_of(shape, registry[recogniser.base], config["engine"], engine, rank)
    return window_seconds(shape, tokens, job)


def shard_predictions(wildcards):
    """Return the prediction files of all shards of a model's predictions on a split, in window order."""
    return collect(
        rules.recognise.output.predictions, shard=shard_names(**wildcards), **wildcards
    )


rule gather_predictions:
    input:
        windows=rules.window_dataset.output.windows,
        index=rules.window_dataset.output.index,
        splits=split_file,
        shards=shard_predictions,
    output:
        predictions="results/predictions/{recogniser}/{dataset}/{split}/all.jsonl",
    log:
        "logs/gather_predictions/{recogniser}/{dataset}/{split}.log",
    benchmark:
        "benchmarks/gather_predictions/{recogniser}/{dataset}/{split}.tsv"
    wildcard_constraints:
        recogniser=all_but(f"{BASELINES}|{MAJORITIES}"),
    conda:
        "../envs/analysis.yaml"
    container:
        IMAGES["analysis"]
    resources:
        mem_mb=500,
        runtime=10,
    params:
        split=splits_option,
    message:
        "Gathering the predictions of {wildcards.recogniser} on {wildcards.dataset} {wildcards.split}"
    shell:
        'python "$SCRIPTS/gather_predictions.py" --windows {input.windows:q} --index {input.index:q}'
        " {params.split} --shards $(dirname {output.predictions:q}) --out {output.predictions:q} > {log:q} 2>&1"


rule parse_predictions:
    input:
        windows=rules.window_dataset.output.windows,
        splits=split_file,
        home=home_file,
        predictions=rules.gather_predictions.output.predictions,
    output:
        parsed="results/predictions/{recogniser}/{dataset}/{split}/parsed.jsonl",
    log:
        "logs/parse_predictions/{recogniser}/{dataset}/{split}.log",
    benchmark:
        "benchmarks/parse_predictions/{recogniser}/{dataset}/{split}.tsv"
    wildcard_constraints:
        recogniser=all_but(f"{TRANSFER_BASELINES}|{MAJORITIES}"),
    conda:
        "../envs/analysis.yaml"
    container:
        IMAGES["analysis"]
    resources:
        mem_mb=500,
        runtime=15,
    params:
        split=splits_option,
        code=code_digest("parse_predictions"),
    message:
        "Parsing the answers of {wildcards.recogniser} on {wildcards.dataset} {wildcards.split}"
    shell:
        'python "$SCRIPTS/parse_predictions.py" --windows {input.windows:q} --home {input.home:q}'
        " {params.split} --predictions {input.predictions:q} --out {output.parsed:q} > {log:q} 2>&1"
