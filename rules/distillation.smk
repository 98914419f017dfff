# From traces to students.
#
# In:   all.jsonl of the teacher on each dataset's windows, windows.jsonl, splits.json, the prompt, the base's snapshot;
#       parsed.jsonl or the audit of those traces, for recipes that read one of them; no traces for recipe gold-labels;
#       parsed.jsonl of several samples of the teacher and of their vote in place of traces, for recipes that read them;
#       the same of the base itself on datasets whose traces are replayed; for a later round of on-policy distillation,
#       the adapter of the round before, the text that its student wrote, and the teacher's log-probabilities of it
# Out:  results/students/{student}/fold{fold}/: adapter/, training_log.json, model_card.md, training.stats.json
# Steps: distil (torchrun, on one node or several; checkpoints under work/, resumed after a crash)

from dataclasses import replace

from hearth.distillation.balance import DIVISION
from hearth.distillation.recipes import RECIPES
from hearth.distillation.settings import deciding_settings
from hearth.workflow.on_policy import policy_name
from hearth.workflow.recognisers import DIRECT_PROMPT
from hearth.workflow.students import training_rounds
from hearth.workflow.teacher_samples import reads_samples, vote_name


def student_base(pattern):
    """Return an input function, which fills the student's base model into {model}."""
    return lambda wildcards: pattern.format(model=STUDENTS[wildcards.student].base)


def student_datasets(pattern):
    """Return an input function, which fills each of the student's datasets into {dataset}."""
    return lambda wildcards: collect(
        pattern, dataset=STUDENTS[wildcards.student].datasets
    )


def student_traces_split(wildcards):
    """Return the split of the traces that a student of a fold learns from; "" for a student without a teacher."""
    student = STUDENTS[wildcards.student]
    if not student.teacher:
        return ""
    return traces_split(
        config,
        RECOGNISERS[student.teacher],
        student.datasets[0],  # all of them have equal folds
        fold_of(wildcards),
    )


def written_files(pattern, writer, wildcards):
    """Return the files of a recogniser on what a student learns from: `pattern` with dataset and split filled in."""
    return collect(
        pattern,
        recogniser=writer,
        teacher=STUDENTS[wildcards.student].teacher,
        dataset=STUDENTS[wildcards.student].datasets,
        split=student_traces_split(wildcards),
    )


def teacher_files(pattern, wildcards):
    """Return the files of a student's teacher, one for each dataset: `pattern` with dataset and split filled in."""
    return written_files(pattern, STUDENTS[wildcards.student].teacher, wildcards)


def teacher_traces(wildcards):
    """Return the files of traces that a student learns from; an empty list for a student without a teacher.

    Several samples are learned from their parsed predictions. Their traces are inputs too, because parsed predictions
    are `ancient`: others repeat the training.
    """
    return [
        file
        for writer in STUDENTS[wildcards.student].trace_writers
        for file in written_files(
            rules.gather_predictions.output.predictions, writer, wildcards
        )
    ]


def vote_files(wildcards):
    """Return the files of the votes on the samples that a student learns from, one for each dataset, if it does."""
    student = STUDENTS[wildcards.student]
    if not reads_samples(student.recipe):
        return []
    voter = vote_name(student.teacher)
    return ancient(
        written_files(rules.parse_predictions.output.parsed, voter, wildcards)
    )


def sample_files(wildcards):
    """Return the files of the samples that a student learns from: of each dataset in turn, in the order of seeds."""
    writers = STUDENTS[wildcards.student].trace_writers
    by_seed = [
        written_files(rules.parse_predictions.output.parsed, writer, wildcards)
        for writer in writers
    ]
    return [file for of_dataset in zip(*by_seed) for file in of_dataset]


def recipe_files(wildcards):
    """Return the files that a student's recipe reads in addition to traces and windows; an empty list if none.

    A cheap rule makes the files from traces, windows and prompt. They are marked as `ancient`, because an edit of
    that rule's code must not repeat a training.
    """
    needed = RECIPES[STUDENTS[wildcards.student].recipe].reads
    if not needed:
        return []
    if needed == "samples":
        return ancient(sample_files(wildcards))
    files = {
        "parsed": rules.parse_predictions.output.parsed,
        "audit": rules.audit.output.audit,
    }
    # Made with GPUs, by a rule that no edit of code runs again.
    if needed == "log_probabilities":
        return teacher_files(
            rules.gather_log_probabilities.output.log_probabilities, wildcards
        )
    return ancient(teacher_files(files[needed], wildcards))


def earlier_round(wildcards):
    """Return adapter and log of the round before, whose adapter is trained on; an empty list for a new adapter."""
    earlier = STUDENTS[wildcards.student].continues
    if not earlier:
        return []
    outputs = rules.distil.output
    files = (outputs.adapter, outputs.adapter_config, outputs.log)
    return [file.format(student=earlier, fold=wildcards.fold) for file in files]


def own_files(pattern):
    """Return an input function for the files of the text that a student wrote itself in the round before."""

    def files(wildcards):
        student = STUDENTS[wildcards.student]
        if not student.continues:
            return []
        return collect(
            pattern,
            teacher=student.teacher,
            recogniser=policy_name(student.continues),
            dataset=student.datasets,
            split=f"train{wildcards.fold}",
        )

    return files


def replayed_split(wildcards):
    """Return the split of the traces of its own base that are replayed to a student of a fold; "" if none are."""
    student = STUDENTS[wildcards.student]
    if not student.replay_on:
        return ""
    return traces_split(
        config, RECOGNISERS[student.base], student.replay_on[0], fold_of(wildcards)
    )


def replayed_datasets(pattern):
    """Return an input function, which fills each of the student's replayed datasets into {dataset}."""
    return lambda wildcards: collect(
        pattern, dataset=STUDENTS[wildcards.student].replay_on
    )


def replayed_files(pattern):
    """Return an input function for the files of the traces of its own base that are replayed to a student."""
    return lambda wildcards: collect(
        pattern,
        recogniser=STUDENTS[wildcards.student].base,
        dataset=STUDENTS[wildcards.student].replay_on,
        split=replayed_split(wildcards),
    )


def replayed_labels(wildcards):
    """Return the base's labels of replayed traces for a student that learns no reasoning; else an empty list."""
    if RECIPES[STUDENTS[wildcards.student].recipe].reasons:
        return []
    return ancient(replayed_files(rules.parse_predictions.output.parsed)(wildcards))


def compared_sizes(wildcards):
    """Return the numbers of windows of the datasets that limit a student's examples; an empty list without a limit."""
    datasets = sized_datasets(config, STUDENTS[wildcards.student])
    return collect(rules.split_dataset.output.sizes, dataset=datasets)


def recipe_options(wildcards, input):
    """Return recipe, teacher, traces, replayed traces and the recipe's additional files as options of the program."""
    student = STUDENTS[wildcards.student]
    options = {"recipe": student.recipe}
    if student.teacher:
        options |= {
            "teacher": student.teacher,
            "traces": input.votes or input.traces,
            "traces-split": student_traces_split(wildcards),
        }
    if needed := RECIPES[student.recipe].reads:
        options |= {needed.replace("_", "-"): input.recipe}
    if student.continues:
        options |= {
            "earlier-adapter": os.path.dirname(input.earlier[0]),
            "earlier-log": input.earlier[2],
            "own-traces": input.own_traces,
            "own-log-probabilities": input.own_log_probabilities,
        }
    if input.direct_prompt:
        options |= {"direct-prompt": input.direct_prompt}
    if len(student.datasets) > 1 or student.trained_on not in student.datasets:
        options |= {"trained-on": student.trained_on}
    if student.replay_on:
        names = ("windows", "splits", "prompt", "traces", "parsed")
        files = {name: input[f"replayed_{name}"] for name in names}
        options |= {"replay-traces-split": replayed_split(wildcards)}
        options |= {f"replay-{name}": paths for name, paths in files.items() if paths}
    texts = {
        name: [value] if isinstance(value, str) else value
        for name, value in options.items()
    }
    return " ".join(f"--{name} {shlex.join(values)}" for name, values in texts.items())


def prompts_of_student(datasets, wildcards):
    """Return the files of the prompts with which a student is trained on datasets, and evaluated on them."""
    return [
        prompt_file(RECOGNISERS[wildcards.student], dataset, fold_of(wildcards))
        for dataset in datasets
    ]


def student_prompts(wildcards):
    """Return the files of the prompts of the datasets that a student learns from."""
    return prompts_of_student(STUDENTS[wildcards.student].datasets, wildcards)


def direct_prompts(wildcards):
    """Return the files of the prompts that ask a student for no reasoning; an empty list if its recipe has none."""
    student, recogniser = STUDENTS[wildcards.student], RECOGNISERS[wildcards.student]
    if not RECIPES[student.recipe].asks_directly:
        return []
    asked = replace(recogniser, prompt_name=DIRECT_PROMPT)
    return [
        prompt_file(asked, dataset, fold_of(wildcards)) for dataset in student.datasets
    ]


def replayed_prompts(wildcards):
    """Return the files of the prompts of the datasets that are replayed to a student."""
    return prompts_of_student(STUDENTS[wildcards.student].replay_on, wildcards)


def student_training(student):
    """Return `students.training` of a student, whose group may have other values, with its seed."""
    training = config["students"]["training"]
    return training | {
        "seed": student.seed,
        "max_examples": student.max_examples,
        "learning_rate": student.learning_rate,
        "lora": training["lora"] | {"r": student.rank, "alpha": student.alpha},
        "epochs": epochs_of_round(training["epochs"], student),
    }


def epochs_of_round(epochs, student):
    """Return the epochs of one training of a student; those of all rounds together are `epochs`."""
    rounds = training_rounds(config, student.recipe)
    return epochs if rounds == 1 else epochs / rounds


def division_settings(student):
    """Return balance and share of replayed traces where they decide a student's examples and are no default."""
    division = {}
    if len(student.datasets) > 1 or student.replay_on:
        division = {"balance": student.balance, "replay": student.replay}
    return {key: value for key, value in division.items() if value != DIVISION[key]}


def training_settings(wildcards):
    """Return the training settings that decide a student, including its seed, as JSON.

    The division of its examples is among them, and no part of `recipe_options`, because Snakemake does not compare
    params whose functions take `input`: another `students.training.balance` or `students.replay` would train nothing.
    """
    student = STUDENTS[wildcards.student]
    settings = student_training(student)
    del settings["balance"]
    return json.dumps(
        deciding_settings(settings) | division_settings(student), sort_keys=True
    )


def student_notes(wildcards):
    """Return notes for the top of a student's card, as JSON; model_card adds another if the base is a stand-in."""
    student = STUDENTS[wildcards.student]
    names = dict.fromkeys(filter(is_simulated, (*student.datasets, *student.replay_on)))
    return json.dumps([f"{name} is a simulated home" for name in names])


rule distil:
    input:
        traces=teacher_traces,
        windows=student_datasets(rules.window_dataset.output.windows),
        splits=student_datasets(rules.split_dataset.output.splits),
        prompt=student_prompts,
        direct_prompt=direct_prompts,
        model=student_base(rules.fetch_model.output.snapshot),
        deepspeed=project_file(config["students"]["deepspeed"]),
        recipe=recipe_files,
        votes=vote_files,
        sizes=compared_sizes,
        earlier=earlier_round,
        own_traces=own_files(rules.gather_predictions.output.predictions),
        own_log_probabilities=own_files(
            rules.gather_log_probabilities.output.log_probabilities
        ),
        replayed_windows=replayed_datasets(rules.window_dataset.output.windows),
        replayed_splits=replayed_datasets(rules.split_dataset.output.splits),
        replayed_prompt=replayed_prompts,
        replayed_traces=replayed_files(rules.gather_predictions.output.predictions),
        replayed_parsed=replayed_labels,
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
        model=student_base("results/models/{model}"),
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
    return [
        path
        for name in names
        for path in collect(
            pattern, student=name, fold=student_folds(config, STUDENTS[name])
        )
    ]
