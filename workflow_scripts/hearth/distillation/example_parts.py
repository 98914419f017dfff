"""Make the examples of one dataset: find the windows with usable targets, select, draw and encode them."""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial

from transformers import PreTrainedTokenizerBase

from hearth.common.sums import sum_if_known
from hearth.data.folds import iterate_split, read_split
from hearth.data.windows import Window
from hearth.distillation.candidates import TrainingFiles, iterate_candidates
from hearth.distillation.documents import ExampleCounts, ExamplePart
from hearth.distillation.encoding import Encoder
from hearth.distillation.example_arrays import Example, TokenScratch
from hearth.distillation.own_text import OWN_TEXTS, SMALLEST_OWN_SHARE, OwnText, judge_own_text
from hearth.distillation.recipes import (
    Candidate,
    LeaveOutError,
    Recipe,
    Selection,
    Sources,
    Target,
    draw_windows,
    rank_windows,
)
from hearth.distillation.settings import TrainingSettings
from hearth.distillation.soft_targets import checked_scores, scores_path, soft_targets
from hearth.prompting.prompts import Prompt, shows_similar_windows, user_turns


@dataclass(frozen=True)
class Source:
    """The files, prompt and recipe of the examples of one dataset.

    `is_replayed`: whether the traces are those of the student's own base. `direct_prompt` is the prompt that asks for
    no reasoning, if the recipe asks with it.
    """

    files: TrainingFiles
    prompt: Prompt
    recipe: Recipe
    is_replayed: bool = False
    direct_prompt: Prompt | None = None


class ExampleBuilder:
    """Make the examples of one source: find the windows that have a usable target, select, draw and encode them.

    `available` is the number of windows that may be drawn, `used` are the drawn ones in the order of the windows, and
    `numbers` has the numbers of the examples of each window in the scratch file.
    """

    def __init__(
        self,
        source: Source,
        tokenizer: PreTrainedTokenizerBase,
        settings: TrainingSettings,
        scratch: TokenScratch,
        prefixes: list[list[int]],
        limited: bool,
        vocabulary: int | None = None,
    ):
        """Find and select windows. `prefixes` are the static prefixes of all sources, to which new ones are added.

        `vocabulary` is the student's number of logits; None if unknown.
        """
        self.source, self._settings, self._scratch = source, settings, scratch
        if source.recipe.asks_directly and source.direct_prompt is None:
            raise ValueError(f"recipe {source.recipe.name!r} needs --direct-prompt")
        if source.direct_prompt and (
            source.direct_prompt["reasoning"] != "none" or source.prompt["reasoning"] == "none"
        ):
            raise ValueError("--prompt must ask for reasoning and --direct-prompt for none; they may be mixed up")
        files, top_tokens = source.files, scratch.top_tokens
        self._scores = checked_scores(scores_path(files, source.recipe), files.traces, tokenizer, top_tokens)
        self._own_scores = checked_scores(files.own_log_probabilities, files.own_traces, tokenizer, top_tokens)
        self._vocabulary = vocabulary
        self._prompts = [prompt for prompt in (source.prompt, source.direct_prompt) if prompt]
        self._encoders = [Encoder(tokenizer, prompt) for prompt in self._prompts]
        self._numbers_of_prefixes = [_number_of(encoder.prefix_ids, prefixes) for encoder in self._encoders]
        self._prefix_lengths = {
            number: len(encoder.prefix_ids)
            for number, encoder in zip(self._numbers_of_prefixes, self._encoders, strict=True)
        }
        self.left_out = Counter({"empty": 0, "truncated": 0, "too_long": 0, "over_max_examples": 0})
        self.numbers: dict[str, list[int]] = {}
        self.used: list[str] = []
        self.dataset, self._traces, self._too_long = "", 0, list[int]()
        self._unended: set[str] = set()
        self._tokens: dict[str, int | None] = {}
        self._own_texts: dict[str, OwnText] = {}
        usable, flagged = self._find_usable()
        sources = Sources(partial(iterate_split, files.windows, files.splits, files.split), frozenset(flagged))
        # Apply max_examples after the recipe's selection, so that recipes that are compared get equally many windows.
        self._is_encoded = not limited or source.recipe.compares
        if self._is_encoded:
            self._encode(usable)
            usable = [name for name in usable if name in self.numbers]
        self._selected: Selection = source.recipe.select(usable, sources, settings["seed"])
        self.available = len(self._selected.window_ids)

    def draw(self, limit: int | None) -> None:
        """Use at most `limit` of the selected windows that are not too long; None means all."""
        seed, selected = self._settings["seed"], self._selected.window_ids
        if not self._is_encoded:
            ranked, tried = rank_windows(selected, seed), 0
            while tried < len(ranked) and (limit is None or len(self.numbers) < limit):
                # Each pass reads all traces: at least a quarter more windows keep the passes few if most are too long.
                more = len(ranked) if limit is None else max(limit - len(self.numbers), tried // 4)
                self._encode(ranked[tried : tried + more])
                tried += more
        self.used = draw_windows([name for name in selected if name in self.numbers], limit, seed)

    def cut(self, limit: int) -> None:
        """Use at most `limit` of the windows that are drawn, so that no dataset gives more than another."""
        if len(self.used) > limit:
            self.left_out["over_other_datasets"] = len(self.used) - limit
        self.used = draw_windows(self.used, limit, self._settings["seed"])

    def document(self) -> ExamplePart:
        """Return the dataset of the examples and their counts."""
        left_out = Counter(self.left_out)
        left_out.update(self._selected.left_out)
        reason = "over_replay" if self.source.is_replayed else "over_max_examples"
        left_out[reason] = self._traces - len(self.used) - left_out.total()
        counts: ExampleCounts = {
            "traces": self._traces,
            "used": len(self.used),
            "truncated": sum(window_id in self._unended for window_id in self.used),
            "left_out": dict(left_out),
        }
        part: ExamplePart = {
            "dataset": self.dataset,
            "is_replayed": self.source.is_replayed,
            "counts": counts,
            "trace_tokens": sum_if_known(self._tokens[window_id] for window_id in self.used),
        }
        if self._own_texts:
            own = Counter(self._own_texts[window_id] for window_id in self.used)
            part["own_texts"] = {name: own[name] for name in OWN_TEXTS}
        return part

    def check_own_texts(self) -> None:
        """Raise ValueError if too few of the windows of a round have text of the student's own."""
        own = self.document().get("own_texts")
        if own and own["learned"] < SMALLEST_OWN_SHARE * len(self.used):
            raise ValueError(
                f"{self.dataset}: only {own['learned']} of {len(self.used)} windows have text of the student's own that"
                f" can be learned, and {SMALLEST_OWN_SHARE:.0%} is needed: {own}. Train the student better before its "
                "rounds (more students.training.epochs or traces), or raise decoding.max_new_tokens if its text is cut"
            )

    def nothing_left(self) -> str:
        """Return the message of an error: no example of the source is left."""
        document, remedy = self.document(), ""
        if self._too_long:
            remedy = (
                f"; raise students.training.max_length, which is {self._settings['max_length']}: the shortest example "
                f"that is too long has {min(self._too_long)} tokens, {len(self._encoders[0].prefix_ids)} of them in "
                "the static prefix"
            )
        elif self.available:
            remedy = (
                "; a larger students.training.max_examples (or of its group), or balance: home, leaves it some of all "
                "examples"
            )
        left_out = document["counts"]["left_out"]
        return f"{self.dataset}: no training example is left of {self._traces} traces: {left_out}{remedy}"

    def _find_usable(self) -> tuple[list[str], set[str]]:
        """Return a pair: the windows that have a usable target, and those of them that are flagged."""
        usable, flagged = [], set()
        for candidate in iterate_candidates(self.source.files, self.source.recipe):
            self._traces, window_id = self._traces + 1, candidate.window["window_id"]
            self.dataset = candidate.window["dataset"]
            try:
                targets = _usable_targets(self.source.recipe, candidate, self._settings)
            except LeaveOutError as reason:
                self.left_out[str(reason)] += 1
                continue
            usable.append(window_id)
            self._tokens[window_id] = candidate.trace["completion_tokens"]
            if candidate.own:
                self._own_texts[window_id] = judge_own_text(candidate.own, candidate.trace)
            if not all(target.ended for target in targets):
                self._unended.add(window_id)
            if candidate.is_flagged:
                flagged.add(window_id)
        return usable, flagged

    def _encode(self, window_ids: Collection[str]) -> None:
        """Encode windows; those that are not too long get numbers in the scratch file.

        Where targets are learned in turn, those of a window that are too long are left out; otherwise a window of which
        one is too long is. In place of a student's own text that is too long, its teacher's trace is learned.
        """
        wanted, recipe, limit = set(window_ids), self.source.recipe, self._settings["max_length"]
        turns = [_turns(prompt, self.source.files, wanted) for prompt in self._prompts]
        for candidate in iterate_candidates(self.source.files, recipe):
            window_id = candidate.window["window_id"]
            if window_id not in wanted:
                continue
            examples = self._encode_window(candidate, turns)
            if self._own_texts.get(window_id) == "learned" and self._length(examples[0]) > limit:
                self._own_texts[window_id] = "long"
                examples = self._encode_window(replace(candidate, own=None), turns)
            fitting = [example for example in examples if self._length(example) <= limit]
            if len(fitting) < (1 if recipe.in_turn else len(examples)):
                self.left_out["too_long"] += 1
                self._too_long.append((min if recipe.in_turn else max)(map(self._length, examples)))
            else:
                self.numbers[window_id] = [self._scratch.append(example) for example in fitting]

    def _encode_window(self, candidate: Candidate, turns: Sequence[Callable[[Window], str]]) -> list[Example]:
        """Return the examples of a window; `turns` make the user's turn of each prompt."""
        examples = []
        for target in _usable_targets(self.source.recipe, candidate, self._settings):
            encoder, turn = self._encoders[target.is_direct], turns[target.is_direct]
            example = encoder.encode(candidate.window["window_id"], turn(candidate.window), target)
            scores, text = self._scores, candidate.scored
            if target.is_own:
                scores, text = self._own_scores, candidate.own_scored
            if target.soft_share and scores:
                example = replace(
                    example, soft=soft_targets(scores, text, example, target.soft_share, self._vocabulary)
                )
            examples.append(replace(example, prefix=self._numbers_of_prefixes[target.is_direct]))
        return examples

    def _length(self, example: Example) -> int:
        """Return the number of tokens of an example, prefix included."""
        return self._prefix_lengths[example.prefix] + len(example.suffix_ids) + len(example.completion_ids)


def _number_of(prefix: list[int], prefixes: list[list[int]]) -> int:
    """Return the place of a prefix among `prefixes`, to which a new one is added."""
    if prefix not in prefixes:
        prefixes.append(prefix)
    return prefixes.index(prefix)


def _usable_targets(recipe: Recipe, candidate: Candidate, settings: TrainingSettings) -> list[Target]:
    """Return the texts to learn for a window; raises LeaveOutError if none of its traces can be used."""
    if candidate.trace["finish_reason"] == "unanswered":
        raise LeaveOutError("unanswered")
    targets = [target for target in recipe.targets(candidate) if target.text.strip()]
    if not targets:
        raise LeaveOutError("empty")
    if settings["truncated_traces"] == "drop":
        targets = [target for target in targets if target.ended]
    if not targets:
        raise LeaveOutError("truncated")
    return targets


def _turns(prompt: Prompt, files: TrainingFiles, wanted: Collection[str]) -> Callable[[Window], str]:
    """Return a function from each window of `wanted` to the user's turn.

    All train windows are in memory if the prompt shows similar windows.
    """
    if not shows_similar_windows(prompt):
        return lambda window: user_turns(prompt, [window], ())[window["window_id"]]
    windows = read_split(files.windows, files.splits, files.split)
    turns = user_turns(prompt, [window for window in windows if window["window_id"] in wanted], windows)
    return lambda window: turns[window["window_id"]]
