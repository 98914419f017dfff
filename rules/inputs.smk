# How names in config become files, and options of the rules' programs: homes, windows, prompts, recognisers, shards.


def project_file(name):
    """The run's own copy of a file of the project (rules/project_files.smk)."""
    return f"results/project/{name}"


def home_of(dataset):
    """The run's own copy of a dataset's home: of the project's, or of a file of the user's."""
    home = config["datasets"][dataset]["home"]
    if home.endswith(".yaml"):
        return f"results/homes/{dataset}.yaml"
    return project_file(f"config/homes/{home}.yaml")


def home_source(wildcards):
    """Where the home of a dataset is written, for a user's own file."""
    return configuration.home_path(config["datasets"][wildcards.dataset]["home"])


def home_file(wildcards):
    return home_of(wildcards.dataset)


def window_settings(wildcards):
    """How a dataset's events are cut, as options of the program."""
    settings = config["datasets"][wildcards.dataset]["windows"]
    options = f"--window-size {settings['size']} --short-windows {settings['short']}"
    if settings["by"] == "count":
        return options
    return (
        f"{options} --window-by {settings['by']} --window-seconds {settings['seconds']}"
    )


def dataset_root(wildcards):
    """The folder of a dataset's raw files."""
    dataset = config["datasets"][wildcards.dataset]
    return (
        f"results/simulated/{wildcards.dataset}"
        if "simulate" in dataset
        else dataset["root"]
    )


def raw_input(wildcards):
    """A dataset's raw files, or the simulation that writes them; a missing folder says where to get the data."""
    dataset = config["datasets"][wildcards.dataset]
    if "simulate" in dataset:
        return f"results/simulated/{wildcards.dataset}/README.txt"
    try:
        home = load_home(configuration.home_path(dataset["home"]))
        return raw_files(dataset["source"], dataset["root"], home)
    except ValueError as error:
        raise WorkflowError(
            f"dataset {wildcards.dataset}: {error}\n"
            f"Set datasets.{wildcards.dataset}.root in the config, or run with --config {wildcards.dataset}_root=PATH."
        ) from None


def recogniser_of(wildcards):
    """The recogniser of the wildcards, or the student that they name."""
    return RECOGNISERS[wildcards.get("recogniser") or wildcards.student]


def model_snapshot(wildcards):
    """The snapshot of a recogniser's language model; nothing for a baseline."""
    base = recogniser_of(wildcards).base
    return f"results/models/{base}/snapshot.json" if base else []


def prompt_file(recogniser, dataset):
    """The rendered prompt that a recogniser is asked with on a dataset; nothing for a baseline."""
    if not recogniser.prompt:
        return []
    name = "_".join(filter(None, (dataset, recogniser.prompt_name)))
    return f"results/prompts/{name}.json"


def recogniser_prompt(wildcards):
    return prompt_file(recogniser_of(wildcards), wildcards.dataset)


def prompt_settings(wildcards):
    """(dataset, settings) of the wildcards' prompt."""
    dataset, _, name = wildcards.prompt.partition("_")
    return dataset, PROMPTS[name]


def prompt_home(wildcards):
    dataset, _ = prompt_settings(wildcards)
    return home_of(dataset)


def prompt_template(wildcards):
    _, settings = prompt_settings(wildcards)
    return project_file(f"config/prompts/{settings['template']}.j2")


def prompt_windows(wildcards):
    """The windows that examples are chosen from; nothing for a prompt that shows none."""
    dataset, settings = prompt_settings(wildcards)
    return f"results/datasets/{dataset}/windows.jsonl" if settings["shots"] else []


# Whether params have changed Snakemake asks of those alone that take nothing from `input`.
def prompt_options(wildcards):
    """Settings of a prompt as options of the program; those that ask for nothing are left out."""
    _, settings = prompt_settings(wildcards)
    options = [f"--reasoning {settings['reasoning']}"]
    options += [f"--no-{part}" for part in ("rules", "example") if not settings[part]]
    if settings["shots"]:
        options += [
            f"--windows {shlex.quote(prompt_windows(wildcards))}",
            f"--shots {settings['shots']} --shots-by {settings['shots_by']}",
        ]
    return " ".join(options)


def adapter_folder(wildcards):
    """The folder of a student's adapter; "" where there is none."""
    student = recogniser_of(wildcards).student
    return f"results/students/{student.name}/adapter" if student else ""


def adapter_files(wildcards):
    """A student's adapter; nothing for other recognisers."""
    folder = adapter_folder(wildcards)
    names = ("adapter_model.safetensors", "adapter_config.json")
    return [f"{folder}/{name}" for name in names] if folder else []


def engine_options(wildcards):
    """What recognises, as options of the program: all that decides a prediction beside the windows."""
    recogniser = recogniser_of(wildcards)
    if recogniser.kind == "baseline":
        return f"--baseline {recogniser.name}"
    options = {
        "--model": f"results/models/{recogniser.base}",
        "--adapter": adapter_folder(wildcards),
        "--prompt": recogniser_prompt(wildcards),
        "--decoding": json.dumps(recogniser.decoding, sort_keys=True),
    }
    engine = engine_name(wildcards)
    if engine != "openai":  # a server has a precision of its own
        options["--dtype"] = config["engine"]["dtype"]
    if engine == "vllm":
        options["--engine"] = engine
    return " ".join(
        f"{option} {shlex.quote(value)}" for option, value in options.items() if value
    )


def engine_name(wildcards):
    """The engine that runs a recogniser: for a served model its server, else the config's; "" for a baseline."""
    base = recogniser_of(wildcards).base
    if not base:
        return ""
    return (
        "openai" if registry[base]["source"] == "served" else config["engine"]["name"]
    )


def engine_environment(wildcards):
    """The conda environment of a recogniser. Served models and baselines share that of the usual engine."""
    return f"../envs/{'vllm' if engine_name(wildcards) == 'vllm' else 'llm'}.yaml"


def server(wildcards):
    """The server of a served model; "" for others."""
    if engine_name(wildcards) != "openai":
        return ""
    base = recogniser_of(wildcards).base
    return registry[base]["base_url"] or config["engine"]["base_url"]


def shard_files(pattern):
    """An input function: `pattern` for every shard of the wildcards' dataset and split, in window order."""

    def files(wildcards):
        plan = checkpoints.window_dataset.get(dataset=wildcards.dataset).output.shards
        with open(plan) as handle:
            shards = json.load(handle)[wildcards.split]
        return collect(pattern, shard=shards, **wildcards)

    return files
