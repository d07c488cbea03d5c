"""The style sheet: light and dark, wide and narrow, colours that the colour-blind tell apart."""

from __future__ import annotations

from collections.abc import Sequence

_BASE = """
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#5b6470;--faint:#d8dde3;--ground:#fff;
--panel:#f6f8fa;--good:#00795a;--warn:#a15c00;
--chosen:#00795a;--finalist:#0064a8;--passed:#3d9bd9;--rejected:#c4421a;--undecided:#b07a00;
--failed:#7a7f87;--skipped:#a3a8b0;
--line0:#5b6470;--line1:#00795a;--line2:#0064a8;--line3:#b0559b;--line4:#b07a00;--line5:#3d9bd9;
--line6:#c4421a}
@media (prefers-color-scheme:dark){:root{--ink:#e6e9ed;--soft:#9aa4b0;--faint:#363c44;
--ground:#14171b;--panel:#1d2127;--good:#35c99a;--warn:#f0ad4e;
--chosen:#35c99a;--finalist:#58aef0;--passed:#8cc8f2;--rejected:#ff7d55;--undecided:#e8b23c;
--failed:#8a919b;--skipped:#6c737d;
--line0:#9aa4b0;--line1:#35c99a;--line2:#58aef0;--line3:#e08bcb;--line4:#e8b23c;--line5:#8cc8f2;
--line6:#ff7d55}}
*{box-sizing:border-box}
body{font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;color:var(--ink);
background:var(--ground);max-width:76rem;margin:0 auto;padding:1.5rem 1rem 4rem}
h1{font-size:1.5rem;line-height:1.25;margin:0 0 .2rem;overflow-wrap:anywhere}
h2{font-size:1.15rem;margin:2.4rem 0 .6rem;padding-bottom:.25rem;
border-bottom:1px solid var(--faint)}
h3{font-size:1rem;margin:1.2rem 0 .4rem}
p{margin:.4rem 0;max-width:48rem;overflow-wrap:anywhere}
.soft{color:var(--soft);font-size:.9rem}
.line{font-size:1.15rem;max-width:none;margin:1rem 0 .6rem;padding:.7rem .9rem;
background:var(--panel);border-left:.3rem solid var(--good);border-radius:0 .3rem .3rem 0}
.line.open{border-color:var(--warn)}
ul{margin:.4rem 0;padding-left:1.2rem}li{overflow-wrap:anywhere}
.columns{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,26rem),1fr));
gap:0 2rem;align-items:start}
.scroll{overflow-x:auto;margin:.4rem 0}
.scroll:focus-visible{outline:2px solid var(--finalist);outline-offset:2px}
table{border-collapse:collapse;width:100%;font-size:.9rem}
caption{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
th,td{text-align:left;vertical-align:top;padding:.3rem .7rem .3rem 0;
border-bottom:1px solid var(--faint)}
thead th{color:var(--soft);font-weight:600;vertical-align:bottom;border-bottom-width:2px}
tbody th{font-weight:600}
.scroll td,.scroll th{white-space:nowrap}
.scroll thead th{white-space:normal}
.scroll td.wide,.scroll th.wide{white-space:normal;min-width:17rem}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
.pairs th{width:11rem;color:var(--soft);font-weight:400}
.pairs td{overflow-wrap:anywhere}
@media (max-width:34rem){.pairs th{width:7.5rem}body{padding-top:1rem}}
figure{margin:.6rem 0}
figcaption{color:var(--soft);font-size:.9rem;max-width:48rem}
svg{display:block;width:100%;height:auto;min-width:36rem}
figure{max-width:60rem}
svg.mark{display:inline-block;width:1.1em;height:1.1em;min-width:0;vertical-align:-.2em;
margin-right:.35em;overflow:visible}
svg text{font:12px system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;fill:var(--ink)}
svg .axis{stroke:var(--soft);stroke-width:1;fill:none}
svg .grid{stroke:var(--faint);stroke-width:1}
svg .tick,svg .title{fill:var(--soft)}
svg .limit{stroke:var(--rejected);stroke-width:1.5;stroke-dasharray:6 4}
svg .limit-word{fill:var(--rejected)}
svg .front{stroke:var(--good);stroke-width:2;fill:none;opacity:.7}
svg .reach{stroke-width:1.2;opacity:.6}
svg .lead{stroke:var(--soft);stroke-width:.8}
svg .halo{paint-order:stroke;stroke:var(--ground);stroke-width:3px;stroke-linejoin:round}
svg .open{fill:none!important}
svg .strong{font-weight:600}
.legend{display:flex;flex-wrap:wrap;gap:.2rem 1.2rem;list-style:none;padding:0;font-size:.9rem}
.bar{display:block;height:.6rem;margin-top:.45rem;background:var(--finalist);border-radius:.15rem;
min-width:2px}
.bars td:last-child{width:45%}
@media print{body{max-width:none}.scroll{overflow:visible}}
"""

_LINES = 7


def style(outcomes: Sequence[str], more: str = "") -> str:
    """The whole of it: a colour for each outcome, for lines by number, and the page's own."""
    marks = "".join(
        f".o-{name}{{fill:var(--{name});stroke:var(--{name});stroke-width:1.5}}"
        f"td .w-{name},.w-{name}{{color:var(--{name});font-weight:600}}"
        for name in outcomes
    )
    lines = "".join(
        f".l-{n}{{stroke:var(--line{n});fill:none;stroke-width:2}}"
        f".p-{n}{{fill:var(--line{n});stroke:var(--line{n})}}"
        for n in range(_LINES)
    )
    return f"{_BASE}{marks}{lines}{more}"
