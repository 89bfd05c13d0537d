"""What torch's and Lightning's signatures leave unsaid about their options: types and ranges."""

from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, Lt

from rnnlab.config.types import (
    Fraction,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
)

PACKAGES = ("torch", "lightning")
"""Top-level packages whose classes are described here."""

Limit = PositiveInt | Annotated[float, Ge(0), Le(1)]
"""A number of batches, or a share of them."""

NoLimit = Literal[-1] | PositiveInt
"""A number of steps or epochs, at least one: nothing is learnt in none; -1 for no limit."""

WIRED = frozenset(
    {
        *("callbacks", "logger", "plugins", "default_root_dir", "enable_checkpointing"),
        *("enable_model_summary", "num_sanity_val_steps", "use_distributed_sampler"),
        "overfit_batches",  # wants a sampler of torch's; limit_train_batches is no worse
    }
)
"""What the program itself sets, or cannot work with, so that it is no option."""

RANGES: dict[str, Any] = {
    # optimisers
    "lr": NonNegativeFloat,
    "betas": tuple[Annotated[float, Ge(0), Lt(1)], Annotated[float, Ge(0), Lt(1)]],
    "eps": NonNegativeFloat,
    "weight_decay": NonNegativeFloat,
    "momentum": NonNegativeFloat,
    "dampening": float,
    "alpha": Fraction,
    # schedulers
    "T_max": PositiveInt,
    "eta_min": NonNegativeFloat,
    "step_size": PositiveInt,
    "gamma": PositiveFloat,
    "last_epoch": Literal[-1],
    "factor": Annotated[float, Gt(0), Lt(1)],
    "threshold": NonNegativeFloat,
    "cooldown": NonNegativeInt,
    "min_lr": NonNegativeFloat,
    # Trainer
    "max_epochs": NoLimit | None,
    "min_epochs": NonNegativeInt | None,
    "max_steps": NoLimit,
    "min_steps": NonNegativeInt | None,
    "num_nodes": PositiveInt,
    "accumulate_grad_batches": PositiveInt,
    "gradient_clip_val": NonNegativeFloat | None,
    "gradient_clip_algorithm": Literal["norm", "value"] | None,
    "log_every_n_steps": PositiveInt,
    "fast_dev_run": Literal[False],  # no checkpoint, no score; max_steps=1 tries a run
    "check_val_every_n_epoch": PositiveInt | None,
    "limit_train_batches": PositiveInt | Annotated[float, Gt(0), Le(1)] | None,
    "limit_val_batches": Limit | None,
    "limit_test_batches": Limit | None,
    "limit_predict_batches": Limit | None,
    "max_time": str | dict[str, int] | None,
    "val_check_interval": PositiveInt
    | Annotated[float, Gt(0), Le(1)]
    | str
    | dict[str, int]
    | None,
    "num_sanity_val_steps": Annotated[int, Ge(-1)] | None,
    "reload_dataloaders_every_n_epochs": NonNegativeInt,
    "precision": Literal["32-true", "bf16-mixed", "16-mixed", "32", 32, "bf16", "16", 16] | None,
}
"""By name: where two classes have an option of one name, it means the same."""
