"""Log-probabilities of the tokens of a prompt, as vLLM reports them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from vllm import SamplingParams
from vllm.sampling_params import RequestOutputKind

from hearth.engines.protocol import ScoreRequest, TokenScores

# vLLM computes the logits of all tokens that it reads in a step: 2,048 times 151,936 in float32 take 1.2 GB.
_TOKENS_PER_STEP = 2048


def scoring_arguments(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments of an engine with these settings that is to score text: raw log-probabilities, any number."""
    tokens = min(_TOKENS_PER_STEP, settings.get("max_num_batched_tokens", _TOKENS_PER_STEP))
    return {"max_logprobs": -1, "logprobs_mode": "raw_logprobs", "max_num_batched_tokens": tokens}


def scoring_parameters(top_tokens: int) -> SamplingParams:
    """Return parameters of a request for the `top_tokens` likeliest tokens in each place of its prompt."""
    return SamplingParams(
        temperature=0,
        max_tokens=1,  # vLLM generates at least one
        prompt_logprobs=top_tokens,
        detokenize=False,
        output_kind=RequestOutputKind.FINAL_ONLY,
    )


def token_scores(request: ScoreRequest, output: Any, top_tokens: int) -> TokenScores:
    """Return the scores of a request's completion, which ends the prompt of vLLM's `output`.

    For each token of the prompt, vLLM has a dict from the likeliest tokens, and from the prompt's own token, which need
    not be among them, to their log-probabilities.
    """
    places = output.prompt_logprobs[-len(request.tokens) :]
    likeliest = [
        sorted(((one.logprob, token) for token, one in place.items()), key=lambda pair: -pair[0])[:top_tokens]
        for place in places
    ]
    return TokenScores(
        request.key,
        np.array([[token for _, token in place] for place in likeliest], dtype=np.int32),
        np.array([[value for value, _ in place] for place in likeliest], dtype=np.float32),
    )
