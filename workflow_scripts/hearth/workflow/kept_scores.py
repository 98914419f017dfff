"""Find scores that stay although their predictions were deleted: Snakemake does not miss what a result was made of."""

from collections.abc import Iterable
from pathlib import Path


def kept_scores(pairs: Iterable[tuple[str, str]], directory: Path = Path()) -> list[str]:
    """Return a line for each (recogniser, dataset) whose score is in the working directory without its predictions."""
    results = directory / "results"
    return [
        f"results/scores/{recogniser}/{dataset}.json is kept, although its predictions in "
        f"results/predictions/{recogniser}/{dataset} are gone; to recognise anew, delete it too"
        for recogniser, dataset in pairs
        if (results / "scores" / recogniser / f"{dataset}.json").exists()
        and not (results / "predictions" / recogniser / dataset).exists()
    ]
