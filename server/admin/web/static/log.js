import { get } from "./api.js";
import { $, el } from "./dom.js";
import { clock } from "./format.js";

const kept = 500; // lines
const levels = ["debug", "info", "warn", "error", "dpanic", "panic", "fatal"];

// Log shows the end of the server's log.
export class Log {
  #last = 0;
  #offered = true;

  constructor() {
    $("log-level").addEventListener("change", () => this.#filter());
    $("log-follow").addEventListener("change", () => this.#follow());
  }

  async load() {
    if (!this.#offered) return;
    let entries;
    try {
      ({ entries } = await get(`/log?after=${this.#last}&limit=${kept}`));
    } catch (problem) {
      if (problem.status !== 501) throw problem;
      this.#offered = false;
      $("log-card").hidden = true;
      return;
    }
    if (entries.length === 0) return;
    const list = $("log");
    if (entries[0].number <= this.#last) list.replaceChildren(); // of a server that has started again
    this.#last = entries.at(-1).number;
    list.append(...entries.map(line));
    while (list.childElementCount > kept) list.firstElementChild.remove();
    this.#filter();
  }

  clear() {
    this.#last = 0;
    $("log").replaceChildren();
  }

  #filter() {
    const from = levels.indexOf($("log-level").value);
    for (const node of $("log").children) node.hidden = levels.indexOf(node.dataset.level) < from;
    this.#follow();
  }

  #follow() {
    if ($("log-follow").checked) $("log").scrollTop = $("log").scrollHeight;
  }
}

function line(entry) {
  const time = el("time", { datetime: entry.time, title: entry.time }, clock(entry.time));
  const node = el("li", { "data-level": entry.level }, time, el("span", { class: `level ${entry.level}` }, entry.level), el("span", { class: "message" }, entry.message));
  const fields = Object.entries(entry.fields ?? {});
  if (fields.length > 0) {
    const text = fields.map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`).join("  ");
    node.querySelector(".message").append(" ", el("span", { class: "muted" }, text));
  }
  return node;
}
