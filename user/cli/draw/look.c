// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The style sheet and the script of all pages. Texts keep their size at every width, since pictures
 * are stretched without them; what a colour tells a height, a dash or a word tells too. The script
 * draws a line at the pointer through all pictures of one time axis and says its time; a page is
 * whole without it.
 */
#include "user/cli/draw/look.h"

const char look_style_hash[] = "ldmTVvY4WoYoFOvyglXr5yYK5YLVHo1acNFvUqmkeGc=";
const char look_script_hash[] = "hiE6EJ6NxF2x05tzcCOBd4Wsir/9Lfgwki/2TS5ALdA=";

const char look_style[] =
	":root{color-scheme:light dark;--page:#fcfcfb;--ink:#0b0b0b;--soft:#52514e;--grid:#e1dfd9;"
	"--gap:#dcdad3;--c0:#b3261e;--c1:#e08a00;--c2:#2a78d6;--c3:#1baf7a;--c4:#8d8b86;"
	"--c5:#4a3aa7;--v1:#f2dfa4;--v2:#efc468;--v3:#e79a35;--v4:#d9652b;--v5:#b3261e}\n"
	"@media(prefers-color-scheme:dark){:root{--page:#1a1a19;--ink:#f4f3ef;--soft:#b5b3ac;"
	"--grid:#34332f;--gap:#3d3b36;--c0:#ef6a5f;--c1:#f0a93b;--c2:#4c93e6;--c3:#2fc48f;"
	"--c4:#7c7a75;--c5:#9085e9;--v1:#5d5233;--v2:#87692a;--v3:#b4791f;--v4:#d26a34;"
	"--v5:#ef6a5f}}\n"
	"body{margin:0 auto;max-width:1100px;padding:20px 16px;background:var(--page);"
	"color:var(--ink);font:15px/1.45 system-ui,sans-serif;overflow-wrap:break-word}\n"
	"h1{font-size:20px;margin:0 0 4px}h2{font-size:16px;margin:28px 0 2px}"
	"h3{font-size:14px;margin:18px 0 2px}h3 b{font-weight:400;color:var(--soft)}\n"
	"p{margin:0 0 8px;color:var(--soft)}p.said{color:var(--ink);font-size:17px}\n"
	"dl{display:flex;flex-wrap:wrap;gap:10px 28px;margin:14px 0}dt{color:var(--soft);"
	"font-size:13px}dd{margin:0;font-size:20px}\n"
	"section{break-inside:avoid}.chart{display:block;width:100%;margin:2px 0;overflow:hidden}\n"
	".chart text{fill:var(--ink);font-size:12px;paint-order:stroke;stroke:var(--page);"
	"stroke-width:3px;stroke-linejoin:round}.chart .y{fill:var(--soft)}"
	".chart .x{fill:var(--soft);text-anchor:middle}\n"
	".plot *{vector-effect:non-scaling-stroke}.grid{stroke:var(--grid)}"
	".used{fill:none;stroke:var(--ink);stroke-width:1.5}"
	".cap{fill:none;stroke:var(--ink);stroke-dasharray:5 4}\n"
	".l0{fill:var(--c0)}.l1{fill:var(--c1)}.l2{fill:var(--c2)}.l3{fill:var(--c3)}"
	".l4{fill:var(--c4)}.l5{fill:var(--c5)}\n"
	".use{fill:var(--c2);fill-opacity:.35;stroke:var(--c2);stroke-width:1.5}"
	".under{fill:var(--c2);fill-opacity:.12}.pain{fill:var(--c0);fill-opacity:.15}"
	".force{fill:none;stroke:var(--ink);stroke-width:2}"
	".high{fill:none;stroke:var(--c5);stroke-width:1.5;stroke-dasharray:6 3}"
	".stall{fill:var(--c0);fill-opacity:.6;stroke:var(--c0)}"
	".swap{fill:none;stroke:var(--c1);stroke-width:2;stroke-dasharray:2 2}"
	".wait{fill:none;stroke:var(--c1);stroke-width:2;stroke-dasharray:5 2}\n"
	".gap{fill:var(--gap)}.v1{fill:var(--v1)}.v2{fill:var(--v2)}.v3{fill:var(--v3)}"
	".v4{fill:var(--v4)}.v5{fill:var(--v5)}"
	".run{fill:var(--c3)}.slow{fill:var(--c1)}.ice{fill:var(--c2)}\n"
	".m path{fill:var(--ink);stroke:var(--page)}.m:target path,.m a:focus path{fill:var(--c0)}"
	".chart .m text{font-size:11px;text-anchor:middle}\n"
	"ul.key{display:flex;flex-wrap:wrap;gap:4px 18px;list-style:none;margin:4px 0;padding:0;"
	"font-size:13px}.key svg{display:inline-block;width:18px;height:11px;margin-right:6px}\n"
	".wide{overflow-x:auto}table{border-collapse:collapse;font-size:13px;"
	"font-variant-numeric:tabular-nums}td,th{padding:3px 12px 3px 0;text-align:left;"
	"vertical-align:top;font-weight:400;border-bottom:1px solid var(--grid)}"
	"th{color:var(--soft)}.n{text-align:right}.num td,.num th{text-align:right}"
	".num td:first-child,.num th:first-child{text-align:left}"
	"tr:target td{background:var(--gap)}a{color:inherit}\n"
	"pre{font-size:12px;white-space:pre-wrap;margin:4px 0;columns:3 290px}"
	"#at{position:fixed;top:0;bottom:0;width:1px;background:var(--soft);pointer-events:none}"
	"#at b{position:absolute;top:0;left:4px;font-size:12px;font-weight:400;white-space:nowrap;"
	"background:var(--page);padding:1px 4px}\n"
	"@media(max-width:1000px){.chart .near{display:none}}\n"
	"@media(max-width:640px){.chart .odd{display:none}.chart .lane{font-size:11px}"
	".acts thead{display:none}.acts tr{display:block;padding:6px 0;"
	"border-bottom:1px solid var(--grid)}.acts td{display:inline;border:0;padding:0 8px 0 0}"
	".acts td[data-of]:not(:empty)::before{content:attr(data-of)' ';color:var(--soft)}"
	".acts td[data-of='']{font-weight:600}}\n"
	"@media print{body{max-width:none;padding:0;font-size:11pt}*{print-color-adjust:exact}"
	"#at{display:none}tr{break-inside:avoid}}\n";

const char look_script[] =
	"'use strict';(()=>{const m=document.querySelector('main');"
	"const a=+m.dataset.from,z=+m.dataset.to,off=+m.dataset.zone;if(!(z>a))return;"
	"const l=document.createElement('div'),t=document.createElement('b');"
	"l.id='at';l.hidden=true;l.append(t);document.body.append(l);"
	"m.addEventListener('pointermove',e=>{const c=e.target.closest('.chart');l.hidden=!c;"
	"if(!c)return;const r=c.getBoundingClientRect();"
	"const f=Math.min(1,Math.max(0,(e.clientX-r.left)/r.width));"
	"l.style.left=e.clientX+'px';t.style.left=f>.8?'auto':'4px';t.style.right=f>.8?'4px':'auto';"
	"t.textContent=new Date(a+f*(z-a)+off*1e3).toISOString().slice(11,23);});"
	"m.addEventListener('pointerleave',()=>{l.hidden=true});})();\n";
