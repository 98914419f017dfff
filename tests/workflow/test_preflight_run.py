"""`snakemake preflight`, before a day is queued: says all that is missing at once, and decides no result."""

import yaml
from repository import REPOSITORY
from snakemake_runs import Workflow, small_config


def test_the_demo_lacks_nothing_and_its_results_do_not_hang_on_it(finished):
    assert "Nothing is missing." in finished.run("preflight")
    assert finished.planned("all") == {}
    assert finished.planned("preflight") == {"check_login": 1, "check_node": 1, "preflight": 1}


def test_everything_that_is_missing_is_said_at_once(tmp_path):
    registry = yaml.safe_load((REPOSITORY / "config" / "models.yaml").read_text())
    registry["tiny-s"]["path"] = "no/such/model"
    registry["tiny-m"]["mem_mb"] = 10**9
    (tmp_path / "models.yaml").write_text(yaml.safe_dump(registry))
    config = small_config() | {"model_registry": str(tmp_path / "models.yaml")}
    config["datasets"]["mural"] = {"source": "mural", "home": "mural", "root": "data/MuRAL"}
    code, printed = Workflow(tmp_path / "run", config).attempt("preflight")
    assert code != 0
    for part in ("no/such/model", "data/MuRAL", "1000000000 MB asked for", "3 problems"):
        assert part in printed
