// Requests to the sorter. Whatever is only looked at can be given up at once when the arm must stop.

export class Refused extends Error {
  constructor(status, message, hint) {
    super(message);
    this.status = status;
    this.hint = hint;
  }
}

const looking = new Set();

export function giveUpLooking() {
  // A browser keeps six connections to one host; the stop must not queue behind pictures.
  for (const controller of looking) controller.abort();
}

async function request(path, options, timeoutMs, controller) {
  const timer = setTimeout(() => controller.abort(), timeoutMs);
  try {
    const response = await fetch(path, { ...options, cache: "no-store", signal: controller.signal });
    if (!response.ok) throw await explain(response);
    const body = response.headers.get("Content-Type")?.includes("json") ? await response.json() : await response.blob();
    return { status: response.status, headers: response.headers, body };
  } finally {
    clearTimeout(timer);
  }
}

async function explain(response) {
  const told = await response.json().catch(() => ({}));
  return new Refused(response.status, told.error ?? `The sorter answered ${response.status}.`, told.hint ?? "");
}

export async function look(path, timeoutMs = 4000) {
  const controller = new AbortController();
  looking.add(controller);
  try {
    return await request(path, {}, timeoutMs, controller);
  } finally {
    looking.delete(controller);
  }
}

export function ask(path, content = {}, timeoutMs = 6000, priority = "auto") {
  const headers = { "Content-Type": "application/json" };
  const options = { method: "POST", headers, body: JSON.stringify(content), priority };
  return request(path, options, timeoutMs, new AbortController());
}

export const pause = (ms) => new Promise((done) => { setTimeout(done, ms); });

export async function whileVisible() {
  // Nobody looks at a hidden tab: then nothing is asked, and the sorter encodes no picture.
  while (document.hidden) {
    await new Promise((done) => document.addEventListener("visibilitychange", done, { once: true }));
  }
}
