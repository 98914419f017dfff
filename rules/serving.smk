# Servers of our own: with `engine.name: server`, a job of the run serves each set of weights to its shards.
#
# In:   a model's snapshot; a student's adapter
# Out:  results/servers/{server}.json, seconds, energy and starts of the server; {server} is the name of its model, or of a student
#       with its fold
# Steps: serve, while `recognise` sends it the prompts of shards. No job needs its output: Snakemake's main process
#        starts it when the first of its shards is ready, and holds the shards until it answers
#        (hearth/workflow/servers.py). A dry run does not list it.

from hearth.workflow.servers import Servers

# From (recogniser, fold), for every recogniser that a server of the run serves, to the name of that server.
SERVED = {
    (name, fold): weights_of(recogniser, fold)
    for name, recogniser in RECOGNISERS.items()
    for fold in FOLDS
    if engine_of(recogniser.base, config, registry) == SERVER_ENGINE
}


def server_of_job(job):
    """Return the name of the server that a job sends its prompts to; "" for none."""
    if job.is_group() or job.rule.name != "recognise":
        return ""
    return SERVED.get((job.wildcards.recogniser, fold_of(job.wildcards)), "")


def start_servers():
    """Start servers when shards need them, from now on, if the config asks for servers."""
    if SERVED and not workflow.touch:
        Servers(workflow, server_of_job).start()


def server_cores(wildcards):
    """Return the number of CPU cores of a server: `cpus` of its model if it has GPUs."""
    gpus = model_gpus(wildcards)
    return model_resource("cpus")(wildcards) if gpus else config["engine"]["threads"]


def server_threads(wildcards):
    """Return the number of cores that Snakemake counts for a server.

    On one machine they are none: a server works while its shards wait for it, and must not keep them from starting.
    """
    if workflow.is_main_process and workflow.local_exec:
        return 0
    return server_cores(wildcards)


def server_omp_threads(wildcards):
    """Return the number of OpenMP threads of each of a server's processes, of which there is one per GPU."""
    return max(1, server_cores(wildcards) // max(1, model_gpus(wildcards)))


def server_adapter(wildcards):
    """Return a student's adapter as an option of the program; "" for other weights."""
    folder = adapter_folder(wildcards)
    return f"--adapter {folder}" if folder else ""


rule serve:
    input:
        model=model_snapshot,
        adapter=adapter_files,
    output:
        stats="results/servers/{server}.json",
    log:
        "logs/serve/{server}.log",
    benchmark:
        "benchmarks/serve/{server}.tsv"
    # Before the shards of other models, so that it loads its weights while they work.
    priority: 1
    conda:
        "../envs/vllm.yaml"
    container:
        IMAGES["vllm"]
    threads: server_threads
    resources:
        **node_request(model_gpus),
        gpu=model_gpus,
        mem_mb=growing_resource("mem_mb"),
        # The wall time is the end of one job, not of the work: another server follows.
        runtime=model_resource("runtime"),
        omp_threads=server_omp_threads,
        activate=activate_vllm,
        stage_weights=config["engine"]["stage_weights"],
    params:
        model=lambda wildcards: f"results/models/{model_of(wildcards)}",
        adapter=server_adapter,
        dtype=config["engine"]["dtype"],
        date=config["prompt"]["date"],
        tensor_parallel=tensor_parallel,
        pipeline_parallel=model_resource("pipeline_parallel"),
        options=lambda wildcards: json.dumps(
            model_resource("engine_options")(wildcards), sort_keys=True
        ),
        folder=lambda wildcards: f"{SERVERS}/{wildcards.server}",
    message:
        "Serving {wildcards.server}"
    shell:
        "source {resources.activate:q}; "
        'OMP_NUM_THREADS={resources.omp_threads} python "$SCRIPTS/serve.py" --folder {params.folder:q}'
        " --model {params.model:q} {params.adapter} --dtype {params.dtype} --date {params.date} --options {params.options:q}"
        " --tensor-parallel {params.tensor_parallel} --pipeline-parallel {params.pipeline_parallel}"
        " --stage-weights={resources.stage_weights:q} --out {output.stats:q} > {log:q} 2>&1"
