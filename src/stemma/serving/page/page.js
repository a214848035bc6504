// The page: which view is seen, what is sent, and what can be stopped.

import { does } from "./answer.js";
import { get, onMissingKey } from "./api.js";
import { Beside } from "./beside.js";
import { Chat } from "./chat.js";
import { at, el, memory } from "./dom.js";
import { VersionView } from "./version.js";

const VIEWS = ["chat", "beside", "version"];
const WORDS = {
  chat: ["Message", "Send"], continue: ["Text to go on with", "Continue"],
  classify: ["Text to classify", "Classify"], nothing: ["Text", "Send"],
};

/** The versions that are served, the current one first. */
const server = {
  names: [], models: {},
  one(name) { return this.models[name] ?? {}; },
  engine(name) { return this.one(name).engine ?? {}; },
  async ask() {
    const [listed, told] = await Promise.all([get("v1/models"), get("version")]);
    this.names = listed.data.map(model => model.id);
    this.models = Object.fromEntries((told.models ?? []).map(model => [model.id, model]));
    // A server that runs one version may tell of it at the top alone.
    this.models[told.version] = { ...told, ...this.models[told.version] };
    at("current").textContent = [told.version, told.stage && `on ${told.stage}`].filter(Boolean).join(" ");
    document.title = `${told.version} · Stemma`;
  },
};

let stopper = null;

/** Run what gives answers, and Escape and the button stop; nothing else is sent meanwhile. */
async function run(work) {
  if (stopper) return;
  stopper = new AbortController();
  busy(true);
  let said = "";
  try {
    const answers = await work();
    const isWhole = !answers.some(answer => answer.failed);
    // It may have been asked of a version that is no longer served.
    if (!isWhole) renew();
    said = stopper.signal.aborted ? "Stopped." : isWhole ? "Answered." : "Not answered.";
  } catch (error) {
    trouble(error.message);
  } finally {
    stopper = null;
    busy(false, said);
  }
}
run.signal = () => stopper?.signal;

function busy(is, said = "") {
  for (const log of document.querySelectorAll("[role=log]")) log.setAttribute("aria-busy", String(is));
  at("send").hidden = is;
  at("stop").hidden = !is;
  at("state").textContent = is ? "Answering …" : said;
}

function trouble(message, again = null) {
  const button = again && el("button", { type: "button", class: "plain", click: again }, "Try again");
  at("trouble").replaceChildren(...(message ? [el("p", { class: "error" }, message, button)] : []));
}

const views = { chat: new Chat(server, run), beside: new Beside(server, run), version: new VersionView(server) };
let seen = "chat";

function look() {
  const asked = location.hash.slice(1);
  if (VIEWS.includes(asked)) seen = asked;
  for (const name of VIEWS) at(`view-${name}`).hidden = name !== seen;
  for (const link of document.querySelectorAll("nav a")) {
    const isHere = link.hash === `#${seen}`;
    isHere ? link.setAttribute("aria-current", "page") : link.removeAttribute("aria-current");
  }
  at("composer").hidden = seen === "version" || (seen === "beside" && server.names.length < 2);
  word();
  if (seen === "version" && server.names.length) views.version.show();
}

/** Name the field after what the chosen version does with a text. */
function word() {
  if (seen === "version") return;
  const what = views[seen].does;
  [at("text-label").textContent, at("send").textContent] = WORDS[what];
  at("system-field").hidden = what !== "chat";
  at("settings").hidden = what === "classify";
  const silent = seen === "chat" && server.names.length && what === "nothing";
  trouble(silent ? `${views.chat.select.value} neither writes nor classifies: ask it through the API.` : "");
}

function settings() {
  const sampling = {};
  if (at("temperature").value !== "") sampling.temperature = at("temperature").valueAsNumber;
  if (at("max-tokens").value !== "") sampling.max_tokens = at("max-tokens").valueAsNumber;
  return { sampling, system: at("system").value.trim() };
}

function send(event) {
  event?.preventDefault();
  const text = at("text").value;
  if (!text.trim() || stopper || !at("composer").reportValidity()) return;
  trouble("");
  at("text").value = "";
  at("text").focus();
  goToEnd();
  run(async () => {
    try {
      return await views[seen].send(text, settings());
    } catch (error) {
      at("text").value ||= text; // nothing was sent
      throw error;
    }
  });
}

/** Ask for a key; returns whether one was given. */
function askForKey(isWrong) {
  const dialog = at("key");
  at("key-wrong").textContent = isWrong ? "The server does not know this key." : "";
  at("key-text").value = "";
  dialog.showModal();
  at("key-text").focus();
  return new Promise(resolve => dialog.addEventListener("close", () => {
    if (dialog.returnValue) memory.set("key", dialog.returnValue);
    resolve(Boolean(dialog.returnValue));
    dialog.returnValue = "";
  }, { once: true }));
}

/** Keep the end in sight while an answer grows, unless somebody has scrolled away from it. */
function follow() {
  const root = document.documentElement;
  let isAtEnd = false, height = root.scrollHeight, last = 0;
  addEventListener("scroll", () => {
    // What has grown since is no reason to stay behind.
    if (scrollY < last) isAtEnd = false;
    else if (root.scrollHeight - innerHeight - scrollY < 40) isAtEnd = true;
    last = scrollY;
  });
  new ResizeObserver(() => {
    if (isAtEnd && seen !== "version" && root.scrollHeight > height) scrollTo(0, root.scrollHeight);
    height = root.scrollHeight;
  }).observe(at("main"));
  return () => { isAtEnd = true; };
}

function listen() {
  at("composer").addEventListener("submit", send);
  at("stop").addEventListener("click", () => { stopper?.abort(); at("text").focus(); });
  at("text").addEventListener("keydown", event => {
    // Enter also ends what an input method composes.
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) send(event);
  });
  document.addEventListener("keydown", event => { if (event.key === "Escape") stopper?.abort(); });
  at("key-form").addEventListener("submit", event => {
    event.preventDefault();
    at("key").close(at("key-text").value.trim());
  });
  at("key-cancel").addEventListener("click", () => at("key").close(""));
  for (const id of ["temperature", "max-tokens", "system"]) {
    at(id).value = memory.get(id, { temperature: 0.8 }[id] ?? "");
    at(id).addEventListener("change", () => memory.set(id, at(id).value));
  }
  for (const select of document.querySelectorAll("#view-chat select, #view-beside select")) {
    select.addEventListener("change", word);
  }
  // What is wrong must be seen before it can be mended.
  at("settings").addEventListener("invalid", () => { at("settings").open = true; }, true);
  addEventListener("hashchange", look);
  // After a change-over other versions may be served.
  addEventListener("focus", () => { if (server.names.length && !stopper && !at("key").open) renew(); });
}

async function renew() {
  try {
    await server.ask();
  } catch (error) {
    trouble(error.message, start);
    return false;
  }
  for (const view of Object.values(views)) view.renew();
  return true;
}

async function start() {
  trouble("");
  if (await renew()) {
    look();
    if (seen !== "version") at("text").focus();
  }
}

const goToEnd = follow();
onMissingKey(askForKey);
listen();
look();
start();
