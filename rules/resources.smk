# What jobs ask of a cluster: by the registry's entry of their model, and the partition that has it.


# What a job of a baseline asks of a cluster.
BASELINE_ASK = {"gpus": 0, "mem_mb": 4000, "runtime": 60}


def model_resource(key):
    """An input function: what the registry says a job of this recogniser (or student) asks of a cluster."""

    def value(wildcards):
        base = recogniser_of(wildcards).base
        return registry[base][key] if base else BASELINE_ASK[key]

    return value


def on_several_nodes(value):
    """An input function of a training: `value` of (nodes, GPUs a node) on more than one; on one None, no such resource."""

    def asked(wildcards):
        nodes, gpus = (model_resource(key)(wildcards) for key in ("nodes", "gpus"))
        return value(nodes, gpus) if nodes > 1 else None

    return asked


def training_gpus(wildcards):
    """GPUs of a training on one node; on several they are asked for by node, and this is no resource of it."""
    one_node = model_resource("nodes")(wildcards) == 1
    return model_resource("gpus")(wildcards) if one_node else None


def models_by_ask():
    """Models of the run by the (GPUs, MB of memory) that their jobs ask for."""
    asks = {}
    for model in MODELS:
        ask = str(registry[model]["gpus"]), str(registry[model]["mem_mb"])
        asks.setdefault(ask, []).append(model)
    return asks


def growing_resource(key):
    """An input function: as `model_resource`, and half as much again for every retry.

    A retry goes on from what work/ holds, so it is for the job that got nowhere or ran out of memory.
    """

    def value(wildcards, attempt):
        return model_resource(key)(wildcards) * (attempt + 1) // 2

    return value


def partition_for(gpus):
    """The SLURM partition of a job that asks for so many GPUs; None where no profile names partitions."""
    names = workflow.resource_settings.default_resources or {}
    name = (gpus and names.get("gpu_partition")) or names.get("slurm_partition")
    return name and str(name.raw).strip("'")


def partition(wildcards):
    """The SLURM partition of a job of this recogniser (or student)."""
    return partition_for(model_resource("gpus")(wildcards))
