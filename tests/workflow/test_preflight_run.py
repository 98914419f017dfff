"""Test that `snakemake preflight` reports everything that a run lacks, and that no result depends on it."""

import yaml
from repository import CONFIG
from snakemake_runs import Workflow, small_config


def test_the_demo_lacks_nothing_and_its_results_do_not_depend_on_preflight(finished_run):
    assert "No problems." in finished_run.run("preflight")
    assert finished_run.plan("all") == {}
    assert finished_run.plan("preflight") == {"check_login": 1, "check_node": 1, "preflight": 1}


def test_everything_that_is_missing_is_reported_at_once(tmp_path):
    registry = yaml.safe_load((CONFIG / "models.yaml").read_text())
    registry["tiny-s"]["path"] = "no/such/model"
    registry["tiny-m"]["mem_mb"] = 10**9
    (tmp_path / "models.yaml").write_text(yaml.safe_dump(registry))
    config = small_config() | {"model_registry": str(tmp_path / "models.yaml")}
    config["datasets"]["mural"] = {"source": "mural", "home": "mural", "root": "data/MuRAL"}
    status, output = Workflow(tmp_path / "run", config).attempt("preflight")
    assert status != 0
    for part in ("no/such/model", "data/MuRAL", "1000000000 MB requested", "3 problems"):
        assert part in output
