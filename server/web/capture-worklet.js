// Gathers 20 ms of the microphone's first channel and posts them as int16, with their loudest sample (0..1).

const SAMPLES = Math.round(sampleRate / 50);

class Capture extends AudioWorkletProcessor {
  #pcm = new Int16Array(SAMPLES);
  #filled = 0;
  #peak = 0;

  process([input]) {
    for (const sample of input[0] ?? []) {
      const value = Math.max(-1, Math.min(1, sample));
      this.#peak = Math.max(this.#peak, Math.abs(value));
      this.#pcm[this.#filled++] = Math.round(value * 32767);
      if (this.#filled === SAMPLES) this.#post();
    }
    return true;
  }

  #post() {
    this.port.postMessage({ pcm: this.#pcm.buffer, peak: this.#peak }, [this.#pcm.buffer]);
    this.#pcm = new Int16Array(SAMPLES);
    this.#filled = this.#peak = 0;
  }
}

registerProcessor("capture", Capture);
