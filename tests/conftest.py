"""Distribution of the tests over the workers of pytest-xdist, with `--dist loadfile`."""

import pytest

# Started first, so that no worker ends long after the others: one test that makes and changes the reference run, and
# the longest file.
FIRST = ("tests/workflow/test_kills.py", "tests/unit/distillation/test_training.py")
# Tests of this folder run on any worker and last: they share the reference run, which is made once per session.
SPREAD = "tests/workflow/"
# Except the files whose tests share fixtures of their own.
NOT_SPREAD = tuple(
    f"tests/workflow/test_{name}.py" for name in ("conda", "cluster_plan", "on_policy", "teacher_samples")
)


def _is_spread(node_id: str) -> bool:
    return node_id.startswith(SPREAD) and not node_id.startswith(NOT_SPREAD)


def _rank(node_id: str) -> int:
    """Return the place of a test in the order of the session."""
    for place, file in enumerate(FIRST):
        if node_id.startswith(file):
            return place
    return len(FIRST) + _is_spread(node_id)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the tests for their distribution."""
    items.sort(key=lambda item: _rank(item.nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log):
    """Return a scheduler that keeps a file's tests on one worker, except those of `SPREAD`.

    pytest-xdist's `loadgroup` would do this, but ignores groups under pytest 9.
    """
    from xdist.scheduler import LoadFileScheduling

    class Scheduler(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return nodeid if _is_spread(nodeid) else super()._split_scope(nodeid)

    if config.getvalue("dist") != "loadfile":
        return None
    config.option.loadscopereorder = False
    return Scheduler(config, log)
