"""Check every home of shared/cases: from the yaml or the draft to the words, the exit code and the events.

`newcomer.yaml` and `public.yaml` list each case's steps. A step is the case's yaml (`home`, default home.yaml)
against its data (`root`, default data), or a `draft` of the data:

- `outcome`: the last word of check_home, or `error`, or `refused` for wrong or error; `fails`: a draft ends in error;
- `events`, `labels`, `residents`, `sensors`, `sessions`: counts; `first`: time of the first event; `order`: all;
  `events: none`: the data cannot be read before a person has completed the draft;
- `says`: words in what is printed, of which a list is alternatives; `never`: words that are not; `once`: words that
  stand in the list of faults and the verdict, not in a line for each row;
- `holds`: keys of the drafted yaml with their value, or a list of alternatives;
- `edit`: our changes to the yaml, for what only a person can say; `example: moved`: other times in the example;
  `finished`: words instead of a draft's placeholders; `files`: files beside the data; `read_only`: read the events
  without check_home;
- `either`: alternatives, of which one holds, beside the expectations of the step.
"""

import pytest
import yaml
from cases_folder import CASES, needs_cases
from homes_run import problems, run_step
from repository import REPOSITORY

TABLES = {"newcomer": "newcomer.yaml", "public": "public.yaml"}
CASAS = ("casas-", "min-casas-", "e10a-", "e10d-")
pytestmark = needs_cases


def _load():
    folder = REPOSITORY / "tests" / "cases"
    tables = {name: yaml.safe_load((folder / file).read_text(encoding="utf-8")) for name, file in TABLES.items()}
    return {(name, case): steps for name, table in tables.items() for case, steps in table["cases"].items()}


EXPECTED = _load()
STEPS = [
    pytest.param(folder, case, step, id=f"{folder}-{case}-{'draft' if step.get('draft') else 'check'}{number}")
    for (folder, case), steps in EXPECTED.items()
    for number, step in enumerate(steps)
]


@pytest.mark.parametrize(("folder", "case", "step"), STEPS)
def test_a_case_ends_as_it_should(folder, case, step, tmp_path):
    source = "casas" if case.startswith(CASAS) else "table"
    result = run_step(CASES / folder / case, tmp_path, step, source)
    choices = [choice if choice.get("fails") else step | choice for choice in step.get("either", [{}])]
    found = [problems(result, choice) for choice in choices]
    assert [] in found, "\n".join([*(" and ".join(lines) for lines in found), result.output[-3000:]])


def test_every_case_has_its_expectation():
    cases = {("newcomer", path.name) for path in (CASES / "newcomer").iterdir()}
    cases |= {("public", path.name) for path in (CASES / "public").glob("e*")}
    assert cases == set(EXPECTED)
