"""Where a trained model computes."""

import re

import torch

from rnnlab.errors import ConfigError


def find_device(name: str) -> torch.device:
    """The device of an option `device`: auto | cpu | cuda | cuda:1.

    Raises:
        ConfigError: Another word, no GPU, or fewer than that.
    """
    if not isinstance(name, str) or not re.fullmatch(r"auto|cpu|cuda(:\d{1,3})?", name):
        raise ConfigError(f"device: {name!r} is none of auto, cpu, cuda, cuda:1 ...")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "auto":
        return torch.device("cuda" if count else "cpu")
    device = torch.device(name)
    if device.type == "cuda" and not count:
        raise ConfigError(f"device: {name} asked for, but there is no GPU here; say device=cpu")
    if device.type == "cuda" and (device.index or 0) >= count:
        raise ConfigError(f"device: {name} asked for, but GPUs are cuda:0 to cuda:{count - 1}")
    return device
