# Students to take home: `snakemake export`, or results/exports/{student}/README.md for one.
#
# In:   a student's adapter and training log, its base's snapshot, prompt, home, the dataset's windows, its score
# Out:  results/exports/{student}/: adapter/, merged/, gguf/, prompt.json, home.yaml, export.json, parity.json, README.md
# Steps: export_student (merges in fp32) -> check_export (asks all forms about the same windows) -> export_card


rule export_student:
    input:
        adapter=adapter_files,
        model=student_input("results/models/{base}/snapshot.json"),
        prompt=student_prompt,
        home=student_home,
    output:
        adapter="results/exports/{student}/adapter/adapter_model.safetensors",
        adapter_config="results/exports/{student}/adapter/adapter_config.json",
        merged=directory("results/exports/{student}/merged"),
        gguf=directory("results/exports/{student}/gguf"),
        prompt="results/exports/{student}/prompt.json",
        home="results/exports/{student}/home.yaml",
        about="results/exports/{student}/export.json",
    log:
        "logs/export_student/{student}.log",
    benchmark:
        "benchmarks/export_student/{student}.tsv"
    conda:
        "../envs/llm.yaml"
    resources:
        mem_mb=growing_resource("mem_mb"),
        runtime=growing_resource("runtime"),
        slurm_partition=lambda wildcards: partition_for(0),
    params:
        settings=export_settings,
        adapter=adapter_folder,
        model=student_input("results/models/{base}"),
    message:
        "Exporting {wildcards.student}"
    shell:
        "python $SCRIPTS/export_student.py --student {wildcards.student} --model {params.model:q}"
        " --adapter {params.adapter:q} --prompt {input.prompt:q} --home {input.home:q}"
        " --settings {params.settings:q} --out results/exports/{wildcards.student} > {log:q} 2>&1"


rule check_export:
    input:
        adapter="results/exports/{student}/adapter/adapter_model.safetensors",
        merged="results/exports/{student}/merged",
        gguf="results/exports/{student}/gguf",
        prompt="results/exports/{student}/prompt.json",
        about="results/exports/{student}/export.json",
        model=student_input("results/models/{base}/snapshot.json"),
        windows=student_input("results/datasets/{dataset}/windows.jsonl"),
    output:
        parity="results/exports/{student}/parity.json",
    log:
        "logs/check_export/{student}.log",
    benchmark:
        "benchmarks/check_export/{student}.tsv"
    conda:
        "../envs/llm.yaml"
    threads: config["engine"]["threads"]
    resources:
        gpu=model_resource("gpus"),
        mem_mb=growing_resource("mem_mb"),
        runtime=growing_resource("runtime"),
        slurm_partition=partition,
        device=config["engine"]["device"],
    params:
        windows=config["export"]["windows"],
        dtype=config["engine"]["dtype"],
        model=student_input("results/models/{base}"),
    message:
        "Comparing the forms of {wildcards.student}"
    shell:
        "OMP_NUM_THREADS={threads} python $SCRIPTS/check_export.py --export results/exports/{wildcards.student}"
        " --model {params.model:q} --windows {input.windows:q} --count {params.windows} --dtype {params.dtype}"
        " --device {resources.device} --work work/exports/{wildcards.student} --out {output.parity:q} > {log:q} 2>&1"


rule export_card:
    input:
        log="results/students/{student}/training_log.json",
        about="results/exports/{student}/export.json",
        parity="results/exports/{student}/parity.json",
        score=own_score,
    output:
        card="results/exports/{student}/README.md",
    log:
        "logs/export_card/{student}.log",
    benchmark:
        "benchmarks/export_card/{student}.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=2000,
        runtime=5,
    params:
        notes=student_notes,
        code=code_digest("export_card"),
    message:
        "Writing the card of {wildcards.student}"
    shell:
        "python $SCRIPTS/export_card.py --training-log {input.log:q} --about {input.about:q} --parity {input.parity:q}"
        " --score {input.score:q} --notes {params.notes:q} --out {output.card:q} > {log:q} 2>&1"


rule export:
    input:
        collect("results/exports/{student}/README.md", student=TRAINED),
