# The project's own files that decide results, brought beside them.
#
# In:   homes, the prompt template, DeepSpeed settings, the report's template
# Out:  results/project/{file}, under the name it has in the project; results/homes/{dataset}.yaml of a user's own home
# Steps: copy_project_file, copy_home (a copy an edit of what the file says; comments in YAML say nothing)


rule copy_project_file:
    output:
        "results/project/{file}",
    log:
        "logs/copy_project_file/{file}.log",
    benchmark:
        "benchmarks/copy_project_file/{file}.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=500,
        runtime=5,
        # Not an input: its name says where the project lies, and moving a project or a run changes no result.
        source=lambda wildcards: f"{PROJECT}{wildcards.file}",
    params:
        content=lambda wildcards: configuration.content_digest(
            f"{workflow.basedir}/{wildcards.file}"
        ),
    message:
        "Copying {wildcards.file}"
    shell:
        "cp {resources.source:q} {output:q} > {log:q} 2>&1"


rule copy_home:
    output:
        "results/homes/{dataset}.yaml",
    log:
        "logs/copy_home/{dataset}.log",
    benchmark:
        "benchmarks/copy_home/{dataset}.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=500,
        runtime=5,
        # As above.
        source=home_source,
    params:
        content=lambda wildcards: configuration.content_digest(home_source(wildcards)),
    message:
        "Copying the home of {wildcards.dataset}"
    shell:
        "cp {resources.source:q} {output:q} > {log:q} 2>&1"
