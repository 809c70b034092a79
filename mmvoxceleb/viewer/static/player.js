// Plays the pictures of a clip in step: every frame is shown, and the frame number is always that of the picture.
import { bytes } from "./api.js";
import { h } from "./dom.js";

const SPEEDS = [0.1, 0.25, 0.5, 1, 2, 4];

let isMute = false; // from clip to clip

export class Player {
  constructor(layers, { rate, clip, sound, outlines, frame = 0, onframe = () => {} }) {
    this.outlines = outlines;
    this.layers = layers;
    this.rate = rate;
    this.onframe = onframe;
    this.main = layers.find((layer) => layer.is_timeline) || layers[0];
    this.indices = this.main ? this.main.indices : [];
    this.position = this.main ? Math.max(0, this.main.at(frame)) : 0;
    this.speed = 1;
    this.isLoop = true;
    this.isPlaying = false;
    this.opacity = 0.55;
    this.isOverlay = true;
    this.shown = 0;
    this.soundOf = sound ? { clip, modality: sound } : null;
    this.views = [];
    const panels = layers.filter((layer) => !layer.classes.length || layer === this.main);
    for (const layer of panels) {
      const canvas = h("canvas", { width: 256, height: 256, role: "img", "aria-label": layer.title });
      const note = h("figcaption", {}, layer.title, layer.style ? ` · ${layer.style}` : "");
      const problem = h("p", { class: "broken", hidden: true });
      this.views.push({ layer, canvas, problem, note, pen: canvas.getContext("2d") });
    }
    this.over = h("canvas", { class: "over", "aria-hidden": "true" });
    this.stage = h("div", { class: "stage" }, this.views.map((view) =>
      h("figure", {}, h("div", { class: "screen" }, view.canvas, view.layer === this.main ? this.over : null, view.problem), view.note)));
    this.resizing = new ResizeObserver(() => this.isOver || this.drawOver());
    this.resizing.observe(this.stage);
    this.number = h("output", { class: "frame" });
    this.slider = h("input", { type: "range", class: "scrub", min: 0, max: Math.max(0, this.indices.length - 1), value: this.position,
      "aria-label": "Frame", oninput: () => this.seek(Number(this.slider.value)) });
    this.button = h("button", { class: "play", title: "Play or pause (Space)", "aria-label": "Play", onclick: () => this.toggle() }, "▶");
    this.rateButton = h("button", { class: "quiet", title: "Speed ( - + )", onclick: () => this.faster(1, true) }, "1×");
    this.loopButton = h("button", { class: "quiet", title: "Repeat (l)", "aria-pressed": "true", onclick: () => this.loop() }, "↻");
    this.soundButton = this.soundOf ? h("button", { class: "quiet", title: "Sound (s)", "aria-label": "Sound", "aria-pressed": String(!isMute), onclick: () => this.mute() }, "♪") : null;
    this.controls = h("div", { class: "controls" }, this.button,
      h("button", { class: "quiet", title: "One frame back (←)", onclick: () => this.step(-1) }, "‹"),
      h("button", { class: "quiet", title: "One frame on (→)", onclick: () => this.step(1) }, "›"),
      this.slider, this.number, this.rateButton, this.loopButton, this.soundButton || []);
  }

  get frame() {
    return this.indices[this.position] ?? 0;
  }

  start() {
    this.draw();
    this.prefetch();
  }

  stop() {
    this.pause();
    this.isOver = true;
    this.resizing.disconnect();
    this.context?.close();
    this.layers.forEach((layer) => layer.close());
  }

  toggle() {
    if (this.isPlaying) this.pause(); else this.play();
  }

  async play() {
    if (this.isPlaying || this.indices.length < 2) return;
    if (this.position >= this.indices.length - 1) this.position = 0;
    this.isPlaying = true;
    this.button.textContent = "❚❚";
    this.button.setAttribute("aria-label", "Pause");
    if (this.soundOf && !isMute && !this.sound && !this.isSilent) await this.loadSound();
    this.begin();
    this.tick();
  }

  // Time runs from here: by the clock of the sound where there is one.
  begin() {
    this.source?.stop();
    this.source = null;
    this.from = this.frame;
    if (this.sound && !isMute && this.speed >= 0.25 && this.speed <= 4) {
      this.source = this.context.createBufferSource();
      this.source.buffer = this.sound;
      this.source.playbackRate.value = this.speed;
      this.source.connect(this.context.destination);
      this.source.start(0, Math.min(this.sound.duration, this.frame / this.rate));
    }
    this.startedAt = this.clock();
  }

  clock() {
    return this.source ? this.context.currentTime : performance.now() / 1000;
  }

  async loadSound() {
    try {
      this.context = new AudioContext();
      this.sound = await this.context.decodeAudioData(await bytes("sound", this.soundOf));
    } catch {
      this.isSilent = true;
    }
  }

  pause() {
    if (!this.isPlaying) return;
    this.isPlaying = false;
    this.source?.stop();
    this.source = null;
    this.button.textContent = "▶";
    this.button.setAttribute("aria-label", "Play");
    this.onframe(this, true);
  }

  tick() {
    if (!this.isPlaying || this.isOver) return;
    const frame = this.from + Math.floor((this.clock() - this.startedAt) * this.rate * this.speed);
    const due = frame > this.indices.at(-1) ? this.indices.length : this.main.at(frame); // a clip may have holes in time
    if (due > this.position) {
      const last = this.indices.length - 1;
      const next = !this.source ? this.position + 1 : this.position < last ? Math.min(due, last) : due; // the last is always shown
      if (next > last) {
        if (!this.isLoop) return this.pause();
        this.position = 0;
        this.begin();
      } else if (this.isReady(next)) {
        this.position = next;
        if (due > next + 2) this.begin(); // the machine is slower than the clip: show every frame, later
      } else {
        this.isWaiting = true;
        this.source?.stop();
        this.source = null;
        this.prefetch();
        return this.ready(next).then(() => {
          this.isWaiting = false;
          if (!this.isPlaying) return;
          this.position = next;
          this.begin();
          this.draw();
          this.tick();
        });
      }
      this.draw();
      this.prefetch();
    }
    requestAnimationFrame(() => this.tick());
  }

  needed(position) {
    return this.layers.map((layer) => [layer, layer.at(this.indices[position])]).filter(([, at]) => at >= 0);
  }

  isReady(position) {
    return this.needed(position).every(([layer, at]) => layer.kept.has(at) || layer.problems.has(at));
  }

  ready(position) {
    return Promise.all(this.needed(position).map(([layer, at]) => layer.get(at)));
  }

  prefetch() {
    for (const [layer, at] of this.needed(this.position)) layer.ahead(at);
  }

  seek(position) {
    this.position = Math.max(0, Math.min(this.indices.length - 1, position));
    if (this.isPlaying) this.begin();
    this.draw();
    this.prefetch();
  }

  step(by) {
    this.pause();
    this.seek(this.position + by);
  }

  faster(step, isRound = false) {
    const at = SPEEDS.indexOf(this.speed) + step;
    this.speed = SPEEDS[isRound ? at % SPEEDS.length : Math.max(0, Math.min(SPEEDS.length - 1, at))];
    this.rateButton.textContent = `${this.speed}×`;
    if (this.isPlaying) this.begin();
  }

  async mute() {
    isMute = !isMute;
    this.soundButton?.setAttribute("aria-pressed", String(!isMute));
    if (!this.isPlaying) return;
    if (!isMute && this.soundOf && !this.sound && !this.isSilent) await this.loadSound();
    this.begin();
  }

  loop() {
    this.isLoop = !this.isLoop;
    this.loopButton.setAttribute("aria-pressed", String(this.isLoop));
  }

  async draw() {
    const position = this.position, turn = (this.turn = (this.turn || 0) + 1);
    this.slider.value = position;
    this.number.textContent = `${this.frame} / ${this.indices.at(-1) ?? 0}`;
    if (!this.isReady(position)) await this.ready(position);
    if (turn !== this.turn || this.isOver) return;
    for (const view of this.views) this.paint(view, this.indices[position]);
    this.shown += 1;
    this.drawn = this.indices[position];
    this.onframe(this, false);
  }

  // A mask or drawing that a frame lacks stays until the next one, and its caption says of which frame it is.
  caption({ title, style }, held, index) {
    return `${title}${style ? ` · ${style}` : ""}${held !== undefined && held !== index ? ` of frame ${held}` : ""}`;
  }

  paint(view, index) {
    const at = view.layer.at(index), picture = view.layer.now(at), { canvas, pen } = view;
    const problem = view.layer.problems.get(at) || (at < 0 ? "no picture yet" : "");
    view.problem.hidden = !problem;
    view.problem.textContent = problem;
    if (view.layer !== this.main) view.note.textContent = this.caption(view.layer, view.layer.indices[at], index);
    if (!picture) return pen.clearRect(0, 0, canvas.width, canvas.height);
    const shown = picture.values ? view.layer.coloured(picture) : picture;
    if (canvas.width !== shown.width || canvas.height !== shown.height) Object.assign(canvas, { width: shown.width, height: shown.height });
    if (picture.values) pen.clearRect(0, 0, canvas.width, canvas.height);
    pen.globalAlpha = 1;
    pen.drawImage(shown, 0, 0);
    if (view.layer !== this.main) return;
    const held = [];
    for (const layer of this.layers) {
      const ids = layer.classes.length && layer !== this.main && this.isOverlay ? layer.now(layer.at(index)) : null;
      if (!ids) continue;
      const colours = layer.coloured(ids);
      pen.globalAlpha = this.opacity;
      pen.imageSmoothingEnabled = false;
      pen.drawImage(colours, 0, 0, canvas.width, canvas.height);
      held.push(` · ${this.caption({ ...layer, title: layer.modality }, layer.indices[layer.at(index)], index)}`);
    }
    view.note.textContent = `${view.layer.title}${held.join("")}`;
    pen.globalAlpha = 1;
    this.drawOver(index);
  }

  // Lines over the frame are drawn in the screen's own pixels, however small the frame is.
  drawOver(index = this.drawn) {
    const { canvas } = this.views[0], dense = devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth * dense, canvas.clientHeight * dense].map(Math.round);
    if (this.over.width !== width || this.over.height !== height) Object.assign(this.over, { width, height });
    const pen = this.over.getContext("2d");
    pen.clearRect(0, 0, width, height);
    this.outlines?.draw(pen, index, width / canvas.width);
  }
}
