# Measure exported students on the machine of the run: `snakemake deployment`; `make bench-hub` does so on a home hub.
# Timings differ from run to run; nothing else reads them. Run it on a machine that does nothing else.
#
# In:   exports and the metrics of their forms, windows and splits of the students' homes
# Out:  results/exports/{student}/direct-{form}.json: metrics of a student that is asked for no reasoning;
#       results/deployment/: measurements; results/tables/deployment.md, ..., results/figures/deployment.svg, .png
# Steps: check_direct, measure_export, measure_baseline -> deployment


localrules:
    deployment,


# The form `own` is the number format of the merged model; its name is known once the model is merged.
FORMS = ["own", *config["export"]["quantise"]]
# Measurements run one at a time, so each requests all cores of the run; a run on a cluster has no number of its own.
ALL_CORES = workflow.resource_settings.cores or 2


rule check_direct:
    input:
        merged=rules.export_student.output.merged,
        gguf=rules.export_student.output.gguf,
        about=rules.export_student.output.about,
        windows=first_of(student_datasets(rules.window_dataset.output.windows)),
        splits=first_of(student_datasets(rules.split_dataset.output.splits)),
    output:
        figures="results/exports/{student}/direct-{form}.json",
    log:
        "logs/check_direct/{student}/{form}.log",
    benchmark:
        "benchmarks/check_direct/{student}/{form}.tsv"
    wildcard_constraints:
        form="|".join(FORMS),
    conda:
        "../envs/llm.yaml"
    container:
        IMAGES["llm"]
    threads: config["engine"]["threads"]
    resources:
        mem_mb=growing_resource("mem_mb"),
        runtime=growing_resource("runtime"),
        slurm_partition=lambda wildcards: partition_for(0),
    params:
        windows=config["export"]["windows"],
        lost_answers=config["metrics"]["lost_answers"],
    message:
        "Asking form {wildcards.form} of {wildcards.student} for no reasoning"
    shell:
        'OMP_NUM_THREADS={threads} python "$SCRIPTS/check_direct.py" --export results/exports/{wildcards.student}'
        " --form {wildcards.form} --windows {input.windows:q} --splits {input.splits:q} --count {params.windows}"
        " --lost-answers {params.lost_answers} --work work/exports/{wildcards.student}/direct-{wildcards.form}"
        " --out {output.figures:q} > {log:q} 2>&1"


rule measure_export:
    input:
        merged=rules.export_student.output.merged,
        gguf=rules.export_student.output.gguf,
        prompt=rules.export_student.output.prompt,
        about=rules.export_student.output.about,
        windows=first_of(student_datasets(rules.window_dataset.output.windows)),
        splits=first_of(student_datasets(rules.split_dataset.output.splits)),
    output:
        measurement="results/deployment/students/{student}/{form}.json",
    log:
        "logs/measure_export/{student}/{form}.log",
    benchmark:
        "benchmarks/measure_export/{student}/{form}.tsv"
    wildcard_constraints:
        form="|".join(FORMS),
    conda:
        "../envs/llm.yaml"
    container:
        IMAGES["llm"]
    threads: ALL_CORES
    resources:
        mem_mb=growing_resource("mem_mb"),
        runtime=growing_resource("runtime"),
        slurm_partition=lambda wildcards: partition_for(0),
    params:
        windows=config["export"]["timed_windows"],
    message:
        "Measuring form {wildcards.form} of {wildcards.student} on this machine"
    shell:
        'python "$SCRIPTS/measure_export.py" --export results/exports/{wildcards.student} --form {wildcards.form}'
        " --windows {input.windows:q} --splits {input.splits:q} --count {params.windows} --cores {threads}"
        " --out {output.measurement:q} > {log:q} 2>&1"


rule measure_baseline:
    input:
        windows=rules.window_dataset.output.windows,
        splits=rules.split_dataset.output.splits,
        home=lambda wildcards: home_of(wildcards.dataset),
    output:
        measurement="results/deployment/baselines/{recogniser}/{dataset}.json",
    log:
        "logs/measure_baseline/{recogniser}/{dataset}.log",
    benchmark:
        "benchmarks/measure_baseline/{recogniser}/{dataset}.tsv"
    wildcard_constraints:
        recogniser=matching(config["baselines"]),
    conda:
        "../envs/analysis.yaml"
    container:
        IMAGES["analysis"]
    threads: ALL_CORES
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * (attempt + 1),
        runtime=lambda wildcards, attempt: 30 * (attempt + 1),
        slurm_partition=lambda wildcards: partition_for(0),
    params:
        windows=config["export"]["windows"],
        timed=config["export"]["timed_windows"],
        lost_answers=config["metrics"]["lost_answers"],
    message:
        "Measuring the baseline {wildcards.recogniser} on {wildcards.dataset} on this machine"
    shell:
        'python "$SCRIPTS/measure_baseline.py" --baseline {wildcards.recogniser} --windows {input.windows:q}'
        " --splits {input.splits:q} --home {input.home:q} --count {params.windows} --timed {params.timed}"
        " --lost-answers {params.lost_answers} --out {output.measurement:q} > {log:q} 2>&1"


DIRECT_STUDENTS = [
    name
    for name, student in RUN.trained.items()
    if RECIPES[student.recipe].asks_directly
]
# The first dataset of each student, on whose windows its forms are compared.
COMPARED_DATASETS = list(
    dict.fromkeys(student.datasets[0] for student in RUN.trained.values())
)


def measured_students(wildcards):
    """Return the measurements of all students. Ends Snakemake if the config has no student."""
    if not RUN.trained:
        refuse(
            "There is nothing to measure: the config has no students (`students.bases`)"
        )
    return collect(
        rules.measure_export.output.measurement, student=RUN.trained, form=FORMS
    )


rule deployment:
    input:
        measurements=measured_students,
        baselines=collect(
            rules.measure_baseline.output.measurement,
            recogniser=config["baselines"],
            dataset=COMPARED_DATASETS,
        ),
        parities=collect(rules.check_export.output.parity, student=RUN.trained),
        quantised=collect(
            rules.check_quantised.output.parity,
            student=RUN.trained,
            form=config["export"]["quantise"],
        ),
        direct=collect(
            rules.check_direct.output.figures, student=DIRECT_STUDENTS, form=FORMS
        ),
    output:
        **table_outputs("deployment"),
        svg=report(
            "results/figures/deployment.svg",
            category="Figures",
            labels={"figure": "deployment"},
            caption="../report/figure.rst",
        ),
        png="results/figures/deployment.png",
    log:
        "logs/deployment/deployment.log",
    benchmark:
        "benchmarks/deployment/deployment.tsv"
    conda:
        "../envs/analysis.yaml"
    container:
        IMAGES["analysis"]
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        simulated=[name for name in COMPARED_DATASETS if is_simulated(name)],
        tiny=stand_ins(RUN.trained),
        code=code_digest("deployment"),
    message:
        "Writing the table and the figure of deployment"
    shell:
        'python "$SCRIPTS/deployment.py" --measurements {input.measurements:q} --baselines {input.baselines:q}'
        " --parities {input.parities:q} --quantised {input.quantised:q} --direct {input.direct:q}"
        " --simulated {params.simulated:q} --tiny {params.tiny:q}"
        " --markdown {output.markdown:q} --csv {output.csv:q} --tex {output.tex:q}"
        " --svg {output.svg:q} --png {output.png:q} > {log:q} 2>&1"
