import { $ } from "./dom.js";

const stored = "portico.keys";
const sections = ["ports", "graph", "transfers", "sessions", "bans", "limits", "server", "log"];

// startKeys makes single keys shortcuts, which can be switched off: they get in the
// way of who dictates.
export function startKeys(actions) {
  const box = $("keys-on");
  box.checked = localStorage.getItem(stored) !== "off";
  box.addEventListener("change", () => localStorage.setItem(stored, box.checked ? "on" : "off"));
  $("help").addEventListener("click", () => $("keys").showModal());
  $("keys-close").addEventListener("click", () => $("keys").close());
  document.addEventListener("keydown", (event) => {
    if (!box.checked || event.ctrlKey || event.altKey || event.metaKey || document.querySelector("dialog[open]")) return;
    if (event.target.closest("input, select, textarea")) return;
    const action = event.key === "?" ? () => $("keys").showModal() : (actions[event.key] ?? jump(event.key));
    if (!action) return;
    event.preventDefault();
    action();
  });
}

function jump(key) {
  const heading = $(`h-${sections[Number(key) - 1]}`);
  if (!heading || heading.closest("[hidden]")) return null;
  return () => {
    heading.focus({ preventScroll: true });
    heading.closest("section").scrollIntoView({ block: "start" });
  };
}
