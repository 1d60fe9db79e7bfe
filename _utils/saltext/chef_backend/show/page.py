"""A run's report as one HTML page: no script, no network, readable in the dark, in the light and on a phone."""

import html
from collections.abc import Iterable, Sequence

from saltext.chef_backend import printable
from saltext.chef_backend.show import report as reports
from saltext.chef_backend.show.timeline import Row, Span, Timeline

WIDE, HIGH, LEAST = 1000, 18, 4  # of a row's drawing: its width, a lane's height, the narrowest bar
# the colour of a span; text that was told never becomes part of a class
KINDS = {
    "backup": "calm",
    "install": "work",
    "upgrade": "busy",
    "rejoin": "wait",
    "on": "good",
    "taken": "good",
    "off": "bad",
    "refused": "bad",
}
LEGEND = (
    ("good", "failover on, writes taken"),
    ("bad", "failover off, writes refused, a step that failed"),
    ("busy", "upgrade"),
    ("work", "install"),
    ("wait", "rejoin"),
    ("calm", "backup, who leads"),
    ("other", "any other step, the next one who leads"),
)

STYLE = """
:root{color-scheme:light dark;--back:#fff;--text:#1b1f24;--soft:#57606a;--line:#d0d7de;--track:#eaeef2;
--good:#1a7f37;--bad:#cf222e;--busy:#0969da;--work:#8250df;--wait:#9a6700;--calm:#57606a;--other:#bf3989}
@media(prefers-color-scheme:dark){:root{--back:#0d1117;--text:#e6edf3;--soft:#9ea7b3;--line:#3d444d;--track:#21262d;
--good:#3fb950;--bad:#ff7b72;--busy:#58a6ff;--work:#bc8cff;--wait:#d29922;--calm:#9ea7b3;--other:#f778ba}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:70rem;padding:1rem;background:var(--back);color:var(--text);
font:16px/1.45 system-ui,"DejaVu Sans",sans-serif;overflow-wrap:anywhere}
h1{font-size:1.5rem;margin:.2rem 0}h2{font-size:1.15rem;margin:1.6rem 0 .4rem}h3{font-size:.9rem;margin:.5rem 0 .1rem}
p{margin:.3rem 0}svg{display:block;width:100%;background:var(--track);border-radius:3px}
.good{fill:var(--good);background:var(--good)}.bad{fill:var(--bad);background:var(--bad)}
.busy{fill:var(--busy);background:var(--busy)}.work{fill:var(--work);background:var(--work)}
.wait{fill:var(--wait);background:var(--wait)}.calm{fill:var(--calm);background:var(--calm)}
.other{fill:var(--other);background:var(--other)}rect{stroke:var(--back);stroke-width:1}
.axis{display:flex;justify-content:space-between;color:var(--soft);font-size:.8rem}
.legend{display:flex;flex-wrap:wrap;gap:.2rem 1rem;list-style:none;padding:0;font-size:.85rem}
.legend span{display:inline-block;width:.8rem;height:.8rem;border-radius:2px;margin-right:.35rem}
table{width:100%;border-collapse:collapse;font-size:.85rem}caption{text-align:left;font-weight:600;padding:.3rem 0}
th,td{text-align:left;vertical-align:top;padding:.25rem .4rem;border-bottom:1px solid var(--line)}
thead th{color:var(--soft)}code{font:.95em ui-monospace,"DejaVu Sans Mono",monospace}
@media(max-width:40rem){body{padding:.6rem}th,td{padding:.2rem .25rem}}
"""


def page(timeline: Timeline) -> str:
    """Return the report of a Timeline as the text of an HTML file."""
    title = f"Chef Backend {timeline.cluster}: run {timeline.run}"
    parts = [
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width,initial-scale=1">',
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        f"<title>{_safe(title)}</title><style>{STYLE}</style></head><body><main>",
        f"<h1>Cluster {_safe(timeline.cluster)}: {_safe(reports.state(timeline))}</h1>",
        f"<p>Run <code>{_safe(timeline.run)}</code></p>",
        _facts(timeline),
        "<h2>Timeline</h2>",
        _drawing(timeline),
        _steps(timeline),
        _gates(timeline),
        _commands(timeline),
        _troubles(timeline),
        "</main></body></html>\n",
    ]
    return "\n".join(part for part in parts if part)


def _safe(value: object) -> str:
    """Text for anywhere in the page, an attribute in quotes included."""
    return html.escape(printable.line(value), quote=True)


def _facts(timeline: Timeline) -> str:
    rows = [
        f'<tr><th scope="row">{_safe(name)}</th><td>{_safe(text)}</td></tr>' for name, text in reports.facts(timeline)
    ]
    return f"<table><caption>What it was, and what it cost</caption><tbody>{''.join(rows)}</tbody></table>"


def _rows(timeline: Timeline) -> list[tuple[Row, bool]]:
    state = [timeline.failover, timeline.leads, *([timeline.writes] if timeline.writes else [])]
    return [*((row, False) for row in timeline.rows if row.spans), *((row, row is timeline.leads) for row in state)]


def _drawing(timeline: Timeline) -> str:
    length = max(timeline.seconds, 0.1)
    ticks = "".join(f"<span>{length * part / 4:.0f} s</span>" for part in range(5))
    legend = "".join(f'<li><span class="{kind}"></span>{_safe(text)}</li>' for kind, text in LEGEND)
    drawn = "".join(_row(row, length, leads) for row, leads in _rows(timeline))
    return f'{drawn}<div class="axis" aria-hidden="true">{ticks}</div><ul class="legend">{legend}</ul>'


def _row(row: Row, length: float, leads: bool) -> str:
    told = "; ".join(f"{reports.span_text(span)} from {span.begin:.1f} s" for span in row.spans) or "nothing was told"
    bars: list[str] = []
    lanes: list[float] = []  # until where each is taken
    for number, span in enumerate(row.spans):
        left = min(span.begin / length * WIDE, WIDE - LEAST)
        right = min(WIDE, max(span.end / length * WIDE, left + LEAST))
        lane = next((at for at, taken in enumerate(lanes) if taken <= left + 0.5), len(lanes))
        lanes[lane : lane + 1] = [right]
        kind = ("calm", "other")[number % 2] if leads else _kind(span)
        bars.append(
            f'<rect class="{kind}" x="{left:.1f}" y="{lane * HIGH + 1}" width="{right - left:.1f}" height="{HIGH - 2}">'
            f"<title>{_safe(reports.span_text(span))}</title></rect>"
        )
    high = max(1, len(lanes)) * HIGH
    return (
        f'<h3>{_safe(_named(row, leads))}</h3><svg role="img" aria-label="{_safe(row.name)}: {_safe(told)}" '
        f'viewBox="0 0 {WIDE} {high}" height="{high}" preserveAspectRatio="none">'
        f"<title>{_safe(row.name)}</title>{''.join(bars)}</svg>"
    )


def _named(row: Row, leads: bool) -> str:
    """A row's name; that of who leads names them, since bars have no text."""
    return f"{row.name}: {', then '.join(span.what for span in row.spans)}" if leads else row.name


def _kind(span: Span) -> str:
    return "bad" if span.how == "failed" else KINDS.get(span.what, "other")


def _steps(timeline: Timeline) -> str:
    lines = [
        (f"{span.begin:.1f}", row.name, span.what, span.seconds, _how(span))
        for row, _ in _rows(timeline)
        for span in row.spans
    ]
    return _table("Steps and states", ("at, s", "where", "what", "took, s", "how"), lines)


def _how(span: Span) -> str:
    if span.what in ("refused", "taken"):
        return ""
    return {"end": "", "failed": "failed", "open": "its end was not told"}.get(span.how, "")


def _gates(timeline: Timeline) -> str:
    lines = [
        (f"{gate.at:.1f}", gate.node, gate.what, gate.value, gate.bound, reports.held(gate)) for gate in timeline.gates
    ]
    return _table("Gates", ("at, s", "node", "what", "value", "bound", ""), lines)


def _commands(timeline: Timeline) -> str:
    lines = [
        (
            f"{one.at:.1f}",
            one.node,
            " ".join(one.argv),
            "" if one.seconds is None else one.seconds,
            "unknown" if one.status is None else one.status,
        )
        for one in timeline.commands
    ]
    return _table("Commands that change something", ("at, s", "node", "command", "took, s", "status"), lines)


def _troubles(timeline: Timeline) -> str:
    if not timeline.troubles:
        return ""
    lines = "".join(f"<li>{_safe(trouble)}</li>" for trouble in timeline.troubles)
    return f"<h2>What is missing or odd</h2><ul>{lines}</ul>"


def _table(caption: str, heads: Sequence[str], lines: Iterable[Sequence[object]]) -> str:
    if not lines:
        return ""
    head = "".join(f'<th scope="col">{_safe(name)}</th>' for name in heads)
    body = "".join(f"<tr>{''.join(f'<td>{_safe(cell)}</td>' for cell in line)}</tr>" for line in lines)
    return f"<table><caption>{_safe(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
