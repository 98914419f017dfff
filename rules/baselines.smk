# From windows to the predictions of recognisers without a language model.
#
# In:   windows.jsonl and splits.json of the tested dataset; for a transfer baseline, also those of the datasets that it
#       learns from, and the homes of all
# Out:  results/predictions/{recogniser}/{dataset}/test{fold}/all.jsonl and all.stats.json; of a transfer baseline, which
#       answers in common labels, parsed.jsonl instead of all.jsonl
# Steps: recognise_baseline or recognise_transfer_baseline, one job per fold, because datasets may differ in their number


rule recognise_baseline:
    input:
        windows=rules.window_dataset.output.windows,
        splits=rules.split_dataset.output.splits,
    output:
        predictions="results/predictions/{recogniser}/{dataset}/{split}/all.jsonl",
        stats="results/predictions/{recogniser}/{dataset}/{split}/all.stats.json",
    log:
        "logs/recognise_baseline/{recogniser}/{dataset}/{split}.log",
    benchmark:
        "benchmarks/recognise_baseline/{recogniser}/{dataset}/{split}.tsv"
    wildcard_constraints:
        split=r"test\d+",
        recogniser=rf"(?!(?:{TRANSFER_BASELINES})/)(?:{BASELINES})",
    conda:
        "../envs/analysis.yaml"
    container:
        IMAGES["analysis"]
    resources:
        **node_request(lambda wildcards: 0),
        mem_mb=lambda wildcards, attempt: 2000 * (attempt + 1),
        runtime=lambda wildcards, attempt: 30 * (attempt + 1),
    message:
        "Recognising {wildcards.dataset} {wildcards.split} with the baseline {wildcards.recogniser}"
    shell:
        'OMP_NUM_THREADS={threads} python "$SCRIPTS/recognise_baseline.py" --baseline {wildcards.recogniser}'
        " --windows {input.windows:q} --splits {input.splits:q} --split {wildcards.split}"
        " --out {output.predictions:q} --stats {output.stats:q} > {log:q} 2>&1"


def learned_by(wildcards):
    """Return the names of the datasets that a transfer baseline learns from."""
    return learned_datasets(config, recogniser_of(wildcards), wildcards.dataset)


def read_by(wildcards):
    """Return the names of the datasets that a transfer baseline learns from or is tested on, each once."""
    return list(dict.fromkeys([*learned_by(wildcards), wildcards.dataset]))


def common_labels_of_datasets(wildcards):
    """Return the common labels of all datasets that a transfer baseline reads, as JSON."""
    return json.dumps({name: common_labels(name) for name in read_by(wildcards)})


rule recognise_transfer_baseline:
    input:
        windows=lambda wildcards: collect(
            rules.window_dataset.output.windows, dataset=read_by(wildcards)
        ),
        splits=lambda wildcards: collect(
            rules.split_dataset.output.splits, dataset=read_by(wildcards)
        ),
        homes=lambda wildcards: [home_of(name) for name in read_by(wildcards)],
    output:
        parsed="results/predictions/{recogniser}/{dataset}/{split}/parsed.jsonl",
        stats="results/predictions/{recogniser}/{dataset}/{split}/all.stats.json",
    log:
        "logs/recognise_transfer_baseline/{recogniser}/{dataset}/{split}.log",
    benchmark:
        "benchmarks/recognise_transfer_baseline/{recogniser}/{dataset}/{split}.tsv"
    wildcard_constraints:
        split=r"test\d+",
        recogniser=TRANSFER_BASELINES,
    conda:
        "../envs/analysis.yaml"
    container:
        IMAGES["analysis"]
    resources:
        **node_request(lambda wildcards: 0),
        mem_mb=lambda wildcards, attempt: 2000 * (attempt + 1),
        runtime=lambda wildcards, attempt: 30 * (attempt + 1),
    params:
        baseline=lambda wildcards: wildcards.recogniser.rpartition("_")[0],
        learned=learned_by,
        datasets=read_by,
        common_labels=common_labels_of_datasets,
    message:
        "Recognising {wildcards.dataset} {wildcards.split} with the transfer baseline {wildcards.recogniser}"
    shell:
        'OMP_NUM_THREADS={threads} python "$SCRIPTS/recognise_transfer_baseline.py" --baseline {params.baseline}'
        " --tested {wildcards.dataset} --learned {params.learned} --datasets {params.datasets}"
        " --windows {input.windows:q} --splits {input.splits:q} --homes {input.homes:q}"
        " --common-labels {params.common_labels:q} --split {wildcards.split}"
        " --out {output.parsed:q} --stats {output.stats:q} > {log:q} 2>&1"
