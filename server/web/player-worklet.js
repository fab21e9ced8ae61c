// Plays utterances one after the other, as the protocol asks: audio is placed by its sample, and replaces what the
// player holds from there on. What was flushed, or was never begun, does not sound.

const REPORT_EVERY = sampleRate / 10;
const FADE = 1 / (0.004 * sampleRate); // 4 ms, so that nothing clicks

class Track {
  paused = false;
  ended = false;
  at = 0;
  length = 0;
  reported = 0;
  pcm = new Int16Array(sampleRate * 5);

  constructor(utterance) {
    this.utterance = utterance;
  }

  get sounds() {
    return !this.paused && this.at < this.length;
  }

  place(sample, pcm) {
    const end = sample + pcm.length;
    if (end > this.pcm.length) {
      const larger = new Int16Array(2 * end);
      larger.set(this.pcm.subarray(0, this.length));
      this.pcm = larger;
    }
    if (sample > this.length) this.pcm.fill(0, this.length, sample);
    this.pcm.set(pcm, sample);
    this.length = end;
  }
}

class Player extends AudioWorkletProcessor {
  #tracks = []; // the first one sounds
  #gain = 0;
  #last = 0; // what sounded last, for the fade

  constructor() {
    super();
    this.port.onmessage = ({ data }) => this[data.type](data, this.#tracks.find((one) => one.utterance === data.utterance));
  }

  begin({ utterance }, track) {
    if (!track) this.#tracks.push(new Track(utterance));
  }

  audio({ sample, pcm }, track) {
    track?.place(sample, pcm);
  }

  pause(_, track) {
    if (!track) return;
    track.paused = true;
    this.#report(track);
  }

  // Never forward: a player that lags has not played what lies between.
  resume({ sample }, track) {
    if (!track) return;
    track.paused = false;
    track.at = track.reported = Math.min(track.at, sample);
  }

  flush(_, track) {
    if (!track) return;
    this.#report(track);
    this.#tracks.splice(this.#tracks.indexOf(track), 1);
  }

  end(_, track) {
    if (track) track.ended = true;
  }

  reset() {
    this.#tracks = [];
  }

  process(_, [[out]]) {
    for (let i = 0; i < out.length; i++) {
      const track = this.#sounding();
      if (track) this.#last = track.pcm[track.at++] / 32768;
      this.#gain = Math.max(0, Math.min(1, this.#gain + (track ? FADE : -FADE)));
      out[i] = this.#last * this.#gain;
      if (track && (track.at - track.reported >= REPORT_EVERY || track.at === track.length)) this.#report(track);
    }
    return true;
  }

  #sounding() {
    while (this.#tracks.length && this.#tracks[0].ended && this.#tracks[0].at >= this.#tracks[0].length) this.#tracks.shift();
    return this.#tracks[0]?.sounds ? this.#tracks[0] : null;
  }

  #report(track) {
    track.reported = track.at;
    this.port.postMessage({ utterance: track.utterance, sample: track.at });
  }
}

registerProcessor("player", Player);
