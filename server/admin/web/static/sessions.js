import { get, post } from "./api.js";
import { ask } from "./dialogs.js";
import { $, el, keyed, setText } from "./dom.js";
import { count, plural, span } from "./format.js";
import { act } from "./notice.js";

const step = 100; // rows at a time
const most = 10_000; // what the API gives at once

// Sessions lists who is connected.
export class Sessions {
  #limit = step;
  #now = 0; // of the server
  #isAdmin;
  #refresh;

  // refresh is called when something else is to be shown.
  constructor(isAdmin, refresh) {
    this.#isAdmin = isAdmin;
    this.#refresh = refresh;
    $("filter").addEventListener("input", () => {
      this.#limit = step;
      refresh();
    });
    $("sessions-more").addEventListener("click", () => {
      this.#limit += step;
      refresh();
    });
  }

  async load(now) {
    this.#now = now;
    const wanted = $("filter").value.trim().toLowerCase();
    const answer = await get(`/sessions?limit=${wanted ? most : Math.min(most, this.#limit)}`);
    let { sessions, total } = answer;
    if (wanted) {
      sessions = sessions.filter((s) => `${s.user ?? ""}\n${s.client ?? ""}\n${s.host ?? ""}`.toLowerCase().includes(wanted));
      total = sessions.length;
    }
    const shown = sessions.slice(0, this.#limit);
    setText($("sessions-count"), shown.length < total ? `${count(shown.length)} of ${count(total)}` : total ? plural(total, "session") : "");
    $("sessions-more").hidden = shown.length >= Math.min(total, most);
    $("sessions-table").hidden = shown.length === 0;
    setText($("sessions-empty"), wanted ? "No session matches the filter." : "Nobody is connected.");
    $("sessions-empty").hidden = shown.length > 0;
    keyed($("sessions"), shown, (s) => s.id, () => this.#row());
  }

  #row() {
    const cell = (label, kind = "") => el("td", { "data-label": label, class: kind });
    const id = cell("No.", "num");
    const user = cell("User", "name");
    const client = cell("Client", "short");
    const since = cell("For", "short");
    const tls = cell("TLS", "short");
    const doing = cell("Doing", "doing");
    const node = el("tr", {}, id, user, client, since, tls, doing);
    let button = null;
    if (this.#isAdmin()) {
      button = el("button", { type: "button", class: "small" }, "Kick");
      button.addEventListener("click", () => this.#kick(node.session));
      node.append(el("td", { class: "action" }, button));
    }
    node.update = (s) => {
      node.session = s;
      setText(id, String(s.id));
      setText(user, s.logged_in ? s.user : `${s.user ?? ""} (not logged in)`.trim());
      setText(client, s.client ?? "?");
      setText(since, span(this.#now - Date.parse(s.since)));
      setText(tls, s.tls_version ? `${s.tls_version}${s.protected_data ? "" : ", data clear"}` : "none");
      setText(doing, doingOf(s, this.#now));
      if (button) button.setAttribute("aria-label", `Kick session ${s.id} of ${s.user || "nobody"}`);
    };
    return node;
  }

  async #kick(session) {
    const whose = `Session ${session.id} of ${session.user || "a client that has not logged in"} (${session.client ?? "?"})`;
    const sure = await ask("Kick this session?", `${whose} is disconnected at once${session.transfer ? "; its transfer is interrupted" : ""}. The client may connect again.`, "Kick");
    if (!sure) return;
    await act(() => post(`/sessions/${session.id}/kick`), `Session ${session.id} was kicked.`);
    this.#refresh();
  }
}

function doingOf(s, now) {
  if (s.transfer) return `${s.transfer.verb} ${s.transfer.path}`;
  if (s.command) return s.command;
  return s.idle_since ? `idle for ${span(now - Date.parse(s.idle_since))}` : "";
}
