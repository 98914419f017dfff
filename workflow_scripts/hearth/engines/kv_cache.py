"""Key-value caches for prompts that share a prefix: the prefix is stored once, and rows may differ in length.

A row is one sequence of the batch; a column holds the keys and values of one token after the prefix. The tokens of a
row fill its columns from 0 on without gaps, and columns beyond its length are masked. So rows of different lengths are
decoded together, and a new row can replace a finished one. Each step reads the prefix once for all rows. If every row
had a copy of the prefix, most of what a step reads would be those copies.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, DynamicCache
from transformers.cache_utils import DynamicLayer
from transformers.integrations.sdpa_attention import sdpa_attention_forward

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_ATTENTION = "shared_prefix"
_GROWTH = 64  # columns added when the buffers of rows are too short
# Options of attention that some models need and `_attend` does not implement.
_UNSUPPORTED = ("softcap", "s_aux", "position_bias")


class PrefixCache:
    """The tokens of the shared prefix, and a model's keys and values for them. Rows read them but never change them."""

    def __init__(self, model: "PreTrainedModel", tokens: Sequence[int]):
        self.tokens = list(tokens)
        self.cache: DynamicCache | None = None
        if tokens:
            inputs = torch.tensor([self.tokens], device=model.device)
            self.cache = model(input_ids=inputs, use_cache=True, logits_to_keep=1).past_key_values


class BatchedRows:
    """The cache of up to `slots` rows after one prefix, for a model whose every layer attends to all earlier tokens.

    In each layer, keys and values have the shape (slots, heads, columns, width). Values are stored in memory in the
    order (slots, heads, width, columns).
    """

    def __init__(self, model: "PreTrainedModel", prefix: PrefixCache, slots: int):
        self._model, self._prefix_length, self._slots = model, len(prefix.tokens), slots
        self._prefix = prefix.cache
        self._keys: dict[int, torch.Tensor] = {}  # by layer
        self._values: dict[int, torch.Tensor] = {}  # by layer
        self._lengths = torch.zeros(0, dtype=torch.long, device=model.device)
        self._row_indices: torch.Tensor  # indices of the rows that a step extends
        self._starting = 0  # number of rows being started, which are not in `_lengths` yet
        self._columns = 0  # number of columns that the current queries may see
        self.mask: torch.Tensor  # for `_attend`: true where a query sees a column

    @staticmethod
    def enable_attention(model: "PreTrainedModel") -> bool:
        """Set the model's attention to `_attend`, which rows need. Return False, and change nothing, if that fails."""
        layers = DynamicCache(config=model.config).layers
        # Sliding windows and recurrent states do not see all earlier tokens.
        if not layers or any(type(layer) is not DynamicLayer for layer in layers):
            return False
        if not model._supports_attention_backend:
            return False
        model.set_attn_implementation(_ATTENTION)
        return True

    def start(self, prompts: Sequence[list[int]]) -> torch.Tensor:
        """Add a row for each prompt (its tokens after the prefix).

        Returns the logits (prompts, vocabulary) of each prompt's next token.
        """
        tokens, lengths = self._open(prompts)
        last, place = torch.unique(lengths - 1, return_inverse=True)
        logits = self._forward(self._model, tokens, self._positions(tokens), logits_to_keep=last).logits
        self._close(lengths)
        return logits[torch.arange(len(prompts), device=lengths.device), place]

    def encode(self, prompts: Sequence[list[int]]) -> torch.Tensor:
        """Add a row for each prompt, as `start` does; return the last hidden states (prompts, columns, hidden size)."""
        tokens, lengths = self._open(prompts)
        hidden = self._forward(self._model.get_decoder(), tokens, self._positions(tokens)).last_hidden_state
        self._close(lengths)
        return hidden

    def _open(self, prompts: Sequence[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
        """Prepare a pass over new rows; return their tokens, of shape (prompts, columns), and their lengths."""
        # Use at least two columns: `_attend` takes a row with a single query for a step, not for a start.
        device, width = self._lengths.device, max(2, *map(len, prompts))
        # Short prompts are padded on the right, which causal attention does not see.
        tokens = torch.tensor([prompt + prompt[-1:] * (width - len(prompt)) for prompt in prompts], device=device)
        lengths = torch.tensor([len(prompt) for prompt in prompts], device=device)
        self.mask = torch.ones(width, self._prefix_length + width, dtype=torch.bool, device=device)
        self.mask = self.mask.tril(self._prefix_length)
        self._starting, self._columns = len(prompts), width
        return tokens, lengths

    def _close(self, lengths: torch.Tensor) -> None:
        """End a pass over new rows of these lengths."""
        self._starting = 0
        self._lengths = torch.cat([self._lengths, lengths])

    @staticmethod
    def _positions(tokens: torch.Tensor) -> torch.Tensor:
        return torch.arange(tokens.shape[1], device=tokens.device)[None]

    def step(self, tokens: Sequence[int]) -> torch.Tensor:
        """Add one token to every row. Returns the logits (rows, vocabulary) of each row's next token."""
        lengths = self._lengths[:, None]
        self._columns = int(lengths.max()) + 1
        self._row_indices = torch.arange(len(lengths), device=lengths.device)
        self.mask = (torch.arange(self._columns, device=lengths.device) <= lengths)[:, None, None]
        logits = self._forward(self._model, torch.tensor(tokens, device=lengths.device)[:, None], lengths).logits
        self._lengths = self._lengths + 1
        return logits[:, -1]

    def drop(self, row: int) -> None:
        """Remove a row; the last row takes its index."""
        last = len(self._lengths) - 1
        for stored in (self._lengths, *self._keys.values(), *self._values.values()):
            stored[row] = stored[last]
        self._lengths = self._lengths[:last]

    def update(
        self, keys: torch.Tensor, values: torch.Tensor, layer: int, *_: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Store a layer's new keys and values. Returns the keys and values that its queries see after the prefix."""
        rows, columns = len(self._lengths), self._columns
        visible = []
        for buffers, new in ((self._keys, keys), (self._values, values)):
            stored = buffers.get(layer)
            if stored is None or stored.shape[2] < columns:
                stored = buffers[layer] = self._grow(stored, new, columns, columns_last=buffers is self._values)
            if self._starting:
                stored[rows : rows + self._starting, :, :columns] = new
                visible.append(new)
            else:
                stored[self._row_indices, :, self._lengths] = new[:, :, 0]
                visible.append(stored[:rows, :, :columns])
        return visible[0], visible[1]

    def prefix(self, layer: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return a layer's keys and its values for the prefix, each of shape (heads, tokens, width)."""
        if self._prefix is None:
            return self._keys[layer][0, :, :0], self._values[layer][0, :, :0]
        stored = self._prefix.layers[layer]
        return stored.keys[0], stored.values[0]

    def _forward(
        self, model: torch.nn.Module, tokens: torch.Tensor, positions: torch.Tensor, **options: torch.Tensor
    ) -> Any:
        return model(
            input_ids=tokens,
            position_ids=positions + self._prefix_length,
            past_key_values=self,
            use_cache=True,
            rows=self,
            **options,
        )

    def _grow(self, stored: torch.Tensor | None, new: torch.Tensor, columns: int, columns_last: bool) -> torch.Tensor:
        """Return a buffer for at least `columns` columns with the content of `stored`."""
        heads, columns, width = new.shape[1], columns + _GROWTH, new.shape[3]
        # Zeros, not uninitialised memory: masked columns have weight 0, and 0 times NaN is NaN.
        if columns_last:
            longer = new.new_zeros(self._slots, heads, width, columns).mT
        else:
            longer = new.new_zeros(self._slots, heads, columns, width)
        if stored is not None:
            longer[:, :, : stored.shape[2]] = stored
        return longer


class SingleRow:
    """The interface of `BatchedRows` for any causal language model: one row at a time, prefix and prompt together."""

    def __init__(self, model: "PreTrainedModel", prefix: Sequence[int]):
        self._model, self._prefix = model, list(prefix)
        self._cache: Any = None  # whichever cache the model returns

    def start(self, prompts: Sequence[list[int]]) -> torch.Tensor:
        """See `BatchedRows.start`. Takes a single prompt, and only while there is no row."""
        (prompt,) = prompts
        self._cache = None
        return self._forward([*self._prefix, *prompt])

    def step(self, tokens: Sequence[int]) -> torch.Tensor:
        """See `BatchedRows.step`."""
        return self._forward(list(tokens))

    def drop(self, row: int) -> None:
        """See `BatchedRows.drop`."""
        self._cache = None

    def encode(self, prompts: Sequence[list[int]]) -> torch.Tensor:
        """See `BatchedRows.encode`. Takes a single prompt, and keeps no row."""
        (prompt,) = prompts
        tokens = torch.tensor([[*self._prefix, *prompt]], device=self._model.device)
        hidden: torch.Tensor = self._model.get_decoder()(input_ids=tokens, use_cache=False).last_hidden_state
        return hidden[:, len(self._prefix) :]

    def _forward(self, tokens: list[int]) -> torch.Tensor:
        output = self._model(
            input_ids=torch.tensor([tokens], device=self._model.device),
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=1,
        )
        self._cache = output.past_key_values
        return output.logits[:, -1]


def _attend(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    rows: BatchedRows | None = None,
    **options: Any,
) -> tuple[torch.Tensor, None]:
    """Attend from every row's queries (rows, heads, tokens, width) to the shared prefix and the row's own columns.

    Raises ValueError if the model's attention has an option that is not implemented here.
    """
    if rows is None:  # the prefix is being encoded
        return sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, **options)
    if unsupported := [name for name in _UNSUPPORTED if options.get(name) is not None]:
        raise ValueError(
            f"the model's attention has {', '.join(unsupported)}, which engine transformers does not support; use vllm"
        )
    prefix_keys, prefix_values = rows.prefix(module.layer_idx)
    count, heads, length, width = query.shape
    if length > 1:  # prompts are being read: one fused kernel saves more time than copies of the prefix cost
        key = torch.cat([prefix_keys.expand(count, -1, -1, -1), key], dim=2)
        value = torch.cat([prefix_values.expand(count, -1, -1, -1), value], dim=2)
        output = scaled_dot_product_attention(query, key, value, rows.mask, scale=scaling, enable_gqa=True)
        return output.transpose(1, 2), None
    groups, prefix_length = prefix_keys.shape[:2]
    each = heads // groups  # number of queries of a row that share keys
    queries = (query * (width**-0.5 if scaling is None else scaling)).view(count, groups, each, width)
    side_by_side = queries.transpose(0, 1).reshape(groups, count * each, width)
    shared = (side_by_side @ prefix_keys.mT).view(groups, count, each, prefix_length).transpose(0, 1)
    # A row has few queries. Products with them on the right are faster, as values are stored with columns last.
    own = (key @ queries.mT).mT.masked_fill_(~rows.mask, -torch.inf)
    weights = torch.cat([shared, own], dim=-1).softmax(dim=-1, dtype=torch.float32).to(query.dtype)
    side_by_side = weights[..., :prefix_length].transpose(0, 1).reshape(groups, count * each, prefix_length)
    output = (side_by_side @ prefix_values).view(groups, count, each, width).transpose(0, 1)
    output = output + (value.mT @ weights[..., prefix_length:].mT).mT
    return output.reshape(count, 1, heads, width), None


AttentionInterface.register(_ATTENTION, _attend)
