"""Style and script of a chip page."""

CSS = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { font: 15px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; color: #262626;
  background: #f4f4f4; margin: 0; }
header { position: sticky; top: 0; z-index: 5; background: #fff; padding: .8rem 2rem 0;
  border-bottom: 1px solid #dcdcdc; }
h1 { font-size: 1.3rem; line-height: 1.3; margin: 0 0 .6rem; }
h2 { font-size: 1.05rem; margin: 0 0 .6rem; }
nav { display: flex; flex-wrap: wrap; gap: .25rem; align-items: center; }
nav[hidden] { display: none; }
nav span { font-size: .85rem; color: #6b6b6b; margin-right: .3rem; }
#chips { padding: .4rem 0 .5rem; }
button { font: inherit; color: inherit; background: none; border: 0; cursor: pointer; }
[role=tab] { padding: .35rem .8rem .5rem; border-bottom: 3px solid transparent; }
[role=tab]:hover { background: #f0f6fa; }
[role=tab][aria-selected=true] { border-color: #0072b2; font-weight: 600; }
[data-choose] { padding: .1rem .7rem; border: 1px solid #c9c9c9; border-radius: 1rem;
  font-size: .88rem; }
[data-choose][aria-pressed=true] { background: #0072b2; border-color: #0072b2; color: #fff; }
main { max-width: 76rem; margin: 1.2rem auto 4rem; padding: 0 1.2rem; }
section { background: #fff; border: 1px solid #e3e3e3; border-radius: 8px; padding: 1.1rem 1.4rem;
  margin: 0 0 1rem; }
section[hidden] { display: none; }
.table { overflow-x: auto; max-height: 34rem; }
table { border-collapse: collapse; font-size: .88rem; font-variant-numeric: tabular-nums; }
th, td { padding: .28rem 1.1rem .28rem 0; text-align: left; border-bottom: 1px solid #ececec;
  vertical-align: top; }
thead th { border-bottom: 1.5px solid #808080; white-space: nowrap; position: sticky; top: 0;
  background: #fff; }
tbody th { font-weight: 500; color: #4d4d4d; }
td.number, th.number { text-align: right; }
figure { margin: .6rem 0; }
figcaption { font-size: .85rem; color: #5a5a5a; }
.filter { font: inherit; padding: .2rem .5rem; margin: 0 0 .6rem; border: 1px solid #c9c9c9;
  border-radius: 4px; }
@media print { header { position: static; } section { break-inside: avoid; } }
"""

SCRIPT = """
"use strict";
(() => {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  // Newer plotly.js offers to send a figure to its makers; a report stays where it is.
  const settings = {responsive: true, displaylogo: false, showSendToCloud: false,
    plotlyServerURL: "",
    modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"]};
  const tabs = [...document.querySelectorAll("[role=tab]")];
  const choices = [...document.querySelectorAll("[data-choose]")];

  function draw() {
    for (const place of document.querySelectorAll(".plot:not(.drawn)")) {
      if (place.offsetParent === null) continue;  // a hidden figure has no width
      place.classList.add("drawn");
      const figure = figures[place.id];
      Plotly.newPlot(place, figure.data, figure.layout, settings);
    }
  }

  function show(tab) {
    for (const other of tabs) {
      const chosen = other === tab;
      other.setAttribute("aria-selected", String(chosen));
      other.tabIndex = chosen ? 0 : -1;
      document.getElementById(other.getAttribute("aria-controls")).hidden = !chosen;
    }
    draw();
  }

  function choose(name) {
    for (const button of choices) {
      button.setAttribute("aria-pressed", String(button.dataset.choose === name));
    }
    for (const part of document.querySelectorAll("[data-chip]")) {
      part.hidden = part.dataset.chip !== name;
    }
    draw();
  }

  tabs.forEach((tab, index) => {
    tab.addEventListener("click", () => show(tab));
    tab.addEventListener("keydown", (event) => {
      const step = {ArrowRight: 1, ArrowLeft: -1}[event.key];
      if (!step) return;
      const next = tabs[(index + step + tabs.length) % tabs.length];
      next.focus();
      show(next);
    });
  });
  for (const button of choices) {
    button.addEventListener("click", () => choose(button.dataset.choose));
  }
  for (const box of document.querySelectorAll(".filter")) {
    box.addEventListener("input", () => {
      const wanted = box.value.toLowerCase();
      for (const row of box.parentElement.querySelectorAll("tbody tr")) {
        row.hidden = !row.textContent.toLowerCase().includes(wanted);
      }
    });
  }
  if (choices.length) choose(choices[0].dataset.choose);
  show(tabs[0]);
})();
"""
