// The websocket and its messages; comes back by itself, to the same session.

const RETRY_MS = [500, 1000, 2000, 5000];
// Coming back does not help against these; what does is said where they are shown.
const FINAL = new Set(["unauthorised", "bad_version", "taken_over", "too_many_errors"]);

// Events: message (JSON of the server), audio, state ({state, wait?}), key (unknown?: a key is needed),
// deaf (the server cannot hear).
export class Connection extends EventTarget {
  #socket = null;
  #hello;
  #tries = 0;
  #timer = 0;
  #live = false;
  #final = false;

  // hello: what the first message says, but version, key and resume.
  constructor(hello) {
    super();
    this.#hello = hello;
  }

  // Connects, or connects anew; `key`: an API key to come with.
  open(key) {
    if (key) sessionStorage.setItem("key", key);
    clearTimeout(this.#timer);
    this.#drop();
    this.#final = false;
    this.#state({ state: "connecting" });
    const socket = new WebSocket(`${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}/ws`);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => this.send({ type: "hello", version: 1, ...this.#hello, ...kept("key"), ...kept("resume") });
    socket.onmessage = ({ data }) => (typeof data === "string" ? this.#message(JSON.parse(data)) : this.#audio(data));
    socket.onclose = () => this.#closed();
    this.#socket = socket;
  }

  // Leaves the session for a new one.
  begin() {
    sessionStorage.removeItem("resume");
    this.open();
  }

  // Whether it could be sent.
  send(message) {
    const open = this.#socket?.readyState === WebSocket.OPEN;
    if (open) this.#socket.send(JSON.stringify(message));
    return open;
  }

  sendAudio(pcm) {
    if (this.#live && this.#hello.rate) this.#socket.send(pcm);
  }

  #message(message) {
    if (message.type === "welcome") {
      sessionStorage.setItem("resume", message.session);
      this.#tries = 0;
      this.#live = true;
      this.#state({ state: "connected" });
    }
    if (message.type === "error" && message.fatal) this.#failed(message);
    this.dispatchEvent(new CustomEvent("message", { detail: message }));
  }

  #failed({ code, field }) {
    this.#final = FINAL.has(code);
    if (code === "unauthorised") this.#tell("key", Boolean(sessionStorage.getItem("key")));
    if (code === "bad_identity") renewIdentity();
    if (code === "unavailable" && field === "rate" && this.#hello.rate) {
      this.#hello = { ...this.#hello, rate: 0 };
      this.#tell("deaf");
    }
  }

  // uint32 utterance, uint32 offset in ms (little endian), then int16 mono.
  #audio(data) {
    const head = new DataView(data);
    const detail = { utterance: head.getUint32(0, true), offset: head.getUint32(4, true), pcm: new Int16Array(data, 8) };
    this.#tell("audio", detail);
  }

  #closed() {
    this.#live = false;
    const wait = this.#final ? null : RETRY_MS[Math.min(this.#tries++, RETRY_MS.length - 1)];
    this.#state({ state: "closed", wait });
    if (wait !== null) this.#timer = setTimeout(() => this.open(), wait);
  }

  #drop() {
    if (!this.#socket) return;
    this.#socket.onmessage = this.#socket.onclose = this.#socket.onopen = null;
    this.#socket.close(1000);
    this.#live = false;
  }

  #state(detail) {
    this.#tell("state", detail);
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

function kept(name) {
  const value = sessionStorage.getItem(name);
  return value ? { [name]: value } : {};
}

// The identity is a cookie that comes with the page; the server has forgotten how it signed the old one.
function renewIdentity() {
  fetch("/", { cache: "no-store" }).catch(() => {}); // offline: the next try will say so
}
