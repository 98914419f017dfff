# Resources that jobs request from a cluster.
#
# With a cluster profile, only recognition, `serve`, `distil` and the export of students are cluster jobs, because they
# load or train models, and the checks of the nodes. All other rules run on the login node (`localrules`):
# fetch_model needs the network; the rest take seconds and megabytes, less than a wait in the queue. Some grow with the dataset. load_dataset and
# window_dataset take minutes and at most 4 GB at ten million events. What follows recognition (gather_predictions,
# parse_predictions, score, audit) reads one window at a time: at a million windows of a recogniser, minutes of one core
# and at most 1 GB (`make bench-scale`). If your login node does not allow that, run Snakemake itself in a job
# (docs/cluster.md); only the datasets can also be made first:
# `srun --mem 4G snakemake --directory <scratch> --cores 1 --until split_dataset --config ...`.


# Memory of a job that only sends prompts to a server, in MB.
CLIENT_MEM_MB = 4000


def model_of(wildcards):
    """Return the name of the base model that the wildcards {model}, {recogniser} or {student} name."""
    return wildcards.get("model") or recogniser_of(wildcards).base


def model_resource(key):
    """Return a function for a rule's resource: the value of `key` in the registry for the wildcards' base model."""

    def value(wildcards):
        return registry[model_of(wildcards)][key]

    return value


def model_gpus(wildcards):
    """Return the number of GPUs on which the wildcards' model runs."""
    return gpus_of(model_of(wildcards), config, registry)


def growing_resource(key):
    """Return a function like that of `model_resource`, whose value grows by half of the first value for every retry.

    A job that ran out of time or memory then has more of both, and continues from work/.
    """

    def value(wildcards, attempt):
        return model_resource(key)(wildcards) * (attempt + 1) // 2

    return value


def site_default(name):
    """Return the profile's default for a resource, as text; None if the profile has none."""
    defaults = workflow.resource_settings.default_resources
    if not defaults or name not in defaults:
        return None
    return str(defaults[name].raw).strip("'")


def partition_for(gpus):
    """Return the profile's SLURM partition for a job with `gpus` GPUs; None if the profile names no partitions."""
    return (gpus and site_default("gpu_partition")) or site_default("slurm_partition")


def node_request(gpus):
    """Return the resources of a rule that decide which nodes SLURM may choose for its jobs.

    `gpus` is a function from wildcards to the number of GPUs. A job with GPUs gets the values of its model; where the
    registry has none, and for jobs without GPUs, the profile's defaults apply.
    """

    def of_model(wildcards, key):
        return gpus(wildcards) and model_resource(key)(wildcards)

    return {
        "slurm_partition": lambda wildcards: (
            of_model(wildcards, "partition") or partition_for(gpus(wildcards))
        ),
        # The plugin would request a GPU for every job with a type.
        "gpu_model": lambda wildcards: of_model(wildcards, "gpu_type") or None,
        "constraint": lambda wildcards: (
            of_model(wildcards, "constraint") or site_default("constraint")
        ),
        "qos": lambda wildcards: of_model(wildcards, "qos") or site_default("qos"),
    }


def recognition_gpus(wildcards):
    """Return the number of GPUs of a job of recognition; 0 if a server or the CPU runs the model."""
    return 0 if engine_name(wildcards) in SERVER_ENGINES else model_gpus(wildcards)


def recognition_memory(wildcards, attempt):
    """Return the memory of a job of recognition in MB; it loads no model if a server runs it."""
    if engine_name(wildcards) in SERVER_ENGINES:
        return CLIENT_MEM_MB
    return growing_resource("mem_mb")(wildcards, attempt)


def recognition_cores(wildcards):
    """Return the number of CPU cores of a job of recognition: `cpus` of its model if it has GPUs."""
    if recognition_gpus(wildcards):
        return model_resource("cpus")(wildcards)
    return config["engine"]["threads"]


def recognition_omp_threads(wildcards, threads):
    """Return the number of OpenMP threads of every process of a job of recognition with `threads` cores.

    vLLM has a process for each GPU; together they have no more threads than the job has cores.
    """
    return max(1, threads // max(1, recognition_gpus(wildcards)))


def training_ranks(wildcards):
    """Return the number of processes of a training on each node: one per GPU, or one without a GPU."""
    return max(1, model_resource("train_gpus")(wildcards))


def training_cores(wildcards):
    """Return the number of CPU cores of a training on each node: `cpus` of its model for each GPU."""
    gpus = model_resource("train_gpus")(wildcards)
    if gpus:
        return gpus * model_resource("cpus")(wildcards)
    return config["engine"]["threads"]


def training_omp_threads(wildcards, threads):
    """Return the number of OpenMP threads of every process of a training with `threads` cores on each node."""
    return max(1, threads // training_ranks(wildcards))


def on_one_node(value):
    """Return a function for a rule's resource, which is set only for trainings on one node, to `value(wildcards)`."""

    def resource(wildcards):
        return value(wildcards) if model_resource("nodes")(wildcards) == 1 else None

    return resource


def on_several_nodes(value):
    """Return a function for a rule's resource, which is set only for trainings on several nodes.

    Its value is `value(nodes, GPUs per node, type of GPU)`; on one node it is None, so that the resource is unset.
    """

    def resource(wildcards):
        keys = ("nodes", "train_gpus", "gpu_type")
        nodes, gpus, gpu_type = (model_resource(key)(wildcards) for key in keys)
        return value(nodes, gpus, gpu_type) if nodes > 1 else None

    return resource
