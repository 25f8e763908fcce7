"""A training's curves, as one figure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from eigen_graph.core import EigenGraphError
from eigen_graph.rl.history import History, Series, StageHistory

FORMATS = (".svg", ".png", ".pdf")
_BLUE, _ORANGE, _GREEN, _GREY = "#0072B2", "#D55E00", "#009E73", "#767676"
_STYLE = {
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.titlelocation": "left",
    "axes.titlepad": 8.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#999999",
    "axes.linewidth": 0.8,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.8,
    "xtick.color": "#444444",
    "ytick.color": "#444444",
    "xtick.major.size": 3.0,
    "ytick.major.size": 0.0,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "svg.fonttype": "none",
    "svg.hashsalt": "eigen-graph",
}
_COLUMNS = 3
_SIZE = (3.7, 2.7)
"""Of one panel, in inches."""
_NEAR_THE_EDGE = 0.06
_SMOOTH = 10
"""A trailing mean goes over every so many-th part of the steps, and over so many at most."""


class Panel(NamedTuple):
    """One of the figure's parts."""

    title: str
    draw: Callable[[Any], None]


def draw(history: History, path: Path) -> Path:
    """Draw what a training has come to so far.

    Args:
        history: Of the training.
        path: A .svg, .png or .pdf file.

    Raises:
        EigenGraphError: Nothing has been logged yet, matplotlib is not installed, or the file cannot be written.
    """
    if path.suffix.lower() not in FORMATS:
        raise EigenGraphError(f"cannot draw {path}: a figure is one of {', '.join(FORMATS)}")
    panels = _panels(history)
    if not panels:
        raise EigenGraphError(f"{history.folder} has logged nothing yet: there is nothing to draw")
    try:
        import matplotlib as mpl  # noqa: PLC0415  # only needed here, and slow
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ImportError:
        raise EigenGraphError("drawing needs matplotlib: pip install 'eigen-graph[rl]'") from None
    columns = min(_COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(_SIZE[0] * columns, _SIZE[1] * rows + 0.4), layout="constrained")
        figure.suptitle(f"{history.recipe}, {history.domain}", x=0.01, ha="left", fontsize=11, fontweight="bold")
        axes = figure.subplots(rows, columns, squeeze=False).flatten()
        for place, axis in enumerate(axes):
            if place < len(panels):
                axis.set_title(panels[place].title)
                panels[place].draw(axis)
            else:
                axis.set_visible(False)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            metadata = {"Date": None} if path.suffix.lower() == ".svg" else None
            figure.savefig(path, dpi=150, metadata=metadata)
        except OSError as error:
            raise EigenGraphError(f"cannot write {path}: {error.strerror or error}") from error
    return path


def _panels(history: History) -> list[Panel]:
    found: list[Panel] = []
    sides = [stage for stage in history.stages if stage.stage != "grpo" and stage.series("loss")]
    if sides:
        found.append(Panel("SFT: loss", _loss(sides)))
    if grpo := history.stage("grpo"):
        found += _grpo(grpo)
    if models := _pass1(history):
        found.append(Panel("pass^1 on held-out tasks, 95 %", _dots(models, _floor(history))))
    return found


def _grpo(stage: StageHistory) -> list[Panel]:
    found = []
    if reward := stage.series("reward/raw"):
        found.append(Panel("GRPO: reward of all episodes played", _smoothed(reward, _BLUE, unit=True)))
    if mixed := stage.series("groups/mixed_share"):
        faults = stage.series("episodes/user_fault_rate")
        found.append(
            Panel("GRPO: mixed groups and user faults", _shares({"mixed groups": mixed, "user faults": faults}))
        )
    played = dict(stage.series("episodes/played"))
    tokens = [(step, count / played[step]) for step, count in stage.series("rollout/tokens") if played.get(step)]
    if tokens:
        found.append(Panel("GRPO: agent tokens an episode", _smoothed(tokens, _GREEN)))
    if entropy := stage.series("entropy"):
        found.append(Panel("GRPO: entropy of a token", _smoothed(entropy, _ORANGE)))
    return found


def _loss(stages: Sequence[StageHistory]) -> Callable[[Any], None]:
    def panel(axis: Any) -> None:
        for stage in stages:
            color = _BLUE if stage.stage == "agent" else _ORANGE
            trained, held = stage.series("loss"), stage.series("eval_loss")
            axis.plot(*_xy(trained), color=color, label=stage.stage, linewidth=1.5, **_marked(trained))
            if held:
                label = f"{stage.stage}, held out"
                axis.plot(*_xy(held), color=color, label=label, linewidth=1.2, linestyle=(0, (3, 2)), **_marked(held))
        axis.set_ylim(bottom=0)
        axis.legend()
        _steps(axis)

    return panel


def _smoothed(series: Series, color: str, *, unit: bool = False) -> Callable[[Any], None]:
    def panel(axis: Any) -> None:
        steps, values = _xy(series)
        axis.plot(steps, values, color=color, alpha=0.3, linewidth=0, marker="o", markersize=2.5)
        axis.plot(steps, trailing_mean(values), color=color, linewidth=1.8, **_marked(series))
        axis.set_ylim(-0.02, 1.02) if unit else axis.set_ylim(bottom=0)
        _steps(axis)

    return panel


def _shares(parts: dict[str, Series]) -> Callable[[Any], None]:
    def panel(axis: Any) -> None:
        for (label, series), color in zip(parts.items(), (_BLUE, _ORANGE), strict=True):
            if series:
                steps, values = _xy(series)
                axis.plot(steps, values, color=color, alpha=0.25, linewidth=0, marker="o", markersize=2.5)
                axis.plot(steps, trailing_mean(values), color=color, label=label, linewidth=1.8, **_marked(series))
        axis.set_ylim(-0.02, 1.02)
        axis.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        axis.legend()
        _steps(axis)

    return panel


def _dots(models: list[tuple[str, dict[str, float]]], floor: float | None) -> Callable[[Any], None]:
    def panel(axis: Any) -> None:
        for place, (_, figure) in enumerate(models):
            value, low, high = figure["value"], figure["low"], figure["high"]
            axis.plot([low, high], [place, place], color=_BLUE, linewidth=2, alpha=0.5, solid_capstyle="butt")
            axis.plot([value], [place], color=_BLUE, marker="o", markersize=6)
            side = "left" if value < _NEAR_THE_EDGE else "right" if value > 1 - _NEAR_THE_EDGE else "center"
            axis.annotate(
                f"{value:.2f}", (value, place), xytext=(0, 7), textcoords="offset points", ha=side, fontsize=8.5
            )
        if floor is not None:
            axis.axvline(floor, color=_GREY, linewidth=1, linestyle=(0, (4, 3)))
            axis.annotate(
                "inert agent", (floor, len(models) - 0.45), xytext=(4, 0), textcoords="offset points",
                color=_GREY, fontsize=8.5, va="center",
            )  # fmt: skip
        axis.set_yticks(range(len(models)), [name for name, _ in models])
        axis.set_ylim(len(models) - 0.3, -0.6)
        axis.set_xlim(-0.02, 1.02)
        axis.grid(axis="y", visible=False)
        axis.grid(axis="x", visible=True)

    return panel


def _pass1(history: History) -> list[tuple[str, dict[str, float]]]:
    """pass^1 of each model that was evaluated, the first one first."""
    names = {
        ("agent", "before"): "start",
        ("agent", "after"): "SFT",
        ("grpo", "before"): "SFT",
        ("grpo", "after"): "GRPO",
    }
    found: dict[str, dict[str, float]] = {}
    for stage in history.stages:
        for when in ("before", "after"):
            if stage.pass1 and stage.pass1.get(when) and (name := names.get((stage.stage, when))):
                found[name] = stage.pass1[when]
    return list(found.items())


def _floor(history: History) -> float | None:
    """What the best inert agent solves of the same tasks."""
    floors = [value for stage in history.stages if stage.pass1 for value in (stage.pass1.get("floors") or {}).values()]
    return max(floors, default=None)


def _xy(series: Series) -> tuple[list[int], list[float]]:
    return [step for step, _ in series], [value for _, value in series]


def trailing_mean(values: Sequence[float]) -> list[float]:
    """Each value's mean with those before it, as far back as a tenth of them and ten at most."""
    window = min(max(1, len(values) // _SMOOTH), _SMOOTH)
    parts = (values[max(0, end - window) : end] for end in range(1, len(values) + 1))
    return [sum(part) / len(part) for part in parts]


def _marked(series: Series) -> dict[str, Any]:
    """A single point shows only when it is marked."""
    return {"marker": "o", "markersize": 4} if len(series) == 1 else {}


def _steps(axis: Any) -> None:
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415  # as above

    axis.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    axis.set_xlabel("optimizer step")
