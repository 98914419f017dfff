# From scores to figures; `snakemake figure_<name>` makes a single figure.
#
# In:   every score that a table selects; for `cost_f1`, the table cost too
# Out:  results/figures/{figure}.svg, .png
# Steps: figure


localrules:
    figure,


def cost_table(wildcards):
    """Return the table `cost` for figures that read it besides scores; an empty list for other figures."""
    return rules.cost.output.csv if wildcards.figure in RUN.cost_figures else []


rule figure:
    input:
        scores=SCORES,
        costs=cost_table,
    output:
        svg=report(
            "results/figures/{figure}.svg",
            category="Figures",
            labels={"figure": "{figure}"},
            caption="../report/figure.rst",
        ),
        png="results/figures/{figure}.png",
    log:
        "logs/figure/{figure}.log",
    benchmark:
        "benchmarks/figure/{figure}.tsv"
    wildcard_constraints:
        figure=r"(?!deployment\b)[a-z][a-z0-9_]*",
    conda:
        "../envs/analysis.yaml"
    container:
        IMAGES["analysis"]
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        costs=lambda wildcards, input: (
            f"--costs {shlex.quote(input.costs)}" if input.costs else ""
        ),
        code=code_digest("figure"),
    message:
        "Drawing the figure {wildcards.figure}"
    shell:
        'python "$SCRIPTS/figure.py" --figure {wildcards.figure} --scores {input.scores:q} {params.costs}'
        " --svg {output.svg:q} --png {output.png:q} > {log:q} 2>&1"


for name in [*RUN.figures, *RUN.cost_figures]:

    rule:
        name:
            f"figure_{name}"
        input:
            collect(rules.figure.output, figure=name),
