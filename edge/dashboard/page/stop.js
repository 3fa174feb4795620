// The emergency stop: at once, ahead of everything, again and again until the sorter has it, and visibly so.

import { byId, setText, show } from "./dom.js";
import { ask, giveUpLooking, pause, Refused } from "./net.js";

const TRIES = 20;
const TRY_MS = 1500;
const SETTLED_MS = 3000;
let underWay = false;
let saidAt = 0;

function say(state, title, text) {
  byId("stopping").dataset.state = state;
  saidAt = performance.now();
  setText(byId("stopping-title"), title);
  setText(byId("stopping-text"), text);
  show(byId("stopping"), true);
}

export async function stop() {
  // Not skipped while an earlier one is under way: whoever presses again means it.
  giveUpLooking();
  // A dialog would cover what is to be seen now.
  for (const dialog of document.querySelectorAll("dialog[open]:not(#login)")) dialog.close();
  const first = !underWay;
  underWay = true;
  if (first) say("sending", "Stopping …", "");
  try {
    await deliver();
  } finally {
    underWay = false;
  }
}

async function deliver() {
  for (let i = 0; i < TRIES; i += 1) {
    try {
      const { status } = await ask("/api/stop", {}, TRY_MS, "high");
      const at = new Date().toLocaleTimeString();
      if (status === 200) say("done", `Stopped at ${at}.`, "The arm stands still until somebody presses “Resume”.");
      else say("sending", `Stop sent at ${at}.`, "The arm has not confirmed it yet. Use its own switch if it moves.");
      return;
    } catch (error) {
      if (error instanceof Refused) {
        say("failed", "NOT STOPPED.", `${error.message} ${error.hint} Use the switch at the arm.`);
        if (error.status < 500) return;
      } else {
        say("failed", "THE STOP HAS NOT ARRIVED.", "Use the switch at the arm! This page goes on trying.");
      }
      await pause(250);
    }
  }
}

export function noteGoingOn() {
  // The sorter needs a moment to say that it stands; a stop that failed stays to be read.
  const confirmed = byId("stopping").dataset.state === "done" && performance.now() - saidAt > SETTLED_MS;
  if (confirmed && !underWay) show(byId("stopping"), false);
}

export function listenForStop() {
  // An open dialog has its own button, because it makes everything below it unreachable.
  for (const button of document.querySelectorAll("[data-stop]")) {
    // At the first touch, not when the finger leaves; a click comes from the keyboard or a screen reader alone.
    button.addEventListener("pointerdown", () => stop());
    button.addEventListener("click", (event) => { if (event.detail === 0) stop(); });
  }
  window.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !event.repeat) stop();
  }, { capture: true });
}
