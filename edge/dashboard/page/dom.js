// The few things that every module does with the document. Text is only ever set as text: no markup is built from data.

export const byId = (id) => document.getElementById(id);

export function setText(element, text) {
  // Unchanged text is left alone, so that a screen reader does not say it again.
  if (element.textContent !== text) element.textContent = text;
}

export function show(element, shown) {
  element.hidden = !shown;
}

export function copyTemplate(id) {
  return byId(id).content.firstElementChild.cloneNode(true);
}

export function make(name, text = "", className = "") {
  const element = document.createElement(name);
  if (text) element.textContent = text;
  if (className) element.className = className;
  return element;
}

export const percent = (share) => `${(100 * share).toFixed(share < 0.9995 && share > 0.9 ? 1 : 0)}\u00a0%`;

export function tell(text) {
  // A line below the orders; it goes away by itself.
  const line = byId("told");
  line.textContent = text;
  clearTimeout(tell.timer);
  tell.timer = setTimeout(() => { line.textContent = ""; }, 6000);
}
