# Parsed predictions to scores.
#
# In:   parsed.jsonl of a recogniser on a dataset's test split, windows, splits, prompt, snapshot, training log
# Out:  results/scores/{recogniser}/{dataset}.json
# Steps: score


rule score:
    input:
        windows="results/datasets/{dataset}/windows.jsonl",
        splits="results/datasets/{dataset}/splits.json",
        home=home_file,
        parsed="results/predictions/{recogniser}/{dataset}/test/parsed.jsonl",
        prompt=recogniser_prompt,
        model=model_snapshot,
        student=training_log,
    output:
        score="results/scores/{recogniser}/{dataset}.json",
    log:
        "logs/score/{recogniser}/{dataset}.log",
    benchmark:
        "benchmarks/score/{recogniser}/{dataset}.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        facts=score_facts,
        # A baseline has neither prompt nor model, and only a student was trained.
        given=lambda wildcards, input: " ".join(
            f"--{name} {shlex.quote(input[name])}"
            for name in ("prompt", "model", "student")
            if input.get(name)
        ),
        code=code_digest("score"),
    message:
        "Scoring {wildcards.recogniser} on {wildcards.dataset}"
    shell:
        "python $SCRIPTS/score.py --recogniser {wildcards.recogniser} --dataset {wildcards.dataset}"
        " --windows {input.windows:q} --splits {input.splits:q} --home {input.home:q} --parsed {input.parsed:q}"
        " {params.given} --facts {params.facts:q}"
        " --out {output.score:q} > {log:q} 2>&1"
