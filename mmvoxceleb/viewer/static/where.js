// What is looked at stands in the address behind #, so it can be sent to a colleague.

export function read() {
  const values = new URLSearchParams(location.hash.slice(1));
  let filter = {};
  try {
    filter = JSON.parse(values.get("filter") || "{}");
  } catch {
    // a broken address shows everything
  }
  return {
    filter,
    sort: values.get("sort") || "",
    clip: values.get("clip") || "",
    frame: Number(values.get("frame") || 0),
    compare: values.get("compare") || "",
  };
}

export function write(state, { replace = false } = {}) {
  const values = new URLSearchParams();
  if (Object.keys(state.filter).length) values.set("filter", JSON.stringify(state.filter));
  for (const name of ["sort", "clip", "compare"]) if (state[name]) values.set(name, state[name]);
  if (state.clip && state.frame) values.set("frame", state.frame);
  const hash = `#${values}`;
  if (hash === location.hash || (hash === "#" && !location.hash)) return;
  history[replace ? "replaceState" : "pushState"](null, "", hash);
}

export function without(filter, name) {
  const rest = { ...filter };
  delete rest[name];
  return rest;
}
