// The last seconds as a picture: the user's voice above, the agent's below, between them how finished the turn sounds,
// and what the agent decided.

const SECONDS = 20;
const BIN = 0.05; // seconds
const BINS = SECONDS / BIN;
const MERELY = new Set(["keep_listening", "keep_talking"]);
const ACTS = {
  reply: "replies",
  refuse: "refuses",
  deflect: "changes the subject",
  interrupt: "cuts in",
  block: "ends the chat",
  silence: "stays silent",
  yield_floor: "lets you speak",
};

export class Strip {
  name = "Agent";
  #canvas;
  #levels; // () => {user, agent}, each 0..1
  #bins = []; // one for every 50 ms, the newest last: {user, agent, floor}
  #newest = Math.floor(now() / BIN);
  #marks = []; // {at, p, act}
  #floor = "open";
  #onLevel = null;
  #colors = {};

  constructor(canvas, levels) {
    this.#canvas = canvas;
    this.#levels = levels;
    this.#readColors();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#readColors());
    new ResizeObserver(() => this.#fit()).observe(canvas);
    this.#follow();
  }

  floor(floor) {
    this.#floor = floor;
  }

  judged({ action, hold, p_complete }) {
    const last = this.#marks.at(-1);
    const act = hold || MERELY.has(action) ? "" : action;
    if (act && last?.act === act && now() - last.at < 1) return;
    this.#marks.push({ at: now(), p: p_complete, act });
  }

  // Calls back with the microphone's level, for its button; false: there is nothing to listen to.
  listen(onLevel) {
    this.#onLevel?.(0);
    this.#onLevel = onLevel || null;
  }

  #follow() {
    const bin = Math.floor(now() / BIN);
    if (bin > this.#newest) {
      const { user, agent } = this.#levels();
      const missed = Math.min(bin - this.#newest, BINS);
      for (let i = 0; i < missed; i++) this.#bins.push({ user, agent, floor: this.#floor });
      this.#bins.splice(0, this.#bins.length - BINS);
      this.#newest = bin;
      this.#onLevel?.(loudness(user));
      this.#marks = this.#marks.filter(({ at }) => at > now() - SECONDS);
      this.#draw();
    }
    requestAnimationFrame(() => this.#follow());
  }

  #draw() {
    const { width, height } = this.#canvas;
    const g = this.#canvas.getContext("2d");
    const scale = devicePixelRatio;
    const step = width / BINS;
    const top = 18 * scale; // of the user's lane; above it stand the acts
    const lane = (height - top) / 2;
    const middle = top + lane;
    const x = (at) => width - (now() - at) * (width / SECONDS);
    g.clearRect(0, 0, width, height);
    this.#bins.forEach(({ user, agent, floor }, i) => {
      const left = width - (this.#bins.length - i) * step;
      if (floor !== "open") {
        g.fillStyle = this.#colors[`${floor}-wash`];
        g.fillRect(left, floor === "user" ? top : middle, step + 1, lane);
      }
      this.#bar(g, left, middle - 1, -loudness(user) * (lane - 4 * scale), step, "user");
      this.#bar(g, left, middle + 1, loudness(agent) * (lane - 4 * scale), step, "agent");
    });
    g.fillStyle = this.#colors.edge;
    g.fillRect(0, middle - scale / 2, width, scale);
    this.#drawProbability(g, x, middle, lane, scale);
    this.#drawActs(g, x, height, scale);
    this.#label(g, "You", 8 * scale, top + 12 * scale, "dim", scale);
    this.#label(g, this.name, 8 * scale, height - 7 * scale, "dim", scale);
  }

  #bar(g, left, from, length, step, color) {
    if (Math.abs(length) < 0.5) return;
    g.fillStyle = this.#colors[color];
    g.fillRect(left, from, Math.max(1, step - 1), length);
  }

  // A dot a judgement: at the middle line if the turn surely goes on, at the top if it surely is over.
  #drawProbability(g, x, middle, lane, scale) {
    g.fillStyle = this.#colors.ink;
    for (const { at, p } of this.#marks) {
      if (p === null) continue;
      g.beginPath();
      g.arc(x(at), middle - (0.06 + 0.88 * p) * lane, 2 * scale, 0, 7);
      g.fill();
    }
  }

  #drawActs(g, x, height, scale) {
    let free = Infinity; // labels end before the next mark; what has no room is told by the list of judgements
    for (const { at, act } of this.#marks.filter(({ act }) => act).reverse()) {
      g.fillStyle = this.#colors.act;
      g.fillRect(x(at), 0, 2 * scale, height);
      this.#label(g, ACTS[act], x(at) + 6 * scale, 13 * scale, "act", scale, free);
      free = x(at);
    }
  }

  #label(g, text, left, base, color, scale, free = Infinity) {
    g.font = `${color === "act" ? 600 : 400} ${11.5 * scale}px system-ui, sans-serif`;
    if (left + g.measureText(text).width > free) return;
    g.lineWidth = 4 * scale;
    g.strokeStyle = this.#colors.paper;
    g.strokeText(text, left, base);
    g.fillStyle = this.#colors[color];
    g.fillText(text, left, base);
  }

  #fit() {
    this.#canvas.width = this.#canvas.clientWidth * devicePixelRatio;
    this.#canvas.height = this.#canvas.clientHeight * devicePixelRatio;
    this.#draw();
  }

  #readColors() {
    const probe = document.createElement("i");
    document.body.append(probe);
    for (const name of ["ink", "dim", "edge", "paper", "user", "agent", "user-wash", "agent-wash", "act"]) {
      probe.style.color = `var(--${name})`;
      this.#colors[name] = getComputedStyle(probe).color;
    }
    probe.remove();
  }
}

function now() {
  return performance.now() / 1000;
}

// Peaks as heard: 0 from -50 dB down, 1 at full scale.
function loudness(peak) {
  return peak > 0 ? Math.max(0, Math.min(1, 1 + Math.log10(peak) / 2.5)) : 0;
}
