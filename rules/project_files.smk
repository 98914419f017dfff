# Copy the files that decide results: those of the project, and the user's own homes.
#
# In:   homes, prompt templates, DeepSpeed settings, the report's template; a home's yaml outside the project
# Out:  results/project/{file}, {file} being its path in the project; results/homes/{dataset}.yaml for a user's own home,
#       results/drawn_homes/{dataset}.yaml for one that is drawn, or a variant of a home
# Steps: copy_project_file, copy_home (they rerun when a file's content changes, but not for comments in YAML); draw_home

from hearth.workflow.dataset_homes import is_drawn, is_variant
from hearth.workflow.project_files import content_digest, home_path


localrules:
    copy_project_file,
    copy_home,
    draw_home,


rule copy_project_file:
    output:
        own_copy="results/project/{file}",
    log:
        "logs/copy_project_file/{file}.log",
    benchmark:
        "benchmarks/copy_project_file/{file}.tsv"
    conda:
        "../envs/analysis.yaml"
    container:
        IMAGES["analysis"]
    resources:
        mem_mb=500,
        runtime=5,
        # Not an input: the path depends on the folder of the project, and moving a project or a run must rerun nothing.
        source=lambda wildcards: f"{PROJECT}{wildcards.file}",
    params:
        content=lambda wildcards: content_digest(f"{workflow.basedir}/{wildcards.file}"),
    message:
        "Copying {wildcards.file}"
    shell:
        "cp {resources.source:q} {output:q} > {log:q} 2>&1"


def project_file(name):
    """Return the run's copy of a file of the project."""
    return rules.copy_project_file.output.own_copy.format(file=name)


def own_home(wildcards):
    """Return the path of a user's own home."""
    return home_path(config["datasets"][wildcards.dataset]["home"])


rule copy_home:
    output:
        own_copy="results/homes/{dataset}.yaml",
    log:
        "logs/copy_home/{dataset}.log",
    benchmark:
        "benchmarks/copy_home/{dataset}.tsv"
    conda:
        "../envs/analysis.yaml"
    container:
        IMAGES["analysis"]
    resources:
        mem_mb=500,
        runtime=5,
        # Not an input, as in copy_project_file.
        source=own_home,
    params:
        content=lambda wildcards: content_digest(own_home(wildcards)),
    message:
        "Copying the home of {wildcards.dataset}"
    shell:
        "cp {resources.source:q} {output:q} > {log:q} 2>&1"


def varied_home(wildcards):
    """Return the run's copy of the home of which a variant is drawn, or nothing for a home that is drawn as a whole."""
    dataset = config["datasets"][wildcards.dataset]
    return (
        project_file(f"config/homes/{dataset['home']}.yaml")
        if is_variant(dataset)
        else []
    )


def variant_options(wildcards, input):
    """Return the options of the program for a variant of a home; "" for a home that is drawn as a whole."""
    source = config["datasets"][wildcards.dataset]["source"]
    return f"--variant-of {input.varied} --source {source}" if input.varied else ""


rule draw_home:
    input:
        varied=varied_home,
    output:
        home="results/drawn_homes/{dataset}.yaml",
    log:
        "logs/draw_home/{dataset}.log",
    benchmark:
        "benchmarks/draw_home/{dataset}.tsv"
    conda:
        "../envs/analysis.yaml"
    container:
        IMAGES["analysis"]
    resources:
        mem_mb=500,
        runtime=5,
    params:
        seed=lookup("datasets/{dataset}/simulate/seed", within=config),
        variant=variant_options,
        code=code_digest("draw_home"),
    message:
        "Drawing the home {wildcards.dataset}"
    shell:
        'python "$SCRIPTS/draw_home.py" --seed {params.seed} {params.variant} --out {output.home:q} > {log:q} 2>&1'


def home_of(dataset):
    """Return the run's copy of a dataset's home."""
    if is_drawn(config["datasets"][dataset]) or is_variant(config["datasets"][dataset]):
        return rules.draw_home.output.home.format(dataset=dataset)
    home = config["datasets"][dataset]["home"]
    if home.endswith(".yaml"):
        return rules.copy_home.output.own_copy.format(dataset=dataset)
    return project_file(f"config/homes/{home}.yaml")


def home_file(wildcards):
    return home_of(wildcards.dataset)
