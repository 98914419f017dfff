# Render the static part of a home's prompt: one for the config's settings, and one for every variant that changes them.
#
# In:   the home's yaml, the template; windows.jsonl and splits.json if windows of a train split are shown
# Out:  results/prompts/{prompt}.json (for programs) and .txt (the same text, for people), where {prompt} is
#       {dataset} or {dataset}_{variant}, with _fold<k> after it if windows of the train split of fold k are shown
# Steps: render_prompt

from hearth.common.config_schema import setting_default
from hearth.workflow.recognisers import prompts


localrules:
    render_prompt,


PROMPTS = prompts(config)


def prompt_settings(wildcards):
    """Return (dataset, settings, fold) of the wildcards' prompt; the fold is None for a prompt without shots."""
    dataset, _, name = wildcards.prompt.partition("_")
    if match := re.fullmatch(r"(?:(.+)_)?fold(\d+)", name):
        settings = PROMPTS[match[1] or ""]
        if settings["shots"]:
            return dataset, settings, int(match[2])
    return dataset, PROMPTS[name], None


def prompt_home(wildcards):
    dataset, *_ = prompt_settings(wildcards)
    return home_of(dataset)


def prompt_template(wildcards):
    _, settings, _ = prompt_settings(wildcards)
    return project_file(f"config/prompts/{settings['template']}.j2")


def prompt_windows(wildcards):
    """Return the file of windows from which few-shot examples are chosen; an empty list for a prompt without shots."""
    dataset, settings, _ = prompt_settings(wildcards)
    if not settings["shots"]:
        return []
    return rules.window_dataset.output.windows.format(dataset=dataset)


def prompt_splits(wildcards):
    """Return splits.json for a prompt that shows windows; an empty list for another."""
    dataset, settings, _ = prompt_settings(wildcards)
    if not settings["shots"]:
        return []
    return rules.split_dataset.output.splits.format(dataset=dataset)


def prompt_options(wildcards):
    """Return the settings of a prompt as options of the program, without settings that add no text.

    This function does not take `input`, because Snakemake does not compare params whose functions do.
    """
    _, settings, fold = prompt_settings(wildcards)
    options = [f"--reasoning {settings['reasoning']}"]
    options += [f"--no-{part}" for part in ("rules", "example") if not settings[part]]
    if settings["date"] != setting_default("prompt", "date"):
        options.append(f"--date {settings['date']}")
    if settings["sensor_kinds"]:
        options.append("--sensor-kinds")
    if settings["label_order"] != "home":
        options.append(f"--label-order {settings['label_order']}")
    if settings["shots"]:
        options += [
            f"--windows {shlex.quote(prompt_windows(wildcards))}",
            f"--splits {shlex.quote(prompt_splits(wildcards))} --split train{fold}",
            f"--shots {settings['shots']} --shots-by {settings['shots_by']}",
        ]
    return " ".join(options)


rule render_prompt:
    input:
        home=prompt_home,
        template=prompt_template,
        windows=prompt_windows,
        splits=prompt_splits,
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
        'python "$SCRIPTS/render_prompt.py" --home {input.home:q} --template {input.template:q} {params.settings}'
        " --out {output.prompt:q} --text {output.text:q} > {log:q} 2>&1"


def prompt_file(recogniser, dataset, fold):
    """Return the prompt file of a recogniser on a dataset in a fold; an empty list for a baseline."""
    if not recogniser.prompt:
        return []
    shown = f"fold{fold}" if recogniser.prompt["shots"] else ""
    name = "_".join(filter(None, (dataset, recogniser.prompt_name, shown)))
    return rules.render_prompt.output.prompt.format(prompt=name)


def recogniser_prompt(wildcards):
    return prompt_file(recogniser_of(wildcards), wildcards.dataset, fold_of(wildcards))
