// One clip: the player, the legend of its masks, and all that is known of it.
import { address, ask } from "./api.js";
import { count, h, meanings, plain, toast, words } from "./dom.js";
import { Compare } from "./compare.js";
import { CropMap } from "./cropmap.js";
import { Curves } from "./curves.js";
import * as keys from "./keys.js";
import { Layer } from "./layers.js";
import { Outlines } from "./outlines.js";
import { Player } from "./player.js";
import * as where from "./where.js";

const LINE_KEYS = ["k", "h"];

export class ClipPage {
  constructor(go, overview, state, marks) {
    this.go = go;
    this.marks = marks;
    this.overview = overview;
    this.state = state;
    this.root = h("div", { class: "clip" });
  }

  async enter(place) {
    this.leave();
    this.where = place;
    this.root.replaceChildren(this.header(place.clip), h("div", { class: "body" }));
    let found;
    try {
      found = await ask("clip", { clip: place.clip });
    } catch (error) {
      this.keys();
      this.root.lastChild.replaceChildren(h("p", { class: "nothing", role: "alert" }, error.message));
      return;
    }
    if (this.where !== place) return;
    document.title = found.name;
    this.found = found;
    const layers = found.layers.map((layer) => new Layer(found.name, layer));
    this.outlines = new Outlines(found.name, found.files.filter((file) => file.outlines).map((file) => file.modality));
    this.player = new Player(layers, { outlines: this.outlines, rate: found.rate, clip: found.name, frame: place.frame,
      sound: found.files.find((file) => file.sound)?.modality,
      onframe: (player, isPaused) => this.onframe(player, isPaused) });
    this.length = layers.length ? this.player.main.indices.at(-1) + 1 : 1;
    this.curves = new Curves(found.name, found.curves, this.length, this.player);
    this.crop = found.crop ? new CropMap(found.crop) : null;
    this.compare = new Compare(found.name, found.layers, found.others, this.state, this.player);
    this.root.replaceChildren(this.header(found.name), h("div", { class: "body" },
      h("section", { class: "watch" }, found.problems.concat(found.reason && found.outcome !== "done" ? [found.reason] : []).map((text) =>
        h("p", { class: "problem", role: "alert" }, text)),
      this.player.stage, layers.length ? this.player.controls : h("p", { class: "nothing" }, "This clip has no pictures."),
      this.timeline(), this.compare.root || null), h("section", { class: "facts" }, this.facts())));
    this.keys();
    this.marking();
    this.player.start();
    if (this.curves.root?.open) this.curves.load();
    this.loadOutlines(this.outlines);
  }

  async loadOutlines(outlines) {
    try {
      await outlines.load();
    } catch (error) {
      return toast(error.message, true);
    }
    if (outlines !== this.outlines || !this.player) return;
    this.keys();
    this.lines.replaceChildren(...outlines.names.map((name, at) => h("label", { title: LINE_KEYS[at] ? `(${LINE_KEYS[at]})` : "" },
      h("input", { type: "checkbox", checked: outlines.isOn(name), "data-lines": name, onchange: (event) => this.toggleLines(at, event.target.checked) }), words(name))));
    this.player.draw();
  }

  toggleLines(at, isOn) {
    const name = this.outlines.names[at], box = this.lines.children[at]?.firstChild;
    if (!name) return;
    this.outlines.toggle(name, isOn);
    box.checked = this.outlines.isOn(name);
    this.player.draw();
  }

  leave() {
    this.player?.stop();
    this.compare?.close();
    this.curves?.close();
    this.player = this.compare = this.markings = null;
  }

  header(name) {
    const [person, video, utterance, chunk] = name.split("#");
    return h("header", {},
      h("button", { class: "quiet back", title: "Back to all clips (Esc)", onclick: () => this.back() }, "← all clips"),
      h("h1", { title: name }, person, h("small", {}, [video, utterance?.replace(".txt", ""), chunk?.replace(".mp4", "")].join(" · "))),
      h("span", { class: "space" }),
      h("button", { class: "quiet", title: "Previous clip ( [ )", onclick: () => this.beside(-1) }, "‹ previous"),
      h("button", { class: "quiet", title: "Next clip ( ] )", onclick: () => this.beside(1) }, "next ›"),
      h("button", { class: "quiet", title: "Keys", onclick: keys.help }, "?"));
  }

  keys() {
    const on = (act) => (event) => this.player && act(this.player, event);
    keys.use([
      [[" "], "play, pause", on((player) => player.toggle())].map((part, at) => (at === 0 ? ["Space"] : part)),
      [["ArrowRight", "ArrowLeft"], "one frame on, back; ten with Shift", on((player, event) =>
        player.step((event.key === "ArrowRight" ? 1 : -1) * (event.shiftKey ? 10 : 1)))],
      [["Home", "End"], "first frame, last frame", on((player, event) => player.seek(event.key === "Home" ? 0 : Infinity))],
      [["-", "+"], "play slower, faster", on((player, event) => player.faster(event.key === "-" ? -1 : 1))],
      [["l"], "repeat", on((player) => player.loop())],
      [["m"], "mask on or off", on(() => this.toggleOverlay())],
      ...LINE_KEYS.filter((_, at) => this.outlines?.names[at]).map((key, at) => [[key], `${this.outlines.names[at]} on or off`, () => this.toggleLines(at)]),
      ...(this.player?.soundOf ? [[["s"], "sound on or off", on((player) => player.mute())]] : []),
      [["o", "O"], "mask fainter, stronger", on((player, event) => this.fade(event.key === "o" ? -0.1 : 0.1))],
      ...this.moreKeys(),
      ...(this.marks.canMark ? [[["x", "X"], "mark the clip for removal, or its person", (event) => this.found && this.marks.toggle(event.key === "x" ? "clip_id" : "person_id", this.found.name)]] : []),
      [["[", "]"], "previous clip, next clip", (event) => this.beside(event.key === "[" ? -1 : 1)],
      [["Escape"], "all clips", () => this.back()],
      [["?"], "these keys", keys.help],
    ]);
  }

  moreKeys() {
    return [];
  }

  back() {
    this.go({ ...this.where, clip: "", frame: 0 });
  }

  async beside(step) {
    try {
      let row = await this.overview.beside(step);
      while (row && !row.is_clip) row = await this.overview.beside(step);
      if (row) this.go({ ...this.where, clip: row.name, frame: 0 });
      else toast(step > 0 ? "This is the last clip." : "This is the first clip.");
    } catch (error) {
      toast(error.message, true);
    }
  }

  onframe(player, isPaused) {
    this.line?.style.setProperty("--at", `${((player.frame + 0.5) / this.length) * 100}%`);
    this.curves?.show(player.frame);
    this.crop?.show(player.frame - (player.indices[0] ?? 0));
    this.compare?.draw();
    if (player.isPlaying && !isPaused) return;
    this.where = { ...this.where, frame: player.frame };
    clearTimeout(this.writing);
    this.writing = setTimeout(() => this.player === player && where.write(this.where, { replace: true }), 250);
    this.refreshLegend();
  }

  // What runs along the clip, drawn over its time, with a line at the frame that is shown. A click or drag goes there.
  timeline() {
    const rows = this.found.files.map((file) => {
      const image = h("img", { alt: `${file.title} over time`, draggable: false,
        src: address("strip", { clip: this.found.name, modality: file.modality, width: 1200, height: 72 }), onerror: () => row.remove() });
      const row = h("div", { class: "strip plot" }, h("span", {}, file.title), image);
      return row;
    });
    const seek = (event) => {
      const plot = event.target.closest(".plot");
      if (!plot || !this.player?.main || (event.type === "pointermove" && !event.buttons)) return;
      const box = plot.getBoundingClientRect(), share = Math.min(0.9999, Math.max(0, (event.clientX - box.left) / box.width));
      this.player.seek(this.player.main.at(Math.floor(share * this.length)));
    };
    this.line = h("div", { class: "timeline", onpointerdown: seek, onpointermove: seek }, rows, this.legend(), this.curves.root || null);
    return this.line;
  }

  legend() {
    const layers = this.player.layers.filter((layer) => layer.classes.length);
    this.lines = h("div", { class: "row lines" });
    this.chips = this.slider = this.overlayBox = null;
    if (!layers.length) return h("div", { class: "legend" }, this.lines);
    this.slider = h("input", { type: "range", min: 0, max: 1, step: 0.05, value: this.player.opacity, "aria-label": "Opacity",
      oninput: () => { this.player.opacity = Number(this.slider.value); this.player.draw(); } });
    this.overlayBox = h("input", { type: "checkbox", checked: true, onchange: () => this.toggleOverlay(this.overlayBox.checked) });
    this.chips = h("div", { class: "chips" });
    return h("div", { class: "legend" }, h("div", { class: "row" }, h("label", {}, this.overlayBox, "Mask over the frame"),
      h("label", {}, "Opacity", this.slider),
      h("button", { class: "quiet", onclick: () => this.everyClass(true) }, "all"),
      h("button", { class: "quiet", onclick: () => this.everyClass(false) }, "none"), this.lines), this.chips);
  }

  refreshLegend() {
    if (!this.chips) return;
    const shown = this.player.layers.flatMap((layer) => [...layer.present].sort((a, b) => a - b).map((at) => [layer, at]));
    const key = shown.map(([layer, at]) => `${at}${layer.on.has(at)}`).join();
    if (key === this.chips.key) return;
    this.chips.key = key;
    this.chips.replaceChildren(...shown.map(([layer, at]) => {
      const swatch = h("i", {});
      swatch.style.background = `rgb(${layer.classes[at][1].join(" ")})`;
      return h("button", { class: "chip", "aria-pressed": String(layer.on.has(at)), "data-class": layer.classes[at][0], onclick: () => {
        if (layer.on.has(at)) layer.on.delete(at); else layer.on.add(at);
        this.player.draw();
      } }, swatch, words(layer.classes[at][0]));
    }));
  }

  everyClass(isOn) {
    for (const layer of this.player.layers) layer.on = new Set(isOn ? layer.classes.map((_, at) => at) : []);
    this.player.draw();
  }

  toggleOverlay(isOn = !this.player.isOverlay) {
    this.player.isOverlay = isOn;
    if (this.overlayBox) this.overlayBox.checked = isOn;
    this.player.draw();
  }

  fade(by) {
    this.player.opacity = Math.max(0, Math.min(1, this.player.opacity + by));
    if (this.slider) this.slider.value = this.player.opacity;
    this.player.draw();
  }

  facts() {
    const { found } = this;
    return [
      h("p", { class: "line" }, h("b", { class: `split ${found.split}` }, found.split), `${this.player.indices.length} frames`,
        h("a", { class: "gif", href: address("gif", { clip: found.name }), download: `${found.person}.gif` }, "as GIF"),
        found.lacks?.length ? ` · no ${found.lacks.join(", ")}` : ""),
      this.markings = h("p", { class: "markings" }),
      this.attributes(),
      found.sentences.length ? h("details", { open: true }, h("summary", {}, "Sentences"), this.textNote(),
        h("ol", { class: "sentences" }, found.sentences.map((text) => h("li", {}, text)))) : null,
      ...found.rows.map((row) => h("details", { open: true }, h("summary", {}, words(row.title)),
        row.lines.map((line) => h("p", { class: "prose" }, line)),
        row.chips.length ? h("p", { class: "tags" }, row.chips.map((chip) => h("span", {}, chip))) : null,
        row.note ? h("p", { class: "note" }, row.note) : null)),
      Object.keys(found.figures).length ? h("details", { open: true }, h("summary", {}, "Figures"),
        this.table(Object.entries(found.figures).map(([name, value]) => [name, plain(value)]))) : null,
      found.source.length ? h("details", { open: true }, h("summary", {}, "Where it comes from"), this.crop?.root || null, this.table(found.source)) : null,
    ];
  }

  // Whether the clip and its person are marked for removal, and the buttons for it.
  marking() {
    if (!this.found || !this.markings) return;
    const of = this.marks.of(this.found.name);
    const say = (kind, isMarked, what, key) => (this.marks.canMark
      ? h("button", { class: "quiet", "aria-pressed": String(isMarked), "data-mark": kind, title: `${isMarked ? "Take the mark away" : "Mark for removal"} (${key})`,
        onclick: () => this.marks.toggle(kind, this.found.name) }, isMarked ? `⚑ ${what}` : what)
      : isMarked ? h("b", {}, what) : null);
    const parts = [say("clip_id", of.clip, "clip", "x"), say("person_id", of.person, `person ${this.found.person}`, "Shift+X")].filter(Boolean);
    const list = this.marks.all.length ? [h("button", { class: "quiet", "data-marks": "", onclick: () => this.marks.dialog() }, `${count(this.marks.all.length)} marked ›`)] : [];
    this.markings.replaceChildren(...(parts.length ? [of.clip || of.person ? h("b", {}, "Marked for removal:") : "Mark for removal:", ...parts, ...list] : []));
  }

  table(rows) {
    return h("dl", {}, rows.map(([name, value]) => [h("dt", { title: meanings[name] || "" }, words(name)), h("dd", {}, value)]));
  }
}
