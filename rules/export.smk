# Export students for use outside of the workflow: `snakemake export`; results/exports/{student}/README.md for one.
# With several folds, the student of the first fold is exported.
#
# In:   a student's adapter and training log, its base's snapshot, prompt, home, the dataset's windows, its score
# Out:  results/exports/{student}/: adapter/, merged/, gguf/, prompt.json, home.yaml, export.json, parity.json,
#       parity_answers.json, parity-{form}.json of each quantised form, README.md
# Steps: export_student (merges in fp32, quantises) -> check_export (compares adapter, merged model and GGUF file on the
#        same windows) -> check_quantised (a quantised form on these windows; fails if it loses too much) -> export_card


localrules:
    export_card,
    export,


def student_homes(wildcards):
    """Return the run's copies of the homes that a student learned from."""
    return [home_of(dataset) for dataset in STUDENTS[wildcards.student].datasets]


def dataset_settings(dataset):
    """Return the data format and the windows of a dataset."""
    settings = config["datasets"][dataset]
    windows = {key: settings["windows"][key] for key in ("by", "size", "seconds")}
    return {"source": settings["source"], "windows": windows}


def export_settings(wildcards):
    """Return the settings for export.json, as JSON: data format and windows of its datasets, decoding of the student."""
    first, *others = STUDENTS[wildcards.student].datasets
    settings = dataset_settings(first) | {"decoding": recogniser_of(wildcards).decoding}
    if others:
        settings["homes"] = [
            {"dataset": dataset} | dataset_settings(dataset)
            for dataset in (first, *others)
        ]
    return json.dumps(settings, sort_keys=True)


def first_of(files):
    """Return an input function for the first of the files of an input function: that of a student's first dataset."""
    return lambda wildcards: files(wildcards)[0]


rule export_student:
    input:
        adapter=adapter_files,
        model=student_base(rules.fetch_model.output.snapshot),
        prompt=student_prompts,
        direct_prompt=direct_prompts,
        home=student_homes,
    output:
        adapter="results/exports/{student}/adapter/adapter_model.safetensors",
        adapter_config="results/exports/{student}/adapter/adapter_config.json",
        merged=directory("results/exports/{student}/merged"),
        gguf=directory("results/exports/{student}/gguf"),
        prompt="results/exports/{student}/prompt.json",
        home="results/exports/{student}/home.yaml",
        about="results/exports/{student}/export.json",
    log:
        "logs/export_student/{student}.log",
    benchmark:
        "benchmarks/export_student/{student}.tsv"
    conda:
        "../envs/llm.yaml"
    container:
        IMAGES["llm"]
    resources:
        mem_mb=growing_resource("mem_mb"),
        runtime=growing_resource("runtime"),
        slurm_partition=lambda wildcards: partition_for(0),
    params:
        settings=export_settings,
        quantise=config["export"]["quantise"],
        adapter=adapter_folder,
        model=student_base("results/models/{model}"),
    message:
        "Exporting {wildcards.student}"
    shell:
        'python "$SCRIPTS/export_student.py" --student {wildcards.student} --model {params.model:q}'
        " --adapter {params.adapter:q} --prompt {input.prompt:q} --direct-prompt {input.direct_prompt:q}"
        " --home {input.home:q} --settings {params.settings:q} --quantise {params.quantise}"
        " --out results/exports/{wildcards.student} > {log:q} 2>&1"


def export_gpus(wildcards):
    """Return the number of GPUs of a comparison of formats: the engine that runs them uses at most one."""
    return min(1, model_gpus(wildcards))


def export_cores(wildcards):
    """Return the number of CPU cores of a comparison of formats."""
    gpus = export_gpus(wildcards)
    return model_resource("cpus")(wildcards) if gpus else config["engine"]["threads"]


rule check_export:
    input:
        adapter=rules.export_student.output.adapter,
        merged=rules.export_student.output.merged,
        gguf=rules.export_student.output.gguf,
        prompt=rules.export_student.output.prompt,
        about=rules.export_student.output.about,
        model=student_base(rules.fetch_model.output.snapshot),
        windows=first_of(student_datasets(rules.window_dataset.output.windows)),
        splits=first_of(student_datasets(rules.split_dataset.output.splits)),
    output:
        parity="results/exports/{student}/parity.json",
        answers="results/exports/{student}/parity_answers.json",
    log:
        "logs/check_export/{student}.log",
    benchmark:
        "benchmarks/check_export/{student}.tsv"
    conda:
        "../envs/llm.yaml"
    container:
        IMAGES["llm"]
    threads: export_cores
    resources:
        **node_request(export_gpus),
        gpu=export_gpus,
        mem_mb=growing_resource("mem_mb"),
        runtime=growing_resource("runtime"),
        device=config["engine"]["device"],
    params:
        windows=config["export"]["windows"],
        lost_answers=config["metrics"]["lost_answers"],
        dtype=config["engine"]["dtype"],
        model=student_base("results/models/{model}"),
    message:
        "Comparing the formats of {wildcards.student}"
    shell:
        'OMP_NUM_THREADS={threads} python "$SCRIPTS/check_export.py" --export results/exports/{wildcards.student}'
        " --model {params.model:q} --windows {input.windows:q} --splits {input.splits:q} --count {params.windows} --dtype {params.dtype}"
        " --device {resources.device} --lost-answers {params.lost_answers} --work work/exports/{wildcards.student}"
        " --answers {output.answers:q} --out {output.parity:q} > {log:q} 2>&1"


rule check_quantised:
    input:
        merged=rules.export_student.output.merged,
        gguf=rules.export_student.output.gguf,
        prompt=rules.export_student.output.prompt,
        about=rules.export_student.output.about,
        answers=rules.check_export.output.answers,
        windows=first_of(student_datasets(rules.window_dataset.output.windows)),
        splits=first_of(student_datasets(rules.split_dataset.output.splits)),
    output:
        parity="results/exports/{student}/parity-{form}.json",
    log:
        "logs/check_quantised/{student}/{form}.log",
    benchmark:
        "benchmarks/check_quantised/{student}/{form}.tsv"
    wildcard_constraints:
        form="|".join(config["export"]["quantise"]) or "(?!)",
    conda:
        "../envs/llm.yaml"
    container:
        IMAGES["llm"]
    threads: config["engine"]["threads"]
    resources:
        mem_mb=growing_resource("mem_mb"),
        runtime=growing_resource("runtime"),
        slurm_partition=lambda wildcards: partition_for(0),
    params:
        windows=config["export"]["windows"],
        lost_answers=config["metrics"]["lost_answers"],
        max_loss=config["export"]["max_loss"],
    message:
        "Measuring form {wildcards.form} of {wildcards.student}"
    shell:
        'OMP_NUM_THREADS={threads} python "$SCRIPTS/check_quantised.py" --export results/exports/{wildcards.student}'
        " --form {wildcards.form} --answers {input.answers:q} --windows {input.windows:q} --splits {input.splits:q}"
        " --count {params.windows} --lost-answers {params.lost_answers} --max-loss {params.max_loss}"
        " --work work/exports/{wildcards.student}/{wildcards.form} --out {output.parity:q} > {log:q} 2>&1"


def card_scores(wildcards):
    """Return the files of a student's scores for its card: that on the home that it learned from.

    Of a student of several homes they are those of the run or, if there is none, that on its first home.
    """
    name, datasets = wildcards.student, STUDENTS[wildcards.student].datasets
    of_run = [pair for pair in RUN.pairs if pair[0] == name]
    return score_files(of_run if of_run and datasets[1:] else [(name, datasets[0])])


rule export_card:
    input:
        log=collect(rules.distil.output.log, fold=1, allow_missing=True),
        about=rules.export_student.output.about,
        parity=rules.check_export.output.parity,
        quantised=collect(
            rules.check_quantised.output.parity,
            form=config["export"]["quantise"],
            allow_missing=True,
        ),
        score=card_scores,
    output:
        card="results/exports/{student}/README.md",
    log:
        "logs/export_card/{student}.log",
    benchmark:
        "benchmarks/export_card/{student}.tsv"
    conda:
        "../envs/analysis.yaml"
    container:
        IMAGES["analysis"]
    resources:
        mem_mb=2000,
        runtime=5,
    params:
        notes=student_notes,
        code=code_digest("export_card"),
    message:
        "Writing the card of {wildcards.student}"
    shell:
        'python "$SCRIPTS/export_card.py" --training-log {input.log:q} --about {input.about:q} --parity {input.parity:q}'
        " --quantised {input.quantised:q} --score {input.score:q} --notes {params.notes:q} --out {output.card:q} > {log:q} 2>&1"


rule export:
    input:
        collect(rules.export_card.output.card, student=RUN.trained),
