# What all numbers of a run rest on, in one document.
#
# In:   every score that a table selects; splits, cards, prompts, snapshots, training logs, adapters and stats behind
#       them; of the config, what decides results
# Out:  results/provenance.json
# Steps: provenance


rule provenance:
    input:
        scores=SCORES,
        splits=collect("results/datasets/{dataset}/splits.json", dataset=DATASETS),
        cards=collect("results/datasets/{dataset}/dataset_card.md", dataset=DATASETS),
        prompts=scored_prompts(),
        models=collect("results/models/{model}/snapshot.json", model=MODELS),
        students=collect(
            "results/students/{student}/training_log.json", student=TRAINED
        ),
        adapters=collect(
            "results/students/{student}/adapter/adapter_model.safetensors",
            student=TRAINED,
        ),
        predictions=prediction_stats,
        trainings=collect(
            "results/students/{student}/training.stats.json", student=TRAINED
        ),
    output:
        document="results/provenance.json",
    log:
        "logs/provenance/provenance.log",
    benchmark:
        "benchmarks/provenance/provenance.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        config=deciding_config(),
        code=code_digest("provenance"),
    message:
        "Writing what the numbers rest on"
    shell:
        "python $SCRIPTS/provenance.py --config {params.config:q} --scores {input.scores:q} --splits {input.splits:q}"
        " --cards {input.cards:q} --prompts {input.prompts:q} --models {input.models:q}"
        " --students {input.students:q} --adapters {input.adapters:q}"
        " --stats {input.predictions:q} {input.trainings:q} --out {output.document:q} > {log:q} 2>&1"
