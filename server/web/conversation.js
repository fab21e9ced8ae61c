// The conversation as bubbles: what each side said, and what the other heard of it.

const BADGE = {
  refuse: "refused",
  deflect: "changed the subject",
  interrupt: "cut in",
  block: "ended the chat",
};
const ENDING = {
  cut: "you took the floor",
  failed: "something failed here",
  tool: "is looking something up",
};

export class Conversation {
  name = "The agent";
  #list;
  #turns = new Map(); // bubbles of the user's turns, by id
  #open = null; // id of the turn that is being spoken
  #answers = new Map(); // the first bubble that answers a turn, by the turn's id
  #utterances = new Map(); // bubbles that are being spoken, by number
  #silent = null; // the turn whose silence was noted
  #atEnd = true;

  constructor(list) {
    this.#list = list;
    list.addEventListener("scroll", () => {
      this.#atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
    });
    new ResizeObserver(() => this.#toEnd()).observe(list);
  }

  // A session begins; `history`: what was said in it before, which replaces what is shown.
  begin(history, resumed) {
    this.#forget();
    if (!resumed) return;
    this.clear();
    for (const { id, role, content } of history) {
      if (role === "user") this.turn({ id, text: content });
      else this.#add(this.#agent("", content));
    }
  }

  clear() {
    this.#forget();
    this.#list.replaceChildren();
  }

  // The connection broke off: what was live is no more.
  lost() {
    if (this.#open) this.#turns.get(this.#open)?.remove();
    for (const bubble of this.#utterances.values()) this.#close(bubble, "the connection broke off");
    this.#forget();
  }

  // A judgement tells the words of the open turn, as the agent has understood them so far.
  judged({ turn, text, action, reason }) {
    if (this.#open && this.#open !== turn) this.#drop(this.#open);
    if (turn && text && (!this.#turns.has(turn) || this.#open === turn)) {
      this.#words(turn, text).classList.add("live");
      this.#open = turn;
    }
    if (action === "silence" && this.#silent !== turn + text) {
      this.#silent = turn + text;
      this.note(`${this.name} stays silent: ${reason}`);
    }
  }

  // A turn is over; again if late words amend it.
  turn({ id, text }) {
    this.#words(id, text).classList.remove("live");
    if (this.#open === id) this.#open = null;
  }

  utterance({ id, behaviour, turn }) {
    const bubble = this.#agent(behaviour, "");
    bubble.classList.add("live");
    this.#utterances.set(id, bubble);
    if (turn && !this.#answers.has(turn)) this.#answers.set(turn, bubble);
    this.#add(bubble);
  }

  text({ id, delta }) {
    const said = this.#utterances.get(id)?.querySelector(".said");
    if (said) said.textContent += delta;
    this.#toEnd();
  }

  paused(id, paused) {
    this.#utterances.get(id)?.classList.toggle("paused", paused);
  }

  ended({ id, heard, reason }) {
    const bubble = this.#utterances.get(id);
    this.#utterances.delete(id);
    if (!bubble) return;
    const said = bubble.querySelector(".said");
    const meant = said.textContent;
    if (!heard && !meant) return bubble.remove();
    said.textContent = heard;
    if (reason !== "finished" && meant.startsWith(heard)) this.#strike(bubble, meant.slice(heard.length));
    this.#close(bubble, ENDING[reason]);
  }

  note(text) {
    this.#add(element("li", "note", text));
  }

  #words(id, text) {
    let bubble = this.#turns.get(id);
    if (!bubble) {
      bubble = element("li", "user");
      this.#turns.set(id, bubble);
      this.#add(bubble, this.#answers.get(id));
    }
    bubble.textContent = text;
    this.#toEnd();
    return bubble;
  }

  #drop(turn) {
    this.#turns.get(turn)?.remove();
    this.#turns.delete(turn);
    this.#open = null;
  }

  #agent(behaviour, text) {
    const bubble = element("li", `agent ${behaviour}`);
    if (BADGE[behaviour]) bubble.append(element("span", "badge", BADGE[behaviour]));
    bubble.append(element("span", "said", text));
    return bubble;
  }

  #strike(bubble, text) {
    if (text.trim()) bubble.append(element("s", "", text));
  }

  #close(bubble, how) {
    bubble.classList.remove("live", "paused");
    if (how) bubble.append(element("small", "", how));
    this.#toEnd();
  }

  #forget() {
    for (const known of [this.#turns, this.#answers, this.#utterances]) known.clear();
    this.#open = this.#silent = null;
  }

  #add(bubble, before = null) {
    this.#list.insertBefore(bubble, before?.isConnected ? before : null);
    this.#toEnd();
  }

  // Unless the user has scrolled up to read.
  #toEnd() {
    if (this.#atEnd) this.#list.scrollTop = this.#list.scrollHeight;
  }
}

function element(kind, name, text = "") {
  const node = document.createElement(kind);
  node.className = name.trim();
  node.textContent = text;
  return node;
}
