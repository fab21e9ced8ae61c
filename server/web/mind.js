// What the agent makes of this moment: whose floor it is, what it leans to and why, and every judgement so far.

const LEANING = {
  keep_listening: "listens",
  keep_talking: "goes on talking",
  reply: "replies",
  refuse: "refuses",
  deflect: "changes the subject",
  interrupt: "cuts in",
  block: "ends the chat",
  silence: "stays silent",
  yield_floor: "lets you speak",
};
const READY = { reply: "reply", refuse: "refuse", deflect: "change the subject" };
const APPRAISAL = {
  plain: "plain talk",
  affront: "an insult",
  unreasonable: "too much to ask",
  boring: "a repetition",
  agreement: "agreement",
  conflict: "another opinion",
};
const MOST_ROWS = 200;
const MOST_WORDS = 76; // characters of a turn's end in a row

const at = (id) => document.getElementById(id);

export class Mind {
  name = "The agent";
  #row = null; // the newest judgement's, with the key of what it says
  #key = "";
  #count = 0;
  #began = performance.now();

  clear() {
    this.#began = performance.now();
    at("judgements").replaceChildren();
    at("leaning").textContent = "Listening";
    at("reason").textContent = "Nothing was said yet.";
    at("now").dataset.act = "";
    this.#meter("complete", null);
    this.#key = "";
  }

  floor(floor) {
    document.body.dataset.floor = floor;
  }

  judged({ action, reason, p_complete, patience, appraisal, text, hold, confidence }) {
    const leaning = hold ? `gets ready to ${READY[action] ?? action}` : LEANING[action];
    at("leaning").textContent = `${this.name} ${leaning}`;
    at("reason").textContent = reason;
    at("now").dataset.act = hold ? "" : action;
    at("appraisal").textContent = APPRAISAL[appraisal];
    this.#meter("complete", p_complete);
    this.#meter("patience", patience);
    this.#log(leaning, action, hold, reason, text, confidence);
  }

  // Judgements that say the same of more and more words share a row.
  #log(leaning, action, hold, reason, text, confidence) {
    const key = `${leaning}|${reason}`;
    this.#count = key === this.#key ? this.#count + 1 : 1;
    if (key !== this.#key) this.#row = this.#newRow(leaning, hold ? "" : action, reason);
    this.#key = key;
    const [time, , sure, , words] = this.#row.children;
    time.textContent ||= clock((performance.now() - this.#began) / 1000);
    sure.textContent = `${this.#count > 1 ? `×${this.#count} ` : ""}${Math.round(confidence * 100)} % sure`;
    words.textContent = text.length > MOST_WORDS ? text.slice(-MOST_WORDS).replace(/^\S{0,12}\s?/, "… ") : text;
    words.title = text;
  }

  #newRow(leaning, action, reason) {
    const row = document.createElement("li");
    row.dataset.act = action;
    for (const [kind, text] of [["time", ""], ["b", leaning], ["span", ""], ["em", reason], ["q", ""]]) {
      row.append(Object.assign(document.createElement(kind), { textContent: text }));
    }
    at("judgements").prepend(row);
    while (at("judgements").children.length > MOST_ROWS) at("judgements").lastChild.remove();
    return row;
  }

  #meter(id, value) {
    at(id).value = value ?? 0;
    at(`${id}-value`).textContent = value === null ? "–" : `${Math.round(value * 100)} %`;
  }
}

function clock(seconds) {
  return `${Math.floor(seconds / 60)}:${(seconds % 60).toFixed(1).padStart(4, "0")}`;
}
