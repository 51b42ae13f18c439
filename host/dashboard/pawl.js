// The dashboard: what its pages do beyond links and forms. They work without it.

const $ = (selector, from = document) => from.querySelector(selector);
const all = (selector, from = document) => [...from.querySelectorAll(selector)];

// ---- times in the reader's zone

const day = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });
const dayOfYear = new Intl.DateTimeFormat(undefined, { year: "numeric", month: "short", day: "numeric" });
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const hour = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const fine = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3, hourCycle: "h23" });
const exact = new Intl.DateTimeFormat(undefined, {
  year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit",
  fractionalSecondDigits: 3, hourCycle: "h23", timeZoneName: "short",
});

function relative(ms) {
  const [size, ahead] = [Math.abs(ms) / 1000, ms < 0];
  const units = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  if (size < 1) return "now";
  const [unit, name] = units.find(([unit]) => size >= unit);
  const text = `${Math.floor(size / unit)} ${name}`;
  return ahead ? `in ${text}` : `${text} ago`;
}

function near(at, now) {
  if (at.toDateString() === now.toDateString()) return clock.format(at);
  const date = (at.getFullYear() === now.getFullYear() ? day : dayOfYear).format(at);
  return `${date}, ${clock.format(at)}`;
}

function showTimes(from, which = "time[datetime]") {
  const now = new Date();
  for (const time of all(which, from)) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    const isClose = Math.abs(now - at) < 86_400_000 * 7;
    const text = "fine" in time.dataset ? fine.format(at)
      : time.dataset.form === "clock" ? hour.format(at)
      : time.dataset.form === "day" ? day.format(at)
      : "relative" in time.dataset && isClose ? relative(now - at) : near(at, now);
    if (time.textContent !== text) time.textContent = text;
    time.title = exact.format(at);
  }
  // over a chart: a time, and numbers beneath it
  for (const title of all("title[data-at]", from)) {
    title.textContent = title.textContent.replace(/.*/, near(new Date(title.dataset.at), now));
    title.removeAttribute("data-at");
  }
}

/** What the script adds to markup, also to markup that is about to be shown. */
function enhance(from) {
  showTimes(from);
  for (const button of all("[data-copy][hidden]", from)) button.hidden = false;
}

// ---- fields of times: UTC in the URL, the reader's zone on the screen

const two = (n) => String(n).padStart(2, "0");
const local = (d) => `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}T${two(d.getHours())}:${two(d.getMinutes())}`;

for (const field of all("input[type=datetime-local]")) {
  const at = new Date(`${field.value}Z`);
  if (field.value && !Number.isNaN(at.getTime())) field.value = local(at);
}
for (const hint of all("[data-zone]")) hint.textContent = "";
document.addEventListener("formdata", (event) => {
  for (const field of all("input[type=datetime-local][name]", event.target)) {
    if (field.value) event.formData.set(field.name, new Date(field.value).toISOString().slice(0, 16));
  }
  if (event.target.method === "get") {
    for (const [name, value] of [...event.formData]) if (value === "") event.formData.delete(name);
  }
});
// a choice by keys passes others on its way: that one is asked for with the form's button
let isByKeys = false;
document.addEventListener("keydown", () => (isByKeys = true), true);
document.addEventListener("pointerdown", () => (isByKeys = false), true);
document.addEventListener("change", (event) => {
  if (!isByKeys && event.target.matches("form[data-auto] select")) event.target.form.requestSubmit();
});

// ---- a new version of a region takes the place of the old one, node by node

function sameKind(a, b) {
  return a.nodeType === b.nodeType && a.nodeName === b.nodeName && (a.id ?? "") === (b.id ?? "") &&
    a.dataset?.key === b.dataset?.key;
}

function morph(old, fresh) {
  if (old.isEqualNode(fresh)) return;
  if (old.nodeType !== Node.ELEMENT_NODE) {
    old.nodeValue = fresh.nodeValue;
    return;
  }
  // what the reader has opened, typed or chosen stays
  const isKept = (name) => name === "open" && old.nodeName === "DETAILS";
  if (old.matches("input, textarea, select") && old === document.activeElement) return;
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name) && !isKept(name)) old.removeAttribute(name);
  for (const { name, value } of fresh.attributes) {
    if (!isKept(name) && old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  let at = old.firstChild;
  for (const child of [...fresh.childNodes]) {
    const key = child.id || child.dataset?.key;
    let found = at;
    if (key) while (found && !sameKind(found, child)) found = found.nextSibling;
    else if (found && !sameKind(found, child)) found = null;
    if (!found) {
      old.insertBefore(child, at);
    } else {
      if (found !== at) old.insertBefore(found, at);
      else at = at.nextSibling;
      morph(found, child);
    }
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

// ---- live

const main = $("#main");
const topic = main?.dataset.live ?? "";
const state = $("[data-live-state]");
let isBusy = false;
let isWanted = false;
let last = 0;

function isDisturbed(region) {
  const selection = getSelection();
  if (selection && !selection.isCollapsed && region.contains(selection.anchorNode)) return true;
  const focused = document.activeElement;
  return region.contains(focused) && focused.matches("input, textarea, select");
}

async function refresh() {
  if (isBusy || document.hidden) {
    isWanted = true;
    return;
  }
  [isBusy, isWanted] = [true, false];
  try {
    const answer = await fetch(location.href, { headers: { "x-pawl-refresh": "1" }, cache: "no-store" });
    // somebody has to log in again
    if (answer.redirected) location.reload();
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const region of all("[data-region]")) {
      const next = $(`[data-region="${CSS.escape(region.dataset.region)}"]`, fresh);
      if (!next || isDisturbed(region)) continue;
      enhance(next);
      morph(region, document.adoptNode(next));
    }
  } catch {
    // the next one will do
  } finally {
    [isBusy, last] = [false, Date.now()];
    if (isWanted && !document.hidden) soon();
  }
}

let timer = 0;
function soon() {
  if (timer) return;
  timer = setTimeout(() => {
    timer = 0;
    refresh();
  }, Math.max(0, last + 800 - Date.now()));
}

function concerns(told) {
  const [kind, id] = topic.split(/:(.*)/s);
  if (told.more) return true;
  switch (kind) {
    case "run": return told.runs.includes(id);
    case "runs": return told.runs.length > 0;
    case "events": case "event": return told.events || told.runs.length > 0;
    case "functions": return told.functions.length > 0 || told.runs.length > 0;
    case "webhooks": return told.webhooks;
    case "function": return told.functions.includes(id) || told.runs.length > 0;
    default: return true;
  }
}

function say(isLive) {
  state.hidden = false;
  state.classList.toggle("is-off", !isLive);
  const text = isLive ? "live" : "reconnecting";
  if (state.lastElementChild.textContent !== text) state.lastElementChild.textContent = text;
}

if (topic && state) {
  let isLive = false;
  let source;
  // a browser has six connections to a host: pages that nobody sees must not hold them
  const open = () => {
    if (document.hidden || (source && source.readyState !== EventSource.CLOSED)) return;
    source = new EventSource("/live");
    source.onopen = () => {
      // what happened in between was not told
      if (last) soon();
      isLive = true;
      say(true);
    };
    source.onmessage = (event) => {
      if (concerns(JSON.parse(event.data))) soon();
    };
    source.onerror = () => {
      isLive = false;
      say(false);
      if (source.readyState === EventSource.CLOSED) setTimeout(open, 5000);
    };
  };
  open();
  // an open connection would keep the page from being kept for the way back
  addEventListener("pagehide", () => source?.close());
  addEventListener("pageshow", (event) => event.persisted && open());
  setInterval(() => { if (!isLive) soon(); }, 5000);
  // open ends grow
  setInterval(() => { if ($("[data-grows]") && !document.hidden) soon(); }, 2000);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      source?.close();
    } else {
      // what happened in between was not told
      soon();
      open();
    }
  });
}
setInterval(() => { if (!document.hidden) showTimes(document, "time[data-relative]"); }, 1000);

// ---- copy, confirm, theme

function toast(text) {
  $(".toast")?.remove();
  const shown = Object.assign(document.createElement("p"), { className: "toast", textContent: text });
  shown.setAttribute("role", "status");
  document.body.append(shown);
  setTimeout(() => shown.remove(), 2500);
}

async function copy(button) {
  const from = button.dataset.copy ? document.getElementById(button.dataset.copy) : $("pre", button.parentElement);
  const text = from.value ?? from.content?.textContent ?? from.textContent;
  try {
    await navigator.clipboard.writeText(text);
    toast("Copied");
  } catch {
    const area = Object.assign(document.createElement("textarea"), { value: text, className: "sr-only" });
    document.body.append(area);
    area.select();
    toast(document.execCommand("copy") ? "Copied" : "This browser does not let pages copy");
    area.remove();
    button.focus();
  }
}

function node(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function confirmed(form, button) {
  const name = button?.textContent.trim() ?? "Yes";
  const back = node("button", { className: "btn", textContent: "Back", value: "", type: "submit" });
  const go = node("button", { className: `btn ${button?.classList.contains("btn-danger") ? "btn-danger" : "btn-primary"}`, textContent: name, value: "go", type: "submit" });
  const title = node("h2", { id: "confirm-title", textContent: `${name}?` });
  const ask = node("form", { method: "dialog" }, title, node("p", { textContent: form.dataset.confirm }), node("div", { className: "actions" }, back, go));
  const dialog = node("dialog", {}, ask);
  dialog.setAttribute("aria-labelledby", title.id);
  document.body.append(dialog);
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (dialog.returnValue === "go") {
      form.dataset.confirmed = "";
      form.requestSubmit(button);
    } else {
      button?.focus();
    }
  });
  dialog.showModal();
  back.focus();
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.confirm && !("confirmed" in form.dataset)) {
    event.preventDefault();
    confirmed(form, event.submitter);
  } else if (form.method === "post") {
    // once is enough
    setTimeout(() => event.submitter && (event.submitter.disabled = true));
  }
});
addEventListener("pageshow", () => all("button[disabled]").forEach((button) => (button.disabled = false)));

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy]");
  if (button) copy(button);
});

const theme = $("[data-theme-switch]");
if (theme) {
  theme.hidden = false;
  theme.addEventListener("click", () => {
    const root = document.documentElement;
    const isDark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = isDark ? "light" : "dark";
    try {
      localStorage.setItem("pawl-theme", root.dataset.theme);
    } catch {
      // it holds for this page
    }
  });
}

// ---- keys: g and a letter leads to a page, / to the search, j and k through rows

const help = [["g then r f e w m a u", "Runs, Functions, Events, Webhooks, Metrics, Alerts, Audit"],
  ["/", "Search"], ["j k", "Next and previous row"], ["Enter", "Open the row"], ["?", "These keys"]];
let goes = 0;

function step(by) {
  const links = all("tr .row-link, .wf summary");
  const at = links.indexOf(document.activeElement);
  links[Math.min(Math.max(at + by, 0), links.length - 1)]?.focus();
}

function showHelp() {
  const list = node("dl", { className: "kv" });
  for (const [keys, text] of help) list.append(node("dt", {}, node("kbd", { textContent: keys })), node("dd", { textContent: text }));
  const close = node("button", { className: "btn", textContent: "Close" });
  const dialog = node("dialog", {}, node("form", { method: "dialog" }, node("h2", { textContent: "Keys" }), list, node("div", { className: "actions" }, close)));
  dialog.setAttribute("aria-label", "Keys");
  document.body.append(dialog);
  dialog.addEventListener("close", () => dialog.remove());
  dialog.showModal();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches?.("input, textarea, select") || $("dialog[open]")) return;
  if (goes && Date.now() - goes < 1500) {
    const link = $(`nav a[data-key="${CSS.escape(event.key)}"]`);
    goes = 0;
    if (link) {
      event.preventDefault();
      link.click();
      return;
    }
  }
  switch (event.key) {
    case "g": goes = Date.now(); break;
    case "/": {
      const search = $("input[type=search]");
      if (search) {
        event.preventDefault();
        search.focus();
      }
      break;
    }
    case "j": step(1); break;
    case "k": step(-1); break;
    case "?": showHelp(); break;
  }
});

enhance(document);
