// One answer of one version: asked for, shown as it comes, and what became of it.

import { post, stream } from "./api.js";
import { el, number } from "./dom.js";

/** What a version does with a text: "chat", "continue", "classify" or "nothing". */
export function does(engine) {
  if (engine.chat) return "chat";
  if (engine.generates) return "continue";
  return engine.labels ? "classify" : "nothing";
}

/** How long an answer may be where nobody has said it: a small model must have room for a prompt. */
function most(engine) {
  return Math.max(1, Math.min(256, Math.floor((engine.context ?? Infinity) / 2)));
}

export class Answer {
  /**
   * @param title who answers; a text.
   * @param again what happens when somebody tries a failed answer again.
   */
  constructor(title, again) {
    this.again = again;
    this.title = el("h4", {}, title);
    this.body = el("div", { class: "text" });
    this.foot = el("p", { class: "note" });
    this.judged = el("div", { class: "thumbs" });
    this.element = el("article", { class: "answer" }, this.title, this.body, this.foot, this.judged);
    this.clear();
  }

  clear() {
    Object.assign(this, { text: "", version: null, failed: false, stopped: false, finish: null });
    Object.assign(this, { usage: null, id: null, thumb: null });
    this.judged.replaceChildren();
    this.body.replaceChildren();
    this.foot.replaceChildren();
  }

  /** Ask, and show what comes; returns when the answer has ended, failed or was stopped. */
  async fill(asked, signal) {
    this.clear();
    this.element.setAttribute("aria-busy", "true");
    const begun = performance.now();
    try {
      await (asked.does === "classify" ? this.#classify(asked, signal) : this.#write(asked, signal));
    } catch (error) {
      if (error.name === "AbortError") this.stopped = true;
      else this.fail(error.message);
    }
    this.seconds = (performance.now() - begun) / 1000;
    this.element.removeAttribute("aria-busy");
  }

  async #write({ model, engine, messages, prompt, settings }, signal) {
    const body = { model, max_tokens: most(engine), ...settings, ...(messages ? { messages } : { prompt }) };
    const path = messages ? "v1/chat/completions" : "v1/completions";
    const before = prompt ? el("span", { class: "before" }, prompt) : "";
    const written = document.createTextNode("");
    this.body.replaceChildren(before, written);
    for await (const chunk of stream(path, body, signal)) {
      this.version ??= chunk.version ?? null;
      this.id ??= chunk.id ?? null;
      this.usage = chunk.usage ?? this.usage;
      const choice = chunk.choices?.[0];
      const piece = choice?.delta?.content ?? choice?.text ?? "";
      this.finish = choice?.finish_reason ?? this.finish;
      this.text += piece;
      written.appendData(piece);
    }
    if (!this.text) this.body.append(el("em", { class: "note" }, "(an empty answer)"));
  }

  async #classify({ model, engine, prompt }, signal) {
    const { version, answer } = await post("classify", { model, input: prompt }, signal);
    this.version = version;
    this.usage = answer.usage;
    const found = answer.data[0];
    if (found.tokens) return this.#tag(prompt, found.tokens);
    const shares = found.probs.map((share, index) => [engine.labels[index], share]);
    shares.sort((one, other) => other[1] - one[1]);
    this.text = found.label;
    const rows = shares.slice(0, 10).map(([label, share]) => el("li", {},
      el("span", {}, label), el("meter", { min: "0", max: "1", value: share, "aria-label": label }),
      el("span", {}, `${(100 * share).toFixed(1)} %`)));
    this.body.replaceChildren(
      el("p", {}, el("strong", {}, found.label)), el("ul", { class: "shares" }, rows));
  }

  /** Show what a tagger says of each piece of a text; places count characters, not halves. */
  #tag(prompt, tokens) {
    const letters = Array.from(prompt);
    this.text = tokens.map(one => one.label).join(" ");
    this.body.replaceChildren(el("ul", { class: "tags" }, tokens.map(one => el("li", {},
      el("span", {}, letters.slice(one.start, one.end).join("")), el("small", {}, one.label)))));
  }

  fail(message) {
    this.failed = true;
    this.body.append(el("p", { class: "error" }, message));
    this.body.append(el("button", { type: "button", class: "plain", click: this.again }, "Try again"));
  }

  /** Say below the answer how it ended and what it took. */
  sign() {
    const told = [];
    if (this.stopped) told.push("stopped");
    if (this.finish === "length") told.push("cut off at the limit of tokens");
    const tokens = this.usage?.completion_tokens;
    if (tokens) told.push(`${number(tokens)} token${tokens === 1 ? "" : "s"}`);
    if (!this.failed && this.seconds !== undefined) told.push(`${this.seconds.toFixed(1)} s`);
    this.foot.textContent = told.join(" · ");
    return this.foot.textContent;
  }
}
