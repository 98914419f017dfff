# From raw files to windows.
#
# In:   the raw folder of a dataset (datasets.<name>.root), or nothing for a simulated one; the home's yaml
# Out:  results/datasets/{dataset}/events.parquet, dataset_card.md, windows.jsonl with an index, splits.json, sizes.json
# Steps: simulate_home (simulated datasets only) -> load_dataset -> window_dataset -> split_dataset

from hearth.data.sources.registry import raw_files
from hearth.simulation.formats import DRAWN
from hearth.simulation.variants import missing_sensors
from hearth.workflow.dataset_homes import is_drawn, is_variant, load_dataset_home
from hearth.workflow.places import rule_file_problems


localrules:
    simulate_home,
    load_dataset,
    window_dataset,
    split_dataset,


def left_out_traits(wildcards):
    """Return the traits that a simulation leaves out as an option of the program; "" if it leaves none out."""
    traits = config["datasets"][wildcards.dataset]["simulate"]["without"]
    return f"--without {' '.join(traits)}" if traits else ""


def simulated_format(wildcards):
    """Return the format in which a home is simulated; a drawn home has one of its own."""
    dataset = config["datasets"][wildcards.dataset]
    return DRAWN if is_drawn(dataset) else dataset["source"]


def missing_option(wildcards):
    """Return the number of sensors that record nothing as an option of the program; "" if all of them do."""
    dataset = config["datasets"][wildcards.dataset]
    missing = missing_sensors(dataset["simulate"]["seed"]) if is_variant(dataset) else 0
    return f"--missing-sensors {missing}" if missing else ""


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
        format=simulated_format,
        seed=lookup("datasets/{dataset}/simulate/seed", within=config),
        sessions=lookup("datasets/{dataset}/simulate/sessions", within=config),
        missing=missing_option,
        without=left_out_traits,
        code=code_digest("simulate_home"),
    message:
        "Simulating the home {wildcards.dataset}"
    shell:
        'rm -rf results/simulated/{wildcards.dataset}; python "$SCRIPTS/simulate_home.py" --format {params.format}'
        " --home {input.home:q} --seed {params.seed} --sessions {params.sessions}"
        " {params.missing} {params.without} --out results/simulated/{wildcards.dataset} > {log:q} 2>&1"


def raw_input(wildcards):
    """Return the paths of a dataset's raw files; for a simulated dataset, the file that the simulation writes last."""
    dataset = config["datasets"][wildcards.dataset]
    if is_simulated(wildcards.dataset):
        return rules.simulate_home.output.readme
    try:
        home = load_dataset_home(dataset)
        files = raw_files(dataset["source"], dataset["root"], home)
    except ValueError as error:
        raise WorkflowError(
            f"dataset {wildcards.dataset}: {error}\n"
            f"Set datasets.{wildcards.dataset}.root in the config, or run with --config {wildcards.dataset}_root=PATH."
        ) from None
    for problem in rule_file_problems(f"dataset {wildcards.dataset}:", files):
        raise WorkflowError(problem)
    return files


def raw_folder(wildcards):
    """Return the folder of a dataset's raw files."""
    if is_simulated(wildcards.dataset):
        return f"results/simulated/{wildcards.dataset}"
    return config["datasets"][wildcards.dataset]["root"]


def home_shown(wildcards):
    """Return the path of a dataset's home as its user knows it, not that of the run's copy, unless it is drawn."""
    dataset = config["datasets"][wildcards.dataset]
    if is_drawn(dataset) or is_variant(dataset):
        return home_of(wildcards.dataset)
    home = dataset["home"]
    return home if home.endswith(".yaml") else f"{PROJECT}config/homes/{home}.yaml"


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
        # Only for messages, so that another path of the same home reruns nothing.
        home_name=home_shown,
    params:
        root=raw_folder,
        source=lookup("datasets/{dataset}/source", within=config),
        max_broken_share=lookup("datasets/{dataset}/max_broken_share", within=config),
        max_broken_label_share=lookup(
            "datasets/{dataset}/max_broken_label_share", within=config
        ),
        simulated=lambda wildcards: (
            "--simulated" if is_simulated(wildcards.dataset) else ""
        ),
        code=code_digest("load_dataset"),
    message:
        "Reading the events of {wildcards.dataset}"
    shell:
        'python "$SCRIPTS/load_dataset.py" --source {params.source} --root {params.root:q} --home {input.home:q}'
        " --home-name {resources.home_name:q} --max-broken-share {params.max_broken_share}"
        " --max-broken-label-share {params.max_broken_label_share} {params.simulated}"
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
        code=code_digest("window_dataset"),
    message:
        "Cutting the events of {wildcards.dataset} into windows"
    shell:
        'python "$SCRIPTS/window_dataset.py" --dataset {wildcards.dataset} --events {input.events:q}'
        " {params.windows} --windows {output.windows:q} --index {output.index:q} > {log:q} 2>&1"


def split_options(wildcards):
    """Return the settings of a dataset's split, as options of the program; several folds use no test fraction."""
    settings = config["datasets"][wildcards.dataset]["split"]
    options = f"--by {settings['by']} --folds {settings['folds']} --seed {config['split']['seed']}"
    if settings["folds"] == 1:
        options += f" --test-fraction {settings['test_fraction']}"
    return options


# A rule of its own, so that another split leaves the windows, and what was recognised in them, as they are.
checkpoint split_dataset:
    input:
        events=rules.load_dataset.output.events,
        windows=rules.window_dataset.output.windows,
        index=rules.window_dataset.output.index,
    output:
        splits="results/datasets/{dataset}/splits.json",
        # The numbers of windows of the splits alone: what trainings on other datasets may depend on.
        sizes="results/datasets/{dataset}/sizes.json",
    log:
        "logs/split_dataset/{dataset}.log",
    benchmark:
        "benchmarks/split_dataset/{dataset}.tsv"
    conda:
        "../envs/analysis.yaml"
    container:
        IMAGES["analysis"]
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        split=split_options,
        code=code_digest("split_dataset"),
    message:
        "Splitting the sessions of {wildcards.dataset}"
    shell:
        'python "$SCRIPTS/split_dataset.py" --dataset {wildcards.dataset} --events {input.events:q}'
        " --windows {input.windows:q} --index {input.index:q} {params.split} --splits {output.splits:q} --sizes {output.sizes:q} > {log:q} 2>&1"


def split_sizes(dataset, split):
    """Return (windows, events) of a split; they are known once the windows are cut and, but for `all`, split."""
    # A job that needs splits waits for the windows first: if they are cut again without a change, Snakemake does not split
    # again, and tells only the jobs that wait for the windows.
    index = checkpoints.window_dataset.get(dataset=dataset).output.index
    if split == ALL:
        with open(index) as file:
            sessions = json.load(file)["sessions"].values()
        return (
            sum(len(session["offsets"]) for session in sessions),
            sum(session["events"] for session in sessions),
        )
    with open(checkpoints.split_dataset.get(dataset=dataset).output.splits) as file:
        document = json.load(file)
    return document["windows"][split], document["events"][split]


def splits_file(dataset, split):
    """Return splits.json of a dataset where a job needs it; an empty list for the split `all`, which no fold changes."""
    if split == ALL:
        return []
    return rules.split_dataset.output.splits.format(dataset=dataset)


def split_file(wildcards):
    """Return what `splits_file` returns for the wildcards {dataset} and {split}."""
    return splits_file(wildcards.dataset, wildcards.split)


def splits_option(wildcards):
    """Return splits.json as an option of a program, with the name of the split."""
    path = split_file(wildcards)
    return (
        f"--splits {shlex.quote(path)} " if path else ""
    ) + f"--split {wildcards.split}"
