from hearth.engines.options import deciding_options, option_schemas, tuning_options


def test_every_option_is_in_one_group():
    options = dict.fromkeys(option_schemas(), 1)
    deciding, tuning = deciding_options(options), tuning_options(options)
    assert deciding.keys() | tuning.keys() == options.keys()
    assert not deciding.keys() & tuning.keys()
    assert {"quantization", "kv_cache_dtype", "max_model_len"} <= deciding.keys()
    assert {"gpu_memory_utilization", "enforce_eager"} <= tuning.keys()
