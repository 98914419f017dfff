# Models, brought to this machine once.
#
# In:   the registry's entry of a model (config/models.yaml)
# Out:  results/models/{model}/snapshot.json, written last, and beside it the files it lists with their digests
# Steps: fetch_model (the only rule that may use the network)


rule fetch_model:
    output:
        snapshot="results/models/{model}/snapshot.json",
    log:
        "logs/fetch_model/{model}.log",
    benchmark:
        "benchmarks/fetch_model/{model}.tsv"
    retries: 2
    conda:
        "../envs/llm.yaml"
    resources:
        mem_mb=8000,
        runtime=240,
        project=SOURCE,
        # Not a param: another wording of the registry must not recognise anything again.
        notes=model_notes,
    params:
        spec=lambda wildcards: json.dumps(model_spec(wildcards.model), sort_keys=True),
    message:
        "Fetching the model {wildcards.model}"
    shell:
        "python $SCRIPTS/fetch_model.py --model {wildcards.model} --spec {params.spec:q} --notes {resources.notes:q}"
        " --base {resources.project:q} --work work/models --out {output.snapshot:q} > {log:q} 2>&1"
