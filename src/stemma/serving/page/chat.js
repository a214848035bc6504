// A conversation with one version; of a version without a chat template, texts that it continues.

import { Answer, does } from "./answer.js";
import { at, choices, el, memory } from "./dom.js";
import { offer } from "./thumbs.js";

export class Chat {
  /** @param server knows which versions there are. @param run runs what can be stopped. */
  constructor(server, run) {
    Object.assign(this, { server, run, log: at("chat-log"), select: at("chat-version") });
    this.turns = [];
    this.select.addEventListener("change", () => memory.set("version", this.select.value));
    at("chat-new").addEventListener("click", () => this.reset());
    for (const turn of memory.get("turns", [])) this.#restore(turn);
  }

  /** Take in which versions there are. */
  renew() {
    choices(this.select, this.server.names, memory.get("version"));
  }

  get does() {
    return does(this.server.engine(this.select.value));
  }

  reset() {
    this.turns = [];
    this.log.replaceChildren();
    this.#keep();
    at("text").focus();
  }

  async send(text, settings) {
    const turn = { user: text, done: false };
    turn.answer = new Answer("", () => this.run(() => this.#answer(turn)));
    Object.assign(turn, { settings, isContinued: this.does === "continue" });
    this.turns.push(turn);
    this.#shown(turn);
    return this.#answer(turn);
  }

  #shown({ user, answer, isContinued }) {
    // A text that was continued stands at the beginning of the answer.
    const said = el("article", { class: "said" }, el("h3", {}, "You"), el("div", { class: "text" }, user));
    this.log.append(...(isContinued ? [] : [said]), answer.element);
  }

  async #answer(turn) {
    const model = this.select.value;
    turn.answer.title.textContent = model;
    const what = this.does;
    const engine = this.server.engine(model);
    const asked = { model, engine, does: what, settings: turn.settings.sampling };
    if (what === "chat") asked.messages = this.#messages(turn);
    else asked.prompt = turn.user;
    await turn.answer.fill(asked, this.run.signal());
    turn.answer.title.textContent = turn.answer.version ?? model;
    turn.answer.sign();
    turn.done = !turn.answer.failed && !(turn.answer.stopped && !turn.answer.text);
    // Half an answer says nothing of the whole.
    if (turn.done && !turn.answer.stopped) offer(turn.answer, () => this.#keep());
    this.#keep();
    return [turn.answer];
  }

  /** What was said before; a turn that failed was never answered, and is left out. */
  #messages(last) {
    const before = this.turns.slice(0, this.turns.indexOf(last)).filter(turn => turn.done);
    const system = last.settings.system;
    return [
      ...(system ? [{ role: "system", content: system }] : []),
      ...before.flatMap(turn => [
        { role: "user", content: turn.user }, { role: "assistant", content: turn.answer.text },
      ]),
      { role: "user", content: last.user },
    ];
  }

  #keep() {
    memory.set("turns", this.turns.filter(turn => turn.done).map(({ user, answer, isContinued }) => ({
      user, isContinued, text: answer.text, title: answer.title.textContent, foot: answer.foot.textContent,
      id: answer.stopped ? null : answer.id, thumb: answer.thumb,
    })));
  }

  #restore({ user, isContinued, text, title, foot, id, thumb }) {
    const answer = new Answer(title, () => {});
    Object.assign(answer, { text, id, thumb });
    answer.body.append(isContinued ? el("span", { class: "before" }, user) : "", text);
    answer.foot.textContent = foot;
    offer(answer, () => this.#keep());
    this.turns.push({ user, answer, isContinued, done: true });
    this.#shown(this.turns.at(-1));
  }
}
