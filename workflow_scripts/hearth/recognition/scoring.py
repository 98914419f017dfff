"""Score finished text with a language model: the likeliest tokens in the place of every token of a completion."""

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest

import numpy as np

from hearth.common.energy import Meters
from hearth.common.files import digest
from hearth.common.job_stats import JobStats
from hearth.common.log_probabilities import TEMPERATURE, Head, to_float16
from hearth.common.scored_text import ScoredText
from hearth.data.windows import Window, WindowInput
from hearth.engines.protocol import LocalEngine, ScoreRequest, TokenScores
from hearth.models.tokens import completion_tokens, turn_end_token, vocabulary_digest
from hearth.prompting.chat_templates import chat_prompt, written_text
from hearth.prompting.predictions import Prediction
from hearth.prompting.prompts import Prompt, user_turns

log = logging.getLogger(__name__)

_LOG_INTERVAL = 60.0  # seconds


def score_shard(
    windows: Sequence[WindowInput],
    predictions: Iterable[Prediction],
    prompt: Prompt,
    engine: LocalEngine,
    top_tokens: int,
    dataset: Sequence[Window] = (),
) -> tuple[list[ScoredText], JobStats]:
    """Return a pair: the scored text of each window's prediction, and the shard's stats.

    The model of `engine` reads each text after its own prompt for the window, whoever wrote the text. Text and prompt
    are tokenised as in training (`hearth.distillation.encoding`): apart, and with the end-of-turn token after a text
    that its writer had ended. A window that its writer never answered has no tokens. `dataset` has the windows of the
    train split, if the prompt shows some of them.

    Nothing is journaled: reading a text takes a small part of the time that it took to write, so a killed shard starts
    again. Raises ValueError for predictions of other windows, and if the engine cannot score a text.
    """
    parts, end = chat_prompt(engine.tokenizer, prompt), turn_end_token(engine.tokenizer)
    turns = user_turns(prompt, windows, dataset)
    requests = []
    for window, prediction in zip_longest(windows, predictions):
        if window is None or prediction is None or window["window_id"] != prediction["window_id"]:
            raise ValueError("the predictions are not those of the shard's windows; predict its windows again")
        text, key = written_text(prediction["text"], parts), window["window_id"]
        ended, answered = prediction["finish_reason"] == "stop", prediction["finish_reason"] != "unanswered"
        tokens = completion_tokens(engine.tokenizer, text, end, ended) if answered else []
        requests.append(ScoreRequest(key, turns[key] + parts.after, tokens))
    engine.load()
    meters, started = Meters(), time.monotonic()
    scores: dict[str, TokenScores] = {}
    logged = started
    for finished in engine.score(parts.prefix, requests, top_tokens):
        scores |= {one.key: one for one in finished}
        if time.monotonic() - logged > _LOG_INTERVAL:
            logged = time.monotonic()
            log.info("%d of %d windows", len(scores), len(requests))
    nothing = TokenScores("", np.empty((0, top_tokens), np.int32), np.empty((0, top_tokens), np.float32))
    texts = []
    for request in requests:
        score = scores[request.key] if request.tokens else nothing
        tokens = np.array(request.tokens, np.int32)
        texts.append(ScoredText(request.key, tokens, score.top_ids, to_float16(score.log_probabilities)))
    stats: JobStats = {
        "windows": len(texts),
        "seconds": round(time.monotonic() - started, 3),
        "energy_joules": meters.joules(),
        "completion_tokens": sum(len(text.tokens) for text in texts),
        **engine.identity(),
        **engine.cost(),
    }
    return texts, stats


def score_head(engine: LocalEngine, weights: Mapping[str, object], top_tokens: int, traces: str) -> Head:
    """Return the metadata of scored texts; `weights` are digests of model and adapter, `traces` that of the file."""
    return {
        "teacher": digest(weights),
        "top_tokens": top_tokens,
        "vocabulary": engine.vocabulary,
        "tokenizer": vocabulary_digest(engine.tokenizer),
        "dtype": engine.identity()["dtype"],
        "temperature": TEMPERATURE,
        "traces": traces,
        "tensors": "",
    }
