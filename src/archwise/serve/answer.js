"use strict";
// What the server tells, as it is shown: probabilities, intervals, tags, forecasts, and what moved an answer.

const percent = (share) => (share > 0.9995 && share < 1 ? "> 99.9 %" : share < 0.0005 && share > 0 ? "< 0.1 %" : (100 * share).toFixed(1) + " %");

function bars(shares, chosen) {
  const ordered = Object.entries(shares).sort((a, b) => b[1] - a[1]).slice(0, 12);
  const box = make("div", { class: "bars", role: "list", "aria-label": "probabilities" });
  for (const [name, share] of ordered) {
    const bar = make("i", {});
    bar.style.width = 100 * share + "%";
    const label = make("span", {}, name);
    if (chosen.includes(name)) label.style.fontWeight = "650";
    box.append(label, make("div", { class: "track" }, bar), make("span", { class: "figure" }, percent(share)));
  }
  return box;
}

function interval(told) {
  const mark = make("i", {});
  mark.style.left = "calc(" + (100 * (told.prediction - told.low)) / (told.high - told.low || 1) + "% - 1.5px)";
  return make("div", {}, make("div", { class: "span" }, mark), make("div", { class: "ends" }, make("span", {}, short(told.low)), make("span", {}, "9 of 10 lie between"), make("span", {}, short(told.high))));
}

const shorten = (text) => (text.length > 60 ? text.slice(0, 60) + "…" : text);

function showAnswer(told) {
  const box = at("told");
  box.replaceChildren();
  if (told.forecast) return box.append(...forecastShown(told.forecast), ...notesOf(told));
  if (told.words) {
    const line = make("p", { class: "words" });
    told.words.forEach((word, place) => {
      const tag = told.prediction[place];
      const shown = tag && tag !== "O" ? make("mark", {}, word, make("span", { class: "tag" }, tag)) : document.createTextNode(word);
      if (shown.style) shown.style.background = "var(--soft)";
      line.append(shown, " ");
    });
    const isBare = told.prediction.every((tag) => !tag || tag === "O");
    return box.append(line, isBare ? make("p", { class: "faint" }, "No word has a tag.") : "", ...notesOf(told));
  }
  const labels = state.info.task === "multilabel" ? told.prediction.split(";").filter(Boolean) : [told.prediction];
  const big = labels.length && labels[0] !== null ? labels.map(short).join(", ") : "none";
  box.append(make("div", { class: "faint" }, state.info.target), make("div", { class: "big", id: "prediction" }, big));
  if (told.probabilities) box.append(bars(told.probabilities, labels));
  if (told.low !== undefined && told.low !== null) box.append(interval(told));
  box.append(...notesOf(told));
}

const notesOf = (told) => (told.notes || []).map((note) => make("p", { class: "note" }, note));

function forecastShown(rows) {
  if (!rows.length) return [];
  const names = Object.keys(rows[0]);
  const table = make("table", {}, make("thead", {}, make("tr", {}, ...names.map((name) => make("th", {}, name)))),
    make("tbody", {}, ...rows.slice(0, 200).map((row) => make("tr", {}, ...names.map((name) => make("td", {}, typeof row[name] === "number" ? short(row[name]) : String(row[name])))))));
  const shown = [make("div", { class: "scroll" }, table)];
  const series = state.info.forecast.series;
  if ("prediction" in rows[0] && rows.length > 1) shown.unshift(lineOf(series ? rows.filter((row) => row[series] === rows[0][series]) : rows));
  return shown;
}

const SVG = "http://www.w3.org/2000/svg";

function drawn(tag, attributes, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

// Lines, each a list of numbers of which some may be null; all: every value that has to fit; behind: makes what lies behind them.
function plot(lines, all, told, behind) {
  const wide = 600, high = 200, edge = 8;
  const known = all.filter((value) => value !== null);
  const least = Math.min(...known), most = Math.max(...known);
  const count = Math.max(...lines.map((line) => line.length));
  const x = (place) => edge + ((wide - 2 * edge) * place) / Math.max(1, count - 1);
  const y = (value) => high - edge - ((high - 2 * edge) * (value - least)) / (most - least || 1);
  const path = (line) => line.map((value, place) => (value === null ? "" : x(place) + "," + y(value))).filter(Boolean);
  const shown = lines.map((line) => drawn("polyline", { points: path(line).join(" "), fill: "none", stroke: "var(--bar)", "stroke-width": 2.5 }));
  return drawn("svg", { viewBox: "0 0 " + wide + " " + high, role: "img", "aria-label": told }, ...behind(x, path, high), ...shown);
}

function lineOf(rows) {
  const of = (name) => rows.map((row) => row[name] ?? row.prediction);
  const low = of("low"), upper = of("high");
  const band = (x, path) => [drawn("polygon", { points: [...path(low), ...path(upper).reverse()].join(" "), fill: "var(--soft)" })];
  return plot([of("prediction")], [...low, ...upper], "the forecast with its interval; the table below has the figures", band);
}

const tint = (weight, most) => "color-mix(in srgb, var(" + (weight > 0 ? "--good" : "--wrong") + ") " + Math.round((70 * Math.abs(weight)) / most) + "%, transparent)";
const greatest = (parts) => Math.max(...parts.map((part) => Math.abs(part.weight)), 1e-12);

function stretchesOf(told, row) {
  const cell = Object.values(row)[0];
  const lines = Array.isArray(cell[0]) ? cell : [cell];
  const most = greatest(told.stretches);
  const bands = (x, path, high) => told.stretches.map((each) => {
    const band = drawn("rect", { x: x(each.start - 0.5), y: 0, width: x(each.end) - x(each.start), height: high }, drawn("title", {}, "steps " + (each.start + 1) + " to " + each.end + ": weight " + each.weight.toFixed(3)));
    band.style.fill = tint(each.weight, most);
    return band;
  });
  const strongest = told.stretches.reduce((best, each) => (Math.abs(each.weight) > Math.abs(best.weight) ? each : best));
  return plot(lines, lines.flat(), "the series; most moved it from step " + (strongest.start + 1) + " to " + strongest.end, bands);
}

function showMoved(told, row) {
  const box = at("moved");
  const isOther = state.info.task === "multilabel" && told.of !== told.prediction;
  box.replaceChildren(make("h3", {}, isOther ? "What moved “" + told.of + "”" : "What moved it"));
  const colours = make("p", { class: "note" }, typeof told.prediction === "number" ? "Green raises it, red lowers it." : "Green speaks for “" + told.of + "”, red against it.");
  if (told.parts) {
    const most = greatest(told.parts);
    const line = make("p", { class: "words" });
    for (const part of told.parts) {
      const word = make("mark", { title: "weight " + part.weight.toFixed(3) }, part.words);
      word.style.background = tint(part.weight, most);
      line.append(word, " ");
    }
    box.append(line, colours);
  } else if (told.stretches) {
    box.append(stretchesOf(told, row), colours);
  } else if (told.effects) {
    const shown = told.effects.slice(0, 8).filter((effect) => typeof told.prediction === "number" || Math.abs(effect.effect) >= 0.0005);
    const most = Math.max(...shown.map((effect) => Math.abs(effect.effect)), 1e-12);
    const list = make("div", { class: "bars" });
    for (const effect of shown) {
      const bar = make("i", { class: effect.effect < 0 ? "against" : "" });
      bar.style.width = (100 * Math.abs(effect.effect)) / most + "%";
      const figure = typeof told.prediction === "number" ? short(effect.effect) : (100 * effect.effect).toFixed(1) + " points";
      list.append(make("span", {}, effect.column + " = " + (effect.value === null ? "not known" : shorten(short(effect.value)))), make("div", { class: "track" }, bar), make("span", { class: "figure" }, (effect.effect > 0 ? "+" : "") + figure));
    }
    box.append(shown.length ? list : make("p", { class: "faint" }, "No column alone changes the answer by much."));
  } else if (told.picture) {
    const heat = make("img", { class: "heat", alt: "heat over the picture" });
    heat.src = "data:image/png;base64," + told.picture;
    box.append(heat);
  }
  box.append(make("p", { class: "note" }, "How: " + told.how + "."));
}

