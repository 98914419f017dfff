# Fetch every language model once.
#
# In:   the registry's entry of a model (config/models.yaml)
# Out:  results/models/{model}/snapshot.json, written last; the files that it lists with their digests, as copies or as
#       links to a model store; fetched.json, which is no output of the rule: Snakemake would delete it before a rerun,
#       and 65 GB would be read again for their digests
# Steps: fetch_model (the only rule that may use the network)

from hearth.models.fetch import SPEC_KEYS


localrules:
    fetch_model,


def model_spec(model):
    """Return the part of a model's registry entry that decides its weights."""
    entry = registry[model]
    keys = ["source", *SPEC_KEYS[entry["source"]]]
    if entry["source"] == "served":
        keys.append("parameters")
    return {key: entry[key] for key in keys if entry.get(key)}


def model_notes(wildcards):
    """Return the part of a model's registry entry that only tables show, as JSON."""
    entry = registry[wildcards.model]
    return json.dumps({key: entry[key] for key in ("license", "stand_in")})


# A checkpoint, because the number of windows of a shard depends on the model.
checkpoint fetch_model:
    output:
        snapshot="results/models/{model}/snapshot.json",
    log:
        "logs/fetch_model/{model}.log",
    benchmark:
        "benchmarks/fetch_model/{model}.tsv"
    retries: 2
    conda:
        "../envs/llm.yaml"
    container:
        IMAGES["llm"]
    resources:
        mem_mb=8000,
        runtime=240,
        project=SOURCE,
        # Not a param, because another licence or wording in the registry must not repeat any recognition.
        notes=model_notes,
    params:
        spec=lambda wildcards: json.dumps(model_spec(wildcards.model), sort_keys=True),
    message:
        "Fetching the model {wildcards.model}"
    shell:
        'python "$SCRIPTS/fetch_model.py" --model {wildcards.model} --spec {params.spec:q} --notes {resources.notes:q}'
        " --base {resources.project:q} --work work/models --out {output.snapshot:q} > {log:q} 2>&1"


def model_snapshot(wildcards):
    """Return the snapshot file of the recogniser's language model; an empty list for a baseline."""
    base = recogniser_of(wildcards).base
    return rules.fetch_model.output.snapshot.format(model=base) if base else []


def stand_in(model):
    """Return what tables call a model that only stands in for a real one; "" for a real model, or if `model` is ""."""
    return registry[model]["stand_in"] if model else ""
