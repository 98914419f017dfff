from hearth.evaluation.notes import METRICS_NOTE
from hearth.evaluation.provenance import ASSUMPTIONS, assumptions


def test_training_is_assumed_of_students_only():
    assert assumptions("student") == list(ASSUMPTIONS)
    assert assumptions("base") == [key for key in ASSUMPTIONS if key != "training"]
    assert set(assumptions("baseline")) < set(assumptions("base"))


def test_what_is_assumed_is_plain_ascii():
    assert all(text.isascii() for text in [*ASSUMPTIONS.values(), METRICS_NOTE])
