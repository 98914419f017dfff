# Write one document with everything that the numbers of a run depend on.
#
# In:   every score that a table selects; the splits, cards, prompts, snapshots, training logs, adapters and stats from
#       which they were made; the part of the config that decides results
# Out:  results/provenance.json
# Steps: provenance


localrules:
    provenance,


def scored_prompts():
    """Return the prompt files that the run's scores depend on, each once."""
    prompts = [
        prompt_file(RECOGNISERS[name], dataset, fold)
        for name, dataset in RUN.pairs
        for fold in fold_numbers(config, dataset)
    ]
    return list(dict.fromkeys(prompt for prompt in prompts if prompt))


def config_of_results():
    """Return the part of the config that decides all of the run's results, as JSON.

    It leaves out folders and the settings of jobs. Settings of single recognisers, such as variants, are in their
    score files.
    """
    sections = (
        *("windows", "split", "prompt", "decoding", "decoding_without_reasoning"),
        *("models", "teacher"),
    )
    datasets = {
        name: {
            key: value
            for key, value in config["datasets"][name].items()
            if key != "root"
        }
        for name in RUN.datasets
    }
    students = {
        key: value for key, value in config["students"].items() if key != "groups"
    }
    students["training"] = deciding_settings(students["training"])
    return json.dumps(
        {section: config[section] for section in sections}
        | {
            "datasets": datasets,
            "engine": {
                "name": {
                    model: engine_of(model, config, registry) for model in RUN.models
                },
                "dtype": config["engine"]["dtype"],
            },
            "students": students,
        },
        sort_keys=True,
    )


rule provenance:
    input:
        scores=SCORES,
        splits=collect(rules.split_dataset.output.splits, dataset=RUN.datasets),
        cards=collect(rules.load_dataset.output.card, dataset=RUN.datasets),
        prompts=scored_prompts(),
        models=collect(rules.fetch_model.output.snapshot, model=RUN.models),
        students=student_files(rules.distil.output.log, RUN.trained),
        adapters=student_files(rules.distil.output.adapter, RUN.trained),
        predictions=prediction_stats,
        trainings=student_files(rules.distil.output.stats, RUN.trained),
    output:
        document="results/provenance.json",
    log:
        "logs/provenance/provenance.log",
    benchmark:
        "benchmarks/provenance/provenance.tsv"
    conda:
        "../envs/analysis.yaml"
    container:
        IMAGES["analysis"]
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        config=config_of_results(),
        code=code_digest("provenance"),
    message:
        "Writing the provenance of all numbers"
    shell:
        'python "$SCRIPTS/provenance.py" --config {params.config:q} --scores {input.scores:q} --splits {input.splits:q}'
        " --cards {input.cards:q} --prompts {input.prompts:q} --models {input.models:q}"
        " --students {input.students:q} --adapters {input.adapters:q}"
        " --stats {input.predictions:q} {input.trainings:q} --out {output.document:q} > {log:q} 2>&1"
