"""The picture of a search: Optuna's own plots, in one HTML file that needs no network."""

import html
import warnings
from typing import TYPE_CHECKING, Any

from stemma.optimising.report import Report
from stemma.pages import colours

if TYPE_CHECKING:
    import optuna

_STYLE = """
:root {{ color-scheme: light }}
body {{ font: 15px/1.5 system-ui, sans-serif; color: {ink}; background: {ground};
       max-width: 1080px; margin: 2em auto; padding: 0 1em }}
h1 {{ font-size: 1.4em }} h2 {{ font-size: 1.1em; margin: 2em 0 0 }}
p {{ color: {soft}; margin: .3em 0 }} .wide {{ overflow-x: auto }}
""".format(**colours.LIGHT)
_HEIGHT = 420  # pixels


def draw(study: "optuna.Study", report: Report) -> str:
    """Return the page of a study: its history, what matters, which settings go together, curves.

    Args:
        study: with its trials.
        report: what was found.
    """
    from plotly.offline import get_plotlyjs

    title = html.escape(f"{report.study}: {report.metric} of {len(report.trials)} trials")
    space, sampler = html.escape(report.space), html.escape(report.sampler)
    about = f"{space}, {sampler}, seed {report.seed}, on {report.commit[:10]}; lower is better."
    parts = [
        f"<section><h2>{name}</h2><p>{said}</p><div class=wide>{_plot(figure)}</div></section>"
        for name, said, figure in _figures(study)
    ]
    return (
        "<!doctype html><html lang=en><head><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width'>"
        f"<title>{title}</title><style>{_STYLE}</style><script>{get_plotlyjs()}</script></head>"
        f"<body><h1>{title}</h1><p>{about}</p>{''.join(parts)}</body></html>\n"
    )


def _figures(study: "optuna.Study") -> list[tuple[str, str, Any]]:
    from optuna import visualization
    from optuna.trial import TrialState

    done = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    found = [
        ("History", "The value of each trial, and the best so far.", "plot_optimization_history"),
        ("Curves", "The value as training goes; a trial that was ended early stops short.",
         "plot_intermediate_values"),
    ]  # fmt: skip
    if len(done) > 1:
        found[1:1] = [
            ("Importance", "The share of the differences that each setting makes (PED-ANOVA).",
             "plot_param_importances"),
            ("Parallel coordinates", "A line for each trial that is done.",
             "plot_parallel_coordinate"),
        ]  # fmt: skip
    figures = []
    for name, said, function in found:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            figure = getattr(visualization, function)(study)
        figure.update_layout(title=None, template="plotly_white", height=_HEIGHT, font_size=12)
        figure.update_layout(margin={"t": 50, "b": 50})
        if name in ("History", "Curves"):
            figure.update_xaxes(tickformat="d", nticks=10)
        figures.append((name, said, figure))
    return figures


def _plot(figure: Any) -> str:
    # plotly.js stands in the page once, for all of them.
    return figure.to_html(full_html=False, include_plotlyjs=False, config={"displaylogo": False})
