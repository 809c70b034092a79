// Lines and dots over the frames, such as landmarks: fetched once for a clip, drawn here in the screen's own pixels.
import { bytes } from "./api.js";

const hidden = new Set(["head pose"]); // what is switched off stays off from clip to clip

const rgb = ([red, green, blue]) => `rgb(${red} ${green} ${blue})`;

export class Outlines {
  constructor(clip, modalities) {
    this.clip = clip;
    this.modalities = modalities;
    this.layers = [];
  }

  async load() {
    for (const modality of this.modalities) {
      const data = await bytes("outlines", { clip: this.clip, modality });
      const size = new DataView(data).getUint32(0, true);
      let offset = 4 + size;
      for (const head of JSON.parse(new TextDecoder().decode(new Uint8Array(data, 4, size)))) {
        const indices = new Int32Array(data.slice(offset, offset + 4 * head.rows));
        offset += 4 * head.rows;
        const points = new Int16Array(data.slice(offset, offset + 4 * head.rows * head.points));
        offset += 4 * head.rows * head.points;
        this.layers.push({ ...head, count: head.points, points, rows: new Map([...indices].map((index, row) => [index, row])) });
      }
    }
  }

  get names() {
    return this.layers.map((layer) => layer.name);
  }

  isOn(name) {
    return !hidden.has(name);
  }

  toggle(name, isOn = hidden.has(name)) {
    if (isOn) hidden.delete(name); else hidden.add(name);
  }

  // Draws what belongs to a frame. `scale` is the number of the canvas's pixels to one of the frame's.
  draw(pen, index, scale) {
    for (const layer of this.layers) {
      const row = layer.rows.get(index);
      if (row === undefined || hidden.has(layer.name)) continue;
      const start = 2 * row * layer.count;
      const x = (at) => layer.points[start + 2 * at] * layer.step * scale, y = (at) => layer.points[start + 2 * at + 1] * layer.step * scale;
      if (layer.points[start] === -32768) continue;
      this.lines(pen, layer, x, y);
      if (layer.dots) this.dots(pen, layer, x, y);
    }
  }

  lines(pen, layer, x, y) {
    const width = Math.max(1.2, pen.canvas.width / 420) * (layer.dots ? 1 : 2);
    pen.lineJoin = pen.lineCap = "round";
    const trace = (line) => line.forEach((at, place) => (place ? pen.lineTo(x(at), y(at)) : pen.moveTo(x(at), y(at))));
    pen.beginPath();
    for (const [, line] of layer.lines) trace(line);
    pen.lineWidth = width * 2;
    pen.strokeStyle = "rgb(12 32 48 / 70%)";
    pen.stroke();
    pen.lineWidth = width;
    for (const [colour, line] of layer.lines) {
      pen.beginPath();
      trace(line);
      pen.strokeStyle = rgb(colour);
      pen.stroke();
    }
  }

  dots(pen, layer, x, y) {
    const side = Math.max(1, pen.canvas.width / 420);
    pen.fillStyle = rgb(layer.dots);
    for (let at = 0; at < layer.count; at++) pen.fillRect(x(at) - side / 2, y(at) - side / 2, side, side);
  }
}
