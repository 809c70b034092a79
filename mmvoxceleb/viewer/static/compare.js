// Two layers of one clip side by side on the same frames, and the share of pixels in which they differ.
import { h } from "./dom.js";
import { Layer } from "./layers.js";

const nameOf = (layer) => `${layer.title}${layer.style ? ` · ${layer.style}` : ""}${layer.of ? ` · ${layer.of}` : ""}`;

const areAlike = (one, other) => one !== other && Boolean(one.classes.length) === Boolean(other.classes.length);

export class Compare {
  constructor(clip, layers, others, state, player) {
    const mine = layers.map((layer) => Object.assign(new Layer(clip, { ...layer, of: others.length ? state.name : "" })));
    this.layers = [...mine, ...others.map((layer) => new Layer(clip, layer, 1))];
    this.player = player;
    const pairs = this.layers.flatMap((one) => this.layers.filter((other) => areAlike(one, other)).map((other) => [one, other]));
    const score = ([one, other]) => 2 * (one.modality === other.modality) + (one.place !== other.place && one.style === other.style) + (one.classes.length > 0) / 2;
    [this.one, this.other] = pairs.sort((first, second) => score(second) - score(first))[0] || [];
    this.isUseful = pairs.some(([one, other]) => one.modality === other.modality);
    if (!this.isUseful) return;
    this.views = [0, 1, 2].map(() => h("canvas", { width: 256, height: 256 }));
    this.share = h("output", { class: "share", role: "status" });
    this.selects = ["one", "other"].map((side) => h("select", { "aria-label": side === "one" ? "Left" : "Right", onchange: (event) => {
      this[side] = this.layers[event.target.value];
      this.sums = [];
      this.draw();
    } }, this.layers.map((layer, at) => h("option", { value: at, selected: layer === this[side] }, nameOf(layer)))));
    this.sums = [];
    this.root = h("details", { class: "compare", ontoggle: () => this.draw() }, h("summary", {}, "Compare"),
      h("div", { class: "stage" }, this.selects.map((select, at) => h("figure", {}, h("div", { class: "screen" }, this.views[at]), select)),
        h("figure", {}, h("div", { class: "screen" }, this.views[2]), this.share)));
  }

  async draw() {
    if (!this.isUseful || !this.root.open) return;
    const index = this.player.frame, pair = [this.one, this.other];
    const turn = (this.turn = (this.turn || 0) + 1);
    const at = pair.map((layer) => layer.at(index));
    const [first, second] = await Promise.all(pair.map((layer, side) => layer.get(at[side])));
    if (turn !== this.turn) return;
    [first, second].forEach((picture, side) => this.paint(this.views[side], picture, pair[side]));
    if (!first || !second) return this.say(pair.map((layer, side) => layer.problems.get(at[side])).find(Boolean) || "no picture of this frame on one side");
    if (pair.some((layer, side) => layer.indices[at[side]] !== pair[0].indices[at[0]])) return this.say("no pictures of the same frame here");
    if (Boolean(first.values) !== Boolean(second.values)) return this.say("a picture and class ids cannot be compared");
    if (first.width !== second.width || first.height !== second.height) {
      return this.say(`${first.width} × ${first.height} and ${second.width} × ${second.height} px: not the same size`);
    }
    const differ = this.difference(first, second), share = differ / (first.width * first.height);
    this.sums[pair[0].indices[at[0]]] = share;
    const seen = Object.values(this.sums), mean = seen.reduce((sum, each) => sum + each, 0) / seen.length;
    this.share.textContent = `${(100 * share).toFixed(2)} % of pixels differ · mean of ${seen.length} frames seen ${(100 * mean).toFixed(2)} %`;
  }

  say(text) {
    this.views[2].getContext("2d").clearRect(0, 0, this.views[2].width, this.views[2].height);
    this.share.textContent = text;
  }

  paint(canvas, picture, layer) {
    if (!picture) return canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
    Object.assign(canvas, { width: picture.width, height: picture.height });
    canvas.getContext("2d").drawImage(picture.values ? layer.coloured(picture) : picture, 0, 0);
  }

  // Pixels that differ at all, in any channel.
  difference(first, second) {
    const { width, height } = first;
    Object.assign(this.views[2], { width, height });
    const pen = this.views[2].getContext("2d"), shown = pen.createImageData(width, height), marks = new Uint32Array(shown.data.buffer);
    const [one, other] = [first, second].map((picture, side) => picture.values
      || new Uint32Array(this.views[side].getContext("2d").getImageData(0, 0, width, height).data.buffer));
    let count = 0;
    for (let at = 0; at < marks.length; at++) {
      if (one[at] === other[at]) continue;
      marks[at] = 0xff2f44a8; // the red of the page
      count += 1;
    }
    pen.putImageData(shown, 0, 0);
    return count;
  }

  close() {
    this.layers.forEach((layer) => layer.close());
  }
}
