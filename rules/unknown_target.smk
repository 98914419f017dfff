# Report a target that does not exist, with the nearest name.
#
# In:   nothing
# Out:  nothing; all files of a run are in folders, so a target that has no slash and is no rule's name is a mistake
# Steps: no_such_target


def refuse_target(wildcards):
    names = [rule.name for rule in workflow.rules if not rule.has_wildcards()]
    refuse(f"There is no target {wildcards.word!r}{nearest(wildcards.word, names)}")


rule no_such_target:
    input:
        refuse_target,
    output:
        "{word}",
