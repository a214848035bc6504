// What is known of a version: card, metrics, lineage.

import { get } from "./api.js";
import { at, choices, el, number, table } from "./dom.js";
import { markdown } from "./markdown.js";

const MOST = 20;

export class VersionView {
  constructor(server) {
    Object.assign(this, { server, told: at("version-told"), select: at("version-version") });
    this.select.addEventListener("change", () => this.show());
  }

  renew() {
    choices(this.select, this.server.names, this.select.value);
  }

  async show() {
    const name = this.select.value;
    this.told.setAttribute("aria-busy", "true");
    let parts;
    try {
      parts = page(name, this.server.one(name), await get(`page/about?model=${encodeURIComponent(name)}`));
    } catch (error) {
      parts = [el("p", { class: "error" }, error.message),
        el("button", { type: "button", class: "plain", click: () => this.show() }, "Try again")];
    }
    // Another one may have been chosen meanwhile.
    if (name === this.select.value) this.told.replaceChildren(...parts);
    this.told.removeAttribute("aria-busy");
  }
}

function page(name, served, about) {
  return [
    ...about.warnings.map(words => el("p", { class: "error" }, `Warning: ${words}.`)),
    panel("Version", facts(name, served, about)),
    about.metrics ? panel("Metrics", ...metrics(about.metrics)) : null,
    panel("Lineage", ...lineage(about)),
    about.data ? panel("Data", ...data(about.data)) : null,
    about.card ? panel("Card", el("div", { class: "card" }, markdown(about.card, 4))) : null,
    ...Object.entries(about.missing).map(([path, why]) =>
      el("p", { class: "note" }, `${path} cannot be read here: ${why}`)),
  ].filter(Boolean);
}

const panel = (title, ...parts) => el("section", { class: "panel", "aria-label": title }, el("h3", {}, title), parts);

function pairs(rows) {
  return el("dl", {}, rows.filter(([, value]) => value !== null && value !== undefined && value !== "")
    .flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
}

function facts(name, served, about) {
  const { engine = {} } = served;
  const signed = [about.date, about.author].filter(Boolean).join(", ");
  const stands = about.registered.flatMap(one => one.stages.map(stage => `${one.name} on ${stage}`));
  const size = about.training?.parameters;
  return pairs([
    ["name", name],
    ["stands", stands.join(", ")],
    ["commit", about.commit ? el("code", {}, about.commit.slice(0, 10)) : null],
    ["subject", [about.subject, signed ? `(${signed})` : ""].filter(Boolean).join(" ")],
    ["digest", served.digest ? el("code", {}, served.digest) : null],
    ["licence", Array.isArray(about.license) ? about.license.join(", ") : about.license],
    ["parameters", size ? number(size) : null],
    ["trained", about.training?.steps ? `${number(about.training.steps)} steps over ${number(about.training.tokens_seen)} tokens` : null],
    ["engine", [engine.engine, engine.dtype, engine.device].filter(Boolean).join(", ")],
    ["context", engine.context ? `${number(engine.context)} tokens` : null],
  ]);
}

function metrics({ counts, rows, remarks }) {
  const baselines = [...new Set(rows.flatMap(row => Object.keys(row.baselines)))];
  const hasEnds = rows.some(row => row.low !== null && row.low !== undefined);
  const hasBetter = rows.some(row => row.better);
  const columns = [
    "metric", "this version", ...(hasEnds ? ["95 % interval"] : []),
    ...(hasBetter ? ["better"] : []), ...baselines,
  ];
  const cells = rows.map(row => [
    row.label, number(row.value),
    ...(hasEnds ? [row.low === null ? "" : `${number(row.low)} to ${number(row.high)}`] : []),
    ...(hasBetter ? [row.better ?? ""] : []), ...baselines.map(one => number(row.baselines[one])),
  ]);
  const right = new Set(columns.keys());
  right.delete(0);
  right.delete(columns.indexOf("better"));
  const over = Object.entries(counts).map(([what, count]) => `${number(count)} ${what}`).join(", ");
  return [
    over ? el("p", { class: "note" }, `Over the test split: ${over}.`) : null,
    table(columns, cells, right), ...remarks.map(words => el("p", { class: "note" }, words)),
  ];
}

function lineage({ base, parents, commit }) {
  const before = parents.map(one => el("li", {}, el("code", {}, one.commit.slice(0, 10)),
    ` ${one.date} ${[...one.refs, one.subject].join(", ")}`));
  const from = base?.parents?.length
    ? base.parents.map(one => el("li", {}, `merged from ${one.origin} ${one.version ?? ""}`))
    : base ? [el("li", {}, `trained from ${base.origin ?? base.kind} ${base.revision ?? base.version ?? ""}`)] : [];
  if (!before.length && !from.length) {
    return [el("p", {}, commit ? "The first version of its history, trained from nothing." : "Not known: it is a folder, and no commit.")];
  }
  return [
    before.length ? el("h4", {}, before.length > 1 ? "Versions before it" : "The version before it") : null,
    before.length ? el("ul", {}, before) : null,
    from.length ? el("h4", {}, "Base") : null,
    from.length ? el("ul", {}, from) : null,
  ];
}

function data({ sources, splits }) {
  const shown = sources.slice(0, MOST).map(one => [one.name, one.origin, one.version, one.license, number(one.documents), number(one.bytes)]);
  const parts = Object.entries(splits).map(([name, size]) => [name, number(size.documents), number(size.tokens), number(size.bytes)]);
  const more = sources.length - shown.length;
  return [
    shown.length ? table(["source", "origin", "version", "licence", "documents", "bytes"], shown, new Set([4, 5])) : null,
    more > 0 ? el("p", { class: "note" }, `and ${number(more)} more.`) : null,
    parts.length ? table(["split", "documents", "tokens", "bytes"], parts, new Set([1, 2, 3])) : null,
  ];
}
