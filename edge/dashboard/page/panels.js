// What the status shows: the advice, the bins, the totals and the health of each part.

import { byId, copyTemplate, make, setText, show, tell } from "./dom.js";
import { ask } from "./net.js";

export function showAdvice(status) {
  byId("advice").dataset.tone = status.advice.tone;
  setText(byId("advice-title"), status.advice.title);
  setText(byId("advice-text"), status.advice.text);
  const notes = [...status.warnings, ...(status.model.refused ? [status.model.refused] : [])];
  show(byId("warnings"), notes.length > 0);
  if (byId("warnings").dataset.notes !== notes.join("\n")) {
    byId("warnings").dataset.notes = notes.join("\n");
    byId("warnings").replaceChildren(...notes.map((note) => make("li", note)));
  }
  const resting = status.phase === "paused" || status.phase === "fault";
  show(byId("resume"), resting);
  show(byId("pause"), !resting);
  // With the other triggers nothing waits for an announcement.
  show(byId("announce"), ["", "arm", "key"].includes(status.trigger));
}

const cards = new Map();

export function showBins(bins) {
  for (const bin of bins) {
    if (!cards.has(bin.bin)) cards.set(bin.bin, makeBin(bin.bin));
    fillBin(cards.get(bin.bin), bin);
  }
  for (const [number, card] of cards) {
    if (!bins.some((bin) => bin.bin === number)) {
      card.remove();
      cards.delete(number);
    }
  }
}

function makeBin(number) {
  const card = copyTemplate("bin-template");
  setText(card.querySelector(".number"), String(number));
  card.querySelector("button").setAttribute("aria-label", `Bin ${number} was emptied`);
  card.querySelector("button").addEventListener("click", () => {
    order(`/api/bins/${number}/emptied`, `Bin ${number} counts from 0 again.`);
  });
  byId("bins").append(card);
  return card;
}

function fillBin(card, bin) {
  const names = [...bin.labels, ...(bin.reject ? ["not sure"] : [])];
  card.classList.toggle("is-full", bin.full);
  card.classList.toggle("is-reject", bin.reject);
  setText(card.querySelector(".labels"), names.join(", ") || "—");
  setText(card.querySelector(".count"), String(bin.objects));
  card.querySelector(".count").title = `${bin.objects} objects`;
  show(card.querySelector(".full"), bin.full);
  card.querySelector("button").disabled = bin.objects === 0;
}

export async function order(path, done, failed = "Not done.") {
  try {
    const { status } = await ask(path);
    tell(status === 202 ? "The sorter has not answered yet." : done);
  } catch (error) {
    tell(`${failed} ${error.message} ${error.hint ?? ""}`);
  }
}

export function showTotals({ sorted, rejected, outcomes }) {
  const bad = ["failed", "unknown"].filter((name) => outcomes[name]).map((name) => `${outcomes[name]} ${name}`);
  setText(byId("totals"), [`${sorted} sorted`, `${rejected} rejected`, ...bad].join(" · "));
}

const TROUBLED = new Set(["lost", "silent", "frozen", "black", "LOST", "FAULT", "STOPPED"]);
const seconds = (age) => (age === null ? "" : `${age.toFixed(1)} s ago`);

export function showHealth({ camera, arm, model }) {
  const parts = [
    ["Camera", camera.state, camera.reason, {
      Picture: camera.width ? `${camera.width} × ${camera.height}` : "",
      Rate: camera.fps ? `${camera.fps} frames/s` : "",
      "Newest frame": seconds(camera.frame_age_s),
      Dropped: String(camera.dropped),
      Reopened: String(camera.reopened),
      ...camera.settings,
    }],
    ["Arm", arm.state.toLowerCase(), arm.reason, {
      Port: arm.name,
      Answered: seconds(arm.heard_s),
      "Lines sent again": String(arm.resends),
      "Damaged lines": String(arm.damaged_lines),
      Reconnected: String(arm.reconnected),
    }],
    ["Model", model.name ? "in use" : "none", model.refused, {
      Name: model.name,
      Classes: String(model.labels.length),
      "SHA-256": model.sha256.slice(0, 12),
      Loaded: model.loaded_at ? new Date(model.loaded_at * 1000).toLocaleString() : "",
    }],
  ];
  const states = [camera.state, arm.state, model.refused ? "LOST" : ""];
  parts.forEach(([name, state, reason, facts], i) => fillPart(i, name, state, reason, facts, TROUBLED.has(states[i])));
}

function fillPart(index, name, state, reason, facts, troubled) {
  const known = Object.entries(facts).filter(([, value]) => value);
  const shape = known.map(([key]) => key).join("|");
  const health = byId("health");
  let part = health.children[index];
  if (part?.dataset.shape !== shape) {
    const fresh = makePart(name, known);
    fresh.dataset.shape = shape;
    if (part) part.replaceWith(fresh);
    else health.append(fresh);
    part = fresh;
  }
  part.classList.toggle("troubled", troubled);
  setText(part.querySelector(".state"), state);
  setText(part.querySelector(".reason"), reason);
  part.querySelectorAll("dd").forEach((value, i) => setText(value, known[i][1]));
}

function makePart(name, known) {
  const part = make("article", "", "part");
  const heading = make("h3", name);
  heading.append(" ", make("span", "", "state"));
  const list = make("dl");
  for (const [key] of known) list.append(make("dt", key), make("dd"));
  part.append(heading, make("p", "", "reason"), list);
  return part;
}
