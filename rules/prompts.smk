# The static part of a home's prompt.
#
# In:   the home's yaml, the template named in config
# Out:  results/prompts/{dataset}.json (what programs read), .txt (the same text, to be looked at)
# Steps: render_prompt


rule render_prompt:
    input:
        home=home_file,
        template=project_file(f"config/prompts/{config['prompt']['template']}.j2"),
    output:
        prompt="results/prompts/{dataset}.json",
        text="results/prompts/{dataset}.txt",
    log:
        "logs/render_prompt/{dataset}.log",
    benchmark:
        "benchmarks/render_prompt/{dataset}.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        reasoning=config["prompt"]["reasoning"],
        code=code_digest("render_prompt"),
    message:
        "Rendering the prompt of {wildcards.dataset}"
    shell:
        "python $SCRIPTS/render_prompt.py --home {input.home:q} --template {input.template:q}"
        " --reasoning {params.reasoning} --out {output.prompt:q} --text {output.text:q} > {log:q} 2>&1"
