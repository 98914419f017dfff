# What programs are told of models, students, scores and tables, beside the files that they read.


def model_spec(model):
    """The part of a model's registry entry that says which weights it is."""
    entry = registry[model]
    keys = (
        "source",
        "id",
        "revision",
        "path",
        "package",
        "file",
        "sha256",
    )
    if entry["source"] == "served":
        keys = ("source", "served_model", "interface", "parameters")
    return {key: entry[key] for key in keys if entry.get(key)}


def model_notes(wildcards):
    """What the registry says about a model beside which weights it is, as JSON."""
    entry = registry[wildcards.model]
    return json.dumps({key: entry[key] for key in ("license", "stand_in")})


def stand_in(model):
    """What a model stands in for a real one as; "" for a real one, and for no model."""
    return registry[model]["stand_in"] if model else ""


def score_facts(wildcards):
    """What a score file carries beside its inputs: how its text was drawn and what was learned from whom."""
    recogniser = recogniser_of(wildcards)
    student = recogniser.student
    engine = engine_name(wildcards)
    facts = {
        "kind": recogniser.kind,
        "base": recogniser.base,
        "variant": recogniser.variant,
        "decoding": recogniser.decoding,
        "dtype": config["engine"]["dtype"] if engine not in ("", "openai") else "",
        "engine": engine,
        "home": Path(config["datasets"][wildcards.dataset]["home"]).stem,
        "simulated": [
            dataset
            for dataset in dict.fromkeys(
                [wildcards.dataset, *([student.dataset] if student else [])]
            )
            if "simulate" in config["datasets"][dataset]
        ],
        "stand_in": stand_in(recogniser.base),
    }
    if student:
        facts |= {
            "teacher": student.teacher,
            "recipe": student.recipe,
            "train_dataset": student.dataset,
            "teacher_stand_in": (
                stand_in(RECOGNISERS[student.teacher].base) if student.teacher else ""
            ),
        }
    return json.dumps(facts, sort_keys=True)


def table_scores(wildcards):
    pairs = table_pairs(config, wildcards.table)
    return [
        f"results/scores/{recogniser}/{dataset}.json" for recogniser, dataset in pairs
    ]


def declared(table):
    """The specification of a table, as the program takes it."""
    spec = {key: config["tables"][table][key] for key in TABLE_SPEC}
    return spec | {"compare": compared(config, table)}


def table_spec(wildcards):
    return json.dumps(declared(wildcards.table), sort_keys=True)


def report_tables():
    """What the report shows of every table: specification and (recogniser, dataset) pairs, as JSON."""
    tables = {
        name: {
            **declared(name),
            "pairs": table_pairs(config, name),
        }
        for name, spec in config["tables"].items()
        if spec["all"]
    }
    return json.dumps(tables)


def cost_table(wildcards):
    """What a figure reads beside scores."""
    return "results/tables/cost.csv" if wildcards.figure in TIMED_FIGURES else []


def scored_prompts():
    """The prompts that the run's scores were made with."""
    asked = [prompt_file(RECOGNISERS[name], dataset) for name, dataset in PAIRS]
    return list(dict.fromkeys(prompt for prompt in asked if prompt))


def deciding_config():
    """What the config says of all of the run's results, as JSON: neither where things lie, nor how they are run.

    What it says of some recognisers alone, such as a variant, is in their scores.
    """
    named = ("windows", "split", "prompt", "decoding", "models", "teacher")
    return json.dumps(
        {key: config[key] for key in named}
        | {
            "datasets": {
                name: {
                    key: value
                    for key, value in config["datasets"][name].items()
                    if key != "root"
                }
                for name in DATASETS
            },
            "engine": {key: config["engine"][key] for key in ("name", "dtype")},
            "students": {
                key: value
                for key, value in config["students"].items()
                if key != "groups"
            },
        },
        sort_keys=True,
    )


def training_log(wildcards):
    """A student's training log; nothing for other recognisers."""
    student = recogniser_of(wildcards).student
    return f"results/students/{student.name}/training_log.json" if student else []


def teacher_traces(wildcards):
    """What a student's teacher said on the train split; nothing for a student that has none."""
    student = STUDENTS[wildcards.student]
    path = f"results/predictions/{student.teacher}/{student.dataset}/train/all.jsonl"
    return path if student.teacher else []


def audits(wildcards):
    """The audit of every teacher's traces on every dataset that the run's students learn from, each once."""
    return [f"results/audits/{teacher}/{dataset}.json" for teacher, dataset in TAUGHT]


def tiny_teachers(wildcards):
    """The teachers of the run's students that only stand in for real models."""
    teachers = dict.fromkeys(teacher for teacher, _ in TAUGHT)
    return [teacher for teacher in teachers if stand_in(RECOGNISERS[teacher].base)]


def recipe_file(wildcards):
    """What a student's recipe reads beside traces and windows; nothing for most.

    It follows from traces, windows and prompt, and changes apart from them only with the code of a cheap rule: that
    must repeat no training.
    """
    student = STUDENTS[wildcards.student]
    files = {
        "parsed": f"results/predictions/{student.teacher}/{student.dataset}/train/parsed.jsonl",
        "audit": f"results/audits/{student.teacher}/{student.dataset}.json",
    }
    needed = RECIPES[student.recipe].reads
    return ancient(files[needed]) if needed else []


def lesson_options(wildcards, input):
    """What a student learns from, as the program's options: recipe, teacher and traces, what the recipe reads beside."""
    student = STUDENTS[wildcards.student]
    options = {"recipe": student.recipe}
    if student.teacher:
        options |= {"teacher": student.teacher, "traces": input.traces}
    if needed := RECIPES[student.recipe].reads:
        options |= {needed: input.recipe}
    return " ".join(f"--{name} {shlex.quote(of)}" for name, of in options.items())


def student_input(pattern):
    """An input function: `pattern` with {dataset} and {base} of the wildcards' student."""

    def file(wildcards):
        student = STUDENTS[wildcards.student]
        return pattern.format(dataset=student.dataset, base=student.base)

    return file


def student_prompt(wildcards):
    """The prompt that a student is trained with: the one it is asked with."""
    return prompt_file(
        RECOGNISERS[wildcards.student], STUDENTS[wildcards.student].dataset
    )


def student_training(wildcards):
    """The training settings of a student, its seed among them, as JSON."""
    student = STUDENTS[wildcards.student]
    settings = config["students"]["training"] | {
        "seed": student.seed,
        "max_examples": student.max_examples,
    }
    return json.dumps(settings, sort_keys=True)


def student_notes(wildcards):
    """What a student's card says first; whether its base is a stand-in it knows from the base's snapshot."""
    dataset = STUDENTS[wildcards.student].dataset
    simulated = "simulate" in config["datasets"][dataset]
    return json.dumps([f"{dataset} is a simulated home"] if simulated else [])


def student_home(wildcards):
    """The run's own copy of the home that a student learned from."""
    return home_of(STUDENTS[wildcards.student].dataset)


def own_score(wildcards):
    """A student's score on the home it learned from."""
    dataset = STUDENTS[wildcards.student].dataset
    return f"results/scores/{wildcards.student}/{dataset}.json"


def export_settings(wildcards):
    """What an export says of how its student is used, as JSON: format of the data, windows, decoding."""
    dataset = config["datasets"][STUDENTS[wildcards.student].dataset]
    return json.dumps(
        {
            "source": dataset["source"],
            "windows": {
                key: dataset["windows"][key] for key in ("by", "size", "seconds")
            },
            "decoding": recogniser_of(wildcards).decoding,
        },
        sort_keys=True,
    )


def training_ranks(wildcards):
    """Processes on each node: one a GPU; one where there is none."""
    return max(1, registry[STUDENTS[wildcards.student].base]["gpus"])


def prediction_stats(wildcards):
    """Stats of every shard that the run's tables and students stand on."""
    pairs = {(*pair, "test") for pair in PAIRS}
    pairs |= {(*pair, "train") for pair in TAUGHT}
    files = []
    for recogniser, dataset, split in sorted(pairs):
        plan = checkpoints.window_dataset.get(dataset=dataset).output.shards
        with open(plan) as handle:
            files += [
                f"results/predictions/{recogniser}/{dataset}/{split}/{shard}.stats.json"
                for shard in json.load(handle)[split]
            ]
    return files


def simulated_datasets(wildcards):
    return [
        name for name, dataset in config["datasets"].items() if "simulate" in dataset
    ]


def tiny_recognisers(wildcards):
    """Recognisers of the run whose base model only stands in for a real one."""
    named = dict.fromkeys([*MODELS, *TRAINED, *(recogniser for recogniser, _ in PAIRS)])
    bases = {
        name: RECOGNISERS[name].base if name in RECOGNISERS else name for name in named
    }
    return [name for name, base in bases.items() if stand_in(base)]


def model_loads():
    """(recogniser, dataset, split) of a language model in the run: all that are tested, and teachers on train splits."""
    tested = [
        (name, dataset, "test") for name, dataset in PAIRS if RECOGNISERS[name].base
    ]
    return list(dict.fromkeys([*tested, *((*pair, "train") for pair in TAUGHT)]))


def asked_prompts():
    """The prompts of all loads, each once."""
    return list(
        dict.fromkeys(
            prompt_file(RECOGNISERS[name], dataset)
            for name, dataset, _ in model_loads()
        )
    )


def planned_run():
    """What a run asks of language models, as JSON; see hearth/workflow/cost_estimate.py."""
    return json.dumps(
        {
            "loads": [
                {
                    "recogniser": name,
                    "model": RECOGNISERS[name].base,
                    "dataset": dataset,
                    "split": split,
                    "prompt": prompt_file(RECOGNISERS[name], dataset),
                    "max_new_tokens": RECOGNISERS[name].decoding["max_new_tokens"],
                }
                for name, dataset, split in model_loads()
            ],
            "trainings": [
                {
                    "student": name,
                    "model": student.base,
                    "teacher": student.teacher,
                    "dataset": student.dataset,
                    "max_examples": student.max_examples,
                    "prompt": prompt_file(RECOGNISERS[name], student.dataset),
                    "max_new_tokens": RECOGNISERS[name].decoding["max_new_tokens"],
                }
                for name, student in TRAINED.items()
            ],
            "batch_size": config["engine"]["batch_size"],
            "epochs": config["students"]["training"]["epochs"],
        }
    )
