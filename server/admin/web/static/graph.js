import { $, el, setText } from "./dom.js";
import { rate } from "./format.js";

const window_ = 5 * 60_000; // what is shown, in milliseconds
const height = 190;
const edge = { left: 66, right: 8, top: 8, bottom: 22 };
const directions = ["download", "upload"];
const svgSpace = "http://www.w3.org/2000/svg";

// Graph draws how many bytes per second have moved.
export class Graph {
  #samples = []; // {at, download, upload}
  #last = null;
  #values = {};
  #svg = svg("svg", { class: "chart", role: "img", height });

  constructor() {
    for (const direction of directions) {
      this.#values[direction] = el("b");
      $("graph-legend").append(el("li", {}, el("span", { class: `stroke ${direction}`, "aria-hidden": "true" }), `${direction} `, this.#values[direction]));
    }
    $("plot").append(this.#svg);
    new ResizeObserver(() => this.#draw()).observe($("plot"));
  }

  get rates() {
    return this.#samples.at(-1) ?? { download: 0, upload: 0 };
  }

  // add takes the counters of an answer. Those of a server that has started again
  // begin anew.
  add(bytes, at) {
    const now = { at, download: (bytes.download ?? 0) + (bytes.listing ?? 0), upload: bytes.upload ?? 0 };
    const last = this.#last;
    this.#last = now;
    if (last && now.download >= last.download && now.upload >= last.upload && at > last.at) {
      const seconds = (at - last.at) / 1000;
      this.#samples.push({ at, download: (now.download - last.download) / seconds, upload: (now.upload - last.upload) / seconds });
    }
    while (this.#samples.length > 0 && this.#samples[0].at < at - window_) this.#samples.shift();
    for (const direction of directions) setText(this.#values[direction], rate(this.rates[direction]));
    this.#draw();
  }

  #draw() {
    const width = $("plot").clientWidth;
    if (width === 0) return;
    const peak = Math.max(0, ...this.#samples.flatMap((s) => [s.download, s.upload]));
    const top = roundTop(peak);
    const end = this.#samples.at(-1)?.at ?? Date.now();
    const x = (at) => edge.left + (width - edge.left - edge.right) * (1 - (end - at) / window_);
    const y = (value) => height - edge.bottom - (height - edge.top - edge.bottom) * (value / top);
    this.#svg.setAttribute("width", width);
    this.#svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.#svg.setAttribute("aria-label", `Download ${rate(this.rates.download)}, upload ${rate(this.rates.upload)}, peak of the last 5 minutes ${rate(peak)}.`);
    const parts = [];
    for (const part of [0, 0.5, 1]) {
      const at = y(top * part);
      parts.push(svg("line", { class: "grid", x1: edge.left, x2: width - edge.right, y1: at, y2: at }), label(edge.left - 8, at + 4, rate(top * part).replace(".0", ""), "end"));
    }
    for (const minutes of width < 420 ? [5, 3, 0] : [5, 4, 3, 2, 1, 0]) {
      parts.push(label(x(end - minutes * 60_000), height - 5, minutes === 0 ? "now" : `−${minutes} min`, minutes === 5 ? "start" : minutes === 0 ? "end" : "middle"));
    }
    if (this.#samples.length > 0) {
      for (const direction of directions) parts.push(...this.#line(direction, x, y));
    }
    this.#svg.replaceChildren(...parts);
  }

  #line(direction, x, y) {
    const points = this.#samples.map((s) => `${x(s.at).toFixed(1)} ${y(s[direction]).toFixed(1)}`);
    const line = svg("path", { class: `line ${direction}`, d: `M${points.join("L")}` });
    if (direction !== "download") return [line];
    const [first, last] = [this.#samples[0], this.#samples.at(-1)];
    return [svg("path", { class: "area", d: `M${x(first.at).toFixed(1)} ${y(0)}L${points.join("L")}L${x(last.at).toFixed(1)} ${y(0)}Z` }), line];
  }
}

// roundTop is the next 1, 2 or 5 times a power of ten, of a unit of 1,024.
function roundTop(peak) {
  let unit = 1024;
  while (peak >= 1000 * unit) unit *= 1024;
  for (let power = 1; ; power *= 10) {
    for (const digit of [1, 2, 5]) if (digit * power * unit >= peak) return digit * power * unit;
  }
}

function label(x, y, text, anchor) {
  const node = svg("text", { x, y, "text-anchor": anchor });
  node.textContent = text;
  return node;
}

function svg(tag, attributes) {
  const node = document.createElementNS(svgSpace, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}
