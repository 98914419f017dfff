# Check machines, models and data before a run is queued: `snakemake preflight`, with the options of the run.
#
# In:   the config and its models' entries in the registry; nothing is fetched, and no result depends on these checks
# Out:  a printed list of everything that is missing, with remedies; the job fails if something is missing
# Steps: check_login (on the login node), check_node and check_node_vllm (a job for each environment and each different
#        request of nodes) -> preflight

import time

from hearth.workflow.shard_sizes import LABEL_TOKENS


localrules:
    check_login,
    preflight,


# A param of the checks, so that they are repeated in every run.
NOW = time.time()


def engine_requests():
    """Return, for each model of the run, its engine and what its registry entry requests of it."""
    keys = ("pipeline_parallel", "engine_options")
    return {
        model: {
            "engine": engine_of(model, config, registry),
            "gpus": gpus_of(model, config, registry),
            **{key: registry[model][key] for key in keys},
        }
        for model in RUN.models
    }


def trained_bases():
    """Return the base models of the run's students, each once."""
    return list(dict.fromkeys(student.base for student in RUN.trained.values()))


rule check_login:
    output:
        findings="results/preflight/login.json",
    log:
        "logs/check_login/login.log",
    benchmark:
        "benchmarks/check_login/login.tsv"
    conda:
        "../envs/llm.yaml"
    container:
        IMAGES["llm"]
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        models=json.dumps({model: model_spec(model) for model in RUN.models}),
        requests=json.dumps(engine_requests()),
        bases=trained_bases(),
        target_modules=config["students"]["training"]["lora"]["target_modules"],
        project=SOURCE,
        datasets=json.dumps(config["datasets"]),
        splits=collect(rules.split_dataset.output.splits, dataset=config["datasets"]),
        recognisers=len({recogniser for recogniser, _ in RUN.asked_pairs}),
        max_new_tokens=config["decoding"]["max_new_tokens"],
        # Without conda and containers, all rules share the environment that runs Snakemake.
        pins=[f"{PROJECT}envs/llm.yaml"]
        + ([] if WITH_CONDA or WITH_CONTAINERS else [f"{PROJECT}envs/analysis.yaml"]),
        now=NOW,
    message:
        "Checking what the run needs on this machine"
    shell:
        'python "$SCRIPTS/check_login.py" --models {params.models:q} --requests {params.requests:q} --fetched results/models'
        " --bases {params.bases:q} --target-modules {params.target_modules:q} --base {params.project:q} --datasets {params.datasets:q} --splits {params.splits:q}"
        " --recognisers {params.recognisers} --max-new-tokens {params.max_new_tokens} --pins {params.pins:q}"
        " --out {output:q} > {log:q} 2>&1"


def node_checks():
    """Return the checks of nodes that the run needs: a dict from output file to the models whose jobs it stands for.

    Jobs share a check if they have the same environment and request the same nodes. Its file has the name of the
    environment, the number of GPUs, and the first of its models.
    """
    keys = ("mem_mb", "partition", "gpu_type", "constraint", "qos")
    models_of = {}
    for environment, gpus, model in node_jobs():
        request = environment, gpus, *(registry[model][key] for key in keys)
        models_of.setdefault(request, []).append(model)
    return {
        f"results/preflight/{environment}-{gpus}-gpus-{models[0]}.json": models
        for (environment, gpus, *_), models in models_of.items()
    }


def node_jobs():
    """Return (environment, GPUs, model) of every kind of job that loads a model, each once."""
    jobs = []
    for model in RUN.models:
        engine = engine_of(model, config, registry)
        environment = "vllm" if engine in ("vllm", SERVER_ENGINE) else "llm"
        jobs.append((environment, gpus_of(model, config, registry), model))
    jobs += [("llm", registry[base]["train_gpus"], base) for base in trained_bases()]
    return list(dict.fromkeys(jobs))


NODE_CHECKS = node_checks()


# Keys of a model's registry entry, and settings of engines in the config, that decide the memory of a job.
MEMORY_KEYS = (
    "gpus",
    "train_gpus",
    "nodes",
    "pipeline_parallel",
    "gpu_type",
    "engine_options",
)
MEMORY_SETTINGS = ("batch_size", "device", "dtype", "threads")


def memory_requests(models):
    """Return a dict from each of `models` to the registry keys that decide the memory of its jobs."""
    return {
        model: {key: registry[model][key] for key in MEMORY_KEYS} for model in models
    }


def engine_settings():
    """Return the settings of engines that decide the memory of jobs."""
    return {key: config["engine"][key] for key in MEMORY_SETTINGS}


def checked_models(wildcards, output):
    """Return the folders of all models whose jobs a check of a node stands for."""
    return [f"results/models/{model}" for model in NODE_CHECKS[output.findings]]


def longest_answer(student):
    """Return the largest number of tokens that an example of a student has after its prompt."""
    if RECIPES[student.recipe].reasons:
        return RECOGNISERS[student.trace_writers[0]].decoding["max_new_tokens"]
    return LABEL_TOKENS * max(
        config["datasets"][dataset]["windows"]["size"] for dataset in student.datasets
    )


def checked_training(students):
    """Return what decides the memory of the trainings of students of one base: the settings of the largest."""
    settings = config["students"]
    largest = max(students, key=lambda student: student.rank)
    return {
        "settings": student_training(largest),
        "dtype": settings["dtype"] or config["engine"]["dtype"],
        "deepspeed": PROJECT + settings["deepspeed"],
        "answer": max(map(longest_answer, students)),
    }


def checked_requests(wildcards, output):
    """Return what decides the memory of the jobs of a node's check, as JSON."""
    trained = {}
    for student in RUN.trained.values():
        trained.setdefault(student.base, []).append(student)
    requests = memory_requests(NODE_CHECKS[output.findings])
    return json.dumps(
        {
            model: request
            | {"engine": engine_of(model, config, registry)}
            | (
                {"training": checked_training(trained[model])}
                if model in trained
                else {}
            )
            for model, request in requests.items()
        }
    )


def requested_gpus(wildcards):
    return int(wildcards.gpus)


CHECK_REQUEST = node_request(requested_gpus) | {
    "gpu": requested_gpus,
    "mem_mb": model_resource("mem_mb"),
    "runtime": 10,
    "stage_weights": config["engine"]["stage_weights"],
}


rule check_node:
    output:
        findings="results/preflight/llm-{gpus}-gpus-{model}.json",
    log:
        "logs/check_node/{gpus}-gpus-{model}.log",
    benchmark:
        "benchmarks/check_node/{gpus}-gpus-{model}.tsv"
    wildcard_constraints:
        gpus=r"\d+",
    conda:
        "../envs/llm.yaml"
    container:
        IMAGES["llm"]
    resources:
        **CHECK_REQUEST,
        activate=ACTIVATED,
    params:
        models=checked_models,
        registry=checked_requests,
        settings=json.dumps(engine_settings()),
        max_new_tokens=config["decoding"]["max_new_tokens"],
        engine="transformers",
        pins=f"{PROJECT}envs/llm.yaml",
        now=NOW,
    message:
        "Checking a node for jobs of {wildcards.model} with {wildcards.gpus} GPUs"
    shell:
        "source {resources.activate:q}; "
        'python "$SCRIPTS/check_node.py" --models {params.models:q} --gpus {wildcards.gpus} --mem-mb {resources.mem_mb}'
        " --engine {params.engine} --registry {params.registry:q} --settings {params.settings:q}"
        " --max-new-tokens {params.max_new_tokens} --pins {params.pins:q} --stage-weights={resources.stage_weights:q}"
        " --work work --out {output:q} > {log:q} 2>&1"


use rule check_node as check_node_vllm with:
    output:
        findings="results/preflight/vllm-{gpus}-gpus-{model}.json",
    log:
        "logs/check_node_vllm/{gpus}-gpus-{model}.log",
    benchmark:
        "benchmarks/check_node_vllm/{gpus}-gpus-{model}.tsv"
    conda:
        "../envs/vllm.yaml"
    container:
        IMAGES["vllm"]
    resources:
        **CHECK_REQUEST,
        activate=activate_vllm,
    params:
        engine="vllm",
        pins=f"{PROJECT}envs/vllm.yaml",


rule preflight:
    input:
        rules.check_login.output.findings,
        list(NODE_CHECKS),
    log:
        "logs/preflight/preflight.log",
    conda:
        "../envs/analysis.yaml"
    container:
        IMAGES["analysis"]
    resources:
        mem_mb=500,
        runtime=5,
    message:
        "Printing what is missing"
    shell:
        # If the program fails, Snakemake prints the log.
        'python "$SCRIPTS/preflight.py" --findings {input:q} > {log:q} 2>&1 && cat {log:q}'
