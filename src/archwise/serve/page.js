"use strict";
// The form is made from /info, the signature of the model; answers are shown as the server tells them.

const at = (id) => document.getElementById(id);
const state = { info: null, prefix: "", token: sessionStorage.getItem("token") || "" };

function make(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === false || value === null || value === undefined) continue;
    if (name === "class") node.className = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

const short = (value) => (typeof value !== "number" ? String(value) : Number.isInteger(value) ? value.toLocaleString("en") : Number(value.toPrecision(5)).toLocaleString("en", { maximumSignificantDigits: 5 }));

async function ask(path, options) {
  const headers = { ...(options && options.headers) };
  if (state.token) headers.Authorization = "Bearer " + state.token;
  let response;
  try {
    response = await fetch(state.prefix + path, { ...options, headers });
  } catch {
    throw { detail: "The service does not answer; it may have been stopped." };
  }
  const told = await response.json().catch(() => ({ detail: "The answer is not JSON (status " + response.status + ")." }));
  if (!response.ok) throw { status: response.status, ...told };
  return told;
}

// ---------------------------------------------------------------- the form

function fieldOf(field, place) {
  const id = "f" + place;
  const hints = [];
  let input;
  let wide = false;
  if (field.kind === "number") {
    input = make("input", { id, type: "text", inputmode: "decimal", autocomplete: "off", placeholder: field.typical === null ? "" : short(field.typical) });
    if (field.range) hints.push("in training " + short(field.range[0]) + " to " + short(field.range[1]));
  } else if (field.kind === "category" && field.levels && field.levels.length <= 30) {
    input = make("select", { id }, make("option", { value: "" }, "not known"), ...field.levels.map((level) => make("option", { value: level }, level)));
    hints.push(field.levels.length + " levels");
  } else if (field.kind === "category") {
    const list = make("datalist", { id: id + "-levels" }, ...(field.levels || []).map((level) => make("option", { value: level })));
    input = make("input", { id, list: id + "-levels", autocomplete: "off" });
    input.after(list);
    hints.push(field.levels ? field.levels.length + " levels or more" : "a name or a code");
    return wrap(field, input, hints, wide, list);
  } else if (field.kind === "boolean") {
    input = make("select", { id }, make("option", { value: "" }, "not known"), make("option", { value: "true" }, "true"), make("option", { value: "false" }, "false"));
  } else if (field.kind === "date") {
    input = make("input", { id, type: "text", placeholder: "2026-03-31" });
    hints.push("year-month-day, and a time where it has one");
  } else if (field.kind === "series") {
    input = make("textarea", { id, spellcheck: "false" });
    hints.push(field.channels ? field.channels + " channels, one a line; numbers with blanks or commas between" : "paste numbers, with blanks, commas or lines between");
    wide = true;
  } else if (field.kind === "image") {
    return pictureField(field, id);
  } else {
    input = make("textarea", { id });
    wide = true;
  }
  return wrap(field, input, hints, wide, null);
}

function wrap(field, input, hints, wide, more) {
  input.dataset.name = field.name;
  input.dataset.kind = field.kind;
  const hint = make("div", { class: "hint", id: input.id + "-hint" }, hints.join("; "));
  input.setAttribute("aria-describedby", hint.id);
  return make("div", { class: wide ? "field wide" : "field" }, make("label", { for: input.id }, field.name), input, more, hint);
}

function pictureField(field, id) {
  const input = make("input", { id, type: "file", accept: "image/*" });
  const shown = make("img", { alt: "the chosen picture", hidden: true });
  const drop = make("div", { class: "drop" }, input, make("div", { class: "hint" }, "choose a picture, drop one here, or paste one"), shown);
  input.dataset.name = field.name;
  input.dataset.kind = "image";
  const show = () => {
    if (!input.files.length) return;
    if (shown.src) URL.revokeObjectURL(shown.src);
    shown.src = URL.createObjectURL(input.files[0]);
    shown.hidden = false;
  };
  const take = (files) => {
    if (!files.length) return;
    input.files = files;
    show();
  };
  input.addEventListener("change", show);
  drop.addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over"); });
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => { event.preventDefault(); drop.classList.remove("over"); take(event.dataTransfer.files); });
  document.addEventListener("paste", (event) => take(event.clipboardData.files));
  return make("div", { class: "field wide" }, make("label", { for: id }, field.name), drop);
}

function forecastFields(forecast) {
  const horizon = make("input", { id: "horizon", type: "text", inputmode: "numeric", placeholder: String(forecast.horizon) });
  const columns = [forecast.time, forecast.series, ...forecast.targets, ...forecast.covariates, ...forecast.known_ahead].filter(Boolean);
  const rows = make("textarea", { id: "rows", spellcheck: "false", placeholder: columns.join(",") + "\n…" });
  return [
    make("div", { class: "field" }, make("label", { for: "horizon" }, "steps ahead"), horizon, make("div", { class: "hint" }, "1 to " + forecast.horizon)),
    make("div", { class: "field wide" }, make("label", { for: "rows" }, "newer rows (CSV with a header line; may stay empty)"), rows,
      make("div", { class: "hint" }, "without them the forecast goes on from the end of the model's own data; its columns: " + columns.join(", "))),
  ];
}

function cellOf(input) {
  const text = input.value.trim();
  if (text === "" && input.dataset.kind !== "text" && input.dataset.kind !== "words") return null;
  if (input.dataset.kind === "number") {
    const value = Number(text.replace(/(\d),(?=\d{3}\b)/g, "$1"));
    return Number.isFinite(value) ? value : text;
  }
  if (input.dataset.kind === "boolean") return text === "true";
  if (input.dataset.kind === "series") {
    const lines = text.split(/\n+/).map((line) => line.trim().split(/[\s,;]+/).filter(Boolean).map((each) => (Number.isFinite(Number(each)) ? Number(each) : each)));
    const field = state.info.fields.find((each) => each.name === input.dataset.name);
    return field.channels ? lines : lines.flat();
  }
  return input.value;
}

function requestOf() {
  if (state.info.forecast) {
    const horizon = at("horizon").value.trim();
    const told = { horizon: horizon === "" ? 0 : Number.isInteger(Number(horizon)) ? Number(horizon) : horizon };
    const lines = at("rows").value.trim();
    if (lines) told.rows = readCsv(lines);
    return { headers: { "Content-Type": "application/json" }, body: JSON.stringify(told) };
  }
  const inputs = [...at("fields").querySelectorAll("[data-name]")];
  if (inputs.some((input) => input.dataset.kind === "image")) {
    const form = new FormData();
    for (const input of inputs) {
      if (input.dataset.kind === "image") { if (input.files.length) form.append(input.dataset.name, input.files[0]); }
      else form.append(input.dataset.name, input.value);
    }
    return { body: form };
  }
  const row = Object.fromEntries(inputs.map((input) => [input.dataset.name, cellOf(input)]));
  return { headers: { "Content-Type": "application/json" }, body: JSON.stringify(row) };
}

function readCsv(text) {
  const [head, ...lines] = text.split(/\r?\n/).filter((line) => line.trim()).map((line) => line.split(",").map((cell) => cell.trim()));
  return lines.map((cells) => Object.fromEntries(head.map((name, place) => {
    const cell = cells[place] === undefined ? "" : cells[place];
    return [name, cell === "" ? null : Number.isFinite(Number(cell)) ? Number(cell) : cell];
  })));
}

// ---------------------------------------------------------------- the answer

function bars(shares, chosen) {
  const ordered = Object.entries(shares).sort((a, b) => b[1] - a[1]).slice(0, 12);
  const box = make("div", { class: "bars", role: "list", "aria-label": "probabilities" });
  for (const [name, share] of ordered) {
    const bar = make("i", {});
    bar.style.width = 100 * share + "%";
    const label = make("span", {}, name);
    if (name === chosen) label.style.fontWeight = "650";
    box.append(label, make("div", { class: "track" }, bar), make("span", { class: "figure" }, (100 * share).toFixed(1) + " %"));
  }
  return box;
}

function interval(told) {
  const mark = make("i", {});
  mark.style.left = "calc(" + (100 * (told.prediction - told.low)) / (told.high - told.low || 1) + "% - 1.5px)";
  return make("div", {}, make("div", { class: "span" }, mark), make("div", { class: "ends" }, make("span", {}, short(told.low)), make("span", {}, "9 of 10 lie between"), make("span", {}, short(told.high))));
}

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
    return box.append(line, ...notesOf(told));
  }
  box.append(make("div", { class: "faint" }, state.info.target), make("div", { class: "big", id: "prediction" }, told.prediction === null || told.prediction === "" ? "none" : short(told.prediction)));
  if (told.probabilities) box.append(bars(told.probabilities, told.prediction));
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

function lineOf(rows) {
  const wide = 600, high = 200, edge = 8;
  const ends = rows.flatMap((row) => [row.prediction, row.low ?? row.prediction, row.high ?? row.prediction]);
  const least = Math.min(...ends), most = Math.max(...ends);
  const x = (place) => edge + ((wide - 2 * edge) * place) / Math.max(1, rows.length - 1);
  const y = (value) => high - edge - ((high - 2 * edge) * (value - least)) / (most - least || 1);
  const path = (name) => rows.map((row, place) => x(place) + "," + y(row[name]));
  const ns = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(ns, "svg");
  svg.setAttribute("viewBox", "0 0 " + wide + " " + high);
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", "the forecast with its interval; the table below has the figures");
  if (rows[0].low !== undefined) {
    const band = document.createElementNS(ns, "polygon");
    band.setAttribute("points", [...path("low"), ...path("high").reverse()].join(" "));
    band.setAttribute("fill", "var(--soft)");
    svg.append(band);
  }
  const line = document.createElementNS(ns, "polyline");
  line.setAttribute("points", path("prediction").join(" "));
  line.setAttribute("fill", "none");
  line.setAttribute("stroke", "var(--bar)");
  line.setAttribute("stroke-width", "2.5");
  svg.append(line);
  return svg;
}

function showMoved(told) {
  const box = at("moved");
  box.replaceChildren(make("h3", {}, "What moved it"));
  if (told.parts) {
    const most = Math.max(...told.parts.map((part) => Math.abs(part.weight)), 1e-12);
    const line = make("p", { class: "words" });
    for (const part of told.parts) {
      const word = make("mark", { title: "weight " + part.weight.toFixed(3) }, part.words);
      const share = Math.round((70 * Math.abs(part.weight)) / most);
      word.style.background = "color-mix(in srgb, var(" + (part.weight > 0 ? "--good" : "--wrong") + ") " + share + "%, transparent)";
      line.append(word, " ");
    }
    box.append(line, make("p", { class: "note" }, "Green speaks for “" + told.of + "”, red against it."));
  } else if (told.effects) {
    const shown = told.effects.slice(0, 8).filter((effect) => Math.abs(effect.effect) >= 0.0005 || told.of === String(told.prediction) && typeof told.prediction === "number");
    const most = Math.max(...shown.map((effect) => Math.abs(effect.effect)), 1e-12);
    const list = make("div", { class: "bars" });
    for (const effect of shown) {
      const bar = make("i", { class: effect.effect < 0 ? "against" : "" });
      bar.style.width = (100 * Math.abs(effect.effect)) / most + "%";
      const figure = typeof told.prediction === "number" ? short(effect.effect) : (100 * effect.effect).toFixed(1) + " points";
      list.append(make("span", {}, effect.column + " = " + short(effect.value)), make("div", { class: "track" }, bar), make("span", { class: "figure" }, (effect.effect > 0 ? "+" : "") + figure));
    }
    box.append(shown.length ? list : make("p", { class: "faint" }, "No column alone changes the answer by much."));
  } else if (told.picture) {
    const heat = make("img", { class: "heat", alt: "heat over the picture" });
    heat.src = "data:image/png;base64," + told.picture;
    box.append(heat);
  }
  box.append(make("p", { class: "note" }, "How: " + told.how + "."));
}

function showWrong(told) {
  at("told").replaceChildren(make("p", { class: "wrong", role: "alert" }, told.detail || "Something went wrong."));
  at("moved").replaceChildren();
  const input = told.field && at("fields").querySelector('[data-name="' + CSS.escape(told.field) + '"]');
  if (!input) return;
  input.setAttribute("aria-invalid", "true");
  input.focus();
}

// ---------------------------------------------------------------- what happens

async function send(event) {
  if (event) event.preventDefault();
  for (const input of at("fields").querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
  at("send").disabled = true;
  try {
    const request = requestOf();
    showAnswer(await ask("predict", { method: "POST", ...request }));
    at("moved").replaceChildren();
    if (matchMedia("(max-width: 52rem)").matches) at("answer").scrollIntoView({ block: "start" });
    const kinds = (state.info.fields || []).map((field) => field.kind);
    if (state.info.explains === "at once") showMoved(await ask("explain", { method: "POST", ...request }));
    if (state.info.explains === "slowly" && kinds.includes("image")) offerHeat(request);
  } catch (told) {
    if (told instanceof Error) throw told;
    showWrong(told);
  } finally {
    at("send").disabled = false;
  }
}

function offerHeat(request) {
  const button = make("button", { type: "button", class: "quiet" }, "Show where it looked");
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      showMoved(await ask("explain", { method: "POST", ...request }));
    } catch (told) {
      if (told instanceof Error) throw told;
      at("moved").replaceChildren(make("p", { class: "wrong", role: "alert" }, told.detail));
    }
  });
  at("moved").replaceChildren(make("div", { class: "actions" }, button));
}

function fill() {
  for (const field of state.info.fields) {
    const input = at("fields").querySelector('[data-name="' + CSS.escape(field.name) + '"]');
    if (!input || field.kind === "image") continue;
    const cell = field.example;
    input.value = Array.isArray(cell) ? (Array.isArray(cell[0]) ? cell.map((line) => line.join(" ")).join("\n") : cell.join(" ")) : cell === null ? "" : String(cell);
  }
}

function show(info) {
  state.info = info;
  document.title = info.model + " · archwise";
  at("title").textContent = info.forecast ? "What comes next of " + info.forecast.targets.join(", ") + "?" : "Which " + info.target + "?";
  at("about").textContent = info.model + ": " + info.architecture + ", " + info.metric + " " + short(info.test[info.metric]) + " on sealed rows that it had never seen.";
  at("fields").replaceChildren(...(info.forecast ? forecastFields(info.forecast) : info.fields.map(fieldOf)));
  at("fill").hidden = !info.fields.some((field) => field.kind !== "image");
  at("verdict").replaceChildren(...info.verdict.map((sentence) => make("li", {}, sentence)));
  at("version").textContent = info.model + " " + info.version + ", made " + info.created.slice(0, 10) + " by archwise " + info.archwise;
  at("told").replaceChildren(make("p", { class: "faint" }, "Fill the form and send it; the answer comes here."));
  at("moved").replaceChildren();
}

async function open(name) {
  state.prefix = "";
  try {
    const models = (await ask("models")).models;
    at("models").replaceChildren(...models.map((each) => make("option", { value: each }, each)));
    at("which").hidden = models.length < 2;
    state.prefix = name ? "models/" + encodeURIComponent(name) + "/" : "";
    at("models").value = name || models[0];
    show(await ask("info"));
    at("door").hidden = true;
  } catch (told) {
    if (told instanceof Error) throw told;
    at("title").textContent = told.status === 401 ? "A token, please" : "The model cannot be shown";
    at("about").textContent = told.detail;
    at("door").hidden = told.status !== 401;
    if (told.status === 401) at("token").focus();
  }
}

at("ask").addEventListener("submit", send);
at("fill").addEventListener("click", fill);
at("models").addEventListener("change", () => open(at("models").value));
at("door").addEventListener("submit", (event) => {
  event.preventDefault();
  state.token = at("token").value;
  sessionStorage.setItem("token", state.token);
  open("");
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) send(event);
});
open("");
