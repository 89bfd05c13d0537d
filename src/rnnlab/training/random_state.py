"""Random numbers of a training: each process has its own, and a resumed run goes on with them."""

from collections.abc import Sequence

import torch
from torch import Tensor


def random_state(device: torch.device) -> dict[str, Tensor]:
    """States of the generators that this process draws from: the CPU's, and that of its GPU."""
    state = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    return state


def set_random_state(states: Sequence[dict[str, Tensor]], rank: int, device: torch.device) -> None:
    """Go on from the states of a checkpoint, or begin.

    Models were built alike in all processes. From here on they must differ: with the same dropout
    masks, several processes would see less of them than one.

    Args:
        states: Those of each process, as `random_state` gave them; none of a new run.
        rank: This process; one that the checkpoint does not know begins anew.
        device: Where it computes; a state that was saved elsewhere is left out.
    """
    if rank < len(states):
        torch.set_rng_state(states[rank]["cpu"].cpu())
        if device.type == "cuda" and "cuda" in states[rank]:
            torch.cuda.set_rng_state(states[rank]["cuda"].cpu(), device)
    elif rank:
        torch.manual_seed(torch.initial_seed() + rank)
