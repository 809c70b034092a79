// A histogram of a figure with a brush: drag over it to keep a range, click to take it back.
import { h, plain } from "./dom.js";

const WIDTH = 240, HEIGHT = 44;

export function histogram({ low, high, counts }, chosen, onchange) {
  const canvas = h("canvas", { width: WIDTH * 2, height: HEIGHT * 2, tabIndex: 0, role: "slider",
    "aria-label": "range", "aria-valuetext": chosen ? `${plain(chosen[0])} to ${plain(chosen[1])}` : "all" });
  const note = h("div", { class: "range" }, h("span", {}, plain(low)),
    h("b", {}, chosen ? `${plain(chosen[0])} – ${plain(chosen[1])}` : ""), h("span", {}, plain(high)));
  const span = high - low || 1;
  const valueAt = (event) => {
    const box = canvas.getBoundingClientRect();
    return low + Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)) * span;
  };
  // A range begins and ends where bars do, so what is painted is what is counted.
  const bars = (one, other) => {
    const step = span / counts.length;
    const first = Math.floor((Math.min(one, other) - low) / step), last = Math.ceil((Math.max(one, other) - low) / step);
    return [first <= 0 ? low : low + first * step, last >= counts.length ? high : low + last * step];
  };
  function paint(range) {
    const style = getComputedStyle(document.documentElement);
    const pen = canvas.getContext("2d"), most = Math.max(1, ...counts);
    pen.setTransform(2, 0, 0, 2, 0, 0);
    pen.clearRect(0, 0, WIDTH, HEIGHT);
    const step = WIDTH / counts.length;
    counts.forEach((number, at) => {
      const left = low + (at * span) / counts.length, right = left + span / counts.length;
      const isIn = !range || (right > range[0] && left < range[1]);
      pen.fillStyle = style.getPropertyValue(isIn ? "--accent" : "--line");
      const height = number ? Math.max(1.5, Math.sqrt(number / most) * (HEIGHT - 2)) : 0;
      pen.fillRect(at * step + 0.5, HEIGHT - height, step - 1, height);
    });
    pen.fillStyle = style.getPropertyValue("--line");
    pen.fillRect(0, HEIGHT - 0.5, WIDTH, 0.5);
  }
  let start = null;
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    start = valueAt(event);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (start === null) return;
    const now = valueAt(event);
    paint(bars(start, now));
  });
  canvas.addEventListener("pointerup", (event) => {
    const now = valueAt(event), from = start;
    start = null;
    onchange(Math.abs(now - from) < span / 100 ? null : bars(from, now));
  });
  canvas.addEventListener("keydown", (event) => {
    const [from, to] = chosen || [low, high];
    const moves = { ArrowRight: [from + span / 20, to], ArrowLeft: [from - span / 20, to],
      ArrowUp: [from, to + span / 20], ArrowDown: [from, to - span / 20], Delete: null };
    if (!(event.key in moves)) return;
    event.preventDefault();
    event.stopPropagation();
    const next = moves[event.key];
    onchange(next && next[0] < next[1] ? next : null);
  });
  queueMicrotask(() => paint(chosen));
  return h("div", { class: "histogram" }, canvas, note);
}
