// Elements, made of names, properties and children. Texts are always texts: no markup is ever parsed.

export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else if (name in element && !name.startsWith("aria")) element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(9).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export const count = (number) => number.toLocaleString("en-US");
export const counted = (number, noun) => `${count(number)} ${noun}${number === 1 ? "" : "s"}`;

// What figures are, by name; the server says it once.
export const meanings = {};

export const words = (name) => name.replaceAll(/[_.]/g, " ");

// Which model made a label, without what every hash ends with: "predicted:farl@<sha256>" is "farl@1234abcd…".
export const maker = (source) => source.endsWith("+manual") ? `${maker(source.slice(0, -7))}, with some set by hand` : source.replace(/^predicted:/, "").replace(/@([0-9a-f]{8})[0-9a-f]{56}$/, "@$1…").replace(/@(\d{1,3})$/, ", version $1");

export function plain(number) {
  if (!Number.isFinite(number)) return "not known";
  const size = Math.abs(number);
  if (size < 0.1) return number.toLocaleString("en-US", { maximumSignificantDigits: 2 });
  return number.toLocaleString("en-US", { maximumFractionDigits: size >= 100 ? 0 : size >= 10 ? 1 : 3 });
}

let timer = 0;

export function toast(text, isError = false) {
  document.querySelector(".toast")?.remove();
  const element = h("div", { class: isError ? "toast error" : "toast", role: "status" }, text);
  document.body.append(element);
  clearTimeout(timer);
  timer = setTimeout(() => element.remove(), isError ? 9000 : 3500);
}
