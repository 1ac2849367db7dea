import { $, el, keyed, setText } from "./dom.js";
import { count, plural } from "./format.js";

// The states of a port, in the order of the legend.
const states = [
  { id: "free", text: "free" },
  { id: "pending", text: "pending" },
  { id: "busy", text: "busy recently" },
  { id: "unreached", text: "never reached" },
  { id: "retired", text: "retired" },
];

// Where a cell stands for several ports, it shows the most remarkable one.
const weight = { free: 0, retired: 1, busy: 2, pending: 3, unreached: 4 };

const recent = 60_000; // how long a port counts as busy after a connection
const tallest = 460; // pixels, above which ports share cells
const sizes = [44, 26, 18, 13, 10, 8, 7, 6, 5]; // of cells, in pixels
const lengths = [1, 2, 4, 5, 8, 10, 16, 20, 25, 32, 40, 50, 64, 80, 100, 128, 160, 200, 256];
const margin = 52; // for the numbers at the left

// PortMap draws each passive port as a cell.
export class PortMap {
  #box = $("map");
  #canvas = $("map").querySelector("canvas");
  #swatches = new Map();
  #counts = new Map();
  #range = "";
  #ports = []; // {cell, state}
  #seen = new Map(); // port → {connected, at}
  #cursor = 0;
  #hover = -1;
  #layout = null;

  constructor() {
    for (const state of states) {
      const swatch = el("span", { class: `swatch ${state.id}`, "aria-hidden": "true" });
      const number = el("b");
      this.#swatches.set(state.id, swatch);
      this.#counts.set(state.id, number);
      $("legend").append(el("li", {}, swatch, `${state.text} `, number));
    }
    // In the next frame, because drawing changes the height of what is observed.
    new ResizeObserver(() => requestAnimationFrame(() => this.draw())).observe(this.#box);
    this.#box.addEventListener("keydown", (event) => this.#onKey(event));
    this.#box.addEventListener("focus", () => this.draw());
    this.#box.addEventListener("blur", () => this.draw());
    this.#box.addEventListener("pointermove", (event) => this.#onPointer(event));
    this.#box.addEventListener("pointerleave", () => this.#setHover(-1));
    this.#box.addEventListener("click", (event) => {
      this.#onPointer(event);
      if (this.#hover >= 0) this.#moveTo(this.#hover);
    });
  }

  update(cells, range, now) {
    this.#range = range;
    this.#ports = cells.map((cell) => ({ cell, state: this.#stateOf(cell, now) }));
    this.#forget(cells);
    this.#cursor = Math.min(this.#cursor, Math.max(0, cells.length - 1));
    for (const state of states) {
      setText(this.#counts.get(state.id), count(this.#ports.filter((p) => p.state === state.id).length));
    }
    setText($("map-runs"), this.#runs());
    this.#describe();
    this.draw();
  }

  // #stateOf sees from one answer to the next which ports have been used.
  #stateOf(cell, now) {
    const seen = this.#seen.get(cell.port);
    if (!seen) this.#seen.set(cell.port, { connected: cell.connected, at: -Infinity });
    else if (seen.connected !== cell.connected) {
      seen.connected = cell.connected;
      seen.at = now;
    }
    if (cell.retired) return "retired";
    if (cell.unreached) return "unreached";
    if (cell.pending > 0) return "pending";
    return seen && now - seen.at < recent ? "busy" : "free";
  }

  #forget(cells) {
    if (this.#seen.size <= cells.length) return;
    const there = new Set(cells.map((cell) => cell.port));
    for (const port of this.#seen.keys()) if (!there.has(port)) this.#seen.delete(port);
  }

  // #runs says in words what the picture shows.
  #runs() {
    const sentences = [];
    for (const { id, text } of states) {
      const ports = this.#ports.filter((p) => p.state === id).map((p) => p.cell.port).sort((a, b) => a - b);
      if (id === "free" || ports.length === 0) continue;
      const runs = [];
      for (const port of ports) {
        const last = runs.at(-1);
        if (last && last[1] === port - 1) last[1] = port;
        else runs.push([port, port]);
      }
      const named = runs.slice(0, 20).map(([a, b]) => (a === b ? `${a}` : `${a} to ${b}`));
      if (runs.length > named.length) named.push(`and ${runs.length - named.length} more runs`);
      sentences.push(`${text[0].toUpperCase()}${text.slice(1)}: ${named.join(", ")}.`);
    }
    const free = this.#ports.filter((p) => p.state === "free").length;
    return `${plural(this.#ports.length, "passive port")}, ${count(free)} free. ${sentences.join(" ")}`;
  }

  #sentence(port) {
    if (!port) return "There are no passive ports.";
    const { cell, state } = port;
    const words = [`Port ${cell.port}`, states.find((s) => s.id === state).text];
    if (cell.pending > 0) words.push(`${plural(cell.pending, "connection")} expected`);
    words.push(`${count(cell.connected)} connected`, `${count(cell.missed)} missed`);
    return words.join(" · ");
  }

  #describe() {
    const port = this.#ports[this.#cursor];
    const shown = this.#hover >= 0 ? this.#ports[this.#hover] : port;
    setText($("map-detail"), this.#sentence(shown));
    const box = this.#box;
    box.setAttribute("aria-valuemin", this.#ports.length ? "1" : "0");
    box.setAttribute("aria-valuemax", String(this.#ports.length));
    box.setAttribute("aria-valuenow", String(this.#ports.length ? this.#cursor + 1 : 0));
    box.setAttribute("aria-valuetext", this.#sentence(port).replaceAll(" · ", ", "));
  }

  #moveTo(index) {
    this.#cursor = Math.max(0, Math.min(this.#ports.length - 1, index));
    this.#describe();
    this.draw();
  }

  #setHover(index) {
    if (index === this.#hover) return;
    this.#hover = index;
    this.#describe();
  }

  #onKey(event) {
    if (event.ctrlKey || event.altKey || event.metaKey || !this.#layout) return;
    const row = this.#layout.columns * this.#layout.share;
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -row, ArrowDown: row, PageUp: -10 * row, PageDown: 10 * row, Home: -Infinity, End: Infinity };
    if (!(event.key in steps)) return;
    event.preventDefault();
    this.#moveTo(this.#cursor + steps[event.key]);
  }

  #onPointer(event) {
    const l = this.#layout;
    if (!l) return;
    const column = Math.floor((event.offsetX - margin) / l.size);
    const row = Math.floor(event.offsetY / l.size);
    const index = (row * l.columns + column) * l.share;
    this.#setHover(column >= 0 && column < l.columns && index >= 0 && index < this.#ports.length ? index : -1);
  }

  draw() {
    const width = this.#box.clientWidth;
    if (width === 0) return; // not shown
    const l = (this.#layout = layout(this.#ports.length, width));
    setText($("ports-range"), l.share > 1 ? `${this.#range} · one cell is ${l.share} ports` : this.#range);
    const scale = devicePixelRatio || 1;
    const height = Math.max(1, Math.ceil(this.#ports.length / l.share / l.columns)) * l.size;
    this.#canvas.width = Math.round(width * scale);
    this.#canvas.height = Math.round(height * scale);
    this.#canvas.style.height = `${height}px`;
    const ctx = this.#canvas.getContext("2d");
    ctx.scale(scale, scale);
    const colors = this.#colors();
    this.#drawNumbers(ctx, l, height, colors);
    for (let i = 0; i < this.#ports.length; i += l.share) {
      const group = this.#ports.slice(i, i + l.share);
      const state = group.reduce((a, b) => (weight[b.state] > weight[a.state] ? b : a)).state;
      drawCell(ctx, l, Math.floor(i / l.share), state, colors, l.size >= 44 ? String(group[0].cell.port) : "");
    }
    if (document.activeElement === this.#box && this.#ports.length > 0) this.#drawCursor(ctx, l, colors);
  }

  // #colors are those of the legend, so that themes are a matter of the style
  // sheet alone.
  #colors() {
    const colors = {};
    for (const [id, swatch] of this.#swatches) {
      const style = getComputedStyle(swatch);
      colors[id] = { fill: style.backgroundColor, line: style.borderTopColor, ink: style.color };
    }
    const box = getComputedStyle(this.#box);
    colors.text = box.color;
    colors.cursor = box.outlineColor;
    colors.font = box.fontFamily;
    return colors;
  }

  #drawNumbers(ctx, l, height, colors) {
    ctx.fillStyle = colors.text;
    ctx.font = `11px ${colors.font}`;
    ctx.textBaseline = "middle";
    const every = Math.max(1, Math.ceil(15 / l.size));
    for (let row = 0; row * l.size < height; row += every) {
      const port = this.#ports[row * l.columns * l.share];
      if (port && row * l.size + 11 <= height) ctx.fillText(String(port.cell.port), 0, row * l.size + Math.max(l.size, 11) / 2, margin - 8);
    }
  }

  #drawCursor(ctx, l, colors) {
    const [x, y] = placeOf(l, Math.floor(this.#cursor / l.share));
    ctx.strokeStyle = colors.cursor;
    ctx.lineWidth = 2;
    ctx.strokeRect(x - 1, y - 1, l.size + 1, l.size + 1);
  }
}

// layout finds the largest cells with which the map stays low. Rows have round
// numbers of ports, so that one finds a port.
function layout(ports, width) {
  for (let share = 1; ; share *= 2) {
    const cells = Math.ceil(ports / share);
    for (const size of sizes) {
      const columns = lengths.findLast((n) => n === 1 || n * size <= width - margin);
      if (Math.ceil(cells / columns) * size <= (size >= 44 ? 92 : size >= 26 ? 190 : tallest)) return { share, size, columns: Math.min(columns, Math.max(1, cells)) };
    }
  }
}

const placeOf = (l, i) => [margin + (i % l.columns) * l.size, Math.floor(i / l.columns) * l.size];

// drawCell tells the states apart by shape, too, where there is room for it.
function drawCell(ctx, l, i, state, colors, number) {
  const [x, y] = placeOf(l, i);
  const gap = l.size >= 10 ? 2 : 1;
  const side = l.size - gap;
  const { fill, line, ink } = colors[state];
  ctx.fillStyle = fill;
  ctx.fillRect(x, y, side, side);
  if (l.size >= 10) {
    ctx.strokeStyle = line;
    ctx.lineWidth = 1;
    ctx.setLineDash(state === "retired" ? [2, 2] : []);
    ctx.strokeRect(x + 0.5, y + 0.5, side - 1, side - 1);
    ctx.setLineDash([]);
  }
  if (number) {
    ctx.fillStyle = ink;
    ctx.font = `11px ${colors.font}`;
    ctx.textAlign = "center";
    ctx.fillText(number, x + side / 2, y + side / 2, side - 4);
    ctx.textAlign = "start";
  } else if (l.size >= 10) {
    drawSign(ctx, x, y, side, state, ink);
  }
}

function drawSign(ctx, x, y, side, state, ink) {
  ctx.strokeStyle = ctx.fillStyle = ink;
  ctx.lineWidth = Math.max(1, side / 12);
  const near = side * 0.28;
  const far = side - near;
  ctx.beginPath();
  if (state === "unreached") {
    ctx.moveTo(x + near, y + near);
    ctx.lineTo(x + far, y + far);
    ctx.moveTo(x + far, y + near);
    ctx.lineTo(x + near, y + far);
    ctx.stroke();
  } else if (state === "pending") {
    ctx.arc(x + side / 2, y + side / 2, side * 0.18, 0, 2 * Math.PI);
    ctx.fill();
  }
}

// showUnreached says who does not reach what.
export function showUnreached(networks) {
  keyed($("unreached"), networks, (n) => n.network, () => {
    const text = el("span");
    const row = el("li", { class: "warning" }, text);
    row.update = (n) => setText(text, `Clients of ${n.network} reach other ports, but never ${n.ports}: a firewall in between may not let these through.`);
    return row;
  });
}
