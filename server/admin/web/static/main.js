import { Problem, dropToken, get, hasToken, post, setToken } from "./api.js";
import { Bans } from "./bans.js";
import { ask } from "./dialogs.js";
import { $, setText } from "./dom.js";
import { clock } from "./format.js";
import { Graph } from "./graph.js";
import { startKeys } from "./keys.js";
import { Log } from "./log.js";
import { act, closeNotice } from "./notice.js";
import { Poller } from "./poll.js";
import { PortMap, showUnreached } from "./portmap.js";
import { Sessions } from "./sessions.js";
import { showStatus } from "./status.js";
import { Transfers } from "./transfers.js";

// Above this number of ports, their cells are asked for every few seconds only.
const manyPorts = 2000;

let who = null; // {name, role}
let cells = [];
let awaySince = 0;
let waiting = 0; // timer

const isAdmin = () => who?.role === "admin";
const poller = new Poller(update, showLink);
const refresh = () => poller.now();
const portMap = new PortMap();
const graph = new Graph();
const transfers = new Transfers();
const sessions = new Sessions(isAdmin, refresh);
const bans = new Bans(isAdmin, refresh);
const log = new Log();

async function update(tick) {
  try {
    await load(tick);
  } catch (problem) {
    if (!(problem instanceof Problem)) console.error(problem);
    if (problem.status !== 401) throw problem;
    signOut("The token is not accepted any more.");
  }
}

// load asks for what is due. Everything is told in the time of the server.
async function load(tick) {
  const whole = cells.length <= manyPorts || tick % 5 === 0;
  const overview = whole ? await get("/overview") : { status: await get("/status"), cells, ...(await get("/transfers?limit=100")) };
  const { status } = overview;
  const now = Date.parse(status.now);
  cells = overview.cells;
  graph.add(status.bytes, now);
  showStatus(status, graph.rates);
  if (whole) portMap.update(cells, status.passive_ports, now);
  transfers.update(overview.transfers, status.transfers, now);
  const due = [];
  if (tick % 2 === 0) due.push(sessions.load(now));
  if (tick % 5 === 0) due.push(bans.load());
  if (tick % 10 === 0) due.push(status.ports.unreached > 0 ? get("/ports").then((p) => showUnreached(p.unreached)) : showUnreached([]));
  if (isAdmin()) due.push(log.load());
  await Promise.all(due);
}

function showLink(state, { fault, next }) {
  const link = $("link");
  link.dataset.state = state;
  $("link-retry").hidden = state !== "away";
  if (state !== "away") awaySince = 0;
  else awaySince ||= Date.now();
  setText($("link-text"), {
    live: () => "Live",
    background: () => "In the background: every 15 s",
    paused: () => "Paused",
    away: () => `${fault.message} Away since ${clock(awaySince)}, next try at ${clock(next)}.`,
  }[state]());
  $("board").classList.toggle("stale", state === "away");
}

async function begin() {
  clearTimeout(waiting);
  try {
    who = await get("/whoami");
  } catch (problem) {
    if (problem.status === 401) showLogin(hasToken() ? "This token is not known." : "");
    else if (problem.status === 0) waitForServer(problem);
    else showLogin(problem.message);
    return;
  }
  $("login").hidden = true;
  $("token").value = "";
  $("board").hidden = false;
  $("leave").hidden = !hasToken();
  $("pause").hidden = false;
  for (const node of document.querySelectorAll("[data-needs=admin]")) node.hidden = !isAdmin();
  setText($("leave"), `Sign out ${who.name}${isAdmin() ? "" : " (read-only)"}`);
  poller.start();
}

function waitForServer(problem) {
  const delay = 5000;
  showLink("away", { fault: problem, next: Date.now() + delay });
  waiting = setTimeout(begin, delay);
}

function showLogin(fault) {
  dropToken();
  who = null;
  $("board").hidden = true;
  for (const id of ["leave", "pause", "banner"]) $(id).hidden = true;
  for (const node of document.querySelectorAll("[data-needs=admin]")) node.hidden = true;
  $("chips").replaceChildren();
  $("chips").nodesByKey = undefined;
  setText($("link-text"), "");
  $("link").dataset.state = "";
  $("link-retry").hidden = true;
  $("login").hidden = false;
  setText($("login-fault"), fault);
  $("token").focus();
  $("token").select();
}

// signOut leaves nothing of the server in the page.
function signOut(fault = "") {
  dropToken();
  if (fault) sessionStorage.setItem("portico.fault", fault);
  poller.stop();
  location.reload();
}

$("login").addEventListener("submit", (event) => {
  event.preventDefault();
  setToken($("token").value.trim());
  begin();
});
$("leave").addEventListener("click", () => signOut());
$("link-retry").addEventListener("click", () => (who ? poller.now() : begin()));
$("notice-close").addEventListener("click", closeNotice);

$("reload").addEventListener("click", async () => {
  if (!(await ask("Reload the configuration?", "The file is read again. If something is wrong with it, nothing changes. Nobody is disconnected.", "Reload"))) return;
  await act(() => post("/reload"), "The configuration was reloaded.");
  refresh();
});
$("drain").addEventListener("click", async () => {
  if (!(await ask("Drain and end the server?", "It stops accepting clients, lets running transfers end, and then ends itself. This cannot be undone.", "Drain"))) return;
  await act(() => post("/drain"), "The server drains, and ends when it is done.");
  refresh();
});

function togglePause() {
  if (!who) return;
  poller.pause(!poller.paused);
  $("pause").setAttribute("aria-pressed", String(poller.paused));
}
$("pause").addEventListener("click", togglePause);

const themes = ["auto", "light", "dark"];
function showTheme() {
  setText($("theme"), `Theme: ${document.documentElement.dataset.theme ?? "auto"}`);
  portMap.draw();
}
function nextTheme() {
  const root = document.documentElement;
  const theme = themes[(themes.indexOf(root.dataset.theme ?? "auto") + 1) % themes.length];
  if (theme === "auto") delete root.dataset.theme;
  else root.dataset.theme = theme;
  localStorage.setItem("portico.theme", theme);
  showTheme();
}
$("theme").addEventListener("click", nextTheme);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", showTheme);

startKeys({ "/": () => $("filter").focus(), p: togglePause, t: nextTheme });
showTheme();
const fault = sessionStorage.getItem("portico.fault");
sessionStorage.removeItem("portico.fault");
if (fault) showLogin(fault);
else begin();
