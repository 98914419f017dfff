from dataclasses import asdict

import pytest
from hearth.common.config_schema import settings_schema
from hearth.engines.protocol import Decoding
from hearth.engines.registry import make_local_engine

COMPLETE = asdict(Decoding.greedy(5))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"temperature": -0.1}, "temperature"),
        ({"temperature": True}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"max_new_tokens": 0}, "max_new_tokens"),
        ({"max_new_tokens": 5.0}, "max_new_tokens"),
        ({"top_p": 0}, "top_p"),
        ({"top_k": -1}, "top_k"),
        ({"seed": -1}, "seed"),
        ({"constrained": 1}, "constrained"),
        ({"reasoning_budget": 5}, "reasoning_budget is 5; .* less than"),
        ({"reasoning_budget": True}, "reasoning_budget"),
        ({"confidence": "agreement"}, "confidence"),
        ({"topk": 3}, "unknown key topk"),
    ],
)
def test_a_decoding_out_of_range_names_the_setting(settings, message):
    with pytest.raises(ValueError, match=message):
        Decoding.from_settings(COMPLETE | settings)


def test_decoding_takes_complete_settings_only():
    assert Decoding.from_settings(COMPLETE) == Decoding.greedy(5)
    for key in COMPLETE:
        with pytest.raises(ValueError, match=f"missing key {key}; keys are "):
            Decoding.from_settings({name: value for name, value in COMPLETE.items() if name != key})
    with pytest.raises(ValueError, match="expected a mapping"):
        Decoding.from_settings([])


def test_the_config_has_the_settings_of_decoding_and_a_default_for_each():
    schema = settings_schema("decoding")
    defaults = {key: setting["default"] for key, setting in schema.items()}
    [defaults["seed"]] = defaults.pop("seeds")  # each recogniser is asked with one seed
    assert asdict(Decoding.from_settings(defaults)) == defaults


def test_an_unknown_engine_is_named(tmp_path):
    with pytest.raises(ValueError, match="engine 'gguf' is none of transformers, vllm"):
        make_local_engine("gguf", tmp_path, None, "auto", "auto", 1)
