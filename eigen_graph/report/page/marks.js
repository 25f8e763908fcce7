// The marks of a series: a colour and a shape each, so that colour alone never tells two apart.

import { s } from "./dom.js";

const SHAPES = [
  (x, y, r) => s("circle", { cx: x, cy: y, r }),
  (x, y, r) => s("rect", { x: x - r * 0.9, y: y - r * 0.9, width: r * 1.8, height: r * 1.8 }),
  (x, y, r) => s("path", { d: `M${x} ${y - r * 1.3}L${x + r * 1.3} ${y}L${x} ${y + r * 1.3}L${x - r * 1.3} ${y}Z` }),
  (x, y, r) => s("path", { d: `M${x} ${y - r * 1.2}L${x + r * 1.2} ${y + r}L${x - r * 1.2} ${y + r}Z` }),
  (x, y, r) => s("path", { d: `M${x} ${y + r * 1.2}L${x + r * 1.2} ${y - r}L${x - r * 1.2} ${y - r}Z` }),
  (x, y, r) =>
    s("path", { d: `M${x - r} ${y - r}L${x + r} ${y + r}M${x + r} ${y - r}L${x - r} ${y + r}`, class: "stroked" }),
];

/** How many colours and shapes there are; the seventh series looks like the first. */
export const KINDS = SHAPES.length;

/** The mark of a series at a place. */
export function mark(series, x, y, r = 5) {
  return s("g", { class: `mark c${series % KINDS}` }, SHAPES[series % KINDS](x, y, r));
}

/** A mark on its own, for a legend or a table's head. */
export function key(series) {
  const box = { viewBox: "0 0 14 14", width: 14, height: 14, class: "key", "aria-hidden": "true" };
  return s("svg", box, mark(series, 7, 7, 4.5));
}
