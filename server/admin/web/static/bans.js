import { del, get, post } from "./api.js";
import { ask } from "./dialogs.js";
import { $, el, keyed, setText } from "./dom.js";
import { count, day, plural } from "./format.js";
import { act, notify } from "./notice.js";

const step = 50; // rows at a time

// Bans lists who is banned.
export class Bans {
  #limit = step;
  #isAdmin;
  #refresh;

  constructor(isAdmin, refresh) {
    this.#isAdmin = isAdmin;
    this.#refresh = refresh;
    $("bans-more").addEventListener("click", () => {
      this.#limit += step;
      refresh();
    });
    $("ban").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#add();
    });
  }

  async load() {
    let bans;
    try {
      ({ bans } = await get("/bans"));
    } catch (problem) {
      if (problem.status !== 501) throw problem;
      $("bans-card").hidden = true;
      return;
    }
    const shown = bans.slice(0, this.#limit);
    setText($("bans-count"), shown.length < bans.length ? `${count(shown.length)} of ${count(bans.length)}` : bans.length ? plural(bans.length, "network") : "");
    $("bans-empty").hidden = bans.length > 0;
    $("bans-more").hidden = shown.length === bans.length;
    keyed($("bans"), shown, (b) => b.network, (b) => this.#row(b));
  }

  #row(first) {
    const network = el("b", { class: "network" });
    const facts = el("span", { class: "muted" });
    const node = el("li", {}, el("span", { class: "what" }, network, facts));
    if (this.#isAdmin()) {
      const button = el("button", { type: "button", class: "small", "aria-label": `Lift the ban of ${first.network}` }, "Lift");
      button.addEventListener("click", () => this.#lift(first.network));
      node.append(button);
    }
    node.update = (b) => {
      setText(network, b.network);
      setText(facts, [b.until ? `until ${day(b.until)}` : "for good", b.count > 1 ? `${b.count} times` : "", b.reason ?? ""].filter(Boolean).join(" · "));
    };
    return node;
  }

  async #lift(network) {
    if (!(await ask("Lift this ban?", `${network} may connect again.`, "Lift"))) return;
    await act(() => del(`/bans?network=${encodeURIComponent(network)}`), `The ban of ${network} was lifted.`);
    this.#refresh();
  }

  async #add() {
    const network = $("ban-network").value.trim();
    const fault = $("ban-fault");
    setText(fault, "");
    try {
      const { banned } = await post("/bans", { network, seconds: Number($("ban-seconds").value), reason: $("ban-reason").value });
      notify(`${banned} is banned.`);
    } catch (problem) {
      setText(fault, problem.message);
      $("ban-network").focus();
      return;
    }
    $("ban").reset();
    this.#refresh();
  }
}
