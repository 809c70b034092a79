// The pictures of a clip: fetched some at once ahead of the player, kept up to a number of bytes, class ids coloured here.
import { bytes } from "./api.js";

const AT_ONCE = 12, LEAST_KEPT = 4 * AT_ONCE, MOST_BYTES = 64 << 20;

const bytesOf = ({ width, height, values }) => width * height * (values ? 1 : 4);

export class Layer {
  constructor(clip, layer, place = 0) {
    Object.assign(this, layer, { clip, place });
    this.kept = new Map();
    this.bytes = 0;
    this.waiting = new Map();
    this.problems = new Map();
    this.positions = new Map(this.indices.map((index, at) => [index, at]));
    this.on = new Set(this.classes.map((_, at) => at));
    this.present = new Set();
  }

  // The place of the picture of a frame, or of the last one before it.
  at(index) {
    const exact = this.positions.get(index);
    if (exact !== undefined) return exact;
    let low = 0, high = this.indices.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.indices[middle] <= index) low = middle + 1; else high = middle;
    }
    return low - 1;
  }

  now(position) {
    const found = this.kept.get(position);
    if (found) {
      this.kept.delete(position);
      this.kept.set(position, found);
    }
    return found;
  }

  async get(position) {
    if (position < 0) return null;
    if (this.problems.has(position)) return null;
    const found = this.now(position);
    if (found) return found;
    if (!this.waiting.has(position)) this.fetch(position);
    await this.waiting.get(position);
    return this.kept.get(position) ?? null;
  }

  ahead(position, limit = this.indices.length) {
    for (let at = Math.max(0, position); at < Math.min(position + 2 * AT_ONCE, limit); at++) {
      if (!this.kept.has(at) && !this.waiting.has(at) && !this.problems.has(at)) return this.fetch(at);
    }
  }

  fetch(first) {
    const wanted = [];
    for (let at = first; at < Math.min(first + AT_ONCE, this.indices.length); at++) {
      if (!this.kept.has(at) && !this.waiting.has(at)) wanted.push(at);
    }
    const loading = this.load(wanted).finally(() => wanted.forEach((at) => this.waiting.delete(at)));
    wanted.forEach((at) => this.waiting.set(at, loading));
  }

  async load(wanted) {
    let data;
    try {
      data = await bytes("pictures", { clip: this.clip, modality: this.modality, style: this.style, place: this.place,
        at: wanted.join(",") });
    } catch (error) {
      wanted.forEach((at) => this.problems.set(at, error.message));
      return;
    }
    const view = new DataView(data);
    let offset = 0;
    const parts = wanted.map((at) => {
      const isPicture = view.getUint32(offset, true), size = view.getUint32(offset + 4, true);
      const part = new Uint8Array(data, offset + 8, size);
      offset += 8 + size;
      return [at, isPicture, part];
    });
    await Promise.all(parts.map(async ([at, isPicture, part]) => {
      if (!isPicture) return this.problems.set(at, new TextDecoder().decode(part));
      try {
        this.keep(at, await this.decode(part));
      } catch {
        this.problems.set(at, "the browser cannot decode it");
      }
    }));
  }

  async decode(part) {
    const exact = { colorSpaceConversion: "none", premultiplyAlpha: "none" };
    const bitmap = await createImageBitmap(new Blob([part]), this.classes.length ? exact : {});
    return this.classes.length ? this.ids(bitmap) : bitmap;
  }

  ids(bitmap) {
    const { width, height } = bitmap;
    const pen = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
    pen.drawImage(bitmap, 0, 0);
    bitmap.close();
    const pixels = pen.getImageData(0, 0, width, height).data, values = new Uint8Array(width * height);
    for (let at = 0; at < values.length; at++) values[at] = pixels[4 * at];
    return { width, height, values };
  }

  keep(at, picture) {
    this.kept.set(at, picture);
    this.bytes += bytesOf(picture);
    while (this.bytes > MOST_BYTES && this.kept.size > LEAST_KEPT) {
      const [oldest, gone] = this.kept.entries().next().value;
      this.kept.delete(oldest);
      this.bytes -= bytesOf(gone);
      gone.close?.();
    }
  }

  // Class ids as colours, those that are switched off being transparent. A mask stays for some frames: it is coloured once.
  coloured(ids) {
    const { width, height, values } = ids;
    if (!this.room || this.room.canvas.width !== width || this.room.canvas.height !== height) {
      this.room = new OffscreenCanvas(width, height).getContext("2d");
      this.pixels = this.room.createImageData(width, height);
    }
    const table = new Uint32Array(256);
    this.classes.forEach(([, [red, green, blue]], at) => {
      if (at > 0 && this.on.has(at)) table[at] = (255 << 24) | (blue << 16) | (green << 8) | red;
    });
    if (this.coloured_ === ids && table.every((colour, at) => colour === this.table[at])) return this.room.canvas;
    [this.coloured_, this.table] = [ids, table];
    const colours = new Uint32Array(this.pixels.data.buffer), seen = new Uint8Array(256);
    for (let at = 0; at < values.length; at++) {
      seen[values[at]] = 1;
      colours[at] = table[values[at]];
    }
    for (let at = 1; at < this.classes.length; at++) if (seen[at]) this.present.add(at);
    this.room.putImageData(this.pixels, 0, 0);
    return this.room.canvas;
  }

  close() {
    for (const picture of this.kept.values()) picture.close?.();
    this.kept.clear();
    this.bytes = 0;
  }
}
