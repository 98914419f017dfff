# What a run asks of GPUs, told before any of it runs: `snakemake plan`, with the options of the run.
#
# In:   windows, prompts and models of the run, and the stats of shards that are done
# Out:  windows, tokens and GPU-hours of every recogniser and training, printed
# Steps: plan


rule plan:
    input:
        windows=collect("results/datasets/{dataset}/windows.jsonl", dataset=DATASETS),
        prompts=asked_prompts(),
        models=collect("results/models/{model}/snapshot.json", model=MODELS),
    log:
        "logs/plan/plan.log",
    conda:
        "../envs/llm.yaml"
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        run=planned_run(),
    message:
        "Counting windows and tokens"
    shell:
        "python $SCRIPTS/plan.py --run {params.run:q} --results results > {log:q} 2>&1 && cat {log:q}"
