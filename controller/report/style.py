"""How the report looks and what follows the pointer: one style sheet for screen (light, dark) and paper, one short script; neither loads anything."""

from typing import Final

CSS: Final = """
:root { color-scheme: light dark;
  --paper: #fcfcfb; --card: #ffffff; --ink: #16181d; --soft: #5b616e; --faint: #e6e7ea; --edge: #d9dbe0;
  --ours: #1f63d6; --g36: #c4621a; --fixed: #7b8190; --third: #2f8f6b; --fourth: #8a5bc7; --limit: #c8323a; --good: #1c7f4f; --bad: #c8323a;
  --optimise: #1f63d6; --plan_only: #6fa1ee; --reset: #e0a526; --hold: #e07b26; --release: #c8323a; --stage: #8890a0; }
@media (prefers-color-scheme: dark) { :root {
  --paper: #121418; --card: #1a1d23; --ink: #e9ebef; --soft: #9aa1ae; --faint: #2a2e36; --edge: #343944;
  --ours: #6ea4ff; --g36: #f0955a; --fixed: #9299a8; --third: #5cc59c; --fourth: #b892f0; --limit: #ff6f75; --good: #5fce95; --bad: #ff7b80;
  --optimise: #4b86ea; --plan_only: #8db6f5; --reset: #d9a233; --hold: #d97a2d; --release: #dc4d54; --stage: #5d6575; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
  font-variant-numeric: tabular-nums; }
main { max-width: 1080px; margin: 0 auto; padding: 40px 24px 64px; }
header h1 { font-size: 26px; line-height: 1.2; margin: 0 0 4px; letter-spacing: -0.01em; }
header p { margin: 0; color: var(--soft); }
h2 { font-size: 17px; margin: 40px 0 4px; letter-spacing: -0.005em; }
h2 + p { margin: 0 0 12px; color: var(--soft); max-width: 72ch; }
.tiles { display: grid; grid-template-columns: repeat(4, 1fr); gap: 12px; margin: 28px 0 0; }
@media screen and (max-width: 800px) { .tiles { grid-template-columns: repeat(2, 1fr); } }
.tile { background: var(--card); border: 1px solid var(--edge); border-radius: 10px; padding: 14px 16px; }
.tile .name { color: var(--soft); font-size: 13px; }
.tile .value { font-size: 30px; font-weight: 600; line-height: 1.25; letter-spacing: -0.02em; }
.tile .value small { font-size: 16px; font-weight: 500; color: var(--soft); letter-spacing: 0; }
.tile .note { font-size: 13px; color: var(--soft); }
.good { color: var(--good); } .bad { color: var(--bad); }
figure { margin: 14px 0 0; min-width: 0; }
.panels { display: grid; grid-template-columns: 1fr 1fr; gap: 4px 28px; }
.panels figure { display: flex; flex-direction: column; justify-content: flex-end; } .panels .wide { grid-column: 1 / -1; }
@media screen and (max-width: 800px) { .panels, .columns { grid-template-columns: 1fr; } }
figcaption { display: flex; flex-wrap: wrap; gap: 2px 14px; align-items: baseline; font-size: 13px; color: var(--soft); }
figcaption b { color: var(--ink); font-weight: 600; font-size: 14px; }
.key { white-space: nowrap; } .key i { display: inline-block; width: 14px; height: 3px; border-radius: 2px; margin-right: 6px; vertical-align: 3px; }
.key.band i { height: 10px; width: 10px; vertical-align: -1px; }
.key output { color: var(--ink); margin-left: 4px; }
.scroll { overflow-x: auto; } .wide .scroll > svg { min-width: 620px; }
.scroll > svg { display: block; width: 100%; height: auto; }
svg text { font-size: 11px; fill: var(--soft); font-family: inherit; } svg text.strong { fill: var(--ink); font-weight: 600; }
.grid { stroke: var(--faint); stroke-width: 1; } .day { stroke: var(--edge); stroke-width: 1; }
.line { fill: none; stroke-width: 1.6; stroke-linejoin: round; vector-effect: non-scaling-stroke; }
.line.ours { stroke: var(--ours); stroke-width: 2.2; } .line.g36 { stroke: var(--g36); } .line.fixed { stroke: var(--fixed); }
.line.third { stroke: var(--third); } .line.fourth { stroke: var(--fourth); } .line.asked { stroke: var(--g36); stroke-dasharray: 4 3; }
i.ours { background: var(--ours); } i.g36, i.asked { background: var(--g36); } i.fixed { background: var(--fixed); } i.third { background: var(--third); }
i.fourth { background: var(--fourth); } i.limit { background: var(--limit); }
line.limit { stroke: var(--limit); stroke-width: 1; stroke-dasharray: 2 3; } svg text.limit-label { fill: var(--limit); }
line.cross { stroke: var(--soft); stroke-width: 1; }
rect.band { fill: var(--stage); } svg text.band-label { fill: #fff; font-weight: 600; font-size: 10px; letter-spacing: 0.04em; }
.optimise { fill: var(--optimise); background: var(--optimise); } .plan_only { fill: var(--plan_only); background: var(--plan_only); }
.reset { fill: var(--reset); background: var(--reset); }
.hold { fill: var(--hold); background: var(--hold); } .release { fill: var(--release); background: var(--release); }
rect.band.optimise { fill: var(--optimise); } rect.band.plan_only { fill: var(--plan_only); } rect.band.reset { fill: var(--reset); }
rect.band.hold { fill: var(--hold); } rect.band.release { fill: var(--release); }
table { border-collapse: collapse; width: 100%; font-size: 13.5px; } .scores { table-layout: fixed; min-width: 620px; } .scores th { white-space: normal; }
.scores th:first-child { width: 32%; }
th, td { text-align: right; padding: 5px 10px; border-bottom: 1px solid var(--faint); white-space: nowrap; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
th { color: var(--soft); font-weight: 500; border-bottom-color: var(--edge); vertical-align: bottom; }
tr.sum td { font-weight: 600; } td.mine, th.mine { color: var(--ours); font-weight: 600; }
.log { font-size: 12.5px; } .says { white-space: normal; min-width: 260px; }
.log th, .log td { text-align: left; vertical-align: top; padding-right: 6px; white-space: normal; } .log td:first-child, .item { white-space: nowrap; }
.soft { color: var(--soft); }
.chip { display: inline-block; color: #fff; border-radius: 4px; padding: 0 6px; font-size: 11px; font-weight: 600; }
.columns { display: grid; grid-template-columns: 1fr 1fr; gap: 20px 48px; }
footer { margin-top: 48px; border-top: 1px solid var(--edge); padding-top: 14px; color: var(--soft); font-size: 13px; } footer p { max-width: 84ch; }
@page { size: A4; margin: 14mm; }
@media print { :root { color-scheme: light; } main { max-width: none; padding: 0; } body { font-size: 11px; background: #fff; }
  figure, .tile, tr, .columns > div { break-inside: avoid; }
  svg text { font-size: 14px; } .half svg text { font-size: 12px; } h2 { break-after: avoid; } .scroll { overflow: visible; }
  .key output, .cross { display: none; }
  table, .log { font-size: 9.5px; } th, td { padding: 3px 6px; white-space: normal; }
  .scores, .says { min-width: 0; } .tile .value { font-size: 22px; } }
"""

SCRIPT: Final = """
(() => {
  const drawn = JSON.parse(document.getElementById('drawn').textContent), figures = [...document.querySelectorAll('figure[data-panel]')];
  const near = (times, t) => { let a = 0, b = times.length - 1; while (b - a > 1) { const m = (a + b) >> 1; times[m] <= t ? a = m : b = m; }
    return t - times[a] <= times[b] - t ? a : b; };
  const show = (share) => {
    const t = drawn.start + share * (drawn.end - drawn.start);
    for (const figure of figures) {
      const width = figure.querySelector('svg').viewBox.baseVal.width, x = drawn.left + share * (width - drawn.left - drawn.right);
      const cross = figure.querySelector('.cross');
      cross.setAttribute('x1', x); cross.setAttribute('x2', x); cross.setAttribute('visibility', 'visible');
      figure.querySelectorAll('output').forEach((output, i) => { const line = drawn.panels[+figure.dataset.panel][i];
        const value = line && line.t.length ? line.v[near(line.t, t)] : null;
        output.textContent = value === null ? '' : value.toLocaleString('en', {maximumFractionDigits: 2}); });
    }
    document.getElementById('instant').textContent = new Date(t * 1000)
      .toLocaleString('en-GB', {timeZone: drawn.zone, dateStyle: 'medium', timeStyle: 'short'});
  };
  for (const figure of figures) figure.querySelector('svg').addEventListener('pointermove', (event) => {
    const box = event.currentTarget.getBoundingClientRect(), width = event.currentTarget.viewBox.baseVal.width;
    show(Math.min(1, Math.max(0, ((event.clientX - box.left) / box.width * width - drawn.left) / (width - drawn.left - drawn.right))));
  });
})();
"""
