# From parsed predictions to scores.
#
# In:   parsed.jsonl of a recogniser on each split that it is tested on, windows, splits, prompt, snapshot, training log
# Out:  results/scores/{recogniser}/{dataset}.json
# Steps: score

from hearth.workflow.dataset_homes import home_name, load_dataset_home


localrules:
    score,


def parsed_files(recogniser, dataset):
    """Return the parsed predictions of a recogniser on all tested windows of a dataset: a file for each of its splits."""
    return collect(
        rules.parse_predictions.output.parsed,
        recogniser=recogniser,
        dataset=dataset,
        split=scored_splits(config, RECOGNISERS[recogniser], dataset),
    )


def training_log(wildcards):
    """Return the file of a student's training log in its first fold; an empty list for other recognisers."""
    student = recogniser_of(wildcards).student
    return student_files(rules.distil.output.log, [student.name])[0] if student else []


@cache
def common_labels(dataset):
    """Return the labels that homes share, by label of the dataset's home; {} if the home does not map its labels."""
    return load_dataset_home(config["datasets"][dataset]).common_labels


def score_decoding(recogniser):
    """Return the decoding behind a score: {} for a baseline; for a majority, also the number of its samples."""
    votes = {"self_consistency": len(recogniser.samples)} if recogniser.samples else {}
    return (recogniser.decoding or {}) | votes


def score_metadata(wildcards):
    """Return metadata for the score file, as JSON: decoding, engine, stand-ins, and a student's teacher and recipe."""
    recogniser = recogniser_of(wildcards)
    student = recogniser.student
    engine = engine_name(wildcards)
    learned = learned_datasets(config, recogniser, wildcards.dataset)
    replayed = student.replay_on if student else ()
    metadata = {
        "kind": recogniser.kind,
        "train_datasets": learned,
        "base": recogniser.base,
        "variant": recogniser.variant,
        "decoding": score_decoding(recogniser),
        "dtype": config["engine"]["dtype"] if engine not in ("", SERVED_ENGINE) else "",
        "engine": engine,
        "engine_options": deciding_engine_options(wildcards),
        "home": home_name(config["datasets"][wildcards.dataset]),
        "simulated": list(
            dict.fromkeys(
                filter(is_simulated, (wildcards.dataset, *learned, *replayed))
            )
        ),
        "stand_in": stand_in(recogniser.base),
        "labels": "common" if recogniser.learns_from else "native",
        "common_labels": common_labels(wildcards.dataset),
    }
    if student:
        teacher = RECOGNISERS[student.teacher].base if student.teacher else ""
        metadata |= {
            "teacher": student.teacher,
            "recipe": student.recipe,
            "train_dataset": student.trained_on,
            "learning_rate": student.learning_rate,
            "rank": student.rank,
            "balance": student.balance,
            "replay": student.replay,
            "teacher_stand_in": stand_in(teacher),
        }
    return json.dumps(metadata, sort_keys=True)


def optional_inputs(wildcards, input):
    """Return the inputs that only some recognisers have, as options of the program."""
    names = [name for name in ("prompt", "model", "student") if input.get(name)]
    return " ".join(f"--{name} {shlex.quote(input[name])}" for name in names)


rule score:
    input:
        windows=rules.window_dataset.output.windows,
        splits=rules.split_dataset.output.splits,
        home=home_file,
        parsed=lambda wildcards: parsed_files(**wildcards),
        prompt=recogniser_prompt,
        model=model_snapshot,
        student=training_log,
    output:
        score="results/scores/{recogniser}/{dataset}.json",
    log:
        "logs/score/{recogniser}/{dataset}.log",
    benchmark:
        "benchmarks/score/{recogniser}/{dataset}.tsv"
    conda:
        "../envs/analysis.yaml"
    container:
        IMAGES["analysis"]
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        metadata=score_metadata,
        inputs=optional_inputs,
        metrics=json.dumps(config["metrics"], sort_keys=True),
        code=code_digest("score"),
    message:
        "Scoring {wildcards.recogniser} on {wildcards.dataset}"
    shell:
        'python "$SCRIPTS/score.py" --recogniser {wildcards.recogniser} --dataset {wildcards.dataset}'
        " --windows {input.windows:q} --splits {input.splits:q} --home {input.home:q} --parsed {input.parsed:q}"
        " {params.inputs} --metadata {params.metadata:q} --metrics {params.metrics:q}"
        " --out {output.score:q} > {log:q} 2>&1"


def score_files(pairs):
    """Return the score files of (recogniser, dataset) pairs."""
    return [
        rules.score.output.score.format(recogniser=recogniser, dataset=dataset)
        for recogniser, dataset in pairs
    ]


# Paths of all scores of the run.
SCORES = score_files(RUN.pairs)
