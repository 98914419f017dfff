# Nodes of a training: what it requests of a cluster, and the refusal of several nodes without SLURM.
#
# In:   nothing but the config
# Out:  TRAINING_NODES and gres_per_node, for the resources of rule distil

from hearth.distillation import launch


def gres_per_node(nodes, gpus, gpu_type):
    """Return the generic resources of SLURM that a training requests on each of its nodes; None without GPUs."""
    if not gpus:
        return None
    return ":".join(filter(None, ("gpu", gpu_type, str(gpus))))


def slurm_messages(student_names):
    """Return one message for each base model of these students that is trained on several nodes."""
    bases = sorted({STUDENTS[name].base for name in student_names})
    nodes = {base: registry[base]["nodes"] for base in bases}
    return [
        f"Students of {base}: {launch.slurm_needed(number, base)}"
        for base, number in nodes.items()
        if number > 1
    ]


def refuse_nodes_without_slurm():
    """Raise WorkflowError if a training of this run needs several nodes, but all jobs run on this machine.

    Only when jobs are about to start does Snakemake know what will run them. In a SLURM job the training itself checks
    its nodes.
    """
    if not workflow.local_exec or SLURM_JOB:
        return
    trainings = [
        job for job in workflow.dag.needrun_jobs() if job.rule.name == "distil"
    ]
    if messages := slurm_messages(job.wildcards.student for job in trainings):
        raise WorkflowError("\n".join(messages))


# A dry run, like a plan, may be made on a machine without SLURM. The profile of a cluster names a partition.
if workflow.is_main_process and not (site_default("slurm_partition") or SLURM_JOB):
    for message in slurm_messages(RUN.trained):
        logger.warning(message)


TRAINING_NODES = node_request(model_resource("train_gpus"))
