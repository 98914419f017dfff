from hearth.models.measure import count_parameters


def test_a_tied_output_head_that_is_stored_counts_once(source):
    from safetensors.torch import load_file, save_file

    counted = count_parameters(source)
    weights = load_file(source / "model.safetensors")
    weights["lm_head.weight"] = weights["model.embed_tokens.weight"].clone()
    save_file(weights, source / "model.safetensors")
    assert count_parameters(source) == counted
