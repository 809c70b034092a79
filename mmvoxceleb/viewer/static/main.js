// Which screen is shown: that of the address.
import { ask } from "./api.js";
import { h, meanings } from "./dom.js";
import { Marks } from "./marks.js";
import { MendPage } from "./mend.js";
import { Overview } from "./overview.js";
import * as where from "./where.js";

const app = document.getElementById("app");
let overview, clip, marks, shown;

async function show(place) {
  const screen = place.clip ? clip : overview;
  if (shown !== screen) {
    shown?.leave?.();
    app.replaceChildren(screen.root);
    shown = screen;
  }
  if (screen === clip && !overview.where) await overview.show({ ...place, clip: "" });
  await screen.enter(place);
}

function go(place) {
  where.write(place);
  return show(place);
}

async function follow(state) {
  let { version, marks: known } = state;
  for (;;) {
    overview.tell(state);
    await new Promise((done) => setTimeout(done, state.read < state.clips ? 1000 : 2500));
    if (document.hidden) continue;
    try {
      state = await ask("state");
    } catch (error) {
      overview.tell({ problem: "The server has ended. Start it again and reload.", read: 0, clips: 0 });
      continue;
    }
    if (state.marks !== known) {
      known = state.marks;
      await marks.load().then(() => marks.onchange(), () => {});
    }
    if (state.version !== version && shown === overview && state.read >= state.clips) {
      version = state.version;
      await overview.refresh();
    }
  }
}

try {
  const state = await ask("state");
  Object.assign(meanings, state.meanings);
  marks = new Marks(state, () => {
    clip.marking();
    if (overview.where) overview.marked();
  });
  await marks.load();
  overview = new Overview(go, state, marks);
  clip = new MendPage(go, overview, state, marks);
  addEventListener("popstate", () => show(where.read()));
  await show(where.read());
  follow(state);
} catch (error) {
  app.replaceChildren(h("p", { class: "nothing", role: "alert" }, error.message));
}
