// Drawings come as SVG text. They are ours, and still only what draws is let through.

const ELEMENTS = new Set(
  "svg g path rect circle ellipse line polyline polygon text tspan title desc defs marker".split(" "),
);
const ATTRIBUTES = new Set(
  (
    "viewBox width height x y x1 y1 x2 y2 cx cy r rx ry dx dy d points transform class role id " +
    "fill stroke stroke-width stroke-dasharray stroke-linecap stroke-linejoin opacity fill-opacity stroke-opacity " +
    "text-anchor dominant-baseline font-size font-weight font-style font-family marker-end marker-start marker-mid " +
    "markerWidth markerHeight refX refY orient markerUnits preserveAspectRatio aria-label aria-hidden"
  ).split(" "),
);
const LINK = /url\((?!['"]?#)/i;

/** A drawing as an element, or null when it is no SVG. Ids are made the page's own, so that two drawings do not clash. */
export function drawing(text, label, prefix) {
  const parsed = new DOMParser().parseFromString(text, "image/svg+xml");
  const root = parsed.documentElement;
  if (parsed.querySelector("parsererror") || root.localName !== "svg") return null;
  const copy = copied(root, prefix);
  copy.setAttribute("role", "img");
  copy.setAttribute("aria-label", label);
  return copy;
}

function copied(node, prefix) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", node.localName);
  for (const { name, value } of node.attributes) {
    if (!ATTRIBUTES.has(name) || LINK.test(value)) continue;
    const own = value.replace(/url\(['"]?#([^'")]*)['"]?\)/g, (_, id) => `url(#${prefix}-${id})`);
    made.setAttribute(name, name === "id" ? `${prefix}-${own}` : own);
  }
  for (const child of node.childNodes) {
    if (child.nodeType === Node.TEXT_NODE) made.append(child.data);
    else if (child.nodeType === Node.ELEMENT_NODE && ELEMENTS.has(child.localName)) made.append(copied(child, prefix));
  }
  return made;
}
