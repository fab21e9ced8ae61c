// Gathers 20 ms of the microphone's first channel and posts them as int16.

class Capture extends AudioWorkletProcessor {
  #pcm = new Int16Array(Math.round(sampleRate / 50));
  #filled = 0;

  process([input]) {
    for (const sample of input[0] ?? []) {
      this.#pcm[this.#filled++] = Math.max(-1, Math.min(1, sample)) * 32767;
      if (this.#filled === this.#pcm.length) {
        this.port.postMessage(this.#pcm.buffer, [this.#pcm.buffer]);
        this.#pcm = new Int16Array(Math.round(sampleRate / 50));
        this.#filled = 0;
      }
    }
    return true;
  }
}

registerProcessor("capture", Capture);
