// Labels by hand: set by click or key, written at once, taken back with z; the next doubtful clip with n.
import { ask, change } from "./api.js";
import { ClipPage } from "./clip.js";
import { h, maker, toast, words } from "./dom.js";

const SIGNS = [[1, "present", "+"], [0, "absent", "−"], [-1, "unknown", "?"]];

export class MendPage extends ClipPage {
  seen = new Set();

  moreKeys() {
    if (!this.state.can_mend || !this.found?.label) return [];
    return [
      [["ArrowDown", "ArrowUp"], "next, previous attribute", (event) => this.choose(event.key === "ArrowDown" ? 1 : -1)],
      [["1", "p"], "it is present", () => this.setChosen(1)],
      [["0", "a"], "it is absent", () => this.setChosen(0)],
      [["u"], "it is unknown", () => this.setChosen(-1)],
      [["z"], "undo", () => this.undo()],
      [["n"], "next clip whose label is doubtful", () => this.nextDoubtful()],
    ];
  }

  attributes() {
    const { label, probabilities } = this.found;
    if (!label) return null;
    if (!(this.chosen in label)) this.chosen = this.mostDoubtful() || Object.keys(label)[0];
    this.source = h("p", { class: "note" });
    this.list = h("ul", { class: "mend" });
    this.stale = h("div", {});
    this.rows = {};
    this.fill();
    const tools = this.state.can_mend ? h("span", { class: "tools" },
      Object.keys(probabilities).length ? h("button", { class: "quiet", title: "Next doubtful clip (n)", onclick: () => this.nextDoubtful() }, "next doubtful ›") : null,
      h("button", { class: "quiet", title: "Take back (z)", onclick: () => this.undo() }, "undo")) : null;
    return h("details", { open: true }, h("summary", {}, "Attributes", h("span", { class: "space" }), tools), this.source, this.list);
  }

  textNote() {
    return this.stale || null;
  }

  fill() {
    const { label, mended, label_source: source, is_text_old: isOld } = this.found;
    const hands = Object.values(mended);
    this.source.title = source || "";
    this.source.textContent = hands.length ? `${hands.length} of ${Object.keys(label).length} set by hand, the last by ${hands.at(-1).by}`
      : source?.startsWith("predicted:") ? `predicted by ${maker(source)}` : source || "source unknown";
    this.stale.replaceChildren(...(isOld ? [h("p", { class: "problem" }, "These were written from another label. Regenerate them: ",
      h("code", {}, `mmvoxceleb regenerate text ${this.state.store} --overwrite`))] : []));
    this.list.replaceChildren(...Object.entries(label).map(([name, value]) => this.row(name, value)));
  }

  row(name, value) {
    const probability = this.found.probabilities[name], isSet = name in this.found.mended;
    const bar = h("i", { class: "bar", title: Number.isFinite(probability) ? `probability ${probability.toFixed(3)}` : "no probability" });
    if (Number.isFinite(probability)) {
      const fill = h("i", {}), tick = h("b", {});
      fill.style.width = `${probability * 100}%`;
      tick.style.left = `${(this.found.thresholds[name] ?? 0.5) * 100}%`;
      bar.append(fill, tick);
    }
    return h("li", { class: name === this.chosen ? "chosen" : "", "data-name": name, onclick: () => { this.chosen = name; this.mark(); } },
      h("span", { class: isSet ? "hand" : "", title: isSet ? `by ${this.found.mended[name].by}, ${this.found.mended[name].at}` : "" }, words(name)), bar,
      SIGNS.map(([each, word, sign]) => h("button", { class: each === value ? "sign on" : "sign", title: `${words(name)}: ${word}`,
        "aria-pressed": String(each === value), disabled: !this.state.can_mend, "data-set": `${name}:${each}`,
        onclick: () => this.set(name, each) }, sign)));
  }

  mark() {
    for (const row of this.list.children) row.classList.toggle("chosen", row.dataset.name === this.chosen);
    this.list.querySelector(".chosen")?.scrollIntoView({ block: "nearest" });
  }

  // Whether the chosen attribute can be seen; if not, it is brought into sight, and the key does nothing more.
  isChosenSeen() {
    const row = this.list.querySelector(".chosen"), box = row?.getBoundingClientRect();
    if (!box?.height) return false;
    const at = document.elementFromPoint(box.left + 4, box.top + box.height / 2);
    if (row.contains(at)) return true;
    row.scrollIntoView({ block: "center" });
    toast(`Chosen: ${words(this.chosen)}. Press the key again.`);
    return false;
  }

  setChosen(value) {
    if (this.isChosenSeen()) this.set(this.chosen, value);
  }

  choose(step) {
    if (!this.isChosenSeen()) return;
    const names = Object.keys(this.found.label);
    this.chosen = names[(names.indexOf(this.chosen) + step + names.length) % names.length];
    this.mark();
  }

  mostDoubtful() {
    const { probabilities, thresholds, mended } = this.found;
    const margin = (name) => Math.abs(probabilities[name] - (thresholds[name] ?? 0.5));
    return Object.keys(probabilities).filter((name) => Number.isFinite(probabilities[name]) && !(name in mended))
      .sort((one, other) => margin(one) - margin(other))[0];
  }

  async set(name, value) {
    const clip = this.found.name;
    const isWritten = await this.write(() => change("mend", { clip, attribute: name, value, was: this.found.label[name] }));
    if (isWritten && this.found.name === clip) toast(`${words(name)}: ${SIGNS.find(([each]) => each === value)[1]}`);
  }

  async undo() {
    await this.write(async () => {
      const found = await change("undo", { clip: this.found.name });
      toast(found.is_undone ? "Taken back." : "Nothing was set here since the viewer began.");
      return found;
    });
  }

  // Writes come one after another. Whatever was answered, the page then shows what is on disk. Tells whether it was done.
  write(act) {
    const clip = this.found.name;
    this.writing_ = (this.writing_ || Promise.resolve()).then(async () => {
      let now, isWritten = true;
      try {
        now = await act();
      } catch (error) {
        toast(error.message, true);
        isWritten = false;
        now = await ask("clip", { clip }).catch(() => ({}));
      }
      if (this.found.name !== clip) return isWritten;
      for (const each of ["label", "label_source", "mended", "probabilities", "thresholds", "is_text_old"]) if (each in now) this.found[each] = now[each];
      this.fill();
      this.mark();
      return isWritten;
    });
    return this.writing_;
  }

  // Who goes on without a decision comes to the next one all the same, and not back.
  async nextDoubtful() {
    this.seen.add(this.where.clip);
    try {
      let rows, row, offset = 0;
      do {
        ({ rows } = await ask("clips", { filter: JSON.stringify(this.where.filter), sort: "doubt", offset, limit: 200, counts: 0 }));
        row = rows.find((each) => each.is_clip && each.is_doubtful && !this.seen.has(each.name));
        offset += 200;
      } while (!row && rows.at(-1)?.is_doubtful);
      if (row) {
        this.chosen = "";
        await this.go({ ...this.where, clip: row.name, frame: 0 });
        return this.mark();
      }
      this.seen.clear();
      toast("No other clip of this list has a probability; those that you have seen come again.");
    } catch (error) {
      toast(error.message, true);
    }
  }
}
