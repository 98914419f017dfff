import torch
from hearth.engines.prepacked_linear import PrepackedLinear, prepack_linear_layers
from hearth.models.load import load_model


def test_packed_layers_compute_what_linear_layers_do_and_an_adapters_own_stay(tiny_model, tiny_adapter):
    model = load_model(tiny_model, tiny_adapter, "float32", "cpu")
    tokens = torch.arange(40)[None]
    with torch.inference_mode():
        before = model(tokens).logits
        prepack_linear_layers(model)
        after = model(tokens).logits
    left = [name for name, module in model.named_modules() if type(module) is torch.nn.Linear]
    assert any(isinstance(module, PrepackedLinear) for module in model.modules())
    assert left
    assert all(".lora_" in name for name in left)
    torch.testing.assert_close(after, before)
