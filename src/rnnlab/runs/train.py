"""A training run from configuration to score."""

from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any, get_args

import torch
from lightning import Callback, seed_everything
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.utilities import rank_zero_only
from omegaconf import OmegaConf

from rnnlab.data.base import SequenceData
from rnnlab.data.spec import Split
from rnnlab.errors import (
    CheckpointError,
    ConfigError,
    Diverged,
    Interrupted,
    LostProcessError,
    Pruned,
    tell,
)
from rnnlab.layers.base import Layer
from rnnlab.runs.baseline import add_baseline
from rnnlab.runs.build import (
    Config,
    build_callbacks,
    build_data,
    build_model,
    build_module,
    build_start,
    build_vectors,
)
from rnnlab.runs.environment import limit_memory, quiet, threads
from rnnlab.runs.finish import Outcome, conclude, declare_hparams, last_good
from rnnlab.runs.folders import claimed
from rnnlab.runs.jobs import OF_SWEEPS
from rnnlab.runs.origin import check_training_files, origin_of, restore_vectors
from rnnlab.runs.report import print_report
from rnnlab.runs.restore import build_trained
from rnnlab.runs.tables import flat
from rnnlab.runs.trainer import build_trainer, check_batches
from rnnlab.runs.verdict import add_verdict
from rnnlab.training.checkpoint import Checkpoint
from rnnlab.training.module import SequenceModule
from rnnlab.training.processes import is_lost


def run(
    cfg: Config,
    choices: dict[str, Any],
    folder: Path,
    *,
    resume: Checkpoint | None = None,
    callbacks: Sequence[Callback] = (),
    alone: bool = True,
) -> Outcome:
    """Train, test the best checkpoint, write `metrics.json`.

    Args:
        cfg: A valid configuration, complete, plain values.
        choices: The choice made for each group.
        folder: The run's folder; made if it is not there.
        resume: The folder's last checkpoint, to continue from; None for a new run.
        callbacks: A caller's own, behind those of the configuration.
        alone: Print the classes of the test one by one: of a job among many that is too much.

    Raises:
        ConfigError, DataError, CheckpointError: A user error.
    """
    cfg = {key: value for key, value in cfg.items() if key not in OF_SWEEPS}
    quiet()
    limit_memory()
    with claimed(folder, resume=resume is not None):
        announce_plan(cfg, choices)
        start = build_start(cfg) if resume is None else None  # early: reading data may take minutes
        seed_everything(cfg["seed"], workers=False, verbose=False)
        vectors = build_vectors(cfg) if resume is None else restore_vectors(cfg, resume)
        data = build_data(cfg, vectors)
        if start is not None:
            data.start_from(start.spec)
        if resume is not None:
            data.reuse(resume.spec)
        spec = data.spec()
        if resume is None:
            model = build_model(cfg, spec, vectors)
            if spec.kind != "values":
                model.task.set_prior(torch.from_numpy(data.target_prior()))
        else:
            check_training_files(data, resume)
            model = build_trained(cfg, spec, vectors, resume)
        started = start.initialise(model.encoder, spec) if start else None
        origin = origin_of(data, vectors, start, resume)
        assert origin.prior is not None
        model.task.set_rival(origin.prior)
        module = build_module(cfg, choices, spec, model, origin)
        trainer = build_trainer(
            cfg, folder, [*build_callbacks(cfg, folder, model.task), *callbacks]
        )
        check_batches(trainer, data)
        last = resume.path if resume else None
        # in every process, though one prints them: data that cannot be used ends them all
        notes = [module.task.remarks(split, data.examples(split)) for split in get_args(Split)]
        notes = [data.remarks(), *notes]
        if trainer.is_global_zero:
            OmegaConf.save(OmegaConf.create(cfg), folder / "config.yaml")
            device, precision = trainer.strategy.root_device, trainer.precision
            announce(module, data, vectors, folder, device, started, precision, notes)
        declare_hparams(trainer, flat(cfg))
        status, reason = "completed", None
        try:
            trainer.fit(module, datamodule=data, ckpt_path=last, weights_only=True)
            status = "completed" if trainer.global_step else "untrained"
        except Interrupted:
            status = "interrupted"
        except Pruned as error:
            status, reason = "pruned", str(error)
        except MisconfigurationException as error:
            raise ConfigError(f"trainer: {' '.join(str(error).split())}") from None
        except Diverged as error:
            status, reason = "diverged", f"{error}; {last_good(folder)}"
            if trainer.is_global_zero:
                print(f"diverged: {reason}", flush=True)
        except (
            ArithmeticError,
            AttributeError,
            LookupError,
            RuntimeError,
            TypeError,
            ValueError,
        ) as error:
            if trainer.world_size > 1 and is_lost(error):
                raise LostProcessError(
                    "another process of this run has ended, killed or by an error of its own; "
                    f"{last_good(folder)}"
                ) from error
            if resume is None or not module.restoring:
                raise
            raise CheckpointError(
                f"{resume.path}: the run cannot be continued from it ({explained(error)})"
            ) from error
        outcome = conclude(
            cfg,
            trainer,
            module,
            data,
            status=status,
            reason=reason,
            folder=folder,
            checksums={**data.checksums(), **origin.files["embedding"], **origin.sources},
        )
        report = module.task.facts.report
        if alone and outcome.record["test"] and report is not None and trainer.is_global_zero:
            print_report(report)
        if trainer.world_size == 1:
            add_baseline(cfg, module, data, vectors, outcome)
        add_verdict(trainer, module.task, outcome)
        return outcome


def explained(error: Exception) -> str:
    """What an error of another package says, in its first words."""
    first = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    return f"{type(error).__name__}: {first[:200]}"


@rank_zero_only
def announce_plan(cfg: Config, choices: Config) -> None:
    """Print what was chosen, before data is read: that may take minutes."""
    names = ("task", "data", "cell", "encoder", "embedding", "optimizer", "scheduler")
    chosen = {name: choices.get(name) for name in names}
    chosen |= {f"trainer.{key}": cfg["trainer"].get(key) for key in ("max_epochs", "max_steps")}
    chosen |= {"data.batch_size": cfg["data"].get("batch_size"), "seed": cfg["seed"]}
    words = (f"{name}={value}" for name, value in chosen.items() if value not in (None, -1))
    tell("train", " ".join(words))


def dtypes(cells: Sequence[Layer], device: torch.device, precision: str) -> str:
    """In which dtype the run computes, and the cells where theirs is another; whether with TF32."""
    usual = torch.get_default_dtype()
    lower = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}.get(precision, usual)
    each = {type(cell).__name__: cell.computes_in(lower) for cell in cells}
    parts = [f"{name} {dtype}" for name, dtype in each.items() if dtype != lower]
    parts.append(f"all else {lower}" if parts else str(lower))
    parts = [part.replace("torch.", "") for part in parts]
    if device.type == "cuda":
        products = torch.get_float32_matmul_precision() != "highest"
        tf32 = "on" if torch.backends.cudnn.allow_tf32 else "off"
        parts.append(f"TF32 {tf32} in kernels, {'on' if products else 'off'} in products")
    return ", ".join(parts)


def announce(
    module: SequenceModule,
    data: SequenceData,
    vectors: Any,
    folder: Path,
    device: torch.device,
    started: str | None,
    precision: str,
    notes: Sequence[Sequence[str]],
) -> None:
    """Print what will be trained, what it starts from, and its folder."""
    parameters = sum(p.numel() for p in module.parameters())
    sizes = ", ".join(f"{len(data.examples(s)):,} {s}" for s in get_args(Split))
    print(f"run      {folder}\ndata     {type(data).__name__}: {sizes}")
    for remark in chain(*notes):
        tell("note", remark)
    if vectors.coverage is not None:
        print(f"vectors  {vectors.coverage}")
    cells = [part for part in module.encoder.modules() if isinstance(part, Layer)]
    layers = ", ".join(f"{type(c).__name__} {c.input_size}->{c.output_size}" for c in cells)
    print(f"model    {parameters:,} parameters; encoder: {layers or 'no recurrent layer'}")
    kernels = dict.fromkeys(cell.engine(device) for cell in cells)
    if started is not None:
        print(f"start    {started}")
    print(f"kernel   {', '.join(kernels) or 'none'}")
    print(f"dtype    {dtypes(cells, device, precision)}")
    print(f"threads  {threads()}", flush=True)
