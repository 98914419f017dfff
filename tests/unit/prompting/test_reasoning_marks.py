import pytest
from hearth.prompting.reasoning_marks import KNOWN_MARKS, ReasoningMarks, split_reasoning

HARMONY = "<|channel|>analysis<|message|>Why.<|end|><|start|>assistant<|channel|>final<|message|>[1]"


@pytest.mark.parametrize("marks", KNOWN_MARKS, ids=lambda marks: marks.opening)
def test_every_known_pair_of_marks(marks):
    opening, closing = marks
    assert split_reasoning(f"{opening}\nWhy.\n{closing}\n\n[1]") == ("Why.", "\n\n[1]", True)
    assert split_reasoning(f"Why.{closing}[1]") == ("Why.", "[1]", True)  # the prompt opened it
    assert split_reasoning(f"{opening}Maybe [1]") == ("Maybe [1]", "", False)
    assert split_reasoning(f"{opening}{closing}[1]") == ("", "[1]", True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[1]", ("", "[1]", True)),
        ("", ("", "", True)),
        ("<THINK>Why.</Think>[1]", ("Why.", "[1]", True)),
        ("<think>a</think> b </think>[1]", ("a</think> b", "[1]", True)),
        ("<think>a</think>[1]<think>maybe [2]", ("a", "[1]", True)),
        ("<think>a</think>\n<think>maybe [2]", ("a\nmaybe [2]", "", False)),
        ("[THINK]a[/THINK][1]</think>", ("a[/THINK][1]", "", True)),
        (HARMONY, ("Why.", "[1]", True)),
        (HARMONY.partition("<|end|>")[0], ("Why.", "", False)),
        ("<|channel|>final <|constrain|>json<|message|>[1]", ("", "[1]", True)),
        ("<|channel|>commentary to=a<|message|>Why.<|channel|>final<|message|>[1]", ("Why.", "[1]", True)),
        ("analysisWe look.assistantfinal[1]", ("We look.", "[1]", True)),  # a server dropped the special tokens
        ("analysisWe look at [1]", ("We look at [1]", "", False)),
        ("analysis of the events: [1]", ("", "analysis of the events: [1]", True)),
        ("Think of [THINKING] and thinking: [1]", ("", "Think of [THINKING] and thinking: [1]", True)),
    ],
)
def test_texts(text, expected):
    assert split_reasoning(text) == expected


def test_marks_of_a_template_that_nobody_knows():
    marks = [ReasoningMarks("<muse>", "</muse>")]
    assert split_reasoning("<muse>Why.</muse>[1]", marks) == ("Why.", "[1]", True)
    assert split_reasoning("<muse>Maybe [1]", marks) == ("Maybe [1]", "", False)
    assert split_reasoning("<think>x</think>[1]", marks) == ("", "<think>x</think>[1]", True)
