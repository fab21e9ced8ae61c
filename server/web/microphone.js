// The microphone as PCM16 mono at the rate that `rate` says.

export class Microphone {
  #context;
  #stream = null;
  #send;

  constructor(send) {
    this.#send = send;
    this.#context = new AudioContext();
    if (this.#context.sampleRate > 48000) {
      this.#context.close();
      this.#context = new AudioContext({ sampleRate: 48000 });
    }
  }

  get rate() {
    return this.#context.sampleRate;
  }

  get on() {
    return this.#stream !== null;
  }

  async start() {
    if (!navigator.mediaDevices) throw new Error("the browser gives microphones to https pages and to localhost only");
    this.#stream = await navigator.mediaDevices.getUserMedia({
      audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true },
    });
    await this.#context.resume();
    await this.#context.audioWorklet.addModule("capture-worklet.js");
    const source = this.#context.createMediaStreamSource(this.#stream);
    const capture = new AudioWorkletNode(this.#context, "capture", { numberOfOutputs: 0 });
    capture.port.onmessage = ({ data }) => this.#stream && this.#send(data);
    source.connect(capture);
    this.stopNodes = () => source.disconnect();
  }

  stop() {
    this.stopNodes?.();
    this.#stream?.getTracks().forEach((track) => track.stop());
    this.#stream = null;
    this.#context.suspend();
  }
}
