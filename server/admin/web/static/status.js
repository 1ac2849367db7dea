import { $, el, keyed, pairs, setText } from "./dom.js";
import { count, day, plural, rate, span } from "./format.js";

const tlsWords = { off: "TLS off", none: "TLS optional", login: "TLS for logins", data: "TLS required" };
const limitWords = {
  sessions: "Sessions in all", sessions_per_ip: "Sessions of an address", sessions_per_user: "Sessions of a user",
  logins_per_minute: "Logins per minute", logins_per_minute_per_ip: "Logins per minute of an address",
  transfers_per_session: "Transfers of a session", transfers_per_user: "Transfers of a user",
  commands_per_second: "Commands per second", passive_leases_per_ip: "Waiting ports of an address",
};

// showStatus draws what is known of the server as a whole.
export function showStatus(s, rates) {
  setText($("version"), s.version);
  document.title = `${s.ready ? "" : "Not ready · "}Portico`;
  showChips(s);
  showBanner(s.config);
  pairs($("figures"), [
    ["Sessions", count(s.sessions.open)],
    ["Transfers", count(s.transfers)],
    ["Download", rate(rates.download)],
    ["Upload", rate(rates.upload)],
    ["Ports free", `${count(s.ports.free)} of ${count(s.ports.total)}`, s.ports.total > 0 && s.ports.free === 0 ? "bad" : ""],
    ["Waiting for a port", count(s.ports.waiting), s.ports.waiting > 0 ? "warn" : ""],
  ]);
  showLimits(s);
  showFacts(s);
}

function showChips(s) {
  const chips = [s.ready ? ["ready", "Ready", "good"] : ["ready", "Not ready", "bad"]];
  const { tls, sandbox } = s.security ?? {};
  if (tls) chips.push(["tls", tlsWords[tls] ?? `TLS ${tls}`, tls === "off" ? "warn" : "good"]);
  if (sandbox) chips.push(["sandbox", `Sandbox ${sandbox}`, sandbox === "full" ? "good" : "warn"]);
  keyed($("chips"), chips, ([id]) => id, () => {
    const node = el("li", { class: "chip" });
    node.update = ([, text, tone]) => {
      setText(node, text);
      node.dataset.tone = tone;
    };
    return node;
  });
}

function showBanner(config) {
  const failed = config?.error;
  $("banner").hidden = !failed;
  setText($("banner"), failed ? `The last reload failed, and the configuration of ${day(config.loaded)} stays in force: ${config.error}` : "");
}

function showLimits(s) {
  const refused = Object.entries(s.over_limit).map(([limit, n]) => [limitWords[limit] ?? limit, n]);
  refused.push(["Passive ports used up", s.ports.exhausted], ["Connections that nobody expected", s.ports.refused], ["Clients turned away (bans, networks)", s.sessions.turned_away]);
  const shown = refused.filter(([, n]) => n > 0);
  $("limits-empty").hidden = shown.length > 0;
  keyed($("limits"), shown, ([name]) => name, ([name]) => {
    const number = el("b");
    const node = el("li", {}, name, number);
    node.update = ([, n]) => setText(number, count(n));
    return node;
  });
}

function showFacts(s) {
  const facts = [
    ["Up for", span(Date.parse(s.now) - Date.parse(s.started))],
    ["Listens on", s.listeners.join(", ") || "nothing any more"],
    ["Passive ports", s.passive_ports || "none"],
  ];
  if (s.security) {
    facts.push(["TLS", { off: "off", none: "offered", login: "required for logins", data: "required, for data too" }[s.security.tls] ?? s.security.tls]);
    facts.push(["Sandbox", s.security.sandbox_detail || s.security.sandbox]);
  }
  if (s.config) facts.push(["Configuration of", day(s.config.loaded)]);
  facts.push(["Clients so far", plural(s.sessions.accepted, "connection")]);
  pairs($("facts"), facts);
}
