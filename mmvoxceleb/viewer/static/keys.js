// Keys: every screen declares its own; ? shows them.
import { h } from "./dom.js";

const ARROWS = { ArrowUp: "↑", ArrowDown: "↓", ArrowLeft: "←", ArrowRight: "→" };

let current = [];

export function use(bindings) {
  current = bindings;
}

const nameOf = (event) => ({ " ": "Space", "=": "+" })[event.key] || event.key; // + without Shift

export function help() {
  const open = document.querySelector("dialog.keys");
  if (open) return open.close();
  const rows = current.map(([keys, text]) =>
    h("div", {}, h("span", {}, keys.map((key) => h("kbd", {}, ARROWS[key] || key))), h("span", {}, text)));
  const dialog = h("dialog", { class: "keys", onclose: () => dialog.remove() },
    h("h2", {}, "Keys"), h("div", { class: "rows" }, rows),
    h("form", { method: "dialog" }, h("button", {}, "Close")));
  document.body.append(dialog);
  dialog.showModal();
}

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const isTyping = event.target.matches("input:not([type=range], [type=checkbox]), select, textarea");
  if (event.key === "Escape" && isTyping) return event.target.blur();
  if (isTyping || document.querySelector("dialog[open]")) return;
  if (event.key === "?") return help();
  if ((event.key === " " || event.key === "Enter") && event.target.matches("button, a, summary, input")) return;
  if (event.target.matches("input[type=range]") && event.key.startsWith("Arrow")) return;
  for (const [keys, , act] of current) {
    if (keys.includes(nameOf(event))) {
      event.preventDefault();
      act(event);
      return;
    }
  }
});
