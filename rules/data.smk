# From raw files to windows.
#
# In:   the raw folder of a dataset (datasets.<name>.root), or nothing for a simulated one; the home's yaml
# Out:  results/datasets/{dataset}/events.parquet, dataset_card.md, windows.jsonl with an index, splits.json
# Steps: simulate_home (simulated datasets only) -> load_dataset -> window_dataset

from hearth.data.sources.registry import raw_files
from hearth.homes.home import load_home


localrules:
    simulate_home,
    load_dataset,
    window_dataset,


rule simulate_home:
    input:
        home=home_file,
    output:
        # The file that is written last. Not the directory, which looks new whenever a file in it is touched.
        readme="results/simulated/{dataset}/README.txt",
    log:
        "logs/simulate_home/{dataset}.log",
    benchmark:
        "benchmarks/simulate_home/{dataset}.tsv"
    conda:
        "../envs/analysis.yaml"
    container:
        IMAGES["analysis"]
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


def raw_input(wildcards):
    """Return the paths of a dataset's raw files; for a simulated dataset, the file that the simulation writes last."""
    dataset = config["datasets"][wildcards.dataset]
    if is_simulated(wildcards.dataset):
        return rules.simulate_home.output.readme
    try:
        home = load_home(home_path(dataset["home"]))
        return raw_files(dataset["source"], dataset["root"], home)
    except ValueError as error:
        raise WorkflowError(
            f"dataset {wildcards.dataset}: {error}\n"
            f"Set datasets.{wildcards.dataset}.root in the config, or run with --config {wildcards.dataset}_root=PATH."
        ) from None


def raw_folder(wildcards):
    """Return the folder of a dataset's raw files."""
    if is_simulated(wildcards.dataset):
        return f"results/simulated/{wildcards.dataset}"
    return config["datasets"][wildcards.dataset]["root"]


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
    container:
        IMAGES["analysis"]
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        root=raw_folder,
        source=lookup("datasets/{dataset}/source", within=config),
        max_broken_share=lookup("datasets/{dataset}/max_broken_share", within=config),
        simulated=lambda wildcards: (
            "--simulated" if is_simulated(wildcards.dataset) else ""
        ),
        code=code_digest("load_dataset"),
    message:
        "Reading the events of {wildcards.dataset}"
    shell:
        "python $SCRIPTS/load_dataset.py --source {params.source} --root {params.root:q} --home {input.home:q}"
        " --max-broken-share {params.max_broken_share} {params.simulated}"
        " --events {output.events:q} --card {output.card:q} > {log:q} 2>&1"


def window_options(wildcards):
    """Return the settings for cutting a dataset's events into windows, as options of the program."""
    settings = config["datasets"][wildcards.dataset]["windows"]
    options = f"--window-size {settings['size']} --short-windows {settings['short']}"
    if settings["by"] == "count":
        return options
    return (
        f"{options} --window-by {settings['by']} --window-seconds {settings['seconds']}"
    )


checkpoint window_dataset:
    input:
        events=rules.load_dataset.output.events,
    output:
        windows="results/datasets/{dataset}/windows.jsonl",
        index="results/datasets/{dataset}/windows.index.json",
        splits="results/datasets/{dataset}/splits.json",
    log:
        "logs/window_dataset/{dataset}.log",
    benchmark:
        "benchmarks/window_dataset/{dataset}.tsv"
    conda:
        "../envs/analysis.yaml"
    container:
        IMAGES["analysis"]
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        windows=window_options,
        test_fraction=config["split"]["test_fraction"],
        seed=config["split"]["seed"],
        code=code_digest("window_dataset"),
    message:
        "Cutting the events of {wildcards.dataset} into windows"
    shell:
        "python $SCRIPTS/window_dataset.py --dataset {wildcards.dataset} --events {input.events:q}"
        " {params.windows}"
        " --test-fraction {params.test_fraction} --split-seed {params.seed}"
        " --windows {output.windows:q} --index {output.index:q} --splits {output.splits:q} > {log:q} 2>&1"


def split_sizes(dataset, split):
    """Return (windows, events) of a split; they are known once the windows are cut."""
    with open(checkpoints.window_dataset.get(dataset=dataset).output.splits) as file:
        document = json.load(file)
    return document["windows"][split], document["events"][split]
