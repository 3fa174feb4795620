// The live picture: the next one is asked for when the previous one has arrived, so a slow phone gets fewer of them.

import { byId, percent, setText, show } from "./dom.js";
import { look, pause, whileVisible } from "./net.js";

const OLD_MS = 2000;
let shown = "";

export async function watch() {
  let key = "";
  for (;;) {
    await whileVisible();
    try {
      const { status, headers, body } = await look(`/api/live.jpg?after=${encodeURIComponent(key)}`, 5000);
      if (status === 204) { await pause(50); continue; }
      key = headers.get("X-Sorter-Key");
      showPicture(body);
      showView(JSON.parse(headers.get("X-Sorter-View")));
      showAge(Number(headers.get("X-Sorter-Age-Ms")));
    } catch {
      // The status tells what is wrong; here it is enough to try again.
      await pause(500);
    }
  }
}

function showPicture(jpeg) {
  const address = URL.createObjectURL(jpeg);
  const image = byId("live");
  const previous = shown;
  image.onload = () => URL.revokeObjectURL(previous);
  image.src = address;
  shown = address;
  show(image, true);
  show(byId("no-picture"), false);
}

function showAge(ageMs) {
  setText(byId("picture-age"), `${(ageMs / 1000).toFixed(0)} s old`);
  show(byId("picture-age"), ageMs > OLD_MS);
}

function describe(view) {
  if (view.trouble) return view.trouble;
  if (!view.occupied) return "Place is empty";
  if (view.moving) return "Something moves";
  return view.objects > 1 ? `${view.objects} objects` : "Object lies still";
}

export function showView(view) {
  show(byId("trigger"), view !== null);
  show(byId("verdict"), Boolean(view?.label));
  if (view === null) return;
  setText(byId("trigger"), describe(view));
  byId("trigger").dataset.state = view.trouble ? "trouble" : view.occupied ? (view.moving ? "moving" : "still") : "empty";
  setText(byId("verdict-label"), view.label);
  setText(byId("verdict-number"), percent(view.probability));
  byId("verdict-bar").value = view.probability;
}
