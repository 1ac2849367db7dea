// Text of others (names, paths, reasons) comes into the page only by textContent
// and by attributes that mean nothing but text.

export const $ = (id) => document.getElementById(id);

// el makes an element: el("p", {class: "muted"}, "text", child).
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

// setText leaves alone what is right already: selections stay, and so does what a
// screen reader is reading.
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// keyed makes the children of parent those of items, and keeps the elements of
// those that stay. create(item) returns an element, whose update(item) is called.
export function keyed(parent, items, key, create) {
  const known = parent.nodesByKey ?? new Map();
  const now = new Map();
  let after = null;
  for (const item of items) {
    const k = key(item);
    const node = known.get(k) ?? create(item);
    known.delete(k);
    now.set(k, node);
    node.update(item);
    const place = after ? after.nextSibling : parent.firstChild;
    if (place !== node) parent.insertBefore(node, place);
    after = node;
  }
  for (const node of known.values()) removeNode(node);
  parent.nodesByKey = now;
}

// removeNode does not leave the keyboard nowhere.
function removeNode(node) {
  const heading = node.contains(document.activeElement) && node.closest("section")?.querySelector("h2");
  node.remove();
  if (heading) heading.focus();
}

// pairs fills a list of terms: [[name, value], …].
export function pairs(list, entries) {
  keyed(list, entries, ([name]) => name, ([name]) => {
    const value = el("dd");
    const row = el("div", {}, el("dt", {}, name), value);
    row.update = ([, text, tone]) => {
      setText(value, text);
      value.dataset.tone = tone ?? "";
    };
    return row;
  });
}
