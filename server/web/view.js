// What the page shows: the conversation on the left, the agent's mind on the right.

const LEANING = {
  keep_listening: "listening",
  keep_talking: "goes on talking",
  reply: "replies",
  refuse: "refuses",
  deflect: "changes the topic",
  interrupt: "cuts in",
  block: "ends the chat",
  silence: "stays silent",
  yield_floor: "lets you speak",
};
const BADGE = { refuse: "refused", deflect: "deflected", interrupt: "cut in", block: "ended the chat" };
const MOST_JUDGEMENTS = 60;

const at = (id) => document.getElementById(id);

export class View {
  #live = null; // the bubble of the turn that is being spoken
  #segments = new Map();
  #utterances = new Map();
  #last = "";

  welcome({ personas, config, history }) {
    const choice = at("persona");
    choice.replaceChildren(...personas.map(({ id, name }) => new Option(name, id)));
    this.config(config);
    for (const said of history) this.#bubble(said.role === "user" ? "user" : "agent", said.content);
  }

  config({ persona }) {
    if (persona) at("persona").value = persona;
  }

  partial({ segment, text }) {
    this.#segments.set(segment, text);
    this.#show([...this.#segments].sort(([a], [b]) => a - b).map(([, words]) => words).join(" ").trim());
  }

  turn({ id, text }) {
    const known = document.querySelector(`#talk [data-turn="${CSS.escape(id)}"]`);
    const bubble = known ?? this.#live ?? this.#bubble("user", "");
    if (known && this.#live) this.#live.remove();
    bubble.textContent = text;
    bubble.dataset.turn = id;
    bubble.classList.remove("live");
    this.#live = null;
    this.#segments.clear();
  }

  judgement(judgement) {
    const { action, reason, p_complete, patience, appraisal, text, hold, confidence } = judgement;
    const leaning = hold ? `gets ready: ${LEANING[action]}` : LEANING[action];
    at("leaning").textContent = leaning;
    at("reason").textContent = reason;
    at("appraisal").textContent = appraisal;
    this.#meter("complete", p_complete);
    this.#meter("patience", patience);
    if (action === "silence") this.note(`stays silent: ${reason}`);
    if (action === "yield_floor") this.note("stops: you have the floor");
    if (this.#last === `${action}${reason}${text}`) return;
    this.#last = `${action}${reason}${text}`;
    const row = document.createElement("li");
    const act = document.createElement("b");
    act.textContent = leaning;
    const words = document.createElement("span");
    words.className = "words";
    words.textContent = text.length > 90 ? `…${text.slice(-90)}` : text;
    row.append(act, ` (${Math.round(confidence * 100)} %) ${reason}`, words);
    at("judgements").prepend(row);
    while (at("judgements").children.length > MOST_JUDGEMENTS) at("judgements").lastChild.remove();
  }

  floor({ floor }) {
    at("floor").dataset.floor = floor;
    at("floor").textContent = { open: "floor: open", user: "you have the floor", agent: "it has the floor" }[floor];
  }

  utterance({ id, behaviour }) {
    const bubble = this.#bubble("agent live", "");
    if (BADGE[behaviour]) {
      const badge = document.createElement("span");
      badge.className = "badge";
      badge.textContent = BADGE[behaviour];
      bubble.append(badge);
    }
    bubble.append(document.createElement("span"));
    bubble.dataset.utterance = id;
    this.#utterances.set(id, bubble);
  }

  text({ id, delta }) {
    const bubble = this.#utterances.get(id);
    if (bubble) bubble.lastChild.textContent += delta;
    this.#toEnd();
  }

  utteranceEnd({ id, heard, reason }) {
    const bubble = this.#utterances.get(id);
    if (!bubble) return;
    this.#utterances.delete(id);
    bubble.classList.remove("live");
    const meant = bubble.lastChild.textContent;
    if (!heard && reason !== "finished") {
      bubble.remove();
      return;
    }
    bubble.lastChild.textContent = heard || meant;
    if (reason === "cut" && meant.startsWith(heard)) {
      const unheard = document.createElement("span");
      unheard.className = "unheard";
      unheard.textContent = meant.slice(heard.length);
      bubble.append(unheard);
    }
    if (reason === "failed") this.note("something failed in the middle of that");
  }

  blocked({ until, reason }) {
    const banner = at("blocked");
    const time = new Date(until * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
    banner.textContent = `It has ended the chat until ${time}: ${reason}`;
    banner.hidden = until * 1000 < Date.now();
    setTimeout(() => (banner.hidden = true), Math.max(0, Math.min(until * 1000 - Date.now(), 2 ** 31 - 1)));
  }

  error(message) {
    at("error").textContent = message;
    at("error").hidden = !message;
  }

  link(state) {
    at("link").textContent = state;
    at("link").dataset.state = state;
  }

  microphone(on) {
    at("microphone").setAttribute("aria-pressed", String(on));
    at("microphone").textContent = on ? "The microphone is on" : "Turn the microphone on";
  }

  note(text) {
    this.#bubble("note", text);
  }

  #show(text) {
    if (!text) return;
    this.#live ??= this.#bubble("user live", "");
    this.#live.textContent = text;
    this.#toEnd();
  }

  #bubble(kind, text) {
    const bubble = document.createElement("li");
    bubble.className = kind;
    bubble.textContent = text;
    at("talk").append(bubble);
    this.#toEnd();
    return bubble;
  }

  #meter(id, value) {
    at(id).value = value ?? 0;
    at(`${id}-value`).textContent = value === null ? "-" : `${Math.round(value * 100)} %`;
  }

  #toEnd() {
    at("talk").scrollTop = at("talk").scrollHeight;
  }
}
