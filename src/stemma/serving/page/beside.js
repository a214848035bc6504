// Two versions side by side: one prompt to both, and a vote on which answer is better.

import { Answer, does } from "./answer.js";
import { Failure, post } from "./api.js";
import { at, choices, el, memory } from "./dom.js";

const CHOICES = [["a", "Left is better"], ["equal", "Both are equal"], ["b", "Right is better"]];
const TOLD = { a: "left is better", equal: "both are equal", b: "right is better" };

export class Beside {
  constructor(server, run) {
    Object.assign(this, { server, run, log: at("beside-log"), rounds: 0 });
    this.selects = [at("beside-left"), at("beside-right")];
    this.blind = at("beside-blind");
    this.blind.checked = memory.get("blind", false);
    this.blind.addEventListener("change", () => memory.set("blind", this.blind.checked));
    for (const select of this.selects) {
      select.addEventListener("change", () => memory.set(select.id, select.value));
    }
  }

  renew() {
    const names = this.server.names;
    this.selects.forEach((select, side) =>
      choices(select, names, memory.get(select.id) ?? names[side] ?? names[0]));
    at("beside-alone").hidden = names.length > 1;
  }

  get does() {
    const kinds = this.selects.map(select => does(this.server.engine(select.value)));
    return kinds[0] === kinds[1] ? kinds[0] : "nothing";
  }

  async send(text, settings) {
    const names = this.selects.map(select => select.value);
    if (names[0] === names[1]) throw new Failure("Choose two versions: both sides are the same.");
    if (this.does === "nothing") throw new Failure("These two do not do the same with a text.");
    const blind = this.blind.checked;
    if (blind && crypto.getRandomValues(new Uint8Array(1))[0] % 2) names.reverse();
    return this.#ask(new Round(this, ++this.rounds, { text, settings, names, blind }));
  }

  async #ask(round) {
    this.log.append(round.element);
    await Promise.all([0, 1].map(side => round.answer(side)));
    return round.answers;
  }
}

class Round {
  constructor(view, count, { text, settings, names, blind }) {
    Object.assign(this, { view, text, settings, names, blind });
    this.does = view.does;
    this.answers = [0, 1].map(side =>
      new Answer(this.#title(side, blind), () => view.run(() => this.answer(side))));
    this.vote = el("div", { class: "vote" });
    this.element = el("section", { class: "round", "aria-label": `Round ${count}` },
      el("article", { class: "said" }, el("h3", {}, `Round ${count}`), el("div", { class: "text" }, text)),
      el("div", { class: "sides" }, this.answers.map(answer => answer.element)), this.vote);
  }

  /** Neither names nor how fast each was are in the page before the vote, if it is blind. */
  #title(side, blind) {
    const place = side ? "Right" : "Left";
    return blind ? place : `${place}: ${this.answers?.[side].version ?? this.names[side]}`;
  }

  async answer(side) {
    const model = this.names[side], answer = this.answers[side];
    const engine = this.view.server.engine(model);
    const asked = { model, engine, does: this.does, settings: this.settings.sampling };
    if (this.does === "chat") {
      const { system } = this.settings;
      asked.messages = [
        ...(system ? [{ role: "system", content: system }] : []),
        { role: "user", content: this.text },
      ];
    } else asked.prompt = this.text;
    this.vote.replaceChildren();
    await answer.fill(asked, this.view.run.signal());
    answer.done = true;
    if (!this.blind) answer.sign();
    // Half an answer says nothing of the whole.
    if (this.answers.every(one => one.done && !one.failed && !one.stopped)) this.#offer();
    return [answer];
  }

  #offer(trouble = null) {
    const buttons = CHOICES.map(([choice, words]) =>
      el("button", { type: "button", class: "plain", click: () => this.#send(choice) }, words));
    this.vote.replaceChildren(
      el("fieldset", {}, el("legend", {}, "Which answer is better?"), buttons),
      trouble ? el("p", { class: "error" }, trouble) : "");
  }

  async #send(choice) {
    const [a, b] = this.names;
    for (const button of this.vote.querySelectorAll("button")) button.disabled = true;
    try {
      await post("page/votes", { a, b, choice, blind: this.blind, prompt: this.text });
    } catch (error) {
      this.#offer(`The vote was not kept. ${error.message}`);
      this.vote.querySelector("button").focus();
      return;
    }
    this.answers.forEach((answer, side) => {
      answer.title.textContent = this.#title(side, false);
      answer.sign();
    });
    const reveal = this.blind ? ` Left was ${a}, right was ${b}.` : "";
    this.vote.replaceChildren(el("p", { class: "kept" }, `Your vote is kept: ${TOLD[choice]}.${reveal}`));
    at("text").focus();
  }
}
