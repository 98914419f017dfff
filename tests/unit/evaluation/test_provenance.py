from hearth.evaluation.notes import METRICS_NOTES
from hearth.evaluation.provenance import ASSUMPTIONS, assumptions


def test_only_students_have_assumptions_about_training():
    assert assumptions("student") == list(ASSUMPTIONS)
    assert assumptions("base") == [key for key in ASSUMPTIONS if key != "training"]
    assert set(assumptions("baseline")) < set(assumptions("base"))


def test_assumptions_are_ascii():
    assert all(text.isascii() for text in [*ASSUMPTIONS.values(), *METRICS_NOTES])
