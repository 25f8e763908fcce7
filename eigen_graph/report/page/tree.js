// JSON for reading: names and values, nested; nothing is folded away, long text wraps.

import { h, quoted } from "./dom.js";

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
    return h(
      "ol",
      { class: "tree" },
      value.map((item) => h("li", {}, tree(item))),
    );
  }
  if (value !== null && typeof value === "object") {
    const entries = Object.entries(value).filter(([, item]) => item !== "" && item !== null);
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
