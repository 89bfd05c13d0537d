"""All charts of a comparison, with what to see in each."""

from collections.abc import Sequence

from rnnlab.commands.compare.curves import gradients, losses, scalars
from rnnlab.commands.compare.groups import Group, all_runs
from rnnlab.commands.compare.reach import against_lag, half_life_and_lag
from rnnlab.commands.compare.run import half_lives
from rnnlab.commands.page.chart import Chart


def all_charts(groups: Sequence[Group]) -> list[Chart]:
    """The charts for which the runs have logged something, in order."""
    made = (
        scalars(
            "loss",
            "Loss and metric",
            "A training loss that goes on falling while the validation loss rises has overfitted.",
            groups,
            losses(all_runs(groups)),
            "",
        ),
        against_lag(
            "time_flow",
            "Gradient through time",
            "How much of the gradient reaches back: a line that falls to -3 at lag 50 says that a "
            "thousandth of it gets 50 steps back from the end. A layer with /cell shows dL/dc_t of "
            "an LSTM. Where every step has a loss of its own the line is flat whatever the net "
            "remembers.",
            groups,
            "decades of ||dL/dh_t||",
        ),
        against_lag(
            "input_flow",
            "Gradient at the inputs",
            "The one curve that recurrent nets and attention both have: a recurrent net's gradient "
            "passes all steps on its way back, and may vanish; attention's takes one.",
            groups,
            "decades of ||dL/dx_t||",
        ),
        against_lag(
            "memory",
            "Memory of the state",
            "How much of a state is left k steps later, whatever the loss asks for: a line that "
            "falls early belongs to a net that forgets.",
            groups,
            "decades of ||dh_T/dh_(T-k)||",
        ),
        half_life_and_lag(
            "Half-life and lag",
            "Above the dotted line more than half of the gradient is left after the lag that the "
            "task needs. The half-life is that of the layer that reaches back farthest; the thin "
            "line leads from the first measurement to the last.",
            groups,
        ),
        scalars(
            "half_life",
            "Half-life of dL/dh during training",
            "Steps back in time after which the gradient in the hidden state has halved: a line "
            "that rises belongs to a net that learns to remember.",
            groups,
            half_lives,
            "half-life (steps)",
        ),
        scalars(
            "gradients",
            "Norm of the gradient before clipping",
            "Peaks are updates that clipping has made smaller; a line that falls towards 0 while "
            "the loss is high belongs to weights that learn no more. A kernel's norm is taken over "
            "all of its gates, so that cells can be compared.",
            groups,
            gradients,
            "norm",
        ),
    )
    return [chart for chart in made if chart is not None]
