// Lines across the page: what is wrong, and until when the agent has ended the chat. And the question for a key.

const at = (id) => document.getElementById(id);

const ERRORS = {
  bad_version: "This page is older than the server. Load it again.",
  taken_over: "This conversation goes on in another tab.",
  too_many_errors: "The server has had too many mistakes from this page. Load it again.",
  unauthorised: "The server lets nobody in without an API key.",
  busy: "The server is full at the moment.",
};

export class Notices {
  #box;
  #lines = new Map();
  #ticking = 0;

  constructor(box) {
    this.#box = box;
  }

  // Shows a line under a name, in place of the one before; empty: none. `act`: [text of a button, what it does].
  set(name, text, act = null, kind = "problem") {
    if (this.#lines.get(name)?.firstChild.textContent === text) return;
    this.#lines.get(name)?.remove();
    this.#lines.delete(name);
    if (!text) return;
    const line = document.createElement("p");
    line.className = kind;
    line.dataset.notice = name;
    line.append(Object.assign(document.createElement("span"), { textContent: text }));
    if (act) line.append(button(...act));
    this.#lines.set(name, line);
    this.#box.append(line);
  }

  // again(): connects anew.
  error({ code, field, message, fatal }, again) {
    if (code === "bad_identity" || (code === "unavailable" && field === "rate")) return; // mended by the next try
    const dismiss = ["Dismiss", () => this.set("error", "")];
    this.set("error", ERRORS[code] ?? message, fatal ? ["Connect here", again] : dismiss);
  }

  link({ state, wait = null }, again) {
    at("link").dataset.state = state;
    at("link").textContent = state === "closed" ? "no connection" : state;
    if (state === "connecting") return;
    const trying = state === "closed" && wait !== null; // where it does not try, an error says why
    this.set("link", trying && "No connection to the server. The page keeps trying.", ["Try now", again]);
  }

  // given: {until, reason}, or null for none.
  blocked(given, name = "") {
    clearInterval(this.#ticking);
    this.set("blocked", "");
    if (!given || given.until * 1000 <= Date.now()) return;
    const end = new Date(given.until * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
    this.set("blocked", `${name} has ended the chat until ${end}: ${given.reason}.`, null, "ended");
    const left = Object.assign(document.createElement("time"), { ariaHidden: "true" });
    this.#lines.get("blocked").append(left);
    const tick = () => {
      const seconds = Math.ceil(given.until - Date.now() / 1000);
      left.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")} left`;
      if (seconds <= 0) this.blocked(null);
    };
    tick();
    this.#ticking = setInterval(tick, 1000);
  }

  // The key that the user gives. `wrong`: the one before was not known.
  key(wrong) {
    at("key-problem").hidden = !wrong;
    at("key").value = "";
    at("key-dialog").showModal();
    return new Promise((given) => {
      at("key-dialog").addEventListener("close", () => given(at("key").value.trim()), { once: true });
    });
  }
}

function button(text, act) {
  const node = Object.assign(document.createElement("button"), { type: "button", textContent: text });
  node.addEventListener("click", act);
  return node;
}
