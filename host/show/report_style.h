// The look of a report: light and dark by the reader's setting, from a telephone to paper.
#pragma once

namespace warpvae {

inline constexpr char kReportStyle[] = R"css(
:root {
  color-scheme: light dark;
  --paper: #f6f7f9; --card: #ffffff; --ink: #1b2130; --soft: #5b6579; --faint: #8b94a6; --line: #e2e6ed;
  --accent: #2f62ad; --good: #1d7a45; --good-bg: #e6f4ec; --bad: #b3322f; --bad-bg: #fbeae9; --open-bg: #eef0f4;
  --sans: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", "DejaVu Sans", sans-serif;
  --mono: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #11141a; --card: #191d25; --ink: #e4e8f0; --soft: #a3adbf; --faint: #7c869a; --line: #2a303c;
    --accent: #82aef0; --good: #6fd199; --good-bg: #15301f; --bad: #f0908c; --bad-bg: #391c1d; --open-bg: #232832;
  }
}
* { box-sizing: border-box; }
html { scroll-behavior: smooth; -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.6 var(--sans); }
main, .masthead > div { max-width: 70rem; margin: 0 auto; padding: 0 1.5rem; }
.masthead { background: var(--card); border-bottom: 1px solid var(--line); border-top: 4px solid var(--accent); }
.masthead > div { padding-top: 2.4rem; padding-bottom: 1.6rem; }
h1 { font-size: clamp(1.7rem, 4vw, 2.4rem); line-height: 1.2; letter-spacing: -0.02em; margin: 0;
  text-wrap: balance; }
.subtitle { color: var(--soft); font-size: 1.08rem; margin: 0.5rem 0 0; max-width: 46rem; }
nav { display: flex; flex-wrap: wrap; gap: 0.35rem 1.3rem; margin-top: 1.3rem; font-size: 0.92rem; }
a { color: var(--accent); text-decoration: none; }
a:hover { text-decoration: underline; }
h2 { font-size: 1.42rem; letter-spacing: -0.01em; line-height: 1.3; margin: 3rem 0 0.8rem; scroll-margin-top: 1rem; }
p { margin: 0 0 1rem; max-width: 46rem; }
code { font: 0.88em var(--mono); background: var(--open-bg); padding: 0.1em 0.35em; border-radius: 4px; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; margin: 1.2rem 0; }
.highlights { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: 0.9rem;
  margin: 1.6rem 0; }
.highlights .card { margin: 0; padding: 1rem 1.2rem; display: flex; flex-direction: column;
  justify-content: space-between; }
.highlights dt { color: var(--soft); font-size: 0.86rem; }
.highlights dd { margin: 0.1rem 0 0; font-size: 1.6rem; line-height: 1.25; font-weight: 650; letter-spacing: -0.02em;
  font-variant-numeric: tabular-nums; }
.settings { display: grid; grid-template-columns: repeat(auto-fill, minmax(19rem, 1fr)); gap: 0 2.5rem;
  padding: 0.7rem 1.3rem;
  font-size: 0.92rem; }
.settings div { display: flex; justify-content: space-between; gap: 1rem; padding: 0.4rem 0;
  border-bottom: 1px solid var(--line); }
.settings dt { color: var(--soft); white-space: nowrap; }
.settings dd { margin: 0; text-align: right; font-family: var(--mono); font-size: 0.88em; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 0.93rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding: 0.95rem 1.1rem 0.5rem; font-weight: 620; }
th, td { padding: 0.5rem 0.7rem; text-align: left; vertical-align: top; }
thead th { color: var(--soft); font-weight: 550; font-size: 0.86rem; border-bottom: 1.5px solid var(--line);
  white-space: nowrap; }
tbody tr + tr td, tbody tr + tr th { border-top: 1px solid var(--line); }
tbody tr.group:not(:first-child) > * { border-top: 1.5px solid var(--faint); }
tbody th { font-weight: 550; }
th:first-child { padding-left: 1.1rem; white-space: nowrap; }
td:last-child, th:last-child { padding-right: 1.1rem; }
.number { text-align: right; white-space: nowrap; }
.std { color: var(--faint); font-size: 0.88em; }
.paper { display: block; color: var(--soft); font-size: 0.84em; line-height: 1.35; }
.agrees b, .differs b, .spreads b { font-weight: 620; padding: 0.05em 0.4em; border-radius: 5px; }
.agrees b { background: var(--good-bg); color: var(--good); }
.differs b { background: var(--bad-bg); color: var(--bad); }
.spreads b { background: var(--open-bg); color: var(--soft); }
.legend { color: var(--soft); font-size: 0.86rem; padding: 0.7rem 1.1rem 0.9rem; border-top: 1px solid var(--line);
  margin: 0;
  max-width: none; }
.figures .card { margin: 0; }
.figures { display: flex; flex-wrap: wrap; gap: 1.2rem; margin: 1.4rem 0; }
figure { padding: 1rem; flex: 1 1 100%; min-width: 0; }
figure.half { flex: 1 1 calc(50% - 0.6rem); }
figure img { display: block; max-width: 100%; height: auto; margin: 0 auto; border-radius: 5px; background: #fff; }
figcaption { color: var(--soft); font-size: 0.9rem; margin-top: 0.8rem; line-height: 1.5; }
.claims { padding: 0; overflow: hidden; }
.claim { display: grid; grid-template-columns: 9.4rem 1fr; gap: 0 1rem; padding: 0.95rem 1.2rem; }
.claim + .claim { border-top: 1px solid var(--line); }
.claim p { margin: 0; max-width: none; }
.claim .evidence { color: var(--soft); font-size: 0.92rem; margin-top: 0.2rem; }
.badge { display: inline-block; font-size: 0.83rem; font-weight: 620; padding: 0.12rem 0.65rem; border-radius: 99px;
  white-space: nowrap; }
.holds { background: var(--good-bg); color: var(--good); }
.fails { background: var(--bad-bg); color: var(--bad); }
.untested { background: var(--open-bg); color: var(--soft); }
footer { color: var(--faint); font-size: 0.85rem; border-top: 1px solid var(--line); margin: 3.5rem 0 0;
  padding: 1.2rem 0 2.5rem; }
@media (max-width: 42rem) {
  body { font-size: 15px; }
  main, .masthead > div { padding-left: 1rem; padding-right: 1rem; }
  figure { padding: 0.6rem; }
  figure.half { flex-basis: 100%; }
  .claim { grid-template-columns: 1fr; gap: 0.35rem; }
  th, td { padding: 0.45rem 0.6rem; }
}
@media print {
  :root { --paper: #fff; --card: #fff; --ink: #000; --soft: #444; --faint: #666; --line: #ccc; --accent: #1d4680;
    --good: #14572f; --good-bg: #e6f4ec; --bad: #8d211f; --bad-bg: #fbeae9; --open-bg: #f0f0f0; color-scheme: light; }
  body { font-size: 10.5pt; -webkit-print-color-adjust: exact; print-color-adjust: exact; }
  nav { display: none; }
  figure, .claim, tr, .highlights { break-inside: avoid; }
  h2 { break-after: avoid; }
  .scroll { overflow: visible; }
}
)css";

}  // namespace warpvae
