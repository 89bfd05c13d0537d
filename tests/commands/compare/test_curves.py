"""What is drawn: means over seeds, panels, scales, half-lives against lags."""

from dataclasses import replace
from itertools import pairwise

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg

from rnnlab.commands.compare.curves import gradients, losses, mean_series, scalars
from rnnlab.commands.compare.events import Log, Series
from rnnlab.commands.compare.groups import Group
from rnnlab.commands.compare.reach import half_life_and_lag
from rnnlab.commands.compare.reading import read_run
from rnnlab.commands.compare.run import half_life, solved
from rnnlab.commands.compare.style import line_styles
from rnnlab.commands.page.chart import Chart, Line, Panel
from rnnlab.commands.page.figure import draw
from rnnlab.diagnostics.style import COLOURS, DASHES, RC


@pytest.fixture(scope="module")
def run(trained):
    """A completed run."""
    return read_run(trained.sweep / "2_gru-1")


def series(points):
    steps, values = zip(*points, strict=True)
    return Series(np.array(steps), np.array(values, dtype=float))


def with_scalars(run, **scalars):
    """The run with other scalars; `__` in a name is a slash."""
    named = {name.replace("__", "/"): series(points) for name, points in scalars.items()}
    return replace(run, log=Log(named, {}))


def chart(groups, pick):
    return scalars("name", "title", "caption", groups, pick, "unit")


def test_mean_of_two_seeds_by_hand():
    one = series([(0, 1.0), (10, 3.0), (20, 3.0)])
    other = series([(0, 3.0), (5, 3.0), (10, 5.0)])
    steps, values = mean_series([one, other])
    assert steps.tolist() == [0, 5, 10]  # as far as both go
    assert values.tolist() == [2.0, 2.5, 4.0]


curve = st.dictionaries(st.integers(0, 50), st.floats(-9, 9), min_size=1).map(
    lambda points: series(sorted(points.items()))
)


@given(curve)
def test_the_mean_of_one_is_itself(one):
    steps, values = mean_series([one, one])
    np.testing.assert_array_equal(steps, one.steps)
    np.testing.assert_allclose(values, one.values)


def test_the_norm_of_a_kernel_is_that_of_all_its_gates(run):
    picked = gradients(run)
    assert next(iter(picked)) == "all parameters"
    scalars = run.scalars("grad/encoder.0/recurrent/")
    assert len(scalars) == 3
    expected = np.sqrt(sum(each.values**2 for each in scalars.values()))
    np.testing.assert_allclose(picked["encoder.0, recurrent weights"].values, expected)
    assert (picked["all parameters"].values[0] > expected[0]).all()


def test_losses_show_the_monitored_metric_once(run):
    assert list(losses([run])(run)) == [
        *("training loss", "validation loss", "validation accuracy")
    ]
    points = [(1, 0.5), (2, 0.25)]
    same = with_scalars(run, val__loss=points, val__accuracy=points)
    assert list(losses([same])(same)) == ["validation loss"]


def test_lines_are_the_runs_and_their_mean(run):
    runs = [with_scalars(run, train__loss=[(1, 2.0), (9, value)]) for value in (1.0, 1.2)]
    made = chart([Group("g", tuple(runs), None)], losses(runs))
    (panel,) = made.panels
    ends = sorted(line.y[-1] for line in panel.lines)
    assert ends == pytest.approx([1.0, 1.1, 1.2])
    assert list(made.legend) == ["g (2 runs)"]
    figure = draw(made, "")
    assert sorted(line.get_ydata()[-1] for line in figure.axes[0].lines) == ends
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        *("g (2 runs)", "one run", "mean of a group")
    ]


def test_a_diverged_run_leaves_the_frame_and_the_others_stay_in_it(run, trained):
    wild = with_scalars(read_run(trained.diverged), train__loss=[(1, 2.0), (2, 1e20), (3, np.nan)])
    calm = with_scalars(run, train__loss=[(1, 2.0), (9, 1.0)])
    groups = [Group("calm", (calm,), None), Group("wild", (wild,), None)]
    made = chart(groups, losses([calm]))
    low, high = made.panels[0].y_limits
    assert 0.5 < low < 1 < 2 < high < 3
    assert list(made.keys) == ["diverged"]
    assert draw(made, "").axes[0].get_ylim() == (low, high)


def test_values_over_decades_get_a_logarithmic_axis(run):
    for end, scale in ((1e-4, "log"), (1.0, "linear"), (0.0, "linear")):
        one = with_scalars(run, train__loss=[(1, 2.0), (9, end)])
        made = chart([Group("g", (one,), None)], losses([one]))
        assert draw(made, "").axes[0].get_yscale() == scale


def test_nothing_logged_is_nothing_drawn(run):
    assert chart([Group("g", (with_scalars(run),), None)], gradients) is None


def test_families_share_a_colour_and_no_two_groups_look_the_same(run):
    groups = [Group(str(i), (run,), family) for i, family in enumerate("aabbb")]
    styles = line_styles(groups)
    assert len({style["color"] for style in styles}) == 2
    assert len({str(style) for style in styles}) == 5
    for family in (None, "x"):
        count = 3 * len(COLOURS) * len(DASHES)
        many = line_styles([Group(str(i), (run,), family) for i in range(count)])
        assert len({(style["color"], str(style["linestyle"])) for style in many}) == count


def boxes(figure):
    """Where panels, legend and title stand, in inches, once drawn."""
    FigureCanvasAgg(figure).draw()
    parts = [*figure.axes, *figure.legends, figure._suptitle]
    found = [part.get_window_extent() for part in parts if part is not None]
    return [box.transformed(figure.dpi_scale_trans.inverted()) for box in found]


@pytest.mark.parametrize("count", [1, 13, 60])
@pytest.mark.parametrize("panels", [1, 5])
def test_legend_and_title_cover_no_panel_and_are_not_cut(run, count, panels):
    label = "a_cell_with_a_name some.option_of_it=0.0001 $another=1 "
    scalars = {f"train__{i}": [(1, 2.0), (9, 1.0)] for i in range(panels)}
    groups = [Group(label + str(i), (with_scalars(run, **scalars),), None) for i in range(count)]
    with mpl.rc_context(RC):
        made = chart(groups, lambda run: run.scalars("train/"))
        figure = draw(made, "Norm of the gradient before clipping " * 4)
        *drawn, legend, title = boxes(figure)
    width, height = figure.get_size_inches()
    for box in (*drawn, legend, title):
        assert -0.01 <= box.x0 < box.x1 <= width + 0.01
        assert -0.01 <= box.y0 < box.y1 <= height + 0.01
    for box in drawn:
        assert legend.y1 <= box.y0
        assert box.y1 <= title.y0
        assert box.height > 1.5


def test_titles_of_square_panels_stay_apart():
    dot = Line(np.array([0.5]), np.array([0.5]), {"marker": "o", "linestyle": "none"})
    names = [f"encoder.{n}.backward update: radius 1.234" for n in range(5)]
    square = [Panel(name, [dot], "real part", "imaginary part", square=True) for name in names]
    with mpl.rc_context(RC):
        figure = draw(Chart("plane", "In the plane", "", square, {}), "")
        FigureCanvasAgg(figure).draw()
    titles = [axes._left_title.get_window_extent() for axes in figure.axes]
    for left, right in pairwise(titles[:4]):
        assert left.x1 < right.x0
    assert max(box.x1 for box in titles) <= figure.bbox.x1


def test_a_single_validation_has_a_mark_of_its_groups_own(run):
    """A line of one point is not seen; groups of one colour differ in the mark, as named below."""
    point = with_scalars(run, val__loss=[(9, 2.0)], train__loss=[(1, 2.0), (9, 1.0)])
    groups = [Group(name, (point,), "one colour") for name in "abc"]
    figure = draw(chart(groups, losses([point])), "")
    losses_, validation = ({line.get_marker() for line in axes.lines} for axes in figure.axes)
    assert losses_ == {""}
    assert len(validation) == 3
    named = {handle.get_marker() for handle in figure.legends[0].legend_handles}
    assert named == validation


def test_the_half_life_is_that_of_the_layer_that_reaches_farthest(run):
    assert half_life(with_scalars(run)) is None
    both = with_scalars(
        run,
        flow__encoder_0__forward__half_life=[(1, 3.0), (9, 30.0)],
        flow__encoder_0__backward__half_life=[(1, 4.0), (9, 20.0)],
        flow__encoder_0__backward__decades_per_step=[(1, -400.0), (9, 500.0)],
    )
    assert half_life(both) == 30
    assert half_life(both, 0) == 4


def test_a_memory_task_is_solved_from_its_goal_on(run, trained):
    at = {
        value: replace(run, record={**run.record, "score": value, "val": {"accuracy": value}})
        for value in (0.989, 0.99)
    }
    assert [solved(each) for each in at.values()] == [False, True]
    adding = {"data": "rnnlab.data.datasets.adding.Adding"}
    low = {**run.record, "score": -0.009, "val": {"mse": 0.009}}
    high = {**run.record, "score": -0.02, "val": {"mse": 0.02}}
    assert solved(replace(run, targets=adding, record=low)) is True
    assert solved(replace(run, targets=adding, record=high)) is False
    assert solved(read_run(trained.running)) is None
    assert solved(read_run(trained.diverged)) is None
    assert solved(replace(run, targets={"data": "os.path.Path"})) is None  # nothing is imported


def test_half_life_against_lag_has_one_mark_a_run(run):
    lives = {"flow__encoder.0__half_life": [(1, 2.0), (9, 50.0)]}
    groups = [Group("g", (with_scalars(run, **lives),) * 2, None)]
    (panel,) = half_life_and_lag("", "", groups).panels
    marks = [line for line in panel.lines if line.look.get("linestyle") == "none"]
    assert [line.y.tolist() for line in marks] == [[50], [50]]
    assert [round(float(line.x[0])) for line in marks] == [4, 4]  # data.lag
    assert half_life_and_lag("", "", [Group("g", (with_scalars(run),), None)]) is None
    infinite = {"flow__encoder.0__half_life": [(1, 2.0), (9, np.inf)]}
    (panel,) = half_life_and_lag(
        "", "", [Group("g", (with_scalars(run, **infinite),), None)]
    ).panels
    top = panel.y_limits[1]
    assert panel.lines[-1].y[0] == top
    assert np.isfinite(top)
