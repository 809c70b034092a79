// Where the clip lies in the picture of its source: the frame's own box, the way of all of them, and the face.
import { h } from "./dom.js";

const MOST_WIDE = 320, MOST_HIGH = 190;

export class CropMap {
  constructor({ size, boxes, face }) {
    Object.assign(this, { size, boxes, face, at: -1 });
    this.scale = Math.min(MOST_WIDE / size[0], MOST_HIGH / size[1]);
    const [width, height] = size.map((side) => Math.round(side * this.scale));
    this.canvas = h("canvas", { width: width * 2, height: height * 2, role: "img",
      "aria-label": `the crop in a picture of ${size[0]} by ${size[1]} px` });
    this.canvas.style.width = `${width}px`;
    this.root = h("figure", { class: "cropmap" }, this.canvas,
      h("figcaption", {}, `${size[0]} × ${size[1]} px: crop`, face ? ", face dashed" : "", boxes.length > 1 ? ", its way dotted" : ""));
    queueMicrotask(() => this.show(0));
  }

  show(frame) {
    const at = Math.max(0, Math.min(this.boxes.length - 1, frame));
    if (at === this.at) return;
    this.at = at;
    const pen = this.canvas.getContext("2d"), style = getComputedStyle(document.documentElement), { width, height } = this.canvas;
    const colour = (name) => style.getPropertyValue(name);
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, width, height);
    pen.fillStyle = colour("--line");
    pen.fillRect(0, 0, width, height);
    pen.scale(2 * this.scale, 2 * this.scale);
    const unit = 1 / this.scale, draw = ([left, top, right, bottom]) => pen.strokeRect(left, top, right - left, bottom - top);
    const [left, top, right, bottom] = this.boxes[at];
    pen.globalAlpha = 0.28;
    pen.fillStyle = colour("--accent");
    pen.fillRect(left, top, right - left, bottom - top);
    pen.globalAlpha = 1;
    pen.strokeStyle = pen.fillStyle = colour("--accent");
    pen.lineWidth = 1.5 * unit;
    draw(this.boxes[at]);
    if (this.face) {
      pen.setLineDash([4 * unit, 3 * unit]);
      pen.lineWidth = unit;
      draw(this.face);
      pen.setLineDash([]);
    }
    if (this.boxes.length < 2) return;
    for (const box of this.boxes) pen.fillRect((box[0] + box[2]) / 2 - unit / 2, (box[1] + box[3]) / 2 - unit / 2, unit, unit);
  }
}
