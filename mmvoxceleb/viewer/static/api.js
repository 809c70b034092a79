// What the server is asked. All addresses are relative, so the token in the page's own goes with them.

export class Refused extends Error {
  constructor(status, body) {
    super(body.error || `the server answered ${status}`);
    this.status = status;
    this.body = body;
  }
}

export const address = (name, values) => `api/${name}?${new URLSearchParams(values)}`;

async function checked(answer) {
  if (answer.ok) return answer;
  let body = {};
  try {
    body = await answer.json();
  } catch {
    // no JSON: the status says it
  }
  throw new Refused(answer.status, body);
}

export async function ask(name, values = {}, signal = undefined) {
  return (await checked(await fetch(address(name, values), { signal }))).json();
}

export async function bytes(name, values, signal = undefined) {
  return (await checked(await fetch(address(name, values), { signal }))).arrayBuffer();
}

export async function change(name, body) {
  const headers = { "Content-Type": "application/json" };
  return (await checked(await fetch(`api/${name}`, { method: "POST", headers, body: JSON.stringify(body) }))).json();
}
