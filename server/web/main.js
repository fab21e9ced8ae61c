// Wires the page: microphone and typing to the server, its messages to what is shown and played.

import { Connection } from "./connection.js";
import { Conversation } from "./conversation.js";
import { Microphone } from "./microphone.js";
import { Mind } from "./mind.js";
import { Notices } from "./notices.js";
import { Speaker } from "./speaker.js";
import { Strip } from "./strip.js";

const at = (id) => document.getElementById(id);

const conversation = new Conversation(at("talk"));
const mind = new Mind();
const notices = new Notices(at("notices"));
const microphone = new Microphone({
  sound: (pcm) => connection.sendAudio(pcm),
  lost: () => hearing(false, "The microphone has gone away. Plug it in and turn it on again."),
  silent: (silent) =>
    notices.set("silent", silent && "The microphone is on, but it gives no sound at all. Is it muted?"),
});
const speaker = new Speaker({
  played: (utterance, ms) => connection.send({ type: "played", utterance, ms }),
  locked: (locked) => notices.set("locked", locked && "The browser holds the sound back: click anywhere to hear it."),
});
const connection = new Connection({ rate: microphone.rate });
const strip = new Strip(at("strip"), () => ({ user: microphone.takeLevel(), agent: speaker.level }));

let names = new Map();
let chosen = ""; // the persona that the user asked for, in this session or one before
let speaking = false; // the server hears the user's voice

const handlers = {
  welcome({ personas, config, history, resume }) {
    names = new Map(personas.map(({ id, name }) => [id, name]));
    at("persona").replaceChildren(...personas.map(({ id, name }) => new Option(name, id)));
    persona(config);
    speaker.reset();
    conversation.begin(history, resume);
    notices.set("error", "");
    notices.blocked(null);
    if (!resume && names.has(chosen) && chosen !== config.persona) configure();
  },
  speech_started() {
    speaking = true;
  },
  speech_stopped() {
    speaking = false;
  },
  turn: (m) => conversation.turn(m),
  judgement(m) {
    conversation.judged(m);
    mind.judged(m);
    strip.judged(m);
  },
  floor({ floor }) {
    mind.floor(floor);
    strip.floor(floor);
    at("stop").disabled = floor !== "agent";
  },
  utterance(m) {
    speaker.begin(m.id);
    conversation.utterance(m);
  },
  text: (m) => conversation.text(m),
  pause(m) {
    speaker.pause(m.id);
    conversation.paused(m.id, true);
  },
  resume(m) {
    speaker.resume(m.id, m.from_ms);
    conversation.paused(m.id, false);
  },
  flush: (m) => speaker.flush(m.id),
  utterance_end(m) {
    speaker.end(m.id);
    conversation.ended(m);
  },
  config: ({ config }) => persona(config),
  blocked: (m) => notices.blocked(m, name()),
  error(m) {
    if (m.code === "resume_not_found") conversation.note("The earlier conversation is gone; a new one has begun.");
    else notices.error(m, () => connection.open());
  },
};

connection.addEventListener("message", ({ detail }) => handlers[detail.type]?.(detail));
connection.addEventListener("audio", ({ detail }) => speaker.audio(detail));
connection.addEventListener("state", ({ detail }) => {
  notices.link(detail, () => connection.open());
  if (detail.state === "connected") return;
  speaking = false;
  handlers.floor({ floor: "open" });
  speaker.reset();
  conversation.lost();
});
connection.addEventListener("deaf", () => {
  at("microphone").disabled = true;
  notices.set("deaf", "This server has no ear: it understands what you type.");
});
connection.addEventListener("key", async ({ detail }) => {
  const key = await notices.key(detail);
  if (key) connection.open(key);
});

at("typing").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = at("line").value.trim();
  if (text && connection.send({ type: "text", text })) at("line").value = "";
});
at("stop").addEventListener("click", stop);
addEventListener("keydown", ({ key }) => key === "Escape" && !at("stop").disabled && stop());
at("persona").addEventListener("change", ({ target }) => {
  chosen = target.value;
  configure();
});
at("again").addEventListener("click", () => {
  conversation.clear();
  mind.clear();
  connection.begin();
});
at("microphone").addEventListener("click", async () => {
  if (microphone.on) {
    microphone.stop();
    if (speaking) connection.send({ type: "commit" }); // the end of it will not be heard any more
    return hearing(false);
  }
  at("microphone").disabled = true;
  try {
    await microphone.start();
    hearing(true);
  } catch (problem) {
    hearing(false, Microphone.explain(problem));
  }
  at("microphone").disabled = false;
});
for (const kind of ["pointerdown", "pointerup", "keydown"]) addEventListener(kind, () => speaker.unlock(), { capture: true });

function configure() {
  connection.send({ type: "configure", persona: chosen });
}

function stop() {
  connection.send({ type: "stop" });
}

function name() {
  return names.get(at("persona").value) ?? "The agent";
}

function persona(config) {
  if (config.persona) at("persona").value = config.persona;
  document.querySelectorAll(".agent-name").forEach((node) => (node.textContent = name()));
  mind.name = strip.name = conversation.name = name();
}

function hearing(on, problem = "") {
  at("microphone").setAttribute("aria-pressed", String(on));
  at("microphone").querySelector("span").textContent = on ? "Microphone on" : "Microphone off";
  notices.set("microphone", problem);
  strip.listen(on && ((level) => at("microphone").style.setProperty("--level", level.toFixed(2))));
}

at("log").open = innerWidth > 800;
connection.open();
