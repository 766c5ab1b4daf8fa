// SPDX-License-Identifier: GPL-2.0-only
// The frame of the coverage page, in Mustache. coverage_html.cpp fills it.
#pragma once

namespace vmrunit::runner {

inline constexpr char coverage_page[] = R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>vmrunit coverage</title>
<style>
:root { color-scheme: light dark;
  --paper: #fff; --ink: #1b1f24; --faint: #6a737d; --line: #d8dee4;
  --confirmed: #2da44e; --deviation: #d4a72c; --unconfirmed: #4a8fd9;
  --failing: #cf222e; --missing: #8e1a9b; --excused: #c9d1d9; }
@media (prefers-color-scheme: dark) { :root {
  --paper: #14181d; --ink: #dfe5eb; --faint: #8b949e; --line: #30363d; --excused: #3a424b; } }
body { font: 14px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  margin: 2rem auto; max-width: 76rem; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
code, .id, .map { font-family: ui-monospace, monospace; font-size: 12px; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .2rem .6rem .2rem 0;
  border-bottom: 1px solid var(--line); }
td.number, th.number { text-align: right; }
.faint { color: var(--faint); }
.map { display: grid; grid-template-columns: 15rem auto; gap: 2px 10px; align-items: center; }
.bits { display: flex; gap: 2px; }
.bit { width: 17px; height: 19px; font-size: 9px; line-height: 19px; text-align: center;
  border-radius: 2px; color: #fff; text-decoration: none; background: none; }
.bit.none { outline: 1px solid var(--line); outline-offset: -1px; }
.wide .bit { width: 10px; font-size: 0; }
.confirmed { background: var(--confirmed); } .deviation { background: var(--deviation); }
.unconfirmed { background: var(--unconfirmed); } .failing { background: var(--failing); }
.missing { background: var(--missing); } .excused { background: var(--excused); }
.vmcb { width: 100%; min-width: 34rem; height: auto; display: block; }
.vmcb text { fill: var(--faint); font: 9px ui-monospace, monospace; }
.vmcb .idle { fill: var(--line); opacity: .45; }
.vmcb .confirmed { fill: var(--confirmed); } .vmcb .deviation { fill: var(--deviation); }
.vmcb .unconfirmed { fill: var(--unconfirmed); } .vmcb .failing { fill: var(--failing); }
.vmcb .missing { fill: var(--missing); } .vmcb .excused { fill: var(--excused); }
.scroll { overflow-x: auto; }
.mark { display: inline-block; width: 11px; height: 11px; border-radius: 2px; margin-right: 4px; }
.legend span { margin-right: 1.2rem; white-space: nowrap; }
summary { cursor: pointer; } :target { outline: 2px solid var(--unconfirmed); }
</style>
</head>
<body>
<h1>Coverage of the specification</h1>
<p>{{results}}</p>
<p class="legend">
<span><i class="mark confirmed"></i>passed on a target</span>
<span><i class="mark deviation"></i>a known deviation everywhere it ran</span>
<span><i class="mark unconfirmed"></i>has cases, not confirmed</span>
<span><i class="mark failing"></i>fails</span>
<span><i class="mark excused"></i>no case, for a reason</span>
<span><i class="mark missing"></i>no case and no reason</span></p>
<div class="scroll"><table>
<tr><th>What<th class="number">items<th class="number">with cases<th class="number">without, for a reason<th class="number">missing<th class="number">passed on a target</tr>
{{#families}}<tr><td><a href="#{{name}}">{{title}}</a><td class="number">{{items}}<td class="number">{{covered}}<td class="number">{{excused}}<td class="number">{{missing}}<td class="number">{{confirmed}}</tr>
{{/families}}</table></div>
{{#vmcb}}<h2 id="vmcb">The VMCB, byte by byte</h2>
<p class="faint">Each byte in four bands: loaded by VMRUN or VMLOAD, stored by #VMEXIT or VMSAVE, checked by VMRUN, and left alone. Pale: no item says so of it.</p>
<div class="scroll">{{{vmcb}}}</div>{{/vmcb}}
{{#families}}
<h2 id="{{name}}">{{title}}</h2>
{{#has_words}}<div class="map scroll">
{{#words}}<div>{{word}}</div><div class="bits{{#wide}} wide{{/wide}}">{{#cells}}{{#empty}}<span class="bit none" title="bit {{bit}}"></span>{{/empty}}{{^empty}}<a class="bit {{state}}" href="#{{first}}" title="{{hint}}">{{bit}}</a>{{/empty}}{{/cells}}</div>
{{/words}}</div>{{/has_words}}
<details{{#open}} open{{/open}}><summary>{{items}} items</summary>
<div class="scroll"><table>
<tr><th>item<th>what<th>cases{{#targets}}<th>{{target}}{{/targets}}</tr>
{{#rows}}<tr id="{{id}}"><td class="id"><i class="mark {{state}}"></i>{{id}}<td>{{what}} <span class="faint">{{manual}}</span><td>{{#reason}}<span class="faint">{{reason}}</span>{{/reason}}{{#groups}}{{count}} <code>{{glob}}</code><br>{{/groups}}{{#more}}<span class="faint">{{more}}</span>{{/more}}{{#verdicts}}<td>{{text}}{{/verdicts}}</tr>
{{/rows}}</table></div></details>
{{/families}}
</body>
</html>
)";

} // namespace vmrunit::runner
