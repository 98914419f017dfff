"""Make training examples of simulated homes like those that the tiny models learn from."""

from hearth.homes.home import load_home
from hearth.simulation.paraphrases import PARAPHRASES
from hearth.toy_models.answer_formats import STANDARD, AnswerFormat
from hearth.toy_models.training_data import HomeExamples, make_home_examples
from repository import CONFIG
from repository import HOMES as HOME_FILES

TEMPLATE = CONFIG / "prompts" / "brief.j2"
HOMES = {source: load_home(HOME_FILES / f"{source}.yaml") for source in PARAPHRASES}
SESSIONS = {"marble": 2, "mural": 1}


def home_examples(source: str, seed: int, answer_format: AnswerFormat = STANDARD) -> HomeExamples:
    return make_home_examples(
        source, HOMES[source], TEMPLATE, seed, SESSIONS[source], size=10, answer_format=answer_format
    )
