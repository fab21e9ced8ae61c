// Plays one utterance at a time. Audio is placed by its sample: it replaces what stands there.

const REPORT_EVERY = sampleRate / 10;
const FADE = 1 / (0.004 * sampleRate); // 4 ms, so that a pause does not click

class Player extends AudioWorkletProcessor {
  #utterance = 0;
  #pcm = new Int16Array(sampleRate * 20);
  #end = 0;
  #at = 0;
  #playing = false;
  #gain = 0;
  #reported = 0;

  constructor() {
    super();
    this.port.onmessage = ({ data }) => this[data.do](data);
  }

  begin({ utterance }) {
    this.#utterance = utterance;
    this.#end = this.#at = this.#reported = 0;
    this.#playing = true;
  }

  audio({ utterance, sample, pcm }) {
    if (utterance !== this.#utterance) return; // stale: a newer one has begun
    const end = sample + pcm.length;
    if (end > this.#pcm.length) {
      const larger = new Int16Array(2 * end);
      larger.set(this.#pcm.subarray(0, this.#end));
      this.#pcm = larger;
    }
    this.#pcm.set(pcm, sample);
    this.#end = end;
    if (sample < this.#at) this.#at = sample;
  }

  pause({ utterance }) {
    if (utterance !== this.#utterance) return;
    this.#playing = false;
    this.#report();
  }

  resume({ utterance, sample }) {
    if (utterance !== this.#utterance) return;
    this.#at = sample;
    this.#playing = true;
  }

  flush({ utterance }) {
    if (utterance !== this.#utterance) return;
    this.#end = Math.min(this.#end, this.#at + 1 / FADE);
    this.#playing = false;
    this.#report();
  }

  process(_, [[out]]) {
    for (let i = 0; i < out.length; i++) {
      const sounds = this.#at < this.#end && (this.#playing || this.#gain > 0);
      this.#gain = Math.max(0, Math.min(1, this.#gain + (sounds && this.#playing ? FADE : -FADE)));
      out[i] = sounds ? (this.#pcm[this.#at] / 32768) * this.#gain : 0;
      if (sounds && this.#playing) this.#at++;
    }
    if (this.#at - this.#reported >= REPORT_EVERY) this.#report();
    return true;
  }

  #report() {
    this.#reported = this.#at;
    this.port.postMessage({ utterance: this.#utterance, sample: this.#at });
  }
}

registerProcessor("player", Player);
