# Raw files to windows.
#
# In:   the raw folder of a dataset (datasets.<name>.root), or nothing for a simulated one; the home's yaml
# Out:  results/datasets/{dataset}/events.parquet, dataset_card.md, windows.jsonl, splits.json, shards.json
# Steps: simulate_home (simulated datasets only) -> load_dataset -> window_dataset


rule simulate_home:
    input:
        home=home_file,
    output:
        # Written last, and small: a directory would look new whenever a file in it is touched.
        readme="results/simulated/{dataset}/README.txt",
    log:
        "logs/simulate_home/{dataset}.log",
    benchmark:
        "benchmarks/simulate_home/{dataset}.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        format=lookup("datasets/{dataset}/source", within=config),
        seed=lookup("datasets/{dataset}/simulate/seed", within=config),
        sessions=lookup("datasets/{dataset}/simulate/sessions", within=config),
        code=code_digest("simulate_home"),
    message:
        "Simulating the home {wildcards.dataset}"
    shell:
        "rm -rf results/simulated/{wildcards.dataset}; python $SCRIPTS/simulate_home.py --format {params.format}"
        " --home {input.home:q} --seed {params.seed} --sessions {params.sessions}"
        " --out results/simulated/{wildcards.dataset} > {log:q} 2>&1"


rule load_dataset:
    input:
        raw=raw_input,
        home=home_file,
    output:
        events="results/datasets/{dataset}/events.parquet",
        card="results/datasets/{dataset}/dataset_card.md",
    log:
        "logs/load_dataset/{dataset}.log",
    benchmark:
        "benchmarks/load_dataset/{dataset}.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        root=dataset_root,
        source=lookup("datasets/{dataset}/source", within=config),
        max_broken_share=lookup("datasets/{dataset}/max_broken_share", within=config),
        simulated=lambda wildcards: (
            "--simulated"
            if "simulate" in config["datasets"][wildcards.dataset]
            else ""
        ),
        code=code_digest("load_dataset"),
    message:
        "Reading the events of {wildcards.dataset}"
    shell:
        "python $SCRIPTS/load_dataset.py --source {params.source} --root {params.root:q} --home {input.home:q}"
        " --max-broken-share {params.max_broken_share} {params.simulated}"
        " --events {output.events:q} --card {output.card:q} > {log:q} 2>&1"


checkpoint window_dataset:
    input:
        events="results/datasets/{dataset}/events.parquet",
    output:
        windows="results/datasets/{dataset}/windows.jsonl",
        splits="results/datasets/{dataset}/splits.json",
        shards="results/datasets/{dataset}/shards.json",
    log:
        "logs/window_dataset/{dataset}.log",
    benchmark:
        "benchmarks/window_dataset/{dataset}.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=4000,
        runtime=30,
        # A resource and not a param: the size of shards decides no result, so changing it reruns nothing.
        shard_size=config["engine"]["shard_size"],
    params:
        windows=window_settings,
        test_fraction=config["split"]["test_fraction"],
        seed=config["split"]["seed"],
        code=code_digest("window_dataset"),
    message:
        "Cutting the events of {wildcards.dataset} into windows"
    shell:
        "python $SCRIPTS/window_dataset.py --dataset {wildcards.dataset} --events {input.events:q}"
        " {params.windows}"
        " --test-fraction {params.test_fraction} --split-seed {params.seed} --shard-size {resources.shard_size}"
        " --windows {output.windows:q} --splits {output.splits:q} --shards {output.shards:q} > {log:q} 2>&1"
