// Wires the page: microphone and typing to the server, its messages to the view and the speaker.

import { Connection } from "./connection.js";
import { Microphone } from "./microphone.js";
import { Speaker } from "./speaker.js";
import { View } from "./view.js";

const view = new View();
const microphone = new Microphone((pcm) => connection.sendAudio(pcm));
const connection = new Connection({ rate: microphone.rate });
const speaker = new Speaker((utterance, ms) => connection.send({ type: "played", utterance, ms }));

const handlers = {
  welcome: (m) => {
    view.error("");
    view.welcome(m);
  },
  partial: (m) => view.partial(m),
  turn: (m) => view.turn(m),
  judgement: (m) => view.judgement(m),
  floor: (m) => view.floor(m),
  utterance: (m) => {
    speaker.begin(m.id);
    view.utterance(m);
  },
  text: (m) => view.text(m),
  pause: (m) => speaker.pause(m.id),
  resume: (m) => speaker.resume(m.id, m.from_ms),
  flush: (m) => speaker.flush(m.id),
  utterance_end: (m) => view.utteranceEnd(m),
  config: (m) => view.config(m.config),
  blocked: (m) => view.blocked(m),
  error: (m) => view.error(m.field ? `${m.field}: ${m.message}` : m.message),
};

connection.addEventListener("message", ({ detail }) => handlers[detail.type]?.(detail));
connection.addEventListener("audio", ({ detail }) => speaker.audio(detail));
connection.addEventListener("state", ({ detail }) => view.link(detail));

document.getElementById("typing").addEventListener("submit", (event) => {
  event.preventDefault();
  const line = document.getElementById("line");
  if (line.value.trim()) connection.send({ type: "text", text: line.value.trim() });
  line.value = "";
});
document.getElementById("stop").addEventListener("click", () => connection.send({ type: "stop" }));
document.getElementById("persona").addEventListener("change", ({ target }) =>
  connection.send({ type: "configure", persona: target.value }),
);
document.getElementById("microphone").addEventListener("click", async () => {
  try {
    if (microphone.on) microphone.stop();
    else await microphone.start();
  } catch (problem) {
    view.error(`No microphone: ${problem.message}`);
  }
  view.microphone(microphone.on);
});
for (const kind of ["pointerdown", "keydown"]) addEventListener(kind, () => speaker.unlock());

connection.open();
