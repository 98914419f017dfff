# The static part of a home's prompt, in the wording of the config and of every variant that changes it.
#
# In:   the home's yaml, the template; windows.jsonl where windows of the train split are shown
# Out:  results/prompts/{prompt}.json (what programs read), .txt (the same text, to be looked at), where {prompt} is
#       {dataset}, or {dataset}_{variant}
# Steps: render_prompt


rule render_prompt:
    input:
        home=prompt_home,
        template=prompt_template,
        windows=prompt_windows,
    output:
        prompt="results/prompts/{prompt}.json",
        text="results/prompts/{prompt}.txt",
    log:
        "logs/render_prompt/{prompt}.log",
    benchmark:
        "benchmarks/render_prompt/{prompt}.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        settings=prompt_options,
        code=code_digest("render_prompt"),
    message:
        "Rendering the prompt {wildcards.prompt}"
    shell:
        "python $SCRIPTS/render_prompt.py --home {input.home:q} --template {input.template:q} {params.settings}"
        " --out {output.prompt:q} --text {output.text:q} > {log:q} 2>&1"
