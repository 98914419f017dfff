# Copies of the project's own files that decide results.
#
# In:   homes, prompt templates, DeepSpeed settings, the report's template; a home's yaml of the user's own
# Out:  results/project/{file}, under its name in the project; results/homes/{dataset}.yaml for a home of the user's own
# Steps: copy_project_file, copy_home (rerun when the content changes; comments in YAML are no content)

from hearth.workflow.project_files import content_digest, home_path


localrules:
    copy_project_file,
    copy_home,


rule copy_project_file:
    output:
        own_copy="results/project/{file}",
    log:
        "logs/copy_project_file/{file}.log",
    benchmark:
        "benchmarks/copy_project_file/{file}.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=500,
        runtime=5,
        # Not an input: its name depends on where the project is, and moving a project or a run changes no result.
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
    """Return the file of a home that is not one of the project's."""
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
    resources:
        mem_mb=500,
        runtime=5,
        # Not an input, for the reason above.
        source=own_home,
    params:
        content=lambda wildcards: content_digest(own_home(wildcards)),
    message:
        "Copying the home of {wildcards.dataset}"
    shell:
        "cp {resources.source:q} {output:q} > {log:q} 2>&1"


def home_of(dataset):
    """Return the run's copy of a dataset's home."""
    home = config["datasets"][dataset]["home"]
    if home.endswith(".yaml"):
        return rules.copy_home.output.own_copy.format(dataset=dataset)
    return project_file(f"config/homes/{home}.yaml")


def home_file(wildcards):
    return home_of(wildcards.dataset)
