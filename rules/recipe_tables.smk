# From scores to tables that need more than scores: those of recipes and of gains.
#
# In:   the scores that a table selects; for recipes, the stats of the trainings of its students, and of the text that they
#       learn from; for gains, the tested windows and all answers to them, those of the students' teachers too
# Out:  results/tables/{table}.md, .csv, .tex, and .provenance.md
# Steps: recipe_table, gain_table

from hearth.workflow.on_policy import policy_name
from hearth.workflow.selection import answered_pairs
from hearth.workflow.students import rounds_until


localrules:
    recipe_table,
    gain_table,


def table_students(table):
    """Return the students of a table, each once."""
    students = [RECOGNISERS[name].student for name, _ in table_pairs(config, table)]
    return list(dict.fromkeys(student for student in students if student))


def text_work(student):
    """Return the recognisers whose text a student learns from, and those of them whose text its teacher scores.

    A student that is trained in rounds also learns from what it wrote after each round but the last.
    """
    policies = [
        policy_name(one.continues)
        for one in rounds_until(STUDENTS, student)
        if one.continues
    ]
    is_soft = RECIPES[student.recipe].reads == "log_probabilities"
    return [*student.trace_writers, *policies], [
        *(student.trace_writers if is_soft else ()),
        *policies,
    ]


def text_places(student, names):
    """Return the (recogniser, dataset, split) of the text of the recognisers `names` that a student learns from."""
    return {
        (name, dataset, traces_split(config, RECOGNISERS[name], dataset, fold))
        for name in names
        for dataset in student.datasets
        for fold in student_folds(config, student)
    }


def text_stats(wildcards):
    """Return the stats files of the text that the students of a table of recipes learn from."""
    students = table_students(wildcards.table)
    places = (text_places(student, text_work(student)[0]) for student in students)
    return stats_of_predictions(set().union(*places))


def scoring_stats(wildcards):
    """Return the stats files of the teachers' scoring of text that the students of a table of recipes learn from."""
    scored = {
        (student.teacher, *place)
        for student in table_students(wildcards.table)
        for place in text_places(student, text_work(student)[1])
    }
    return stats_of_scoring(scored)


def student_works(wildcards):
    """Return the work behind each student of a table, also as a variant, as JSON: see `--works` of recipe_table.py."""

    def devices(recogniser):
        model = RECOGNISERS[recogniser].base
        if registry[model]["source"] == "served":
            return 1
        return gpus_of(model, config, registry) or config["engine"]["threads"]

    def training_devices(student):
        model = registry[student.base]
        if not model["train_gpus"]:
            return config["engine"]["threads"]
        return model["cpus"] if config["engine"]["device"] == "cpu" else 1

    def work(student):
        written, scored = text_work(student)
        return {
            "trainings": [one.name for one in rounds_until(STUDENTS, student)],
            "written": {name: devices(name) for name in written},
            "scored": {name: devices(student.teacher) for name in scored},
            "datasets": student.datasets,
            "training_devices": training_devices(student),
        }

    works = {
        name: work(RECOGNISERS[name].student)
        for name, _ in table_pairs(config, wildcards.table)
        if RECOGNISERS[name].student
    }
    return json.dumps(works, sort_keys=True)


rule recipe_table:
    input:
        scores=lambda wildcards: score_files(table_pairs(config, wildcards.table)),
        texts=text_stats,
        scorings=scoring_stats,
        students=lambda wildcards: student_files(
            rules.distil.output.stats,
            [
                one.name
                for student in table_students(wildcards.table)
                for one in rounds_until(STUDENTS, student)
            ],
        ),
    output:
        **table_outputs("{table}"),
    log:
        "logs/recipe_table/{table}.log",
    benchmark:
        "benchmarks/recipe_table/{table}.tsv"
    wildcard_constraints:
        table=tables_of("recipes"),
    conda:
        "../envs/analysis.yaml"
    container:
        IMAGES["analysis"]
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        spec=lambda wildcards: json.dumps(table_spec(wildcards.table), sort_keys=True),
        works=student_works,
        code=code_digest("recipe_table"),
    message:
        "Writing the table of recipes {wildcards.table}"
    shell:
        'python "$SCRIPTS/recipe_table.py" --name {wildcards.table} --spec {params.spec:q} --scores {input.scores:q}'
        " --texts {input.texts:q} --scorings {input.scorings:q} --students {input.students:q} --works {params.works:q}"
        " --markdown {output.markdown:q} --csv {output.csv:q} --tex {output.tex:q} > {log:q} 2>&1"


def datasets_of(pattern):
    """Return an input function, which fills each dataset of a table into {dataset}."""
    return lambda wildcards: collect(
        pattern,
        dataset=dict.fromkeys(
            dataset for _, dataset in table_pairs(config, wildcards.table)
        ),
    )


rule gain_table:
    input:
        scores=lambda wildcards: score_files(table_pairs(config, wildcards.table)),
        parsed=lambda wildcards: [
            path
            for pair in answered_pairs(config, wildcards.table)
            for path in parsed_files(*pair)
        ],
        windows=datasets_of(rules.window_dataset.output.windows),
        splits=datasets_of(rules.split_dataset.output.splits),
    output:
        **table_outputs("{table}"),
    log:
        "logs/gain_table/{table}.log",
    benchmark:
        "benchmarks/gain_table/{table}.tsv"
    wildcard_constraints:
        table=tables_of("gains"),
    conda:
        "../envs/analysis.yaml"
    container:
        IMAGES["analysis"]
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        spec=lambda wildcards: json.dumps(table_spec(wildcards.table), sort_keys=True),
        code=code_digest("gain_table"),
    message:
        "Writing the table of gains {wildcards.table}"
    shell:
        'python "$SCRIPTS/gain_table.py" --name {wildcards.table} --spec {params.spec:q} --scores {input.scores:q}'
        " --parsed {input.parsed:q} --windows {input.windows:q} --splits {input.splits:q}"
        " --markdown {output.markdown:q} --csv {output.csv:q} --tex {output.tex:q} > {log:q} 2>&1"
