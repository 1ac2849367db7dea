import { $, el, keyed, setText } from "./dom.js";
import { bytes, plural, rate, span } from "./format.js";

const arrows = { upload: "↑", download: "↓", listing: "≡", none: "·" };
const names = { upload: "Upload", download: "Download", listing: "Listing", none: "Job" };

// Transfers lists what runs, with how far it has come.
export class Transfers {
  #pace = new Map(); // key → {at, bytes, rate}

  update(transfers, running, now) {
    const pace = new Map();
    for (const t of transfers) pace.set(keyOf(t), this.#paceOf(t, now));
    this.#pace = pace;
    const shown = transfers.length < running ? `the ${transfers.length} oldest of ${running}` : running ? plural(running, "transfer") : "";
    setText($("transfers-count"), shown);
    $("transfers-empty").hidden = transfers.length > 0;
    keyed($("transfers"), transfers, keyOf, (t) => row(t, (u) => this.#pace.get(keyOf(u)).rate));
  }

  // #paceOf is smoothed a little: a rate that jumps cannot be read.
  #paceOf(t, now) {
    const last = this.#pace.get(keyOf(t));
    if (!last) return { at: now, bytes: t.bytes, rate: t.bytes / Math.max(0.5, (now - Date.parse(t.started)) / 1000) };
    if (now <= last.at) return last;
    const current = Math.max(0, t.bytes - last.bytes) / ((now - last.at) / 1000);
    return { at: now, bytes: t.bytes, rate: 0.5 * last.rate + 0.5 * current };
  }
}

const keyOf = (t) => `${t.session} ${t.started}`;

function row(first, rateOf) {
  const arrow = el("span", { class: `arrow ${first.direction}`, "aria-hidden": "true" }, arrows[first.direction] ?? "·");
  const path = el("span", { class: "path" });
  const who = el("span", { class: "who muted" });
  const bar = el("progress", { max: "1" });
  const amount = el("span", { class: "amount" });
  const pace = el("span", { class: "pace" });
  const kind = el("span", { class: "sr" }, `${names[first.direction] ?? "Job"} `);
  const node = el("li", {}, arrow, el("span", { class: "what" }, kind, path, who), bar, amount, pace);
  node.update = (t) => {
    const total = t.size ?? 0;
    const done = (t.offset ?? 0) + t.bytes;
    const speed = rateOf(t);
    setText(path, t.path);
    path.title = t.path;
    setText(who, `${t.user || "not logged in"} · ${t.client ?? "?"} · ${t.verb}${t.mode ? ` ${t.mode}` : ""}${t.port ? ` :${t.port}` : ""}${t.tls ? " · TLS" : ""}`);
    bar.hidden = total === 0;
    if (total > 0) {
      bar.value = Math.min(1, done / total);
      bar.setAttribute("aria-label", `${Math.floor((100 * Math.min(total, done)) / total)} percent of ${t.path}`);
    }
    setText(amount, total > 0 ? `${bytes(done)} of ${bytes(total)}` : bytes(done));
    const left = total > done && speed > 0 ? (total - done) / speed : 0;
    setText(pace, `${rate(speed)}${left > 0 && left < 86400 * 30 ? ` · ${span(left * 1000)} left` : ""}`);
  };
  return node;
}
