# Refuse, before any job, what a run cannot work with: paths that its programs would misread, and names for SLURM that
# YAML or Python has changed. Warn of scores whose predictions are gone.

from hearth.workflow.kept_scores import kept_scores
from hearth.workflow.places import place_problems
from hearth.workflow.profiles import given_profiles, profile_problems, resource_problems


def run_places():
    """Return the problems of the paths of this run."""
    folders = {
        "the project's folder": workflow.basedir,
        "the run's folder": os.getcwd(),
        "the folder of Python": os.path.dirname(sys.executable),
    }
    environments = workflow.deployment_settings.conda_prefix or ".snakemake/conda"
    files = {"the config": path for path in workflow.configfiles}
    return place_problems(
        folders | files,
        of_rules={"the project's folder": workflow.basedir},
        on_path=(
            {}
            if WITH_CONDA
            else {"the folder of Python": os.path.dirname(sys.executable)}
        ),
        to_slurm=folders | files if site_default("slurm_partition") else {},
        to_conda=(
            {"the folder of conda's environments": os.path.abspath(environments)}
            if WITH_CONDA
            else {}
        ),
    )


def given_names():
    """Return the problems of the names that profiles and the command line give to SLURM."""
    files = given_profiles(
        sys.argv[1:], os.environ, Path(workflow.rundir), Path(workflow.basedir)
    )
    problems = [line for file in files for line in profile_problems(file)]
    settings = workflow.resource_settings
    problems += resource_problems(settings.default_resources or {}, "default-resources")
    for rule, resources in settings.overwrite_resources.items():
        problems += resource_problems(resources, f"set-resources: {rule}")
    return problems


if workflow.is_main_process and (problems := [*run_places(), *given_names()]):
    refuse("The run cannot start.", *problems)
if workflow.is_main_process:
    for line in kept_scores(RUN.pairs):
        logger.warning(line)
