// The overview: a grid of clips that only holds what can be seen, however many there are.
import { address, ask } from "./api.js";
import { count, counted, h, toast, words } from "./dom.js";
import { card as makeCard } from "./card.js";
import { filters } from "./filters.js";
import * as keys from "./keys.js";
import * as where from "./where.js";

const PAGE = 60, MOST_HEIGHT = 8e6, GAP = 14;

export class Overview {
  constructor(go, state, marks) {
    this.go = go;
    this.marks = marks;
    this.acts = { open: (at) => this.open(at), mark: marks.canMark && ((at) => this.mark("clip_id", (this.focus = at))) };
    this.pages = new Map();
    this.stale = new Set();
    this.cards = new Map();
    this.total = 0;
    this.focus = 0;
    this.search = h("input", { type: "search", placeholder: "Search names, sentences", "aria-label": "Search",
      oninput: () => {
        clearTimeout(this.typing);
        this.typing = setTimeout(() => this.filter(this.search.value
          ? { ...this.where.filter, text: this.search.value } : where.without(this.where.filter, "text"), true), 180);
      } });
    this.sort = h("select", { "aria-label": "Sort", onchange: () => this.show({ ...this.where, sort: this.sort.value }, true) });
    this.total_ = h("span", { class: "total", role: "status" });
    this.progress = h("span", { class: "progress" });
    this.side = h("aside", { "aria-label": "Filters" });
    this.sheet = h("div", { class: "sheet" });
    this.none = h("p", { class: "nobody", hidden: true }, "No clip passes these filters.");
    this.grid = h("main", { class: "grid", tabIndex: -1, onscroll: () => this.scrolled() }, this.none, this.sheet);
    this.toggle = h("button", { class: "toggle", onclick: () => this.root.classList.toggle("filtering") }, "Filters");
    this.tools = h("details", { class: "export", ontoggle: () => this.links() }, h("summary", {}, "Export"), h("div", {}));
    this.root = h("div", { class: "overview" },
      h("header", {}, h("h1", {}, state.name), this.total_, this.marks.button, this.progress, h("span", { class: "space" }), this.toggle,
        this.search, this.sort, this.tools, h("button", { class: "quiet", title: "Keys", onclick: keys.help }, "?")),
      h("div", { class: "body" }, this.side, this.grid));
    this.resizing = new ResizeObserver(() => this.layout());
    this.resizing.observe(this.grid);
  }

  enter(place) {
    keys.use([
      [["ArrowRight", "ArrowLeft", "ArrowDown", "ArrowUp"], "move among the clips", (event) => this.move(event.key)],
      [["Enter"], "open the clip", () => this.open(this.focus)],
      [["/"], "search", () => this.search.focus()],
      [["f"], "show or hide the filters", () => this.toggle.click()],
      [["c"], "clear all filters", () => this.filter({})],
      ...(this.marks.canMark ? [[["x", "X"], "mark the clip for removal, or its person", (event) => this.markFocused(event.key === "x" ? "clip_id" : "person_id")]] : []),
      [["Home", "End"], "first clip, last clip", (event) => this.focusOn(event.key === "Home" ? 0 : this.total - 1)],
      [["?"], "these keys", keys.help],
    ]);
    document.title = `${counted(this.total, "clip")}`;
    return this.show(place);
  }

  filter(filter, replace = false) {
    return this.show({ ...this.where, filter }, true, replace);
  }

  async show(place, isNew = false, replace = false) {
    const changed = !this.where || JSON.stringify([place.filter, place.sort]) !== this.key;
    this.where = { ...place, clip: "" };
    this.key = JSON.stringify([place.filter, place.sort]);
    if (isNew) where.write(this.where, { replace });
    if (document.activeElement !== this.search) this.search.value = place.filter.text || "";
    if (changed) {
      this.pages.clear();
      this.stale.clear();
      for (const at of [...this.cards.keys()]) this.drop(at);
      this.focus = 0;
      await this.refresh();
      this.grid.scrollTop = 0;
    } else {
      this.layout();
    }
  }

  async refresh() {
    const key = this.key;
    let found;
    try {
      found = await ask("clips", this.query(0, true));
    } catch (error) {
      return toast(error.message, true);
    }
    if (key !== this.key) return;
    for (const offset of this.pages.keys()) this.stale.add(offset);
    this.total = found.total;
    this.clips = found.clips;
    this.none.hidden = this.total > 0;
    this.put(0, found.rows);
    this.links();
    this.told(found);
    this.layout();
  }

  // Rows that have come; cards that would look the same are kept.
  put(offset, rows) {
    const before = this.pages.get(offset) || [];
    this.pages.set(offset, rows);
    this.stale.delete(offset);
    for (let at = 0; at < Math.max(before.length, rows.length); at++) {
      if (JSON.stringify(before[at]) !== JSON.stringify(rows[at])) this.drop(offset + at);
    }
  }

  drop(at) {
    this.cards.get(at)?.remove();
    this.cards.delete(at);
  }

  // The filters with their counts, and how many clips are left.
  told(found) {
    const clips = found.clips, rejected = this.total - clips;
    this.total_.textContent = [
      clips || !rejected ? counted(clips, "clip") : "", rejected ? `${count(rejected)} rejected` : "",
    ].filter(Boolean).join(", ");
    document.title = this.total_.textContent;
    const top = this.side.scrollTop;
    const focused = document.activeElement?.dataset?.filter || document.activeElement?.dataset?.attribute;
    this.side.replaceChildren(...filters(found.counts, this.where.filter, (filter) => this.filter(filter)).filter(Boolean),
      Object.keys(this.where.filter).length
        ? h("button", { class: "clear", onclick: () => this.filter({}) }, "Clear all filters") : "");
    this.side.scrollTop = top;
    if (focused) {
      this.side.querySelector(`[data-filter="${CSS.escape(focused)}"], [data-attribute="${CSS.escape(focused)}"]`)?.focus();
    }
    const option = ([value, text]) => h("option", { value, selected: value === this.where.sort }, text);
    const orders = [["", "by name"], ["-frames", "longest first"], ["frames", "shortest first"], ["doubt", "most doubtful label first"]];
    const names = Object.keys(found.counts.figures).filter((name) => name !== "frames");
    this.sort.replaceChildren(...orders.map(option), ...[["-", "high first"], ["", "low first"]].filter(() => names.length).map(([sign, how]) =>
      h("optgroup", { label: `Figures, ${how}` }, names.map((name) => option([sign + name, `${words(name)}, ${how}`])))));
  }

  // By key the clip that is meant is brought into sight.
  markFocused(kind) {
    this.focusOn(this.focus);
    return this.mark(kind, this.focus);
  }

  mark(kind, at) {
    const row = this.row(at);
    return row && this.marks.toggle(kind, row.name);
  }

  // Somebody was marked, or is no longer: what is shown says so at once, without being loaded anew.
  async marked() {
    if (this.where.filter.marked) return this.refresh();
    const focused = this.cards.get(this.focus)?.contains(document.activeElement);
    for (const [offset, page] of this.pages) {
      page?.forEach((row, at) => {
        const before = row.marked;
        row.marked = Object.values(this.marks.of(row.name)).some(Boolean);
        if (row.marked !== before) this.drop(offset + at);
      });
    }
    this.fill();
    if (focused) requestAnimationFrame(() => this.cards.get(this.focus)?.firstChild.focus({ preventScroll: true }));
    const key = this.key, found = await ask("clips", this.query(0, true));
    if (key === this.key) this.told(found);
  }

  query(offset, counts) {
    return { filter: JSON.stringify(this.where.filter), sort: this.where.sort, offset, limit: PAGE, counts: counts ? 1 : 0 };
  }

  layout() {
    const width = this.grid.clientWidth - 2 * GAP;
    if (width <= 0) return;
    this.columns = Math.max(width < 380 ? 2 : 1, Math.floor((width + GAP) / (width < 600 ? 160 : 200)));
    this.side_px = (width - (this.columns - 1) * GAP) / this.columns;
    this.step = this.side_px + 58 + GAP;
    this.real = Math.ceil(this.total / this.columns) * this.step + GAP;
    this.sheet.style.height = `${Math.min(MOST_HEIGHT, this.real)}px`;
    for (const card of this.cards.values()) card.style.width = `${this.side_px}px`;
    this.scrolled();
  }

  // Sheets that are higher than a browser can make an element are scrolled in proportion.
  top() {
    const view = this.grid.clientHeight, shown = Math.min(MOST_HEIGHT, this.real);
    return this.real <= MOST_HEIGHT ? this.grid.scrollTop : (this.grid.scrollTop / (shown - view)) * (this.real - view);
  }

  scrolled() {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.fill());
  }

  fill() {
    const top = this.top(), shift = this.grid.scrollTop - top;
    const first = Math.max(0, Math.floor(top / this.step) - 1) * this.columns;
    const last = Math.min(this.total, Math.ceil((top + this.grid.clientHeight) / this.step + 1) * this.columns);
    for (const near of [first - PAGE / 2, last + PAGE / 2]) if (near >= 0 && near < this.total) this.row(near); // ahead
    for (const [at, card] of this.cards) {
      if (at < first || at >= last) {
        card.remove();
        this.cards.delete(at);
      }
    }
    for (let at = first; at < last; at++) {
      const row = this.row(at);
      let card = this.cards.get(at);
      if (!card || (row && card.classList.contains("waiting"))) {
        card?.remove();
        card = row ? makeCard(row, at, this.acts) : h("div", { class: "card waiting" }, h("div", { class: "poster" }));
        this.cards.set(at, card);
        this.sheet.append(card);
        card.style.width = `${this.side_px}px`;
      }
      const left = GAP + (at % this.columns) * (this.side_px + GAP);
      card.style.transform = `translate(${left}px, ${Math.floor(at / this.columns) * this.step + GAP + shift}px)`;
    }
  }

  row(at) {
    const offset = Math.floor(at / PAGE) * PAGE;
    const page = this.pages.get(offset);
    if (page === undefined || this.stale.delete(offset)) this.load(offset);
    return page?.[at - offset];
  }

  async load(offset) {
    const key = this.key;
    if (!this.pages.has(offset)) this.pages.set(offset, null);
    await new Promise((done) => setTimeout(done, 40));
    const top = Math.floor(this.top() / this.step) * this.columns;
    const isPast = Math.abs(offset - top) > 6 * PAGE; // scrolled past
    if (isPast) return this.pages.delete(offset);
    try {
      const found = await ask("clips", this.query(offset, false));
      if (key !== this.key) return;
      this.put(offset, found.rows);
    } catch (error) {
      this.pages.delete(offset);
      return toast(error.message, true);
    }
    this.scrolled();
  }

  async open(at) {
    const row = this.row(at);
    if (!row) return;
    this.focus = at;
    if (row.is_clip) this.go({ ...this.where, clip: row.name, frame: 0 });
    else toast(`${row.name}: ${row.reason || row.outcome}`, true);
  }

  // The clip after or before one, in the order of this list.
  async beside(step) {
    const at = this.focus + step;
    if (at < 0 || at >= this.total) return null;
    const offset = Math.floor(at / PAGE) * PAGE;
    if (!this.pages.get(offset)) this.pages.set(offset, (await ask("clips", this.query(offset, false))).rows);
    this.focus = at;
    return this.pages.get(offset)[at - offset];
  }

  // What is left by the filters, as files.
  links() {
    const query = { filter: JSON.stringify(this.where.filter), sort: this.where.sort };
    if (!this.clips) return this.tools.lastChild.replaceChildren(h("p", {}, "There is no clip here to export."));
    this.tools.lastChild.replaceChildren(
      h("a", { href: address("list", query), download: "clips.txt" }, this.clips === 1 ? "List of the clip" : `List of the ${count(this.clips)} clips`),
      h("a", { href: address("sheet", query), download: "clips.png" }, this.clips > 24 ? "Contact sheet of the first 24" : "Contact sheet"),
      h("a", { href: address("gif", query), download: "clips.gif" }, this.clips > 12 ? "GIF of the first 12" : "GIF"));
  }

  move(key) {
    const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: this.columns, ArrowUp: -this.columns };
    this.focusOn(this.focus + steps[key]);
  }

  focusOn(at) {
    this.focus = Math.max(0, Math.min(this.total - 1, at));
    const row = Math.floor(this.focus / this.columns) * this.step, view = this.grid.clientHeight;
    const top = this.top();
    const scale = this.real <= MOST_HEIGHT ? 1 : (MOST_HEIGHT - view) / (this.real - view);
    if (row < top) this.grid.scrollTop = row * scale;
    else if (row + this.step > top + view) this.grid.scrollTop = (row + this.step + GAP - view) * scale;
    this.fill();
    this.cards.get(this.focus)?.firstChild.focus({ preventScroll: true });
  }

  tell(state) {
    const isReading = state.read < state.clips;
    this.progress.textContent = state.problem || (isReading ? `reading ${count(state.read)} of ${count(state.clips)}` : "");
    this.progress.classList.toggle("bad", Boolean(state.problem));
  }
}
