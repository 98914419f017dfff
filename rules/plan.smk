# Estimate the GPUs and the hours of a run before it starts: `snakemake plan`, with the options of the run.
#
# In:   windows, prompts and models of the run, and the stats of finished shards
# Out:  which GPUs hold each model, and how many examples of a training at a time; windows, tokens and hours of every recogniser and training; printed
# Steps: plan


localrules:
    plan,


def planned_loads():
    """Return every (recogniser, dataset, split) that a language model recognises in the run, each once."""
    tested = [
        (name, dataset, split)
        for name, dataset in RUN.asked_pairs
        if RECOGNISERS[name].base
        for split in scored_splits(config, RECOGNISERS[name], dataset)
    ]
    return list(dict.fromkeys([*tested, *RUN.traces, *RUN.replayed, *RUN.policies]))


def load_prompt(name, dataset, split):
    """Return the prompt file of a recogniser on a split of a dataset."""
    fold = 1 if split == ALL else fold_of_split(split)
    return prompt_file(RECOGNISERS[name], dataset, fold)


def planned_prompts():
    """Return the prompt files of all planned loads and trainings, each once."""
    asked = [load_prompt(*load) for load in planned_loads()]
    learned = [
        source["prompt"]
        for student in RUN.trained.values()
        for fold in student_folds(config, student)
        for source in planned_sources(student, fold)
    ]
    return list(dict.fromkeys([*asked, *learned]))


def lora_rank(recogniser):
    """Return the rank of a student's adapter; 0 for other recognisers."""
    trained = RECOGNISERS[recogniser].student
    return trained.rank if trained else 0


def planned_sources(student, fold):
    """Return the datasets from which a student of a fold learns, those of replayed traces last."""
    # Of several samples of a window, a step learns one; all have about as many tokens.
    writer = next(iter(student.trace_writers), "")
    named = [(writer, dataset, False) for dataset in student.datasets]
    named += [(student.base, dataset, True) for dataset in student.replay_on]
    return [
        {
            "teacher": teacher,
            "dataset": dataset,
            "traces_split": (
                traces_split(config, RECOGNISERS[teacher], dataset, fold)
                if teacher
                else ""
            ),
            "prompt": prompt_file(RECOGNISERS[student.name], dataset, fold),
            "is_replayed": is_replayed,
        }
        for teacher, dataset, is_replayed in named
    ]


def planned_work():
    """Return all work of the run that needs a language model: PlannedWork in hearth/workflow/planned_work.py."""
    return {
        # With one fold anywhere there is no run with a plain split to compare with.
        "split": config["split"]
        | {
            "folds": min(
                (len(fold_numbers(config, dataset)) for dataset in RUN.datasets),
                default=1,
            )
        },
        "loads": [
            {
                "recogniser": name,
                "model": RECOGNISERS[name].base,
                "dataset": dataset,
                "split": split,
                "prompt": load_prompt(name, dataset, split),
                "max_new_tokens": RECOGNISERS[name].decoding["max_new_tokens"],
                "lora_rank": lora_rank(name),
            }
            for name, dataset, split in planned_loads()
        ],
        "trainings": [
            {
                "student": name,
                "fold": fold,
                "model": student.base,
                "sources": planned_sources(student, fold),
                "max_examples": (
                    None if student.max_examples == "smallest" else student.max_examples
                ),
                "sized": sized_datasets(config, student),
                "reasons": RECIPES[student.recipe].reasons,
                "balance": student.balance,
                "replay": student.replay,
                "rank": student.rank,
                "epochs": epochs_of_round(
                    config["students"]["training"]["epochs"], student
                ),
                "max_new_tokens": RECOGNISERS[name].decoding["max_new_tokens"],
            }
            for name, student in RUN.trained.items()
            for fold in student_folds(config, student)
        ],
        "engines": {model: engine_of(model, config, registry) for model in RUN.models},
        "models": memory_requests(RUN.models),
        "settings": engine_settings(),
        "training": config["students"]["training"],
        "training_dtype": config["students"]["dtype"] or config["engine"]["dtype"],
        "deepspeed": PROJECT + config["students"]["deepspeed"],
        "taught": [*RUN.traces, *RUN.replayed],
        "scored": [place for _, *place in RUN.scored],
        "teacher_top_tokens": config["teacher_top_tokens"],
    }


rule plan:
    input:
        windows=collect(rules.window_dataset.output.windows, dataset=RUN.datasets),
        splits=collect(rules.split_dataset.output.splits, dataset=RUN.datasets),
        prompts=planned_prompts(),
        models=collect(rules.fetch_model.output.snapshot, model=RUN.models),
    log:
        "logs/plan/plan.log",
    conda:
        "../envs/llm.yaml"
    container:
        IMAGES["llm"]
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        run=json.dumps(planned_work()),
    message:
        "Counting windows and tokens"
    shell:
        'python "$SCRIPTS/plan.py" --run {params.run:q} --results results > {log:q} 2>&1 && cat {log:q}'
