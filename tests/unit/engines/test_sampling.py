import collections
from dataclasses import replace

import pytest
import torch
from hearth.engines.protocol import Decoding, request_seed
from hearth.engines.sampling import add_gumbel_noise, choose_tokens, philox, seed_words


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [  # known answers of the authors' Random123 library
        ([0] * 4, [0] * 2, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ([0xFFFFFFFF] * 4, [0xFFFFFFFF] * 2, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        (
            [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
            [0xA4093822, 0x299F31D0],
            "d16cfe09 94fdcceb 5001e420 24126ea1",
        ),
    ],
)
def test_philox_gives_the_published_answers(counter, key, expected):
    words = philox([torch.tensor([word]) for word in counter], [torch.tensor([word]) for word in key])
    assert " ".join(f"{int(word):08x}" for word in words) == expected


def test_sampling_follows_the_probabilities():
    probabilities = torch.tensor([0.5, 0.25, 0.15, 0.1])
    keys = [str(n) for n in range(20000)]
    logits = probabilities.log().expand(len(keys), -1)
    drawn = add_gumbel_noise(logits, [seed_words(3, key) for key in keys], [4] * len(keys)).argmax(-1)
    shares = torch.bincount(drawn, minlength=4) / len(keys)
    assert torch.allclose(shares, probabilities, atol=0.012)  # over three standard errors


def test_two_seeds_sample_independently_of_each_other():
    probabilities = torch.tensor([0.5, 0.25, 0.15, 0.1])
    keys = [f"home/s/{n}" for n in range(20000)]
    logits, steps = probabilities.log().expand(len(keys), -1), [0] * len(keys)
    first, second, later = (
        add_gumbel_noise(logits, [seed_words(seed, key) for key in keys], at).argmax(-1)
        for seed, at in ((0, steps), (1, steps), (0, [1] * len(keys)))
    )
    expected = torch.outer(probabilities, probabilities)
    for one, other in ((first, second), (first, later), (first[:-1], second[1:])):
        joint = torch.bincount(4 * one + other, minlength=16).reshape(4, 4) / len(one)
        assert torch.allclose(joint, expected, atol=0.012)


def test_the_seeds_that_other_engines_get_differ_in_about_half_of_their_bits():
    keys = [f"home/s/{n}" for n in range(2000)]
    seeds = {seed: [request_seed(seed, key) for key in keys] for seed in range(5)}
    assert len({value for values in seeds.values() for value in values}) >= 5 * len(keys) - 2  # 31 bits may collide
    for seed in range(1, 5):
        differing = torch.tensor([one ^ other for one, other in zip(seeds[0], seeds[seed], strict=True)])
        shares = torch.stack([(differing >> bit & 1).double().mean() for bit in range(31)])
        assert torch.allclose(shares, torch.full_like(shares, 0.5), atol=0.06)  # over five standard errors


def test_warping_keeps_only_the_nucleus():
    decoding = replace(Decoding.greedy(1), temperature=0.5, top_p=0.9, top_k=3)
    logits = torch.tensor([[0.6, 0.25, 0.1, 0.05]]).log()
    seen = collections.Counter()
    for n in range(300):
        seen[int(choose_tokens(logits, decoding, [seed_words(0, str(n))], [0]))] += 1
    # Temperature 0.5 squares the probabilities. Renormalised they are 0.83, 0.14, 0.02, 0.006: two reach top_p 0.9.
    assert set(seen) == {0, 1}
