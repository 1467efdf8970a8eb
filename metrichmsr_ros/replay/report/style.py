"""The look of the report page: light and dark, no fonts or files from elsewhere."""

from __future__ import annotations

STYLE = """
:root {
  color-scheme: light dark;
  --ink: #1b1f24; --soft: #666677; --line: #d7dbe0; --paper: #ffffff; --tint: #f4f6f8; --accent: #2a6fb0;
}
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e8ea; --soft: #9aa3ad; --line: #3a4048; --paper: #16191d; --tint: #1f242a; --accent: #6db1f0; }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; max-width: 940px; padding: 24px; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif;
}
h1 { font-size: 24px; margin: 0 0 4px; overflow-wrap: anywhere; }
h2 { font-size: 18px; margin: 36px 0 10px; border-bottom: 1px solid var(--line); padding-bottom: 4px; }
p.sub, figcaption, .note { color: var(--soft); font-size: 13px; margin: 4px 0; overflow-wrap: anywhere; }
.warn { border-left: 4px solid #c77700; background: var(--tint); padding: 8px 12px; overflow-wrap: anywhere; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(130px, 1fr)); gap: 10px; margin: 16px 0; }
.tiles div { background: var(--tint); border-radius: 6px; padding: 10px 12px; }
.tiles b { display: block; font-size: 20px; font-variant-numeric: tabular-nums; }
.tiles span { color: var(--soft); font-size: 12px; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td {
  border-bottom: 1px solid var(--line); padding: 4px 10px 4px 0; text-align: left; vertical-align: top;
  overflow-wrap: anywhere;
}
td.n, th.n { text-align: right; white-space: nowrap; }
svg { display: block; width: 100%; height: auto; font: 11px system-ui, sans-serif; }
svg text { fill: var(--soft); }
svg .axis { fill: none; stroke: var(--soft); }
svg .grid { fill: none; stroke: var(--line); stroke-width: 0.6; }
svg .line { fill: none; stroke-width: 1.6; stroke-linejoin: round; }
svg .dashed { stroke-dasharray: 5 3; }
svg .bar { fill: var(--accent); opacity: 0.75; }
svg .mark { stroke: #c0392b; stroke-dasharray: 4 3; fill: none; }
svg .camera { fill: var(--tint); stroke: var(--ink); }
.map { max-width: 560px; margin: 0 auto; }
.legend {
  list-style: none; display: flex; flex-wrap: wrap; gap: 2px 16px; margin: 2px 0 0; padding: 0;
  font-size: 12px; color: var(--soft);
}
.legend i { display: inline-block; width: 10px; height: 10px; margin-right: 5px; border-radius: 2px; }
.frames { display: grid; grid-template-columns: repeat(auto-fill, minmax(280px, 1fr)); gap: 14px; }
details { margin: 10px 0; color: var(--soft); }
pre { font-size: 12px; background: var(--tint); padding: 10px 12px; border-radius: 6px; overflow-x: auto; }
figure { margin: 0; }
figure img { width: 100%; height: auto; border-radius: 4px; display: block; }
"""
