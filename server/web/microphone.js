// The microphone as PCM16 mono at the rate that `rate` says.

const SILENT_SECONDS = 3;

const PROBLEMS = {
  NotAllowedError: "The browser may not use the microphone. Allow it beside the address, then turn it on again.",
  NotFoundError: "No microphone was found. Plug one in, or type.",
  NotReadableError: "The microphone cannot be opened: another program may be using it.",
};

export class Microphone {
  #context;
  #stream = null;
  #source = null;
  #level = 0;
  #quietSince = 0;
  #silent = false;
  #told;

  // told.sound(pcm): 20 ms of it; told.lost(): it was unplugged; told.silent(yes): it gives nothing but zeros.
  constructor(told) {
    this.#told = told;
    this.#context = new AudioContext();
    if (this.#context.sampleRate > 48000) {
      this.#context.close();
      this.#context = new AudioContext({ sampleRate: 48000 });
    }
  }

  static explain(problem) {
    return PROBLEMS[problem.name] ?? `No microphone: ${problem.message}`;
  }

  get rate() {
    return this.#context.sampleRate;
  }

  get on() {
    return this.#stream !== null;
  }

  // The loudest sample since the last call, 0..1.
  takeLevel() {
    const level = this.#level;
    this.#level = 0;
    return level;
  }

  async start() {
    if (!navigator.mediaDevices) throw new Error("browsers give it to https pages and to localhost only.");
    this.#stream = await navigator.mediaDevices.getUserMedia({
      audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true },
    });
    try {
      await this.#context.resume();
      await this.#context.audioWorklet.addModule("capture-worklet.js");
      this.#listen();
    } catch (problem) {
      this.stop();
      throw problem;
    }
  }

  stop() {
    this.#source?.disconnect();
    this.#stream?.getTracks().forEach((track) => track.stop());
    this.#source = this.#stream = null;
    this.#level = 0;
    this.#tellSilence(false);
    this.#context.suspend();
  }

  #listen() {
    this.#quietSince = this.#context.currentTime;
    const capture = new AudioWorkletNode(this.#context, "capture", { numberOfOutputs: 0 });
    capture.port.onmessage = ({ data }) => this.#stream && this.#sound(data.pcm, data.peak);
    this.#source = this.#context.createMediaStreamSource(this.#stream);
    this.#source.connect(capture);
    this.#stream.getAudioTracks()[0].onended = () => {
      this.stop();
      this.#told.lost();
    };
  }

  #sound(pcm, peak) {
    this.#told.sound(pcm);
    this.#level = Math.max(this.#level, peak);
    if (peak > 0) this.#quietSince = this.#context.currentTime;
    this.#tellSilence(this.#context.currentTime - this.#quietSince > SILENT_SECONDS);
  }

  #tellSilence(silent) {
    if (silent !== this.#silent) this.#told.silent((this.#silent = silent));
  }
}
