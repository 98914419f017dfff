"""Read the findings of preflight's checks in their tests."""

from hearth.workflow.findings import Findings


def problem(findings: Findings) -> str:
    """Return the text of the only problem; fail if there is another problem, or a passed check in `facts`."""
    (text,) = findings.problems
    assert not findings.facts
    return text
