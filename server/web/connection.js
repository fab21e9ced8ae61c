// The websocket and its messages; comes back by itself, to the same session.

const RETRY_MS = [500, 1000, 2000, 5000];

export class Connection extends EventTarget {
  #socket = null;
  #session = null;
  #tries = 0;
  #hello;

  // hello: what the first message says, but version and resume.
  constructor(hello) {
    super();
    this.#hello = hello;
  }

  open() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}/ws`);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    this.#state("connecting");
    socket.onopen = () => {
      const key = sessionStorage.getItem("key");
      const resume = this.#session;
      this.send({ type: "hello", version: 1, ...this.#hello, ...(key && { key }), ...(resume && { resume }) });
    };
    socket.onmessage = ({ data }) => (typeof data === "string" ? this.#message(JSON.parse(data)) : this.#audio(data));
    socket.onclose = () => this.#closed();
  }

  get live() {
    return this.#socket?.readyState === WebSocket.OPEN && this.#session !== null;
  }

  send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  sendAudio(pcm) {
    if (this.live) this.#socket.send(pcm);
  }

  #message(message) {
    if (message.type === "welcome") {
      this.#session = message.session;
      this.#tries = 0;
      this.#state("connected");
    }
    if (message.type === "error" && message.code === "resume_not_found") this.#session = null;
    if (message.type === "error" && message.code === "unauthorised") {
      const key = prompt("This server asks for an API key:");
      if (key) sessionStorage.setItem("key", key);
      else this.#tries = Infinity;
    }
    if (message.type === "error" && message.code === "taken_over") this.#tries = Infinity;
    this.dispatchEvent(new CustomEvent("message", { detail: message }));
  }

  // uint32 utterance, uint32 offset in ms (little endian), then int16 mono.
  #audio(data) {
    const head = new DataView(data);
    const detail = { utterance: head.getUint32(0, true), offset: head.getUint32(4, true), pcm: new Int16Array(data, 8) };
    this.dispatchEvent(new CustomEvent("audio", { detail }));
  }

  #closed() {
    this.#state("closed");
    if (this.#tries === Infinity) return;
    const wait = RETRY_MS[Math.min(this.#tries++, RETRY_MS.length - 1)];
    setTimeout(() => this.open(), wait);
  }

  #state(state) {
    this.dispatchEvent(new CustomEvent("state", { detail: state }));
  }
}
