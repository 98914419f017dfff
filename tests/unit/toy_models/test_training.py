"""Check training: the loss with a shared prefix, progress, reproducibility, the order of examples, evaluation."""

import random

import torch
from hearth.distillation.examples import IGNORED
from hearth.toy_models import models, training


def test_a_shared_prefix_gives_the_loss_of_whole_prompts(examples_by_source, tokenizer):
    home = training.encode_home(tokenizer, examples_by_source["marble"][0])
    torch.manual_seed(0)
    model = models.build_model("tiny-s", tokenizer)
    rows = home.rows[:3]
    whole = [(home.prefix + ids, len(home.prefix) + prompt) for ids, prompt in rows]
    inputs, targets = training._collate(whole)
    counted = targets != IGNORED
    logits = model(input_ids=inputs).logits
    expected = torch.nn.functional.cross_entropy(logits[counted], targets[counted])
    torch.testing.assert_close(training._loss(model, home.prefix, rows), expected)


def test_training_lowers_the_loss_and_the_same_seed_gives_the_same_weights(examples_by_source, tokenizer):
    sources = [[training.encode_home(tokenizer, home) for home in homes] for homes in examples_by_source.values()]

    def train(steps: int) -> tuple[float, torch.Tensor]:
        torch.manual_seed(0)
        model = models.build_model("tiny-s", tokenizer)
        settings = {"batch_size": 4, "learning_rate": 4e-3, "seed": 0, "report": lambda line: None}
        loss = training.train_model(model, sources, steps=steps, **settings)
        return loss, model.model.embed_tokens.weight.detach()

    first, _ = train(1)
    loss, weights = train(40)
    assert loss < 0.8 * first
    assert torch.equal(weights, train(40)[1])


def test_every_epoch_has_each_example_once():
    rng = random.Random(3)
    homes = [
        training.EncodedHome([index], [([index, number] * rng.randint(3, 9), 2) for number in range(7)])
        for index in range(5)
    ]
    batches = training._batches(homes, 3, steps=15, seed=0)
    seen = [tuple(ids[:2]) for prefix, rows in batches for ids, _ in rows if prefix == [ids[0]]]
    assert sorted(seen) == [(index, number) for index in range(5) for number in range(7)]


def test_an_untrained_model_leaves_all_events_unanswered(examples_by_source, tokenizer):
    torch.manual_seed(0)
    model = models.build_model("tiny-s", tokenizer)
    assert training.evaluate_model(model, tokenizer, examples_by_source["marble"][:1]) == {
        "accuracy": {"marble": 0.0},
        "unanswered": {"marble": 1.0},
    }
