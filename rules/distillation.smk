# Traces to students.
#
# In:   all.jsonl of the teacher on a dataset's train split, windows.jsonl, the prompt, the base model's snapshot; what
#       the recipe reads beside them: parsed.jsonl or the audit of those traces; no traces for the recipe gold-labels
# Out:  results/students/{student}/adapter/, training_log.json, model_card.md, training.stats.json
# Steps: distil (torchrun, on one node or several; checkpoints under work/, resumed after a crash)


rule distil:
    input:
        traces=teacher_traces,
        windows=student_input("results/datasets/{dataset}/windows.jsonl"),
        prompt=student_prompt,
        model=student_input("results/models/{base}/snapshot.json"),
        deepspeed=project_file(config["students"]["deepspeed"]),
        recipe=recipe_file,
    output:
        adapter="results/students/{student}/adapter/adapter_model.safetensors",
        adapter_config="results/students/{student}/adapter/adapter_config.json",
        log="results/students/{student}/training_log.json",
        card="results/students/{student}/model_card.md",
        stats="results/students/{student}/training.stats.json",
    log:
        "logs/distil/{student}.log",
    benchmark:
        "benchmarks/distil/{student}.tsv"
    conda:
        "../envs/llm.yaml"
    threads: config["engine"]["threads"]
    resources:
        gpu=training_gpus,
        mem_mb=growing_resource("mem_mb"),
        runtime=growing_resource("runtime"),
        slurm_partition=partition,
        ranks=training_ranks,
        nodes=model_resource("nodes"),
        # On several nodes GPUs are asked for by node, and the job starts on the first one and calls srun itself.
        gres=on_several_nodes(lambda nodes, gpus: f"gpu:{gpus}" if gpus else None),
        tasks=on_several_nodes(lambda nodes, gpus: nodes),
        mpi=on_several_nodes(lambda nodes, gpus: "srun"),
    params:
        training=student_training,
        lesson=lesson_options,
        dtype=config["students"]["dtype"] or config["engine"]["dtype"],
        notes=student_notes,
        model=student_input("results/models/{base}"),
    message:
        "Distilling {wildcards.student}"
    shell:
        # At SIGTERM torchrun gives its processes so many seconds to save, and kills them then.
        "export TORCH_ELASTIC_SHUTDOWN_TIMEOUT=100; "
        "OMP_NUM_THREADS={threads} python $SCRIPTS/distil.py --nodes {resources.nodes} --ranks {resources.ranks}"
        " --student {wildcards.student} --model {params.model:q} {params.lesson}"
        " --windows {input.windows:q} --prompt {input.prompt:q}"
        " --training {params.training:q} --deepspeed {input.deepspeed:q}"
        " --dtype {params.dtype} --notes {params.notes:q} --work work/students/{wildcards.student}"
        " --adapter $(dirname {output.adapter:q}) --training-log {output.log:q} --card {output.card:q}"
        " --stats {output.stats:q} > {log:q} 2>&1"
