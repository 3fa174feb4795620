// Asks for the status, spreads it over the page, and says plainly when there is no connection.

import { byId, setText, show } from "./dom.js";
import { showView, watch } from "./live.js";
import { ask, look, pause, whileVisible } from "./net.js";
import { listenForCorrections, refreshObjects } from "./objects.js";
import { order, showAdvice, showBins, showHealth, showTotals } from "./panels.js";
import { refreshPlots, watchSize } from "./plots.js";
import { listenForStop, noteGoingOn } from "./stop.js";

const EVERY_MS = 500;
const PLOTS_EVERY_MS = 5000;
let heardAt = 0;
let phase = "";
let newest;
let plottedAt = -Infinity;

async function follow() {
  for (;;) {
    await whileVisible();
    try {
      await refresh();
      noteConnected();
    } catch (error) {
      if (error.status === 401) await logIn();
      else noteLost();
    }
    await pause(EVERY_MS);
  }
}

async function refresh() {
  const status = (await look("/api/status", 3000)).body;
  document.title = `${status.advice.title} – ${status.title}`;
  setText(byId("title"), status.title);
  showAdvice(status);
  showBins(status.bins);
  showTotals(status.totals);
  showHealth(status);
  if (status.view) showView(status.view);
  if (status.phase !== "fault") noteGoingOn();
  phase = status.phase;
  const latest = `${status.run}/${status.newest_row}`;
  if (latest !== newest) {
    await refreshObjects();
    newest = latest;
  }
  if (performance.now() - plottedAt > PLOTS_EVERY_MS) {
    plottedAt = performance.now();
    await refreshPlots();
  }
}

function noteConnected() {
  heardAt = performance.now();
  byId("connection").dataset.state = "live";
  setText(byId("connection"), "Connected");
  document.body.classList.remove("is-lost");
  show(byId("lost"), false);
}

function noteLost() {
  const age = heardAt ? `, ${Math.round((performance.now() - heardAt) / 1000)} s old` : "";
  byId("connection").dataset.state = "lost";
  setText(byId("connection"), "No connection");
  document.body.classList.add("is-lost");
  setText(byId("lost"), `No connection to the sorter. What you see is old${age}. To stop the arm, use its own switch.`);
  show(byId("lost"), true);
}

// The token

async function logIn() {
  const dialog = byId("login");
  dialog.showModal();
  await new Promise((done) => {
    byId("login-form").onsubmit = async (event) => {
      event.preventDefault();
      try {
        await ask("/api/login", { token: byId("token").value.trim() });
        done();
      } catch (error) {
        setText(byId("login-error"), `${error.message} ${error.hint ?? ""}`);
      }
    };
    // Esc stops the arm; it does not make the token needless.
    dialog.oncancel = (event) => event.preventDefault();
  });
  setText(byId("login-error"), "");
  dialog.close();
}

async function logInByAddress() {
  // The part after # never leaves the browser by itself; it is handed over once, and removed from the history.
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token === null) return;
  history.replaceState(null, "", location.pathname);
  await ask("/api/login", { token }).catch(() => {});
}

// Orders

function listenForOrders() {
  byId("pause").addEventListener("click", () => order("/api/pause", "Pausing. A motion under way is completed."));
  byId("learn-empty").addEventListener("click", () => order("/api/learn-empty", "The empty place is learned anew."));
  byId("announce").addEventListener("click", () => order("/api/announce", "Announced."));
  byId("resume").addEventListener("click", () => {
    if (phase === "fault") byId("going-on").showModal();
    else resume();
  });
  byId("going-on-yes").addEventListener("click", () => {
    byId("going-on").close();
    resume();
  });
  byId("going-on-no").addEventListener("click", () => byId("going-on").close());
}

const resume = () => order("/api/resume", "Going on as soon as the place is empty.", "Not resumed.");

listenForStop();
listenForOrders();
listenForCorrections();
watchSize();
await logInByAddress();
follow();
watch();
