"""What this page needs beside the common style sheet."""

from __future__ import annotations

from modelservice_runtime.pages.style import style

_MORE = """
:root{--grey:var(--soft)}
.o-grey.open{stroke-width:1.1}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,10rem),1fr));
gap:.7rem;margin:1rem 0}
.tiles div{background:var(--panel);border-radius:.3rem;padding:.6rem .9rem}
.tiles dt{color:var(--soft);font-size:.85rem}
.tiles dd{margin:.1rem 0 0;font-size:1.3rem;font-weight:600;line-height:1.25;
overflow-wrap:anywhere}
.tiles dd small{display:block;font-size:.85rem;font-weight:400;color:var(--soft)}
td small,th small{color:var(--soft);font-size:inherit;font-weight:400}
tr:has(.w-chosen)>*{background:var(--panel)}
.scroll .wide{min-width:11rem!important}
details{margin:.6rem 0}summary{cursor:pointer;color:var(--soft)}
summary:focus-visible{outline:2px solid var(--finalist);outline-offset:2px}
.heat table{width:auto}
.heat th,.heat td{padding:.25rem .55rem;text-align:right;font-variant-numeric:tabular-nums}
.heat tbody th{position:sticky;left:0;background:var(--ground);padding-left:0}
.heat span{display:block;margin:-.25rem -.55rem;padding:.25rem .55rem}
.heat .h-0{background:color-mix(in srgb,var(--good) 34%,transparent)}
.heat .h-1{background:color-mix(in srgb,var(--good) 16%,transparent)}
.heat .h-2{background:color-mix(in srgb,var(--undecided) 18%,transparent)}
.heat .h-3{background:color-mix(in srgb,var(--rejected) 20%,transparent)}
.heat .h-4{background:color-mix(in srgb,var(--rejected) 38%,transparent)}
svg .rest{fill:var(--faint);stroke:var(--soft);stroke-width:1;stroke-dasharray:3 3}
svg .ask{stroke:var(--ink);stroke-width:1.5}
svg .segment{stroke:var(--ground);stroke-width:1.5}
.swatch.rest{background:var(--faint);outline:1px dashed var(--soft);outline-offset:-1px}
.swatch{display:inline-block;width:.8em;height:.8em;border-radius:.15em;margin-right:.4em}
"""


def _part(number: int) -> str:
    """Of a bar: pale enough for words upon it."""
    colour = f"color-mix(in srgb,var(--line{number}) 50%,var(--ground))"
    return f".b-{number}{{background:{colour};fill:{colour}}}"


STYLE = style(("chosen", "finalist", "grey"), _MORE + "".join(_part(n) for n in range(7)))
