import pytest
from hearth.common.cli import UserError
from hearth.distillation import training
from hearth.distillation.target_modules import check_target_modules
from hearth.models.measure import has_tied_head, linear_layers
from training_fixtures import SETTINGS

LAYERS = ["model.layers.0.self_attn.q_proj", "model.layers.0.self_attn.qkv_proj", "lm_head"]


@pytest.mark.parametrize("known", [["q_proj"], ["self_attn.q_proj", "lm_head"], LAYERS])
def test_layers_are_named_by_the_last_parts_of_their_names(known):
    check_target_modules(known, "base", LAYERS, tied=False)


@pytest.mark.parametrize(
    ("unknown", "hint"),
    [
        ("proj", "did you mean q_proj? its linear layers are lm_head, q_proj, qkv_proj"),
        ("nonsense", "its linear layers are lm_head, q_proj, qkv_proj"),
        ("mlp.q_proj", "did you mean q_proj? its linear layers are lm_head, q_proj, qkv_proj"),
        ("q_porj", "did you mean q_proj? its linear layers are lm_head, q_proj, qkv_proj"),
        ("Q_PROJ", "did you mean q_proj? its linear layers are lm_head, q_proj, qkv_proj"),
        ("all-linear", "write the names one by one: q_proj, qkv_proj"),
        (r".*\.q_proj", "it is read as a name, not as a pattern; its linear layers are lm_head, q_proj, qkv_proj"),
        ("", "its linear layers are lm_head, q_proj, qkv_proj"),
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_a_name_without_a_layer_is_refused_beside_one_that_has_some(unknown, hint, first):
    with pytest.raises(UserError) as refused:
        check_target_modules(["q_proj", unknown][:: 1 if first else -1], "base", LAYERS, tied=False)
    assert str(refused.value) == (
        f"students.training.lora.target_modules: {unknown} is no linear layer of base; {hint}"
    )


@pytest.mark.parametrize("head", ["lm_head", "language_model.lm_head"])
def test_a_tied_output_head_is_refused_beside_other_layers(head):
    layers = [*LAYERS, "language_model.lm_head"]
    with pytest.raises(UserError, match=rf"{head} of base has the weights of the embeddings .*leave it out"):
        check_target_modules(["q_proj", head], "base", layers, tied=True)
    check_target_modules(["q_proj", "qkv_proj"], "base", layers, tied=True)


@pytest.mark.parametrize("unknown", ["qkv_proj", "embed_tokens", "q_norm"])
def test_a_students_base_is_checked_by_its_files_and_by_its_modules(tiny_model, unknown):
    settings = SETTINGS | {"lora": SETTINGS["lora"] | {"target_modules": ["q_proj", unknown]}}
    known = "linear layers are down_proj, gate_proj, k_proj, o_proj, q_proj, up_proj, v_proj$"
    with pytest.raises(UserError, match=f"{unknown} is no linear layer of m; .*its {known}"):
        training.lora_student(tiny_model, settings, "float32")
    with pytest.raises(UserError, match=f"{unknown} is no linear layer of m; .*its {known}"):
        check_target_modules(["q_proj", unknown], "m", linear_layers(tiny_model), has_tied_head(tiny_model))


def test_a_tied_head_is_found_by_files_and_by_modules(tiny_model):
    settings = SETTINGS | {"lora": SETTINGS["lora"] | {"target_modules": ["q_proj", "lm_head"]}}
    with pytest.raises(UserError, match="lm_head of m has the weights of the embeddings"):
        training.lora_student(tiny_model, settings, "float32")
    with pytest.raises(UserError, match="lm_head of m has the weights of the embeddings"):
        check_target_modules(["q_proj", "lm_head"], "m", linear_layers(tiny_model), has_tied_head(tiny_model))
