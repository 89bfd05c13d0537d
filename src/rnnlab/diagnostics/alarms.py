"""Alarms, a sentence each: on the terminal, in TensorBoard and in `metrics.json`."""

from collections.abc import Mapping
from typing import Any

from lightning import Callback, LightningModule, Trainer

from rnnlab.data.batch import Batch
from rnnlab.diagnostics.alarm_rules import AlarmRules, Finding, Limits
from rnnlab.diagnostics.board import board_of, displays
from rnnlab.diagnostics.loss_trend import guess_loss
from rnnlab.diagnostics.naming import recurrent_layers
from rnnlab.diagnostics.time_flow import TimeFlow
from rnnlab.errors import Diverged, tell

EVENTS = ("non_finite ", "exploding gradient")
"""Alarms about an event stay; others are about a state, and withdrawn when the run learns."""


class Alarms(Limits, Callback):
    """Raises an alarm where what the board writes explains why a run fails.

    It measures nothing itself: each rule needs the instrument whose scalars it reads. Apart from
    what is not finite, an alarm is only raised while the loss is no better than that of a constant
    guess and does not fall: a run that learns has none. When a run learns late, alarms about its
    state are withdrawn. Each is raised once, with the layer (`encoder.0.forward`: direction
    included), the step, and what to try.

    Kind       | Raised when                                                       | Reads
    non_finite | a gradient or the loss is not finite                              | weight_flow
    exploding  | the total norm exceeds `exploding` times its running median, and  | weight_flow
               | the loss is back at a guess's; or the gradient grows              | time_flow
               | over a sequence by more than `growth`                             |
    vanishing  | its half-life is below `vanishing` of a sequence's length         | time_flow
    saturated  | more than `saturated` of a gate is shut, open or at its bounds    | saturation
    dead       | the gradient of a whole gate or module is exactly zero            | weight_flow
    clipped    | more than `clipped` of the steps are clipped                      | the board
    collapsed  | an attention head's entropy is below `collapsed` of the largest   | saturation
    logits     | an attention head's logits exceed `logits` in magnitude           | saturation

    All but the first two are about medians over `patience` steps. A limit of null switches its
    rule off.
    """

    def __init__(self, **limits: Any) -> None:
        super().__init__(**limits)
        self._raised: dict[str, str] = {}
        self._rules: AlarmRules | None = None
        self._span = 0.0
        self._where = ""

    @property
    def sentences(self) -> list[str]:
        """All alarms that were not withdrawn."""
        return list(self._raised.values())

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Read what the board writes from now on."""
        board = board_of(trainer)
        board.listeners.append(self._update)
        data = trainer.datamodule  # type: ignore[attr-defined]
        self._rules = AlarmRules(
            self,
            guess=guess_loss(data.examples("train"), data.spec().kind),
            scaled=getattr(trainer.precision_plugin, "scaler", None) is not None,
        )

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Keep what an alarm may need: how long the sequences are, and which batch this is."""
        assert isinstance(batch, Batch)
        self._span = batch.tokens / len(batch) - 1
        self._where = f"epoch {trainer.current_epoch + 1}, batch {batch_idx + 1}"

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Raise an alarm for a run that diverged."""
        if isinstance(exception, Diverged):
            finding = Finding("non_finite", "loss", str(exception))
            self._raise(trainer, finding)

    def _update(self, trainer: Trainer, scalars: Mapping[str, float]) -> None:
        assert self._rules is not None
        for finding in self._rules.update(trainer.global_step, scalars, self._spans(trainer)):
            self._raise(trainer, finding)
        if self._rules.trend.learned:
            for key in [k for k in self._raised if not k.startswith(EVENTS)]:
                step, sentence = trainer.global_step, self._raised.pop(key)
                self._show(trainer, "withdrawn", f"withdrawn at step {step}, it learns: {sentence}")

    def _spans(self, trainer: Trainer) -> Mapping[str, float]:
        """As measured by layer: a decoder's steps are not the source's. Else the source's."""
        callbacks: list[Callback] = trainer.callbacks  # type: ignore[attr-defined]
        measured = next((c.spans for c in callbacks if isinstance(c, TimeFlow)), {})
        return measured or dict.fromkeys(recurrent_layers(trainer.lightning_module), self._span)

    def _raise(self, trainer: Trainer, finding: Finding) -> None:
        key = f"{finding.kind} {finding.subject}"
        if key in self._raised:
            return
        step = trainer.global_step
        sentence = f"{finding.kind} at step {step}: {finding.subject}: {finding.fact}"
        if key == "non_finite gradient":
            sentence += f" ({self._where})"
        sentence += f"; try {_remedy(trainer, finding)}"
        self._raised[key] = sentence
        self._show(trainer, finding.kind, sentence)

    @staticmethod
    def _show(trainer: Trainer, kind: str, sentence: str) -> None:
        if not trainer.is_global_zero:
            return
        tell("alarm", sentence)
        for writer in displays(trainer):
            writer.add_text(f"alarm/{kind}", sentence, global_step=trainer.global_step)

    def state_dict(self) -> dict[str, Any]:
        """The alarms raised so far, for a resumed run."""
        return {"told": dict(self._raised)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Do not raise them again."""
        self._raised = dict(state_dict["told"])


def _remedy(trainer: Trainer, finding: Finding) -> str:
    """What to try."""
    limit = trainer.gradient_clip_val
    clip = (
        f"a trainer.gradient_clip_val below {limit:g}" if limit else "trainer.gradient_clip_val=1"
    )
    if finding.kind == "vanishing":
        layer = recurrent_layers(trainer.lightning_module)[finding.subject]
        gates = {key.rpartition("/")[2] for key in layer.gates()}
        if "forget" in gates:
            return "a larger cell.forget_bias, or cell=gru"
        if "update" in gates:
            return "a larger cell.update_bias, or cell=lstm"
        return "a cell with gates (cell=lstm, cell=gru), or cell.init=orthogonal"
    return {
        "non_finite": f"a smaller optimizer.lr, {clip}",
        "exploding": f"{clip}, a smaller optimizer.lr, cell.init=orthogonal, a cell with gates",
        "saturated": "a smaller optimizer.lr, cell.init=orthogonal, inputs of a smaller scale",
        "dead": "a smaller optimizer.lr, another cell or nonlinearity, another seed",
        "clipped": "a larger trainer.gradient_clip_val, or a smaller optimizer.lr",
        "collapsed": "a smaller optimizer.lr, lr_schedule.warmup_steps, optimizer=adamw",
        "logits": "a smaller optimizer.lr, lr_schedule.warmup_steps, optimizer=adamw",
    }[finding.kind]
