# From the answers of several seeds to their majority, event by event (self-consistency).
#
# In:   parsed.jsonl of the recognisers that are the samples, on one split
# Out:  results/predictions/{recogniser}/{dataset}/{split}/parsed.jsonl of a variant with self_consistency
# Steps: vote


localrules:
    vote,


def voting_samples(wildcards):
    """Return the parsed predictions of the samples of a majority, in the order of its seeds."""
    return collect(
        rules.parse_predictions.output.parsed,
        recogniser=recogniser_of(wildcards).samples,
        dataset=wildcards.dataset,
        split=wildcards.split,
    )


rule vote:
    input:
        samples=voting_samples,
    output:
        parsed=rules.parse_predictions.output.parsed,
    log:
        "logs/vote/{recogniser}/{dataset}/{split}.log",
    benchmark:
        "benchmarks/vote/{recogniser}/{dataset}/{split}.tsv"
    wildcard_constraints:
        recogniser=MAJORITIES,
    conda:
        "../envs/analysis.yaml"
    container:
        IMAGES["analysis"]
    resources:
        mem_mb=500,
        runtime=15,
    params:
        code=code_digest("vote"),
    message:
        "Voting on {wildcards.dataset} {wildcards.split} for {wildcards.recogniser}"
    shell:
        'python "$SCRIPTS/vote.py" --samples {input.samples:q} --out {output.parsed:q} > {log:q} 2>&1'
