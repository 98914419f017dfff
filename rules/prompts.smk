# Render the static part of a home's prompt: one for the config's settings, and one for every variant that changes them.
#
# In:   the home's yaml, the template; windows.jsonl if windows of the train split are shown
# Out:  results/prompts/{prompt}.json (for programs) and .txt (the same text, for people), where {prompt} is
#       {dataset} or {dataset}_{variant}
# Steps: render_prompt

from hearth.workflow.recognisers import prompts


localrules:
    render_prompt,


PROMPTS = prompts(config)


def prompt_settings(wildcards):
    """Return (dataset, settings) of the wildcards' prompt."""
    dataset, _, name = wildcards.prompt.partition("_")
    return dataset, PROMPTS[name]


def prompt_home(wildcards):
    dataset, _ = prompt_settings(wildcards)
    return home_of(dataset)


def prompt_template(wildcards):
    _, settings = prompt_settings(wildcards)
    return project_file(f"config/prompts/{settings['template']}.j2")


def prompt_windows(wildcards):
    """Return the file of windows from which few-shot examples are chosen; an empty list for a prompt without shots."""
    dataset, settings = prompt_settings(wildcards)
    if not settings["shots"]:
        return []
    return rules.window_dataset.output.windows.format(dataset=dataset)


def prompt_options(wildcards):
    """Return the settings of a prompt as options of the program, without settings that add no text.

    This function does not take `input`, because Snakemake does not compare params whose functions do.
    """
    _, settings = prompt_settings(wildcards)
    options = [f"--reasoning {settings['reasoning']}"]
    options += [f"--no-{part}" for part in ("rules", "example") if not settings[part]]
    if settings["sensor_kinds"]:
        options.append("--sensor-kinds")
    if settings["label_order"] != "home":
        options.append(f"--label-order {settings['label_order']}")
    if settings["shots"]:
        options += [
            f"--windows {shlex.quote(prompt_windows(wildcards))}",
            f"--shots {settings['shots']} --shots-by {settings['shots_by']}",
        ]
    return " ".join(options)


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
    container:
        IMAGES["analysis"]
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


def prompt_file(recogniser, dataset):
    """Return the prompt file of a recogniser on a dataset; an empty list for a baseline."""
    if not recogniser.prompt:
        return []
    name = "_".join(filter(None, (dataset, recogniser.prompt_name)))
    return rules.render_prompt.output.prompt.format(prompt=name)


def recogniser_prompt(wildcards):
    return prompt_file(recogniser_of(wildcards), wildcards.dataset)
