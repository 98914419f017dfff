"""Shapes of published models."""

from hearth.models.measure import ModelShape

QWEN3_32B = ModelShape(
    parameters=32_762_123_264,
    weight_bytes=65_524_246_528,
    stored_as="bf16",
    embeddings=2 * 151_936 * 5120,
    tied=False,
    layers=64,
    heads=64,
    kv_heads=8,
    head_width=128,
    hidden=5120,
    intermediate=25600,
    vocabulary=151_936,
    context=40960,
)
QWEN3_0_6B = ModelShape(
    parameters=596_049_920,
    weight_bytes=1_192_099_840,
    stored_as="bf16",
    embeddings=151_936 * 1024,
    tied=True,
    layers=28,
    heads=16,
    kv_heads=8,
    head_width=128,
    hidden=1024,
    intermediate=3072,
    vocabulary=151_936,
    context=40960,
)
SMOLLM2_135M = ModelShape(
    parameters=134_515_008,
    weight_bytes=269_030_016,
    stored_as="bf16",
    embeddings=49_152 * 576,
    tied=True,
    layers=30,
    heads=9,
    kv_heads=3,
    head_width=64,
    hidden=576,
    intermediate=1536,
    vocabulary=49_152,
    context=8192,
)
