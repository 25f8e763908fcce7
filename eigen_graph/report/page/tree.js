// JSON for reading: names and values, nested; long text wraps, long lists are folded.

import { count, h, quoted } from "./dom.js";

const FEW = 2;

/** A value of any shape. */
export function tree(value) {
  if (Array.isArray(value)) {
    if (!value.length) return h("span", { class: "soft" }, "none");
    if (value.every((item) => item === null || typeof item !== "object"))
      return h(
        "span",
        {},
        value.map((item, at) => [at ? ", " : "", scalar(item)]),
      );
    const list = h(
      "ol",
      { class: "tree" },
      value.map((item) => h("li", {}, tree(item))),
    );
    return value.length <= FEW
      ? list
      : h("details", {}, h("summary", {}, count(value.length, "entry", "entries")), list);
  }
  if (value !== null && typeof value === "object") {
    const entries = Object.entries(value).filter(([, item]) => item !== "" && item !== null);
    entries.sort(([, one], [, other]) => Array.isArray(one) - Array.isArray(other)); // lists last
    if (!entries.length) return h("span", { class: "soft" }, "none");
    return h(
      "dl",
      { class: "facts" },
      entries.map(([name, item]) => [h("dt", {}, quoted(name.replaceAll("_", " "))), h("dd", {}, tree(item))]),
    );
  }
  return scalar(value);
}

function scalar(value) {
  if (value === null || value === undefined) return h("span", { class: "soft" }, "–");
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "number")
    return Number.isInteger(value) ? value.toLocaleString("en") : String(Number(value.toPrecision(4)));
  return quoted(value);
}
