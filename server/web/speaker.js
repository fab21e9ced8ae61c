// The agent's voice: hands audio to the player's thread, and reports what has been played.

const RATE = 24000;

export class Speaker {
  #context = new AudioContext({ sampleRate: RATE });
  #player = null;
  #waiting = [];

  // played(utterance, ms) is called every 100 ms of sound, and when it pauses.
  constructor(played) {
    this.#ready(played);
  }

  // Browsers allow sound only after a click or a key.
  async unlock() {
    if (this.#context.state === "suspended") await this.#context.resume();
  }

  begin(utterance) {
    this.#post({ do: "begin", utterance });
  }

  audio({ utterance, offset, pcm }) {
    this.#post({ do: "audio", utterance, sample: (offset * RATE) / 1000, pcm });
  }

  pause(utterance) {
    this.#post({ do: "pause", utterance });
  }

  resume(utterance, fromMs) {
    this.#post({ do: "resume", utterance, sample: (fromMs * RATE) / 1000 });
  }

  flush(utterance) {
    this.#post({ do: "flush", utterance });
  }

  async #ready(played) {
    await this.#context.audioWorklet.addModule("player-worklet.js");
    const player = new AudioWorkletNode(this.#context, "player", { numberOfInputs: 0, outputChannelCount: [1] });
    player.port.onmessage = ({ data }) => played(data.utterance, Math.round((data.sample * 1000) / RATE));
    player.connect(this.#context.destination);
    this.#player = player;
    this.#waiting.splice(0).forEach((message) => player.port.postMessage(message));
  }

  #post(message) {
    if (this.#player) this.#player.port.postMessage(message);
    else this.#waiting.push(message);
  }
}
