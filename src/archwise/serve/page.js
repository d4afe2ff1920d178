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

const short = (value) => (typeof value !== "number" ? String(value) : Number.isInteger(value) ? value.toLocaleString("en", { useGrouping: Math.abs(value) >= 10000 }) : Number(value.toPrecision(5)).toLocaleString("en", { maximumSignificantDigits: 5 }));

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
    if (field.range) hints.push("in training " + field.range.join(" to "));
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
  const known = forecast.known_ahead.join(", ");
  const told = known ? "their last rows tell " + known + " of the steps ahead, and leave " + forecast.targets.join(", ") + " empty" : "without them the forecast goes on from the end of the model's own data";
  return [
    make("div", { class: "field" }, make("label", { for: "horizon" }, "steps ahead"), horizon, make("div", { class: "hint" }, forecast.horizon + " in training; more go on from its own answers")),
    make("div", { class: "field wide" }, make("label", { for: "rows" }, known ? "newer rows (CSV with a header line)" : "newer rows (CSV with a header line; may stay empty)"), rows,
      make("div", { class: "hint" }, told + "; columns: " + columns.join(", "))),
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
    return ofJson(told);
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
  return ofJson(row);
}

const ofJson = (row) => ({ headers: { "Content-Type": "application/json" }, body: JSON.stringify(row) });

// The request as a command for a shell, where words in single quotes stand for themselves.
function commandOf(request) {
  const quoted = (text) => "'" + text.replaceAll("'", "'\\''") + "'";
  const token = state.token ? ' -H "Authorization: Bearer $ARCHWISE_TOKEN"' : "";
  const url = new URL(state.prefix + "predict", location.href).href;
  if (typeof request.body === "string") return "curl " + url + token + " -H 'Content-Type: application/json' -d " + quoted(request.body);
  const parts = [...request.body].map(([name, value]) => " -F " + quoted(name + "=" + (value instanceof File ? "@" + value.name : value)));
  return "curl " + url + token + parts.join("");
}

function readCsv(text) {
  const [head, ...lines] = text.split(/\r?\n/).filter((line) => line.trim()).map((line) => line.split(",").map((cell) => cell.trim()));
  return lines.map((cells) => Object.fromEntries(head.map((name, place) => {
    const cell = cells[place] === undefined ? "" : cells[place];
    return [name, cell === "" ? null : Number.isFinite(Number(cell)) ? Number(cell) : cell];
  })));
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
    at("command").textContent = commandOf(request);
    at("answer").scrollIntoView({ block: matchMedia("(max-width: 52rem)").matches ? "start" : "nearest" });
    if (state.info.explains === "at once") await explain(request);
    if (state.info.explains === "slowly") offerHeat(request);
  } catch (told) {
    if (told instanceof Error) throw told;
    showWrong(told);
  } finally {
    at("send").disabled = false;
  }
}

async function explain(request) {
  try {
    const row = typeof request.body === "string" ? JSON.parse(request.body) : {};
    showMoved(await ask("explain", { method: "POST", ...request }), row);
  } catch (told) {  // the answer stands, whatever comes of its explanation
    if (told instanceof Error) throw told;
    at("moved").replaceChildren(make("p", { class: "wrong", role: "alert" }, told.detail));
  }
}

function offerHeat(request) {
  const button = make("button", { type: "button", class: "quiet" }, "Show what moved it");
  button.addEventListener("click", () => {
    button.disabled = true;
    explain(request);
  });
  at("moved").replaceChildren(make("div", { class: "actions" }, button));
}

function fill() {
  if (state.info.forecast) {
    const { horizon, rows = [] } = state.info.example;
    at("horizon").value = horizon;
    const names = [...new Set(rows.flatMap(Object.keys))];
    at("rows").value = rows.length ? [names, ...rows.map((row) => names.map((name) => row[name] ?? ""))].map((cells) => cells.join(",")).join("\n") : "";
    return;
  }
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
  const asks = { tag: "Which words are what?", regress: "How much is " + info.target + "?" };
  at("title").textContent = info.forecast ? "What comes next of " + info.forecast.targets.join(", ") + "?" : asks[info.task] || "Which " + info.target + "?";
  at("about").textContent = info.model + ": " + info.architecture + ", " + info.metric + " " + short(Number(info.test[info.metric].toPrecision(4))) + " on sealed rows that it had never seen.";
  at("fields").replaceChildren(...(info.forecast ? forecastFields(info.forecast) : info.fields.map(fieldOf)));
  at("fill").hidden = !info.forecast && !info.fields.some((field) => field.kind !== "image");
  at("verdict").replaceChildren(...info.verdict.map((sentence) => make("li", {}, sentence)));
  at("version").textContent = info.model + " " + info.version + ", made " + info.created.slice(0, 10) + " by archwise " + info.archwise;
  at("told").replaceChildren(make("p", { class: "faint" }, "Fill the form and send it; the answer comes here."));
  at("moved").replaceChildren();
  at("command").textContent = "Send a row, and the command stands here.";
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
