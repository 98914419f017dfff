# Traces to students.
#
# In:   all.jsonl of the teacher on a dataset's train split, windows.jsonl, the prompt, the base model's snapshot;
#       parsed.jsonl or the audit of those traces if the recipe reads them; no traces for the recipe gold-labels
# Out:  results/students/{student}/adapter/, training_log.json, model_card.md, training.stats.json
# Steps: distil (torchrun, on one node or several; checkpoints under work/, resumed after a crash)

from hearth.distillation.recipes import RECIPES


def student_input(pattern):
    """Return an input function: `pattern` with the {dataset} and the base {model} of the wildcards' student."""

    def path(wildcards):
        student = STUDENTS[wildcards.student]
        return pattern.format(dataset=student.dataset, model=student.base)

    return path


def teacher_traces(wildcards):
    """Return the traces that a student learns from; nothing for a student without a teacher."""
    student = STUDENTS[wildcards.student]
    if not student.teacher:
        return []
    return rules.gather_predictions.output.predictions.format(
        recogniser=student.teacher, dataset=student.dataset, split="train"
    )


def recipe_file(wildcards):
    """Return the file that a student's recipe reads in addition to traces and windows; nothing for most recipes.

    It is a function of traces, windows, prompt and the code of a cheap rule. `ancient`, because an edit of that code
    must not repeat a training.
    """
    student = STUDENTS[wildcards.student]
    needed = RECIPES[student.recipe].reads
    if not needed:
        return []
    files = {
        "parsed": rules.parse_predictions.output.parsed,
        "audit": rules.audit.output.audit,
    }
    return ancient(
        files[needed].format(
            recogniser=student.teacher, dataset=student.dataset, split="train"
        )
    )


def recipe_options(wildcards, input):
    """Return recipe, teacher, traces and the recipe's file as options of the program."""
    student = STUDENTS[wildcards.student]
    options = {"recipe": student.recipe}
    if student.teacher:
        options |= {"teacher": student.teacher, "traces": input.traces}
    if needed := RECIPES[student.recipe].reads:
        options |= {needed: input.recipe}
    return " ".join(f"--{name} {shlex.quote(value)}" for name, value in options.items())


def student_prompt(wildcards):
    """Return the prompt that a student is trained with, and evaluated with."""
    return prompt_file(
        RECOGNISERS[wildcards.student], STUDENTS[wildcards.student].dataset
    )


def training_settings(wildcards):
    """Return the training settings of a student, its seed among them, as JSON."""
    student = STUDENTS[wildcards.student]
    settings = config["students"]["training"] | {
        "seed": student.seed,
        "max_examples": student.max_examples,
    }
    return json.dumps(settings, sort_keys=True)


def student_notes(wildcards):
    """Return the first notes of a student's card, as JSON. Whether its base is a stand-in is in the base's snapshot."""
    dataset = STUDENTS[wildcards.student].dataset
    return json.dumps(
        [f"{dataset} is a simulated home"] if is_simulated(dataset) else []
    )


def training_ranks(wildcards):
    """Return the number of processes on each node: one per GPU, or one without a GPU."""
    return max(1, model_resource("gpus")(wildcards))


rule distil:
    input:
        traces=teacher_traces,
        windows=student_input(rules.window_dataset.output.windows),
        prompt=student_prompt,
        model=student_input(rules.fetch_model.output.snapshot),
        deepspeed=project_file(config["students"]["deepspeed"]),
        recipe=recipe_file,
    output:
        adapter="results/students/{student}/adapter/adapter_model.safetensors",
        adapter_config="results/students/{student}/adapter/adapter_config.json",
        log="results/students/{student}/training_log.json",
        card="results/students/{student}/model_card.md",
        stats="results/students/{student}/training.stats.json",
    log:
        "logs/distil/{student}.log",
    benchmark:
        "benchmarks/distil/{student}.tsv"
    conda:
        "../envs/llm.yaml"
    threads: config["engine"]["threads"]
    resources:
        gpu=training_gpus,
        mem_mb=growing_resource("mem_mb"),
        runtime=growing_resource("runtime"),
        slurm_partition=partition,
        ranks=training_ranks,
        nodes=model_resource("nodes"),
        # On several nodes GPUs are requested per node; the job starts on the first node and calls srun itself.
        gres=on_several_nodes(lambda nodes, gpus: f"gpu:{gpus}" if gpus else None),
        tasks=on_several_nodes(lambda nodes, gpus: nodes),
        mpi=on_several_nodes(lambda nodes, gpus: "srun"),
    params:
        training=training_settings,
        recipe=recipe_options,
        dtype=config["students"]["dtype"] or config["engine"]["dtype"],
        notes=student_notes,
        model=student_input("results/models/{model}"),
    message:
        "Distilling {wildcards.student}"
    shell:
        # After SIGTERM torchrun gives its processes this many seconds to save a checkpoint, then kills them.
        "export TORCH_ELASTIC_SHUTDOWN_TIMEOUT=100; "
        "OMP_NUM_THREADS={threads} python $SCRIPTS/distil.py --nodes {resources.nodes} --ranks {resources.ranks}"
        " --student {wildcards.student} --model {params.model:q} {params.recipe}"
        " --windows {input.windows:q} --prompt {input.prompt:q}"
        " --training {params.training:q} --deepspeed {input.deepspeed:q}"
        " --dtype {params.dtype} --notes {params.notes:q} --work work/students/{wildcards.student}"
        " --adapter $(dirname {output.adapter:q}) --training-log {output.log:q} --card {output.card:q}"
        " --stats {output.stats:q} > {log:q} 2>&1"
