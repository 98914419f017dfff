"""Keys and values of many prompts that begin alike: the prefix is held once, and every row is as long as it is.

A row's own tokens lie without gaps from column 0 on, and what lies beyond its length is hidden. So rows of any length
go on together, a finished one leaves, and a new one takes its place. The prefix is read once a step for all rows:
with a copy for every row it would be the larger part of what a step reads.
"""

from collections.abc import Sequence

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, DynamicCache
from transformers.cache_utils import DynamicLayer
from transformers.integrations.sdpa_attention import sdpa_attention_forward

_ATTENTION = "shared_prefix"
_GROWTH = 64  # columns by which the room for rows grows
# What some models ask of attention besides, and `_attend` does not do.
_NOT_DONE = ("softcap", "s_aux", "position_bias")


class Prefix:
    """The tokens that all prompts begin with, and a model's keys and values of them, which rows only read."""

    def __init__(self, model, tokens: Sequence[int]):
        self.tokens = list(tokens)
        self.cache = (
            model(
                input_ids=torch.tensor([self.tokens], device=model.device), use_cache=True, logits_to_keep=1
            ).past_key_values
            if tokens
            else None
        )


class Rows:
    """Rows behind one prefix: a model's cache, for a model whose every layer attends to all that came before."""

    def __init__(self, model, prefix: Prefix, slots: int):
        self._model, self._before, self._slots = model, len(prefix.tokens), slots
        self._prefix = prefix.cache
        self._keys: dict[int, torch.Tensor] = {}  # by layer: (slots, heads, columns, width)
        self._values: dict[int, torch.Tensor] = {}  # the same, in memory (slots, heads, width, columns)
        self._lengths = torch.zeros(0, dtype=torch.long, device=model.device)
        self._numbers: torch.Tensor  # of the rows that a step adds to
        self._starting = 0  # how many rows, beyond those that `_lengths` knows, are being started
        self._columns = 0  # of a row's own that the queries at hand may see
        self.seen: torch.Tensor  # which of them each query does see, for `_attend`

    @staticmethod
    def prepare(model) -> bool:
        """Give the model the attention that rows need; False, and nothing done, where it cannot have it."""
        layers = DynamicCache(config=model.config).layers
        # Sliding windows and recurrent states see less than everything, each in a way of its own.
        if not layers or any(type(layer) is not DynamicLayer for layer in layers):
            return False
        if not model._supports_attention_backend:
            return False
        model.set_attn_implementation(_ATTENTION)
        return True

    def start(self, prompts: Sequence[list[int]]) -> torch.Tensor:
        """Add a row for each prompt (its tokens after the prefix); scores (prompts, vocabulary) of what comes next."""
        device, width = self._lengths.device, max(2, *map(len, prompts))  # a single query would look like a step's
        # Short prompts are filled up on the right, where causal attention does not look.
        tokens = torch.tensor([prompt + prompt[-1:] * (width - len(prompt)) for prompt in prompts], device=device)
        lengths = torch.tensor([len(prompt) for prompt in prompts], device=device)
        last, place = torch.unique(lengths - 1, return_inverse=True)
        self.seen = torch.ones(width, self._before + width, dtype=torch.bool, device=device).tril(self._before)
        self._starting, self._columns = len(prompts), width
        scores = self._forward(tokens, torch.arange(width, device=device)[None], logits_to_keep=last)
        self._starting = 0
        self._lengths = torch.cat([self._lengths, lengths])
        return scores[torch.arange(len(prompts), device=device), place]

    def step(self, tokens: Sequence[int]) -> torch.Tensor:
        """Add one token to every row; scores (rows, vocabulary) of what comes next."""
        lengths = self._lengths[:, None]
        self._columns = int(lengths.max()) + 1
        self._numbers = torch.arange(len(lengths), device=lengths.device)
        self.seen = (torch.arange(self._columns, device=lengths.device) <= lengths)[:, None, None]
        scores = self._forward(torch.tensor(tokens, device=lengths.device)[:, None], lengths)
        self._lengths = self._lengths + 1
        return scores[:, -1]

    def drop(self, row: int) -> None:
        """Forget a row; the last one takes its place."""
        last = len(self._lengths) - 1
        for stored in (self._lengths, *self._keys.values(), *self._values.values()):
            stored[row] = stored[last]
        self._lengths = self._lengths[:last]

    def update(self, keys: torch.Tensor, values: torch.Tensor, layer: int, *_) -> tuple[torch.Tensor, torch.Tensor]:
        """Store a layer's new keys and values; return all that its queries attend to beside the prefix's."""
        rows, columns = len(self._lengths), self._columns
        at_hand = []
        for room, new in ((self._keys, keys), (self._values, values)):
            stored = room.get(layer)
            if stored is None or stored.shape[2] < columns:
                stored = room[layer] = self._widened(stored, new, columns, columns_last=room is self._values)
            if self._starting:
                stored[rows : rows + self._starting, :, :columns] = new
                at_hand.append(new)
            else:
                stored[self._numbers, :, self._lengths] = new[:, :, 0]
                at_hand.append(stored[:rows, :, :columns])
        return at_hand[0], at_hand[1]

    def prefix(self, layer: int) -> tuple[torch.Tensor, torch.Tensor]:
        """A layer's keys and values of the prefix, each (heads, tokens, width)."""
        if self._prefix is None:
            return self._keys[layer][0, :, :0], self._values[layer][0, :, :0]
        stored = self._prefix.layers[layer]
        return stored.keys[0], stored.values[0]

    def _forward(self, tokens: torch.Tensor, places: torch.Tensor, **options) -> torch.Tensor:
        return self._model(
            input_ids=tokens,
            position_ids=places + self._before,
            past_key_values=self,
            use_cache=True,
            rows=self,
            **options,
        ).logits

    def _widened(
        self, stored: torch.Tensor | None, new: torch.Tensor, columns: int, columns_last: bool
    ) -> torch.Tensor:
        heads, columns, width = new.shape[1], columns + _GROWTH, new.shape[3]
        # Zeros: whatever lay there before, hidden columns included, is multiplied by a weight of 0.
        if columns_last:
            wider = new.new_zeros(self._slots, heads, width, columns).mT
        else:
            wider = new.new_zeros(self._slots, heads, columns, width)
        if stored is not None:
            wider[:, :, : stored.shape[2]] = stored
        return wider


class SingleRow:
    """The same for any causal language model, a row at a time: prefix and prompt are read as one."""

    def __init__(self, model, head: Sequence[int]):
        self._model, self._head, self._cache = model, list(head), None

    def start(self, prompts: Sequence[list[int]]) -> torch.Tensor:
        """See `Rows.start`; one prompt, when there is no row."""
        (prompt,) = prompts
        self._cache = None
        return self._forward([*self._head, *prompt])

    def step(self, tokens: Sequence[int]) -> torch.Tensor:
        """See `Rows.step`."""
        return self._forward(list(tokens))

    def drop(self, row: int) -> None:
        """See `Rows.drop`."""
        self._cache = None

    def _forward(self, tokens: list[int]) -> torch.Tensor:
        output = self._model(
            input_ids=torch.tensor([tokens], device=self._model.device),
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=1,
        )
        self._cache = output.past_key_values
        return output.logits[:, -1]


def _attend(module, query, key, value, attention_mask, scaling=None, rows: Rows | None = None, **options):
    """Attention of every row's queries (rows, heads, tokens, width) to the one prefix and to the row's own columns."""
    if rows is None:  # the prefix itself is being read
        return sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, **options)
    if asked := [name for name in _NOT_DONE if options.get(name) is not None]:
        raise ValueError(
            f"the model's attention has {', '.join(asked)}, which the transformers engine cannot do; use vllm"
        )
    first_keys, first_values = rows.prefix(module.layer_idx)
    count, heads, length, width = query.shape
    if length > 1:  # prompts are being read: what one fused pass saves is more than the copies cost
        key = torch.cat([first_keys.expand(count, -1, -1, -1), key], dim=2)
        value = torch.cat([first_values.expand(count, -1, -1, -1), value], dim=2)
        if query.device.type == "cpu":  # whose kernel shares keys among heads without a copy for each
            output = scaled_dot_product_attention(query, key, value, rows.seen, scale=scaling, enable_gqa=True)
            return output.transpose(1, 2), None
        return sdpa_attention_forward(module, query, key, value, rows.seen[None, None], scaling=scaling, **options)
    groups, before = first_keys.shape[:2]
    each = heads // groups  # queries of a row that share keys
    queries = (query * (width**-0.5 if scaling is None else scaling)).view(count, groups, each, width)
    side_by_side = queries.transpose(0, 1).reshape(groups, count * each, width)
    shared = (side_by_side @ first_keys.mT).view(groups, count, each, before).transpose(0, 1)
    # Few queries a row: with them on the right these products are the faster ones, of values whose columns lie last.
    own = (key @ queries.mT).mT.masked_fill_(~rows.seen, -torch.inf)
    weights = torch.cat([shared, own], dim=-1).softmax(dim=-1, dtype=torch.float32).to(query.dtype)
    side_by_side = weights[..., :before].transpose(0, 1).reshape(groups, count * each, before)
    output = (side_by_side @ first_values).view(groups, count, each, width).transpose(0, 1)
    output = output + (value.mT @ weights[..., before:].mT).mT
    return output.reshape(count, 1, heads, width), None


AttentionInterface.register(_ATTENTION, _attend)
