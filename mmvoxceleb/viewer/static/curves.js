// Figures over the time of a clip: one row for each group, with the values of the frame that is shown.
import { ask } from "./api.js";
import { h, words } from "./dom.js";

const HEIGHT = 46, COLOURS = ["--line-1", "--line-2", "--line-3", "--line-4"];

// As many digits as the range of a group needs.
const said = (value, { low, high }) => {
  const span = Math.max(high - low, Math.abs(high) / 100);
  return value.toLocaleString("en-US", { maximumFractionDigits: span >= 100 ? 0 : span >= 5 ? 1 : span >= 0.5 ? 2 : span >= 0.05 ? 3 : 4 });
};

let isOpen = true; // from clip to clip

export class Curves {
  constructor(clip, sources, length, player) {
    Object.assign(this, { clip, sources, length, player, rows: [] });
    this.note = h("p", { class: "note" });
    this.body = h("div", { class: "rows" });
    this.root = sources.length ? h("details", { class: "curves", open: isOpen, ontoggle: () => {
      isOpen = this.root.open;
      if (isOpen) this.load();
    } }, h("summary", {}, "Figures over time"), this.body, this.note) : null;
    this.resizing = new ResizeObserver(() => this.rows.forEach((row) => this.paint(row)));
    this.dark = matchMedia("(prefers-color-scheme: dark)");
    this.dark.onchange = () => this.rows.forEach((row) => this.paint(row));
  }

  close() {
    this.asking?.abort();
    this.resizing.disconnect();
    this.dark.onchange = null;
  }

  // What is in files comes at once; what is measured from pictures after them.
  async load() {
    if (this.asking || !this.root) return;
    this.asking = new AbortController();
    await new Promise((done) => setTimeout(done, 350)); // who leafs through clips waits for none of this
    for (const source of this.sources) {
      if (this.asking.signal.aborted) return;
      this.note.textContent = `measuring ${source.modality} …`;
      try {
        const found = await ask("curves", { clip: this.clip, ...source }, this.asking.signal);
        this.add(found.curves);
        this.note.textContent = found.problem;
      } catch (error) {
        if (this.asking.signal.aborted) return;
        this.note.textContent = error.message;
      }
    }
  }

  add(curves) {
    for (const [group, members] of Map.groupBy(curves.filter((each) => each.indices.length), (each) => each.group)) {
      const canvas = h("canvas", { role: "img", "aria-label": `${group} over time` });
      const values = members.map((each, at) => {
        const value = h("b", {}), name = h("span", {}, words(each.name), value);
        name.style.setProperty("--own", `var(${COLOURS[at % COLOURS.length]})`);
        return [name, value];
      });
      const row = { members, canvas, values: values.map(([, value]) => value),
        low: Math.min(...members.map((each) => each.low)), high: Math.max(...members.map((each) => each.high)) };
      this.body.append(h("div", { class: "curve" }, h("div", { class: "said" }, h("i", {}, group), values.map(([name]) => name)),
        h("div", { class: "plot" }, canvas, h("small", { class: "high" }, said(row.high, row)), h("small", { class: "low" }, said(row.low, row)))));
      this.rows.push(row);
      this.resizing.observe(canvas);
    }
    this.show(this.player.frame);
  }

  show(frame) {
    for (const row of this.rows) {
      row.members.forEach((each, at) => {
        let place = each.indices.length - 1;
        while (place > 0 && each.indices[place] > frame) place -= 1;
        const value = each.values[place];
        row.values[at].textContent = value === null || each.indices[place] > frame ? "–" : said(value, row);
      });
    }
  }

  paint({ members, canvas, low, high }) {
    const width = canvas.clientWidth, dense = devicePixelRatio || 1, style = getComputedStyle(canvas);
    if (!width) return;
    Object.assign(canvas, { width: width * dense, height: HEIGHT * dense });
    const pen = canvas.getContext("2d"), span = high - low || 1;
    pen.scale(dense, dense);
    pen.lineWidth = 1.5;
    pen.lineJoin = "round";
    members.forEach((each, at) => {
      pen.strokeStyle = pen.fillStyle = style.getPropertyValue(COLOURS[at % COLOURS.length]);
      pen.beginPath();
      let isDown = false;
      each.values.forEach((value, place) => {
        if (value === null) return void (isDown = false);
        const x = ((each.indices[place] + 0.5) / this.length) * width, y = HEIGHT - 4 - ((value - low) / span) * (HEIGHT - 8);
        if (isDown) pen.lineTo(x, y); else pen.moveTo(x, y);
        isDown = true;
      });
      pen.stroke();
    });
  }
}
