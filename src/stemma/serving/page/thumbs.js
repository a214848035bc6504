// Whether an answer was good: one thumb for each answer, bound to its id.

import { post } from "./api.js";
import { el } from "./dom.js";

const CHOICES = [["up", "👍", "Good answer"], ["down", "👎", "Bad answer"]];

/**
 * Offer thumbs below an answer.
 * @param answer that has an id. @param kept is called once the server has kept one.
 */
export function offer(answer, kept) {
  answer.judged.replaceChildren();
  if (!answer.id) return;
  if (answer.thumb) return say(answer);
  const buttons = CHOICES.map(([thumb, sign, words]) => el("button", {
    type: "button", class: "plain", "aria-label": words, title: words, click: () => send(thumb),
  }, sign));
  answer.judged.append(...buttons);

  async function send(thumb) {
    for (const button of buttons) button.disabled = true;
    answer.judged.replaceChildren(...buttons);
    try {
      await post("v1/feedback", { response_id: answer.id, thumb });
    } catch (error) {
      for (const button of buttons) button.disabled = false;
      answer.judged.append(el("p", { class: "error" }, error.message));
      return;
    }
    answer.thumb = thumb;
    say(answer);
    kept();
  }
}

function say(answer) {
  const [, sign, words] = CHOICES.find(([thumb]) => thumb === answer.thumb);
  answer.judged.replaceChildren(el("p", { class: "kept" }, `${sign} ${words}: kept.`));
}
