// The agent's voice: hands audio to the player's thread, and reports what has been played.

const RATE = 24000;

export class Speaker {
  #context = new AudioContext({ sampleRate: RATE });
  #meter = new AnalyserNode(this.#context, { fftSize: 1024 });
  #samples = new Float32Array(1024);
  #player = null;
  #waiting = [];
  #told;

  // told.played(utterance, ms): every 100 ms of sound, at a pause and at the end;
  // told.locked(yes): the browser allows no sound until the user has clicked or typed.
  constructor(told) {
    this.#told = told;
    this.#context.onstatechange = () => this.#context.state === "running" && told.locked(false);
    this.#load();
  }

  // The loudest sample of the last moments, 0..1.
  get level() {
    this.#meter.getFloatTimeDomainData(this.#samples);
    return this.#samples.reduce((peak, sample) => Math.max(peak, Math.abs(sample)), 0);
  }

  unlock() {
    if (this.#context.state === "suspended") this.#context.resume();
  }

  begin(utterance) {
    if (this.#context.state === "suspended") this.#told.locked(true);
    this.#post({ type: "begin", utterance });
  }

  audio({ utterance, offset, pcm }) {
    this.#post({ type: "audio", utterance, sample: (offset * RATE) / 1000, pcm });
  }

  pause(utterance) {
    this.#post({ type: "pause", utterance });
  }

  resume(utterance, fromMs) {
    this.#post({ type: "resume", utterance, sample: (fromMs * RATE) / 1000 });
  }

  flush(utterance) {
    this.#post({ type: "flush", utterance });
  }

  // No more of it will come.
  end(utterance) {
    this.#post({ type: "end", utterance });
  }

  // Silence; utterances count from 1 again.
  reset() {
    this.#post({ type: "reset" });
  }

  async #load() {
    await this.#context.audioWorklet.addModule("player-worklet.js");
    const player = new AudioWorkletNode(this.#context, "player", { numberOfInputs: 0, outputChannelCount: [1] });
    player.port.onmessage = ({ data }) => this.#told.played(data.utterance, Math.round((data.sample * 1000) / RATE));
    player.connect(this.#meter).connect(this.#context.destination);
    this.#player = player;
    this.#waiting.splice(0).forEach((message) => player.port.postMessage(message));
  }

  #post(message) {
    if (this.#player) this.#player.port.postMessage(message);
    else this.#waiting.push(message);
  }
}
