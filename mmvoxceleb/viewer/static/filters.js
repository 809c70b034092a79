// The filters at the side: every choice with the number of clips that it would give.
import { count, counted, h, maker, meanings, words } from "./dom.js";
import { histogram } from "./histogram.js";
import { without } from "./where.js";

const open = new Set(["split", "outcome", "reason", "marked", "source", "lacks"]);

const SIGNS = [[1, "present", "+"], [0, "absent", "−"], [-1, "unknown", "?"]];

function section(name, title, isChosen, content) {
  return h("details", { open: open.has(name) || isChosen, ontoggle: (event) => {
    if (event.target.open) open.add(name); else open.delete(name);
  } }, h("summary", {}, title, isChosen ? h("i", { class: "dot", title: "filters" }) : null), content);
}

function choices(name, listed, filter, onchange, say = (value) => value) {
  const chosen = filter[name] || [];
  return h("ul", { class: "choices" }, listed.map(([value, number]) =>
    h("li", {}, h("label", { class: number ? "" : "none" },
      h("input", { type: "checkbox", checked: chosen.includes(value), "data-filter": `${name}:${value}`,
        onchange: (event) => {
          const next = event.target.checked ? [...chosen, value] : chosen.filter((other) => other !== value);
          onchange(next.length ? { ...filter, [name]: next } : without(filter, name));
        } }),
      h("span", { title: value }, say(value)), h("output", {}, count(number))))));
}

function attributes(counts, filter, onchange) {
  const chosen = filter.attributes || {};
  return h("ul", { class: "attributes" }, Object.entries(counts).map(([name, numbers]) =>
    h("li", {}, h("span", {}, words(name)), SIGNS.map(([value, word, sign], at) => {
      const held = chosen[name] || [], isOn = held.includes(value);
      return h("button", { class: isOn ? "sign on" : "sign", title: `${words(name)}: ${word}, ${counted(numbers[at], "clip")}`,
        "aria-pressed": String(isOn), "data-attribute": `${name}:${value}`, onclick: () => {
          const next = isOn ? held.filter((other) => other !== value) : [...held, value];
          const all = next.length ? { ...chosen, [name]: next } : without(chosen, name);
          onchange(Object.keys(all).length ? { ...filter, attributes: all } : without(filter, "attributes"));
        } }, h("i", {}, sign), h("output", {}, count(numbers[at])));
    }))));
}

function figures(counts, filter, onchange) {
  const chosen = filter.figures || {};
  return Object.entries(counts).filter(([, each]) => each.high > each.low || each.counts.some(Boolean)).map(([name, each]) =>
    h("div", { class: "figure", "data-figure": name }, h("h4", { title: meanings[name] || "" }, words(name)), histogram(each, chosen[name], (range) => {
      const all = range ? { ...chosen, [name]: range } : without(chosen, name);
      onchange(Object.keys(all).length ? { ...filter, figures: all } : without(filter, "figures"));
    })));
}

export function filters(counts, filter, onchange) {
  const has = (name) => Boolean(filter[name]);
  const list = (name, title, say) => counts[name].length || has(name)
    ? section(name, title, has(name), choices(name, counts[name], filter, onchange, say)) : null;
  const lacks = counts.lacks.filter(([value, number]) => number || filter.lacks?.includes(value));
  const outcomes = counts.outcome.filter(([value]) => value !== "done" || counts.outcome.length > 1);
  return [
    list("split", "Split"),
    list("person", "Person"),
    outcomes.length ? section("outcome", "Outcome of the run", has("outcome"),
      choices("outcome", outcomes, filter, onchange)) : null,
    list("reason", "Reason"),
    list("marked", "Removal"),
    lacks.length ? section("lacks", "Lacks", has("lacks"), choices("lacks", lacks, filter, onchange)) : null,
    list("source", "Label made by", maker),
    section("figures", "Figures", has("figures"), figures(counts.figures, filter, onchange)),
    section("attributes", "Attributes", has("attributes"), attributes(counts.attributes, filter, onchange)),
  ];
}
