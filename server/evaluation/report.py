"""Write the report of an evaluation: index.html, its plots, and evaluation.json with every number."""

from __future__ import annotations

import re
from html import escape
from pathlib import Path

import msgspec

from server.datasets.scale_plot import require_matplotlib

from .merge import merged_errors
from .records import ClipEvaluation, EvaluationReport, PublishedErrors

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #22282d; max-width: 1120px; margin: 2em auto; padding: 0 1em }
h1 { font-size: 1.5em } h2 { font-size: 1.2em; margin-top: 2.2em; border-top: 1px solid #ccc; padding-top: 1em }
table { border-collapse: collapse; margin: 0.8em 0 } td, th { padding: 0.25em 0.9em; text-align: right }
th { border-bottom: 1px solid #999; font-weight: 600 } td:first-child, th:first-child { text-align: left }
img { max-width: 100% } .finding { font-weight: 600 } .note, .failed { color: #a33a2c } small { color: #5b6770 }
"""


PUBLISHED_MEAN = "mean of all solves, as published"
"""Label of errors that are not of the reported solve alone."""


def collected(clips: list[ClipEvaluation], video_distance: float | None = None) -> EvaluationReport:
    """A report over clips, with the mean of their errors.

    Args:
        clips: the evaluations.
        video_distance: FVD, or None.
    """
    return EvaluationReport(
        clips=clips,
        errors=merged_errors([clip.errors for clip in clips if clip.errors is not None]),
        published_mean=merged_errors([clip.published_mean for clip in clips if clip.published_mean is not None]),
        solves=sum(len(clip.trials) for clip in clips),
        failed_solves=sum(clip.failed for clip in clips),
        video_distance=video_distance,
    )


def write_json(report: EvaluationReport, file: Path) -> None:
    """Write every number of the report to a JSON file; its folder is made when it is not there."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=1))


def write_report(report: EvaluationReport, folder: Path) -> Path:
    """Write index.html, plots and evaluation.json.

    Args:
        report: the evaluation.
        folder: is made when it is not there.

    Returns:
        The path of index.html.

    Raises:
        RealCamError: matplotlib is missing.
    """
    require_matplotlib()
    folder.mkdir(parents=True, exist_ok=True)
    write_json(report, folder / "evaluation.json")
    sections = [_clip(clip, f"{index:02d}-{_slug(clip.clip)}", folder) for index, clip in enumerate(report.clips, 1)]
    page = folder / "index.html"
    page.write_text(_page(report, sections), encoding="utf-8")
    return page


def _page(report: EvaluationReport, sections: list[str]) -> str:
    rows = []
    for clip in report.clips:
        rows.append(_errors_row(clip.clip, clip.errors, f"{clip.failed} of {len(clip.trials)}"))
        if len(clip.trials) > 1:
            rows.append(_errors_row(PUBLISHED_MEAN, clip.published_mean, ""))
    if len(report.clips) > 1:
        rows.append(_errors_row("mean over clips", report.errors, f"{report.failed_solves} of {report.solves}"))
        rows.append(_errors_row(f"mean over clips, {PUBLISHED_MEAN}", report.published_mean, ""))
    distance = "" if report.video_distance is None else f"<p>FVD: {report.video_distance:.2f}</p>"
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Camera evaluation</title><style>{STYLE}</style>
<h1>Does the clip follow its camera?</h1>
<table><tr><th>clip</th><th>RotErr, rad</th><th>TransErr rel</th><th>CamMC rel</th>
<th>TransErr abs</th><th>CamMC abs</th><th>solves failed</th></tr>
{"".join(rows)}</table>
<p><small>Published sums over a clip's frames, of the solve that fits the pictures best: every other number,
sentence and picture is of the same. rel: each path divided by its own extent; abs: both by the asked one's, with the
achieved path in metres by the scene's depth.</small></p>
{distance}
{"".join(sections)}
</html>
"""


def _clip(clip: ClipEvaluation, stem: str, folder: Path) -> str:
    # Here, so that measuring without a report needs no matplotlib.
    from .plots import plot_agreement, plot_errors, plot_paths

    pictures = []
    if any(pose is not None for pose in clip.achieved):
        plot_paths(clip, folder / f"{stem}-paths.png")
        plot_errors(clip, folder / f"{stem}-errors.png")
        pictures += [(f"{stem}-paths.png", "asked and achieved path"), (f"{stem}-errors.png", "error of each frame")]
    if clip.agreement is not None:
        plot_agreement(clip.agreement, folder / f"{stem}-agreement.png")
        pictures.append((f"{stem}-agreement.png", "agreement with the preview"))
    findings = "".join(f'<p class="finding">{escape(text)}</p>' for text in clip.findings)
    notes = "".join(f'<p class="note">{escape(text)}</p>' for text in clip.notes)
    images = "".join(f'<p><img src="{name}" alt="{alt}"></p>' for name, alt in pictures)
    scale = "" if clip.scale is None else f"<p>Distance achieved over asked: {clip.scale:.3f}</p>"
    return f"""<h2>{escape(clip.clip)}</h2>
<p><small>{clip.frames} frames of {clip.width} x {clip.height}, asked by {escape(clip.reference)};
evaluated in {clip.seconds:.0f} s</small></p>
{findings}{notes}{scale}{images}{_trials(clip)}
"""


def _trials(clip: ClipEvaluation) -> str:
    rows = []
    for trial in clip.trials:
        metres = "" if trial.metres_per_unit is None else f"{trial.scale_votes} points, spread {trial.scale_spread:.1%}"
        error = "" if trial.reprojection_error is None else f"{trial.reprojection_error:.2f}"
        outcome = escape(trial.failure) or ("solved" if trial.agrees else "found another camera")
        if trial.seed == clip.reported:
            outcome = f"<b>reported</b> {outcome}"
        explained = "" if trial.inliers is None else f"{trial.inliers:.0%} of {trial.tracks} tracks"
        rows.append(
            f"<tr><td>{trial.seed + 1}</td><td>{trial.placed} of {clip.frames}</td><td>{explained}</td>"
            f"<td>{escape(trial.start)}</td><td>{error}</td><td>{metres}</td>"
            f'<td class="{"failed" if trial.failure or not trial.agrees else ""}">{outcome}</td></tr>'
        )
    return (
        "<table><tr><th>solve</th><th>frames placed</th><th>explains</th><th>began with</th><th>reprojection, px</th>"
        f"<th>metres by depth</th><th></th></tr>{''.join(rows)}</table>"
    )


def _errors_row(name: str, errors: PublishedErrors | None, failed: str) -> str:
    if errors is None:
        return f'<tr><td>{escape(name)}</td><td class="failed" colspan="5">not solved</td><td>{failed}</td></tr>'
    values = (errors.rot_err, errors.trans_err_rel, errors.cam_mc_rel, errors.trans_err_abs, errors.cam_mc_abs)
    cells = "".join("<td>–</td>" if value is None else f"<td>{value:.4f}</td>" for value in values)
    return f"<tr><td>{escape(name)}</td>{cells}<td>{failed}</td></tr>"


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "_", name)[:40]
