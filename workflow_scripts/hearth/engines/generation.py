"""One completion as it grows: what has been written, what must come next, what may, and when it ends."""

import collections
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
import xgrammar
from tokenizers.decoders import DecodeStream

from hearth.engines import Completion, Decoding, Request
from hearth.engines.sampling import choose, words


@dataclass
class Turn:
    """A request's completion so far. `tokens` are those of its suffix; `words` seed what is drawn for it."""

    request: Request
    tokens: list[int]
    words: list[int]
    written: list[int] = field(default_factory=list)
    log_probabilities: list[float] = field(default_factory=list)
    forced: collections.deque[int] = field(default_factory=collections.deque)
    thinking: bool = False
    reasoning_forced: bool = False
    matcher: xgrammar.GrammarMatcher | None = None


class Turns:
    """What a model and a decoding make of every turn: choice of tokens, budget of reasoning, grammar of answers.

    `vocabulary` is the number of scores the model gives, `ends` are the tokens that end a turn.
    """

    def __init__(self, tokenizer, vocabulary: int, ends: list[int], decoding: Decoding):
        self._tokenizer, self._ends, self._decoding = tokenizer, ends, decoding
        self._grammars: dict[tuple[str, str], xgrammar.CompiledGrammar] = {}
        self._known: dict[str, list[int]] = {}
        if decoding.constrained:
            known = xgrammar.TokenizerInfo.from_huggingface(tokenizer, vocab_size=vocabulary, stop_token_ids=ends)
            self._compiler = xgrammar.GrammarCompiler(known, max_threads=torch.get_num_threads())

    def open(self, request: Request, tokens: list[int]) -> Turn:
        """The turn of a request of which nothing is written. Raises ValueError for one that lacks a schema it needs."""
        turn = Turn(request, tokens, words(self._decoding.seed, request.key))
        thought = request.thought
        turn.thinking = thought is not None and request.suffix.rstrip().endswith(thought.opening.strip())
        if self._decoding.constrained:
            if request.schema is None:
                raise ValueError(f"{request.key}: constrained decoding needs a JSON schema, and this request has none")
            if thought is None:
                turn.matcher = self._matcher(request.schema, "")
            elif not turn.thinking:  # an answer without reasoning would never be held to the grammar
                turn.forced.extend(self._ids(thought.opening))
        return turn

    def advance(self, turns: Sequence[Turn], scores: torch.Tensor) -> None:
        """Add a token to every turn, by the model's scores (turns, vocabulary) of what comes next."""
        scores = scores.float()
        plain = scores.log_softmax(-1) if self._decoding.confidence == "tokens" else None
        for turn in turns:
            self._watch_budget(turn)
        scores = self._held_to_grammar(turns, scores)
        steps = [len(turn.written) for turn in turns]
        tokens = choose(scores, self._decoding, [turn.words for turn in turns], steps).tolist()
        tokens = [turn.forced.popleft() if turn.forced else token for turn, token in zip(turns, tokens, strict=True)]
        if plain is not None:
            chosen = plain.gather(1, torch.tensor(tokens, device=plain.device)[:, None])[:, 0].tolist()
            for turn, log_probability in zip(turns, chosen, strict=True):
                turn.log_probabilities.append(log_probability)
        for turn, token in zip(turns, tokens, strict=True):
            turn.written.append(token)
            self._follow(turn, token)

    def is_over(self, turn: Turn) -> bool:
        """Whether the model has ended this turn, or may write no more."""
        return turn.written[-1] in self._ends or len(turn.written) == self._decoding.max_new_tokens

    def completion(self, turn: Turn, before: int) -> Completion:
        """What a turn that is over has come to; `before` counts the tokens of the prefix."""
        stopped = turn.written[-1] in self._ends
        written = turn.written[:-1] if stopped else turn.written
        text = self._tokenizer.decode(written, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        return Completion(
            key=turn.request.key,
            text=text,
            finish_reason="stop" if stopped else "length",
            prompt_tokens=before + len(turn.tokens),
            completion_tokens=len(turn.written),
            reasoning_forced=turn.reasoning_forced,
            pieces=pieces(self._tokenizer, written, turn.log_probabilities) if turn.log_probabilities else None,
        )

    def _watch_budget(self, turn: Turn) -> None:
        budget = self._decoding.reasoning_budget
        if budget is not None and turn.thinking and not turn.reasoning_forced and len(turn.written) >= budget:
            turn.forced.extend(self._ids(turn.request.thought.closing))
            turn.reasoning_forced = True

    def _held_to_grammar(self, turns: Sequence[Turn], scores: torch.Tensor) -> torch.Tensor:
        held = [place for place, turn in enumerate(turns) if turn.matcher is not None and not turn.forced]
        if held:
            allowed = xgrammar.allocate_token_bitmask(*scores.shape)
            for place in held:
                turns[place].matcher.fill_next_token_bitmask(allowed, place)
            scores = scores.contiguous()
            xgrammar.apply_token_bitmask_inplace(
                scores, allowed.to(scores.device), vocab_size=scores.shape[1], indices=held
            )
        return scores

    def _follow(self, turn: Turn, token: int) -> None:
        """Know what the token just written means: reasoning that opens or closes, a step in the grammar."""
        thought = turn.request.thought
        if turn.matcher is not None:
            turn.matcher.accept_token(token)
        elif thought is not None:
            opening, closing = thought.opening.strip(), thought.closing.strip()
            mark = self._ids(closing if turn.thinking else opening)
            if turn.written[-len(mark) :] == mark:
                turn.thinking = not turn.thinking
                if not turn.thinking and self._decoding.constrained:
                    turn.matcher = self._matcher(turn.request.schema, thought.closing.partition(closing)[2])

    def _matcher(self, schema: str, before: str) -> xgrammar.GrammarMatcher:
        if (schema, before) not in self._grammars:
            self._grammars[schema, before] = self._compiler.compile_grammar(answer_grammar(schema, before))
        return xgrammar.GrammarMatcher(self._grammars[schema, before])

    def _ids(self, text: str) -> list[int]:
        if text not in self._known:
            self._known[text] = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        return self._known[text]


def end_tokens(folder: Path, tokenizer, said: int | list[int] | None) -> list[int]:
    """Tokens that end a turn, by the model's generation settings (`said`) and by its tokenizer."""
    ends = {*(said if isinstance(said, list) else [said]), tokenizer.eos_token_id} - {None}
    if not ends:
        raise ValueError(f"{folder}: neither generation_config.json nor the tokenizer says what ends a turn")
    return sorted(ends)


def answer_grammar(schema: str, before: str) -> xgrammar.Grammar:
    """The grammar of `before` and then of JSON by `schema`, spaced as json.dumps does."""
    grammar = xgrammar.Grammar.from_json_schema(schema, any_whitespace=False, separators=(", ", ": "))
    if not before:
        return grammar
    literal = "".join(f"\\u{ord(character):04x}" for character in before)
    return xgrammar.Grammar.concat(xgrammar.Grammar.from_ebnf(f'root ::= "{literal}"'), grammar)


def pieces(tokenizer, tokens: list[int], log_probabilities: list[float]) -> tuple[tuple[int, float], ...]:
    """Where each token ends in the text of all, and its log-probability."""
    stream, end, found = DecodeStream(skip_special_tokens=False), 0, []
    for token, log_probability in zip(tokens, log_probabilities, strict=False):
        end += len(stream.step(tokenizer.backend_tokenizer, token) or "")
        found.append((end, log_probability))
    return tuple(found)
