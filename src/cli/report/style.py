"""Style of the page, in light and in dark: blue and green for points that are there, orange for missing ones.

Patterns and numbers say the same without colour.
"""

CSS = """
:root {
  color-scheme: light dark;
  --paper: #ffffff; --card: #f7f8fa; --ink: #1b2430; --soft: #5a6675; --line: #d5dae1;
  --observed: #bcdcf2; --late: #6aaede; --repaired: #5cc3a0; --absent: #c9ced6; --missing: #e8702a;
  --good: #0b6e4f; --bad: #b3410a; --wait: #44546a;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #11161d; --card: #19202a; --ink: #e7ecf2; --soft: #9aa7b6; --line: #36414f;
    --observed: #1d4563; --late: #2f7fb8; --repaired: #14795b; --absent: #4a535f; --missing: #e06a25;
    --good: #56c79f; --bad: #ff9a5c; --wait: #a9b8ca;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1240px; margin: 0 auto; padding: 28px 24px 56px; }
h1 { font-size: 22px; margin: 0; } h2 { font-size: 18px; margin: 0; } h3 { font-size: 15px; margin: 28px 0 6px; }
p { margin: 6px 0; } .soft, small { color: var(--soft); } small { font-size: 13px; }
header { display: flex; flex-wrap: wrap; gap: 4px 24px; justify-content: space-between; align-items: baseline;
  border-bottom: 1px solid var(--line); padding-bottom: 14px; }
section { margin-top: 26px; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 18px 20px; }
.verdict { display: flex; gap: 14px; align-items: flex-start; }
.verdict .sign { flex: none; width: 42px; height: 42px; border-radius: 50%; display: grid; place-items: center;
  font-size: 22px; font-weight: 700; color: var(--paper); background: var(--wait); }
.complete .sign { background: var(--good); } .incomplete .sign, .empty .sign, .alarm .sign { background: var(--bad); }
.verdict strong { font-size: 18px; }
.tiles { display: flex; flex-wrap: wrap; gap: 10px 28px; margin: 16px 0 10px; padding: 0; list-style: none; }
.tiles b { display: block; font-size: 20px; line-height: 1.2; font-variant-numeric: tabular-nums; }
.swatch { display: inline-block; width: 14px; height: 14px; border-radius: 3px; vertical-align: -2px;
  margin-right: 6px; }
.bar { display: flex; height: 16px; border-radius: 4px; overflow: hidden; background: var(--line); }
.bar i { min-width: 3px; }
.observed { background: var(--observed); } .late { background: var(--late); } .repaired { background: var(--repaired); }
i.absent, .swatch.absent { background: radial-gradient(var(--ink) 1px, transparent 1.4px) 0 0 / 5px 5px var(--absent); }
i.missing, .swatch.missing { background: repeating-linear-gradient(45deg, var(--missing) 0 4px,
  color-mix(in srgb, var(--missing), var(--card) 55%) 4px 5.4px); }
.legend { display: flex; flex-wrap: wrap; gap: 4px 20px; margin: 4px 0 8px; padding: 0; list-style: none;
  font-size: 13px; }
.wide { overflow-x: auto; padding-bottom: 4px; }
svg { display: block; max-width: none; overflow: visible; }
svg text { paint-order: stroke; stroke: var(--card); stroke-width: 2.5px;
  stroke-linejoin: round; font-variant-numeric: tabular-nums; }
.tip { pointer-events: all; }
.tip:hover { stroke: var(--ink); stroke-width: 2px; }
.defs { position: absolute; width: 0; height: 0; }
table { border-collapse: collapse; font-size: 14px; width: 100%; }
th { text-align: left; font-weight: 600; color: var(--soft); font-size: 13px; white-space: nowrap; }
th, td { padding: 5px 14px 5px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.nowrap { white-space: nowrap; } td.bad { color: var(--bad); font-weight: 700; }
code { font: 13px ui-monospace, monospace; overflow-wrap: anywhere; }
details { margin-top: 10px; } summary { cursor: pointer; color: var(--soft); font-size: 14px; }
footer { margin-top: 34px; border-top: 1px solid var(--line); padding-top: 12px; color: var(--soft); font-size: 13px; }
@media print { details { display: none; } .card { break-inside: avoid; } }
"""

# The patterns that the charts' fills name; one place for all of them.
PATTERNS = """
<svg class="defs" aria-hidden="true"><defs>
<pattern id="missing" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
<rect width="6" height="6" fill="var(--missing)"/>
<rect width="1.2" height="6" fill="var(--card)" opacity="0.55"/></pattern>
<pattern id="absent" width="5" height="5" patternUnits="userSpaceOnUse">
<rect width="5" height="5" fill="var(--absent)"/><circle cx="2.5" cy="2.5" r="0.9" fill="var(--ink)"/></pattern>
</defs></svg>
"""
