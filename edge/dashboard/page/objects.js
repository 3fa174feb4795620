// The latest objects, newest first, and "that was wrong, it is ...".

import { byId, copyTemplate, make, percent, setText, show } from "./dom.js";
import { ask, look, pause } from "./net.js";

const FEW = 8;
const LOADING = 2;
const OUTCOMES = { sent: "on its way", completed: "", failed: "the arm failed", unknown: "outcome unknown" };

const cards = new Map();
let labels = [];
let all = false;
let chosen = null;

export async function refreshObjects() {
  const { body } = await look("/api/objects");
  labels = body.labels;
  const wanted = all ? body.objects : body.objects.slice(0, FEW);
  const rows = new Set(wanted.map((object) => object.row));
  for (const [row, card] of cards) {
    if (!rows.has(row)) forget(row, card);
  }
  wanted.forEach((object, i) => {
    if (!cards.has(object.row)) {
      cards.set(object.row, makeCard(object));
      queue.push(cards.get(object.row));
    }
    const card = cards.get(object.row);
    fillCard(card, object);
    if (byId("objects").children[i] !== card.element) byId("objects").insertBefore(card.element, byId("objects").children[i]);
  });
  show(byId("no-objects"), wanted.length === 0);
  show(byId("more"), body.objects.length > FEW);
  for (let i = 0; i < LOADING; i += 1) loadNext();
}

function forget(row, card) {
  card.element.remove();
  if (card.address) URL.revokeObjectURL(card.address);
  cards.delete(row);
}

function makeCard(object) {
  const element = copyTemplate("object-template");
  const card = { element, object, address: "" };
  element.querySelector("button").addEventListener("click", () => openCorrection(card));
  return card;
}

function fillCard(card, object) {
  card.object = object;
  const find = (name) => card.element.querySelector(`.${name}`);
  setText(find("label"), object.label);
  setText(find("confidence"), percent(object.probability));
  setText(find("where"), [`#${object.number}`, `bin ${object.bin}`, OUTCOMES[object.outcome]].filter(Boolean).join(" · "));
  setText(find("why"), object.rejected ? `Rejected: ${object.rejected}` : "");
  setText(find("corrected"), object.corrected ? `Corrected: ${object.corrected}` : "");
  show(find("corrected"), Boolean(object.corrected));
  card.element.classList.toggle("is-rejected", Boolean(object.rejected));
  card.element.classList.toggle("is-bad", object.outcome === "failed" || object.outcome === "unknown");
  card.element.querySelector("button").setAttribute("aria-label", `Object ${object.number}, ${object.label}: wrong?`);
}

// Two pictures at a time: the other connections are left to the live picture, the status and the stop.

const queue = [];
let loading = 0;

async function loadNext() {
  if (loading >= LOADING || queue.length === 0) return;
  loading += 1;
  // The newest first: that is what the operator looks at.
  queue.sort((one, other) => one.object.row - other.object.row);
  await loadPicture(queue.pop());
  loading -= 1;
  loadNext();
}

async function loadPicture(card) {
  // It is encoded beside the loop, so it may come a moment later than the object.
  for (let i = 0; i < 4 && cards.has(card.object.row); i += 1) {
    try {
      const { body } = await look(`/api/objects/${card.object.number}/picture.jpg`, 8000);
      card.address = URL.createObjectURL(body);
      const image = card.element.querySelector("img");
      image.alt = `Object ${card.object.number}`;
      image.src = card.address;
      show(image, true);
      return;
    } catch {
      await pause(700);
    }
  }
}

function openCorrection(card) {
  chosen = card;
  const { number, likeliest, label, probability } = card.object;
  setText(byId("correction-title"), `Object ${number}: what is it?`);
  setText(byId("correction-said"), `The network said ${label}, ${percent(probability)}.`);
  setText(byId("correction-error"), "");
  byId("correction-new").value = "";
  const picture = byId("correction-picture");
  show(picture, Boolean(card.address));
  if (card.address) picture.src = card.address;
  const likely = likeliest.map((one) => one.label);
  const ranked = [...likely, ...labels.filter((name) => !likely.includes(name))];
  byId("correction-labels").replaceChildren(...ranked.map(makeChoice));
  byId("correction").showModal();
}

function makeChoice(label) {
  const button = make("button", label);
  button.type = "button";
  if (label === chosen.object.corrected) button.setAttribute("aria-pressed", "true");
  button.addEventListener("click", () => correct(label));
  return button;
}

async function correct(label) {
  const { number, row } = chosen.object;
  try {
    await ask(`/api/objects/${number}/correction`, { row, label });
    byId("correction").close();
    await refreshObjects();
  } catch (error) {
    setText(byId("correction-error"), `${error.message} ${error.hint ?? ""}`);
  }
}

export function listenForCorrections() {
  byId("correction-form").addEventListener("submit", (event) => {
    event.preventDefault();
    correct(byId("correction-new").value);
  });
  byId("correction-close").addEventListener("click", () => byId("correction").close());
  byId("more").addEventListener("click", () => {
    all = !all;
    setText(byId("more"), all ? "Show fewer" : "Show all");
    refreshObjects().catch(() => {});
  });
}
