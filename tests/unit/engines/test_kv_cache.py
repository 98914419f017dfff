import pytest
import torch
from hearth.engines.kv_cache import _attend


def test_attention_of_another_kind_is_refused_rather_than_computed_wrongly():
    queries = torch.zeros(1, 2, 3, 4)
    with pytest.raises(ValueError, match="softcap"):
        _attend(None, queries, queries, queries, None, rows=object(), softcap=50.0, sliding_window=None)
