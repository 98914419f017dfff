from hearth.common.schemas import read_yaml
from hearth.engines.chat_request import EXTENSIONS, LIMIT_FIELDS, PUBLISHED_FIELDS
from hearth.engines.options import deciding_options, option_schemas, tuning_options
from repository import CONFIG


def test_every_option_is_in_one_group():
    options = dict.fromkeys(option_schemas(), 1)
    deciding, tuning = deciding_options(options), tuning_options(options)
    assert deciding.keys() | tuning.keys() == options.keys()
    assert not deciding.keys() & tuning.keys()
    assert {"quantization", "kv_cache_dtype", "max_model_len"} <= deciding.keys()
    assert {"gpu_memory_utilization", "enforce_eager"} <= tuning.keys()


def test_the_registry_omits_the_fields_that_requests_may_lack():
    fields = read_yaml(CONFIG / "schemas" / "models.schema.yaml")["additionalProperties"]["properties"]
    assert fields["omitted_fields"]["items"]["enum"] == [*PUBLISHED_FIELDS, *EXTENSIONS]
    assert fields["limit_field"]["enum"] == [*LIMIT_FIELDS]
