"""Divide a student's examples among the datasets that it learns from."""

from collections.abc import Sequence
from heapq import nsmallest
from typing import Any, Literal, TypedDict, get_args

Balance = Literal["size", "home"]


class Division(TypedDict):
    """The division of a student's examples: among its datasets, and the share of them that are replayed traces."""

    balance: Balance
    replay: float


# The division of a student of one dataset, and the default of others.
DIVISION: Division = {"balance": "size", "replay": 0}


def take_division(settings: dict[str, Any]) -> Division:
    """Remove the division of the examples from training settings, and return it with defaults filled in.

    Raises ValueError for a balance that does not exist, and for a share that is none.
    """
    division: Division = {
        "balance": settings.pop("balance", DIVISION["balance"]),
        "replay": settings.pop("replay", DIVISION["replay"]),
    }
    if division["balance"] not in get_args(Balance):
        raise ValueError(f"training.balance: {division['balance']!r} is none of {', '.join(get_args(Balance))}")
    if not 0 <= division["replay"] < 1:
        raise ValueError(f"training.replay: {division['replay']} is no share from 0 to below 1")
    return division


def divide(count: int | None, available: Sequence[int], balance: Balance) -> list[int]:
    """Return how many examples each dataset gives, of those that are `available`; `count` None means no limit.

    home: equally many of each, as many as the dataset with the fewest has; what `count` leaves over is one more of each
    of the first datasets. size: all, or `count` of them in proportion to their numbers, by the method of Sainte-Lague.
    No dataset gives fewer of a larger count.
    """
    if balance == "home":
        fewest = min(available)
        each, over = (fewest, 0) if count is None else divmod(count, len(available))
        return [min(fewest, each + (place < over)) for place in range(len(available))]
    if count is None or count >= sum(available):
        return list(available)
    quotients = ((2 * place + 1) / number for number in available for place in range(number))
    owners = (owner for owner, number in enumerate(available) for _ in range(number))
    chosen = [owner for _, owner in nsmallest(count, zip(quotients, owners, strict=True))]
    return [chosen.count(owner) for owner in range(len(available))]


def own_limit(limit: int | None, share: float) -> int | None:
    """Return the largest number of examples beside those that are replayed; `limit` is that of all, None means none."""
    return None if limit is None else limit - round(limit * share)


def replayed_count(share: float, own: int, limit: int | None = None) -> int:
    """Return how many replayed examples make up `share` of all, beside `own` others.

    If these are as many as `limit`, the largest number of all examples, leaves them, the replayed ones are the rest.
    """
    if limit is not None and own == own_limit(limit, share):
        return limit - own
    return round(share / (1 - share) * own)
