// Marks for removal: kept on disk with the store, and obeyed by nobody before the list is handed to `remove`.
import { ask, address, change } from "./api.js";
import { count, h, toast } from "./dom.js";

const WORDS = { clip_id: "clip", person_id: "person", video_id: "video" };

export class Marks {
  constructor(state, onchange) {
    this.canMark = state.can_mark;
    this.store = state.store;
    this.onchange = onchange;
    this.all = [];
    this.button = h("button", { class: "quiet marked", hidden: true, title: "Who is marked for removal", onclick: () => this.dialog() });
  }

  async load() {
    this.take(await ask("marks"));
  }

  take(found) {
    this.all = found.marks;
    this.command = found.command;
    this.button.hidden = !this.all.length;
    this.button.textContent = `${count(this.all.length)} marked`;
  }

  has(kind, name) {
    return this.all.some((each) => each.kind === kind && each.name === name);
  }

  // Why a clip is marked: by itself, or with its person.
  of(clip) {
    const person = clip.split("#")[0];
    return { clip: this.has("clip_id", clip), person: this.has("person_id", person) };
  }

  toggle(kind, clip) {
    const name = kind === "person_id" ? clip.split("#")[0] : clip, isMarked = !this.has(kind, name);
    if (!isMarked && kind === "clip_id" && this.of(clip).person) toast("Its person is still marked; Shift+X takes that mark away.");
    return this.set(kind, name, isMarked);
  }

  async set(kind, name, isMarked) {
    if (!this.canMark) return toast("Nothing can be marked here: this place is only looked at.", true);
    try {
      this.take(await change("mark", { kind, name, is_marked: isMarked }));
      toast(isMarked ? `Marked for removal: ${WORDS[kind]} ${name}` : `No longer marked: ${WORDS[kind]} ${name}`);
      this.onchange(kind, name);
    } catch (error) {
      toast(error.message, true);
    }
  }

  dialog() {
    const rows = h("ul", { class: "rows" }), command = h("code", {}, this.command);
    const dialog = h("dialog", { class: "removal", onclose: () => dialog.remove() },
      h("h2", {}, "Marked for removal"), rows,
      h("p", { class: "note" }, `Nothing is removed until you run this command${this.store === "STORE" ? "; STORE is the folder that is shown here" : ""}. With `,
        h("code", {}, "--dry-run"), " it only shows what would go."),
      h("div", { class: "command" }, command, h("button", { onclick: () => this.copy(command) }, "Copy")),
      h("form", { method: "dialog" }, h("a", { href: address("marked", {}), download: "marked.jsonl" }, "The list as a file"),
        h("span", { class: "space" }), h("button", {}, "Close")));
    const fill = () => rows.replaceChildren(...this.all.map((each) => h("li", {}, h("b", {}, WORDS[each.kind]),
      h("span", { title: each.name }, each.name, each.is_here ? "" : " (not here)"),
      this.canMark ? h("button", { class: "quiet", onclick: async () => {
        await this.set(each.kind, each.name, false);
        fill();
        if (!this.all.length) dialog.close();
      } }, "undo") : null)));
    fill();
    document.body.append(dialog);
    dialog.showModal();
  }

  async copy(command) {
    try {
      await navigator.clipboard.writeText(this.command);
      toast("Copied.");
    } catch {
      getSelection().selectAllChildren(command);
    }
  }
}
