# Resources that jobs request from a cluster.
#
# With a cluster profile, only `recognise`, `distil` and the export of students are cluster jobs, because they load
# models, and `check_node`, which checks the nodes. All other rules run on the login node (`localrules`):
# fetch_model needs the network; the rest take seconds and megabytes, less than a wait in the queue. load_dataset and
# window_dataset grow with the dataset, to minutes and at most 4 GB at ten million events. If your login node does not
# allow that, run them in a job first, with the run's configuration:
# `srun --mem 4G snakemake --directory <scratch> --cores 1 --until window_dataset --config ...`.

# Requests of a baseline's job, which loads no language model.
BASELINE_REQUESTS = {"gpus": 0, "cpus": 1, "mem_mb": 4000, "runtime": 60}


def model_resource(key):
    """Return a function for a rule's resource: the value of `key` in the registry for the wildcards' base model.

    A baseline has no model; its values are in BASELINE_REQUESTS.
    """

    def value(wildcards):
        base = recogniser_of(wildcards).base
        return registry[base][key] if base else BASELINE_REQUESTS[key]

    return value


def growing_resource(key):
    """Return a function like that of `model_resource`, whose value grows by half of the first value for every retry.

    A job that ran out of time or memory then has more of both, and continues from work/.
    """

    def value(wildcards, attempt):
        return model_resource(key)(wildcards) * (attempt + 1) // 2

    return value


def recognition_gpus(wildcards):
    """Return the number of GPUs of a job of recognition; 0 if a server runs the model."""
    if engine_name(wildcards) in SERVER_ENGINES:
        return 0
    return model_resource("gpus")(wildcards)


def recognition_cores(wildcards):
    """Return the number of CPU cores of a job of recognition: `cpus` of its model if it has GPUs."""
    if recognition_gpus(wildcards):
        return model_resource("cpus")(wildcards)
    return config["engine"]["threads"]


def recognition_omp_threads(wildcards, threads):
    """Return the number of OpenMP threads of every process of a job of recognition; each GPU has a process."""
    return max(1, threads // max(1, recognition_gpus(wildcards)))


def training_gpus(wildcards):
    """Return the number of GPUs of a training on one node; None on several nodes, where `gres` requests them."""
    one_node = model_resource("nodes")(wildcards) == 1
    return model_resource("gpus")(wildcards) if one_node else None


def on_several_nodes(value):
    """Return a function for a rule's resource, which is set only for trainings on several nodes.

    Its value is `value(nodes, GPUs per node)`; on one node it is None, so that the resource is unset.
    """

    def resource(wildcards):
        nodes, gpus = (model_resource(key)(wildcards) for key in ("nodes", "gpus"))
        return value(nodes, gpus) if nodes > 1 else None

    return resource


def partition_for(gpus):
    """Return the SLURM partition of a job with `gpus` GPUs; None if the profile names no partitions."""
    names = workflow.resource_settings.default_resources or {}
    name = (gpus and names.get("gpu_partition")) or names.get("slurm_partition")
    return name and str(name.raw).strip("'")


def partition(wildcards):
    """Return the SLURM partition of a job of the wildcards' recogniser or student."""
    return partition_for(model_resource("gpus")(wildcards))
