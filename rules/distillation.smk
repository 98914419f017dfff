# From traces to students.
#
# In:   all.jsonl of the teacher on a dataset's windows, windows.jsonl, splits.json, the prompt, the base's snapshot;
#       parsed.jsonl or the audit of those traces, for recipes that read one of them; no traces for recipe gold-labels
# Out:  results/students/{student}/fold{fold}/: adapter/, training_log.json, model_card.md, training.stats.json
# Steps: distil (torchrun, on one node or several; checkpoints under work/, resumed after a crash)

from hearth.distillation import launch
from hearth.distillation.recipes import RECIPES
from hearth.distillation.settings import deciding_settings


def student_input(pattern):
    """Return an input function, which fills the student's dataset and base model into {dataset} and {model}."""

    def path(wildcards):
        student = STUDENTS[wildcards.student]
        return pattern.format(dataset=student.dataset, model=student.base)

    return path


def student_traces_split(wildcards):
    """Return the split of the traces that a student of a fold learns from; "" for a student without a teacher."""
    student = STUDENTS[wildcards.student]
    if not student.teacher:
        return ""
    return traces_split(config, RECOGNISERS[student.teacher], fold_of(wildcards))


def of_teacher(pattern, wildcards):
    """Return a file of a student's traces: `pattern` with teacher, dataset and split filled in."""
    student = STUDENTS[wildcards.student]
    split = student_traces_split(wildcards)
    return pattern.format(
        recogniser=student.teacher, dataset=student.dataset, split=split
    )


def teacher_traces(wildcards):
    """Return the file of traces that a student learns from; an empty list for a student without a teacher."""
    if not STUDENTS[wildcards.student].teacher:
        return []
    return of_teacher(rules.gather_predictions.output.predictions, wildcards)


def recipe_file(wildcards):
    """Return the file that a student's recipe reads in addition to traces and windows; an empty list if there is none.

    A cheap rule makes the file from traces, windows and prompt. The file is marked as `ancient`, because an edit of
    that rule's code must not repeat a training.
    """
    needed = RECIPES[STUDENTS[wildcards.student].recipe].reads
    if not needed:
        return []
    files = {
        "parsed": rules.parse_predictions.output.parsed,
        "audit": rules.audit.output.audit,
    }
    return ancient(of_teacher(files[needed], wildcards))


def compared_sizes(wildcards):
    """Return the numbers of windows of the datasets that limit a student's examples; an empty list without a limit."""
    datasets = sized_datasets(config, STUDENTS[wildcards.student])
    return collect(rules.split_dataset.output.sizes, dataset=datasets)


def recipe_options(wildcards, input):
    """Return recipe, teacher, traces and the recipe's additional file as options of the program."""
    student = STUDENTS[wildcards.student]
    options = {"recipe": student.recipe}
    if student.teacher:
        options |= {
            "teacher": student.teacher,
            "traces": input.traces,
            "traces-split": student_traces_split(wildcards),
        }
    if needed := RECIPES[student.recipe].reads:
        options |= {needed: input.recipe}
    return " ".join(f"--{name} {shlex.quote(value)}" for name, value in options.items())


def student_prompt(wildcards):
    """Return the file of the prompt with which a student is trained and evaluated."""
    return prompt_file(
        RECOGNISERS[wildcards.student],
        STUDENTS[wildcards.student].dataset,
        fold_of(wildcards),
    )


def training_settings(wildcards):
    """Return the training settings that decide a student, including its seed, as JSON."""
    student = STUDENTS[wildcards.student]
    settings = config["students"]["training"] | {
        "seed": student.seed,
        "max_examples": student.max_examples,
    }
    return json.dumps(deciding_settings(settings), sort_keys=True)


def student_notes(wildcards):
    """Return notes for the top of a student's card, as JSON; model_card adds another if the base is a stand-in."""
    dataset = STUDENTS[wildcards.student].dataset
    return json.dumps(
        [f"{dataset} is a simulated home"] if is_simulated(dataset) else []
    )


def gres_per_node(nodes, gpus, gpu_type):
    """Return the generic resources of SLURM that a training requests on each of its nodes; None without GPUs."""
    if not gpus:
        return None
    return ":".join(filter(None, ("gpu", gpu_type, str(gpus))))


def slurm_messages(student_names):
    """Return one message for each base model of these students that is trained on several nodes."""
    bases = sorted({STUDENTS[name].base for name in student_names})
    nodes = {base: registry[base]["nodes"] for base in bases}
    return [
        f"Students of {base}: {launch.slurm_needed(number, base)}"
        for base, number in nodes.items()
        if number > 1
    ]


def refuse_nodes_without_slurm():
    """Raise WorkflowError if a training of this run needs several nodes, but all jobs run on this machine.

    Only when jobs are about to start does Snakemake know what will run them. In a SLURM job the training itself checks
    its nodes.
    """
    if not workflow.local_exec or SLURM_JOB:
        return
    trainings = [
        job for job in workflow.dag.needrun_jobs() if job.rule.name == "distil"
    ]
    if messages := slurm_messages(job.wildcards.student for job in trainings):
        raise WorkflowError("\n".join(messages))


# A dry run, like a plan, may be made on a machine without SLURM. The profile of a cluster names a partition.
if workflow.is_main_process and not (site_default("slurm_partition") or SLURM_JOB):
    for message in slurm_messages(RUN.trained):
        logger.warning(message)


TRAINING_NODES = node_request(model_resource("train_gpus"))


rule distil:
    input:
        traces=teacher_traces,
        windows=student_input(rules.window_dataset.output.windows),
        splits=student_input(rules.split_dataset.output.splits),
        prompt=student_prompt,
        model=student_input(rules.fetch_model.output.snapshot),
        deepspeed=project_file(config["students"]["deepspeed"]),
        recipe=recipe_file,
        sizes=compared_sizes,
    output:
        adapter="results/students/{student}/fold{fold}/adapter/adapter_model.safetensors",
        adapter_config="results/students/{student}/fold{fold}/adapter/adapter_config.json",
        log="results/students/{student}/fold{fold}/training_log.json",
        card="results/students/{student}/fold{fold}/model_card.md",
        stats="results/students/{student}/fold{fold}/training.stats.json",
    log:
        "logs/distil/{student}/fold{fold}.log",
    benchmark:
        "benchmarks/distil/{student}/fold{fold}.tsv"
    conda:
        "../envs/llm.yaml"
    container:
        IMAGES["llm"]
    threads: training_cores
    resources:
        **TRAINING_NODES | {"gpu_model": on_one_node(TRAINING_NODES["gpu_model"])},
        gpu=on_one_node(model_resource("train_gpus")),
        mem_mb=growing_resource("mem_mb"),
        runtime=growing_resource("runtime"),
        ranks=training_ranks,
        omp_threads=training_omp_threads,
        micro_batch_size=config["students"]["training"]["micro_batch_size"],
        save_steps=config["students"]["training"]["save_steps"],
        nodes=model_resource("nodes"),
        # For several nodes, GPUs are requested per node; the job's program runs on the first node and calls srun.
        gres=on_several_nodes(gres_per_node),
        tasks=on_several_nodes(lambda nodes, gpus, gpu_type: nodes),
        mpi=on_several_nodes(lambda nodes, gpus, gpu_type: "srun"),
    params:
        training=training_settings,
        recipe=recipe_options,
        dtype=config["students"]["dtype"] or config["engine"]["dtype"],
        notes=student_notes,
        model=student_input("results/models/{model}"),
    message:
        "Distilling {wildcards.student}, fold {wildcards.fold}"
    shell:
        # After SIGTERM, torchrun gives its processes 100 s to save a checkpoint, and then kills them.
        "export TORCH_ELASTIC_SHUTDOWN_TIMEOUT=100; "
        'OMP_NUM_THREADS={resources.omp_threads} python "$SCRIPTS/distil.py" --nodes {resources.nodes} --ranks {resources.ranks}'
        " --student {wildcards.student} --model {params.model:q} {params.recipe}"
        " --windows {input.windows:q} --splits {input.splits:q} --split train{wildcards.fold} --prompt {input.prompt:q}"
        " --training {params.training:q} --sizes {input.sizes:q} --micro-batch-size {resources.micro_batch_size}"
        " --save-steps {resources.save_steps} --deepspeed {input.deepspeed:q}"
        " --dtype {params.dtype} --notes {params.notes:q} --work work/students/{wildcards.student}/fold{wildcards.fold}"
        " --adapter $(dirname {output.adapter:q}) --training-log {output.log:q} --card {output.card:q}"
        " --stats {output.stats:q} > {log:q} 2>&1"


def student_files(pattern, names):
    """Return the files of students, one for each of their folds."""
    return collect(pattern, student=names, fold=FOLDS)
