# The answer to a target that does not exist: an error with the nearest name.
#
# In:   nothing
# Out:  nothing; every file of a run is in a folder, so that a word without a slash is the name of no rule
# Steps: no_such_target


def refuse_target(wildcards):
    names = [rule.name for rule in workflow.rules if not rule.has_wildcards()]
    raise WorkflowError(
        f"there is no target {wildcards.word!r}{nearest(wildcards.word, names)}"
    )


rule no_such_target:
    input:
        refuse_target,
    output:
        "{word}",
