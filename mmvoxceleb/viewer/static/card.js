// A clip in the overview: its picture, who it is, and what is wrong with it.
import { address } from "./api.js";
import { h } from "./dom.js";

export function card(row, at, { open, mark }) {
  const isBad = row.outcome === "failed" || row.outcome === "rejected";
  const reason = row.problem || (isBad ? row.reason : "");
  const picture = row.is_clip
    ? h("img", { src: address("poster", { clip: row.name }), alt: "", decoding: "async", draggable: false,
      onerror: (event) => event.target.replaceWith(h("p", { class: "broken" }, "cannot be read")) })
    : h("p", { class: "broken" }, row.reason || row.outcome);
  const marks = [
    ...(isBad ? [h("b", { class: "mark bad" }, row.outcome)] : []),
    ...(row.problem ? [h("b", { class: "mark bad" }, "damaged")] : []),
    ...(row.marked ? [h("b", { class: "mark bad" }, "marked for removal")] : []),
    ...row.lacks.map((name) => h("b", { class: "mark" }, `no ${name}`)),
  ];
  const rest = row.name.split("#").slice(1).join(" · ").replace(".txt", "").replace(".mp4", "");
  const link = h("a", { href: row.is_clip ? `#${new URLSearchParams({ clip: row.name })}` : "#", title: reason || row.sentence || row.name, "data-at": at,
    "data-clip": row.name, onclick: (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      open(at);
    } },
  h("div", { class: "poster" }, picture, h("div", { class: "marks" }, marks)),
  h("div", { class: "name" }, h("b", {}, row.person), h("span", {}, row.frames > 0 ? `${(row.frames / 25).toFixed(1)} s` : "")),
  h("div", { class: "under" }, (row.is_clip && reason) || rest));
  const button = mark && row.is_clip ? h("button", { class: "markit", tabIndex: -1, "aria-pressed": String(row.marked),
    title: row.marked ? "Take the mark away (x)" : "Mark for removal (x)", "aria-label": "Mark for removal", onclick: () => mark(at) }, "⚑") : null;
  return h("div", { class: row.marked ? "card gone" : "card" }, link, button);
}
