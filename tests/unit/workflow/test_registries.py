"""Check that lists of names equal the registry: those in schemas, and those in modules that must not import it."""

from typing import Any, get_args

import pytest
import yaml
from config_factories import SCHEMAS
from hearth.data.sources.registry import SOURCES
from hearth.data.windows import WINDOW_KINDS
from hearth.distillation.recipes import RECIPES
from hearth.engines.registry import LOCAL_ENGINES
from hearth.evaluation.detail_tables import DETAIL_TABLES
from hearth.evaluation.score_document import LOST_ANSWERS, Labels
from hearth.evaluation.tables import COLUMNS
from hearth.models.fetch import SPEC_KEYS
from hearth.models.load import DEVICES, DTYPES
from hearth.prompting.few_shot import SELECTIONS
from hearth.prompting.prompts import LABEL_ORDERS, REASONING_MODES
from hearth.recognition.baselines import BASELINES
from hearth.recognition.transfer_baselines import TRANSFER_BASELINES
from hearth.simulation.marble import TRAITS


def enum(name: str, path: str) -> list[str]:
    """Return the valid values at a path of keys in a schema."""
    part: Any = yaml.safe_load((SCHEMAS / f"{name}.schema.yaml").read_text(encoding="utf-8"))
    for key in path.split("/"):
        part = part[key]
    return part["enum"]


@pytest.mark.parametrize(
    ("schema", "path", "registry"),
    [
        ("config", "properties/datasets/additionalProperties/properties/source", SOURCES),
        ("config", "properties/windows/properties/by", WINDOW_KINDS),
        ("config", "properties/prompt/properties/reasoning", REASONING_MODES),
        ("config", "properties/prompt/properties/label_order", LABEL_ORDERS),
        ("config", "properties/prompt/properties/shots_by", SELECTIONS),
        ("config", "properties/metrics/properties/lost_answers", LOST_ANSWERS),
        ("config", "properties/baselines/items", BASELINES),
        ("config", "properties/transfer_baselines/items", TRANSFER_BASELINES),
        ("config", "properties/engine/properties/name", ["auto", *LOCAL_ENGINES, "server"]),
        ("config", "properties/engine/properties/dtype", DTYPES),
        ("config", "properties/engine/properties/device", DEVICES),
        ("config", "properties/students/properties/recipe", RECIPES),
        ("config", "properties/datasets/additionalProperties/properties/simulate/properties/without/items", TRAITS),
        ("config", "properties/tables/additionalProperties/properties/rows", ["scores", *DETAIL_TABLES, "gains"]),
        ("config", "properties/tables/additionalProperties/properties/labels", get_args(Labels)),
        ("config", "properties/tables/additionalProperties/properties/columns/items/else", COLUMNS),
        ("models", "additionalProperties/properties/source", SPEC_KEYS),
    ],
)
def test_a_schema_lists_the_names_of_the_registry(schema, path, registry):
    assert set(enum(schema, path)) == set(registry)
