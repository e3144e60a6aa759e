// SPDX-License-Identifier: Apache-2.0
#include "reports/parts.h"

namespace xent::report {

namespace {

constexpr std::string_view kStyle = R"css(:root {
  --paper: #fdfcf9; --sunk: #f5f2ea; --ink: #22252a; --soft: #5a5f68; --rule: #d9d4c7;
  --strong: #22252a; --link: #2c4f87; --pass: #1c6a41; --fail: #a8232b; --warn: #7c5200;
  --bar: #7d95b8; --fail-tint: #fbeeea; --warn-tint: #faf3e0;
  --refuted: #5b3d8a; --s1: #1f5aa6; --s2: #b4541a; --s3: #2c7a4b; --s4: #8a3b8f; --s5: #7a6a12;
  --s6: #4b5563;
  --serif: "Iowan Old Style", Charter, "Palatino Linotype", Palatino, P052, Georgia, serif;
  --sans: system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif;
  --mono: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #17191c; --sunk: #1f2226; --ink: #dfddd6; --soft: #a3a7ae; --rule: #3a3e45;
    --strong: #f1efe8; --link: #9dbbe8; --pass: #83cba0; --fail: #f39c96; --warn: #e3ba66;
    --bar: #5f7ba6; --fail-tint: #2d1f20; --warn-tint: #2a251a;
    --refuted: #c3a6f0; --s1: #7fb0ee; --s2: #f0a265; --s3: #7fcf9c; --s4: #d896dc; --s5: #d9c65a;
    --s6: #aab2bd;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 var(--serif); }
main { max-width: 72rem; margin: 0 auto; padding: 2.5rem 2rem 5rem; }
h1, h2, h3 { color: var(--strong); line-height: 1.2; text-wrap: balance; }
h1 { font-size: 2.5rem; font-weight: 500; margin: .2rem 0 .5rem; letter-spacing: -.01em; }
h2 { font-size: 1.45rem; font-weight: 500; margin: 3.2rem 0 .7rem; }
h3 { font-size: 1rem; font-weight: 500; margin: 1.8rem 0 .4rem; }
p { max-width: 44rem; margin: .5rem 0; }
a { color: var(--link); text-underline-offset: .15em; text-decoration-thickness: 1px; }
code, pre { font-family: var(--mono); font-size: .82em; }
table code { font-size: .92em; }
h3 code { font-size: .86rem; overflow-wrap: anywhere; }
.brand, .counts, .small, .title, nav, .legend { color: var(--soft); }
.brand, .counts, .small, nav, .legend { font: .84rem/1.5 var(--sans); }
.brand { margin: 0; }
.brand b { color: var(--strong); letter-spacing: .02em; }
.lead { font-size: 1.12rem; margin: .2rem 0; text-wrap: pretty; }
.title { font-style: italic; }
.message { white-space: pre-line; overflow-wrap: anywhere; }
.note { margin: .8rem 0; border-left: 3px solid var(--warn); padding: .1rem 0 .1rem .9rem; }
.band { display: flex; flex-wrap: wrap; gap: .9rem 2.6rem; margin: 1.4rem 0 .7rem;
  padding: .9rem 0; border-top: 2px solid var(--strong); border-bottom: 1px solid var(--rule); }
.band dt { font: .78rem/1.4 var(--sans); color: var(--soft); }
.band dd { margin: 0; font-size: 1.3rem; font-variant-numeric: lining-nums tabular-nums;
  color: var(--strong); line-height: 1.35; }
.band dd code { font-size: 1rem; }
nav ul { display: flex; flex-wrap: wrap; gap: .2rem 1.1rem; list-style: none; margin: 1rem 0 0;
  padding: 0; }
.scroll { overflow-x: auto; margin: .6rem 0 1rem; }
.scroll:focus-visible { outline: 2px solid var(--link); outline-offset: 3px; }
table { border-collapse: collapse; font: .84rem/1.45 var(--sans); min-width: 100%;
  font-variant-numeric: lining-nums tabular-nums; border-bottom: 1.5px solid var(--strong); }
thead { border-top: 1.5px solid var(--strong); border-bottom: 1px solid var(--strong); }
th, td { text-align: left; vertical-align: baseline; padding: .34rem .7rem; font-weight: 400;
  white-space: nowrap; }
th:first-child, td:first-child { padding-left: 0; }
th:last-child, td:last-child { padding-right: 0; }
thead th { color: var(--soft); font-size: .95em; vertical-align: bottom; }
tbody tr + tr > * { border-top: 1px solid var(--rule); }
.slim { min-width: 0; }
.n { text-align: right; }
.prose { white-space: normal; min-width: 15rem; }
.muted, .absent { color: var(--soft); }
.absent { font-style: italic; }
.accuracy th, .accuracy td { padding-left: .4rem; padding-right: .4rem; }
.accuracy thead tr + tr th { padding: .34rem .4rem; }
.over { text-align: center; padding-bottom: 0; }
.mark { font-family: var(--sans); font-weight: 700; }
.pass { color: var(--pass); }
.fail, .vacuous, .error { color: var(--fail); }
.expected, .inconclusive { color: var(--warn); }
.skip { color: var(--soft); }
.refuted { color: var(--refuted); }
.matrix td { text-align: center; padding: .3rem .35rem; }
.matrix td.n { text-align: right; padding-left: 1rem; padding-right: 0; }
.matrix td.absent { text-align: left; }
.matrix .turn { writing-mode: vertical-rl; transform: rotate(180deg); text-align: left;
  vertical-align: middle; padding: .5rem .3rem; }
.matrix .turn a { color: inherit; text-decoration: none; }
.matrix .turn a:hover { color: var(--link); text-decoration: underline; }
.matrix th[scope="row"] { position: sticky; left: 0; background: var(--paper); }
.on-fail, .on-vacuous, .on-error { background: var(--fail-tint); }
.on-expected, .on-inconclusive { background: var(--warn-tint); }
.matrix tbody tr:hover > * { background: var(--sunk); }
.group th { color: var(--soft); padding-top: 1rem; font-style: italic; }
.legend { list-style: none; margin: .4rem 0; padding: 0; columns: 2 24rem; }
.legend li { padding-left: 1.4em; text-indent: -1.4em; break-inside: avoid; }
.plain { padding-left: 0; list-style: none; }
details { margin: .8rem 0; }
details.case { padding: .1rem 0 .1rem 1.1rem; margin: 1.4rem 0;
  border-left: 3px solid var(--rule); }
details.from-fail { border-left-color: var(--fail); }
details.from-expected { border-left-color: var(--warn); }
summary { cursor: pointer; }
pre { margin: .6rem 0; padding: .6rem .8rem; background: var(--sunk); color: var(--strong);
  overflow-x: auto; line-height: 1.5; border-radius: 3px; }
.replay { white-space: pre-wrap; overflow-wrap: anywhere; }
.replay::before { content: "$ "; color: var(--soft); user-select: none; }
.findings { table-layout: fixed; }
.findings th:nth-child(1) { width: 19%; } .findings th:nth-child(2) { width: 31%; }
.findings th[scope="row"], .findings pre { white-space: pre-wrap; overflow-wrap: anywhere; }
.findings pre { margin: .2rem 0 .4rem; padding: .4rem .6rem; }
.tag { font-size: .82em; color: var(--soft); border: 1px solid var(--rule); border-radius: 3px;
  padding: 0 .35em; margin-left: .3em; }
.bar { display: inline-block; vertical-align: -1px; }
.bar .track { fill: var(--sunk); }
.bar .fill { fill: var(--bar); }
.bar.fail .fill, .bar.error .fill { fill: var(--fail); opacity: .45; }
.bar .tick, .bar .cut { stroke: var(--strong); fill: none; stroke-width: 1.2; }
.facts { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1.6rem;
  font: .88rem/1.5 var(--sans); }
.facts dt { color: var(--soft); }
.facts dd { margin: 0; overflow-wrap: anywhere; }
.toc { list-style: none; margin: .2rem 0 1rem; padding: 0; columns: 4 14rem; column-gap: 1.5rem;
  font: .84rem/1.6 var(--sans); }
.toc a { color: inherit; text-decoration-color: var(--rule); overflow-wrap: anywhere; }
.part { font-size: 1.25rem; margin: 3rem 0 .4rem; padding-top: .8rem;
  border-top: 2px solid var(--strong); }
.part .small { margin-left: .6rem; }
.claim { margin: 0; padding: 1.3rem 0 1.1rem; border-bottom: 1px solid var(--rule); }
.claim h4 { display: flex; flex-wrap: wrap; align-items: baseline; gap: .3rem .9rem; margin: 0;
  font-weight: 500; color: var(--strong); }
.claim h4 code { font-size: .95rem; }
.claim blockquote { margin: .7rem 0; max-width: 44rem; font-size: 1.05rem; font-style: italic;
  text-wrap: pretty; }
.claim blockquote::before { content: "“"; }
.claim blockquote::after { content: "”"; }
.claim .facts { grid-template-columns: 7rem 1fr; max-width: 52rem; margin: .6rem 0; }
.badge { font: 700 .8rem/1.5 var(--sans); border: 1.5px solid currentColor; border-radius: 4px;
  padding: 0 .5em; white-space: nowrap; }
.formula { font: 1.05rem/1.6 var(--serif); overflow-wrap: anywhere; }
p.formula { padding-left: 1.4rem; }
sub, sup { font-size: .72em; line-height: 0; font-style: inherit; }
.claim .facts details { margin: 0; }
.witness { white-space: pre-wrap; overflow-wrap: anywhere; max-width: 52rem;
  border-left: 3px solid var(--refuted); }
.witness.broken { border-left-color: var(--fail); }
figure { margin: 1rem 0; max-width: 720px; }
figcaption { font: .84rem/1.5 var(--sans); color: var(--soft); margin-bottom: .3rem; }
.plot { display: block; width: 100%; height: auto; }
.plot text { font: 13px var(--sans); fill: var(--ink); font-variant-numeric: tabular-nums; }
.plot .left { text-anchor: end; }
.plot .mid { text-anchor: middle; }
.plot .name { fill: var(--soft); }
.plot .grid { stroke: var(--rule); stroke-width: .8; fill: none; }
.plot .axis { stroke: var(--strong); stroke-width: 1.2; fill: none; }
.plot .line { fill: none; stroke-width: 2; stroke-linejoin: round; }
.plot .point { stroke: var(--paper); stroke-width: .8; }
.line.s1 { stroke: var(--s1); } .line.s2 { stroke: var(--s2); stroke-dasharray: 7 4; }
.line.s3 { stroke: var(--s3); stroke-dasharray: 2 3; }
.line.s4 { stroke: var(--s4); stroke-dasharray: 10 3 2 3; }
.line.s5 { stroke: var(--s5); stroke-dasharray: 12 5; } .line.s6 { stroke: var(--s6); }
.point.s1 { fill: var(--s1); } .point.s2 { fill: var(--s2); } .point.s3 { fill: var(--s3); }
.point.s4 { fill: var(--s4); } .point.s5 { fill: var(--s5); } .point.s6 { fill: var(--s6); }
:target { scroll-margin-top: 1rem; }
tr:target > * { background: var(--warn-tint); }
@media (max-width: 46rem) {
  main { padding: 1.5rem 1rem 3rem; }
  h1 { font-size: 2rem; }
  .facts, .claim .facts { grid-template-columns: 1fr; gap: 0; }
  .facts dd { margin-bottom: .5rem; }
  .findings thead { display: none; }
  .findings tr, .findings th, .findings td { display: block; width: auto !important;
    padding: .2rem 0; }
  .findings tr { padding: .6rem 0; }
  .findings tr > * + * { border-top: 0 !important; }
}
@media print {
  main { max-width: none; padding: 0; }
  nav { display: none; }
  .scroll { overflow: visible; }
  tr, details, figure { break-inside: avoid; }
}
)css";

}  // namespace

std::string_view html_style() { return kStyle; }

}  // namespace xent::report
