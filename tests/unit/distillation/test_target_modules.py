import pytest
from hearth.common.cli import UserError
from hearth.distillation import training
from hearth.distillation.target_modules import check_target_modules
from hearth.models.measure import linear_layers
from training_fixtures import SETTINGS

LAYERS = ["model.layers.0.self_attn.q_proj", "model.layers.0.self_attn.qkv_proj", "lm_head"]


@pytest.mark.parametrize("known", [["q_proj"], ["self_attn.q_proj", "lm_head"], LAYERS])
def test_layers_are_named_by_the_last_parts_of_their_names(known):
    check_target_modules(known, "base", LAYERS)


@pytest.mark.parametrize("unknown", ["proj", "nonsense", "mlp.q_proj", "model"])
def test_a_name_without_a_layer_is_refused_beside_one_that_has_some(unknown):
    with pytest.raises(UserError) as refused:
        check_target_modules(["q_proj", unknown], "base", LAYERS)
    assert str(refused.value) == (
        f"students.training.lora.target_modules: {unknown} is no linear layer of base; its linear layers are lm_head, "
        "q_proj, qkv_proj"
    )


@pytest.mark.parametrize("unknown", ["qkv_proj", "embed_tokens", "q_norm"])
def test_a_students_base_is_checked_by_its_files_and_by_its_modules(tiny_model, unknown):
    settings = SETTINGS | {"lora": SETTINGS["lora"] | {"target_modules": ["q_proj", unknown]}}
    known = "linear layers are down_proj, gate_proj, k_proj, lm_head, o_proj, q_proj, up_proj, v_proj$"
    with pytest.raises(UserError, match=f"{unknown} is no linear layer of m; its {known}"):
        training.lora_student(tiny_model, settings, "float32")
    with pytest.raises(UserError, match=f"{unknown} is no linear layer of m; its {known}"):
        check_target_modules(["q_proj", unknown], "m", linear_layers(tiny_model))
