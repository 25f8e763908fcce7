// What a call changed in the records: table, key, field, before and after.

import { h, quoted } from "./dom.js";

/** The changes as a table. */
export function changes(rows) {
  const sides = new Set(rows.map((row) => row.side)).size > 1 || rows.some((row) => row.side === "user");
  return h(
    "div",
    { class: "changes" },
    h(
      "table",
      {},
      h("caption", {}, rows.length === 1 ? "changed a record" : `changed ${rows.length} fields or records`),
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          ["Record", "Field", "Before", "After"].map((name) => h("th", { scope: "col" }, name)),
        ),
      ),
      h(
        "tbody",
        {},
        rows.map((row) => change(row, sides)),
      ),
    ),
  );
}

function change({ side, table, key, field, before, after }, sides) {
  const whole = field === "";
  return h(
    "tr",
    {},
    h(
      "th",
      { scope: "row", "data-label": "Record" },
      quoted(table),
      " ",
      h("code", {}, quoted(key)),
      sides ? h("span", { class: "soft" }, ` ${side}'s side`) : null,
    ),
    h(
      "td",
      { "data-label": "Field" },
      whole
        ? h("span", { class: "soft" }, before === null ? "new record" : after === null ? "removed" : "whole record")
        : h("code", {}, quoted(field)),
    ),
    whole && (before === null || after === null)
      ? h("td", { colspan: 2 }, before === null ? value(after, "ins", whole) : value(before, "del", whole))
      : [
          h("td", { "data-label": "Before" }, value(before, "del", whole)),
          h("td", { "data-label": "After" }, value(after, "ins", whole)),
        ],
  );
}

function value(given, tag, whole) {
  if (given === null || given === undefined) return h("span", { class: "soft" }, whole ? "–" : "null");
  if (whole && typeof given === "object" && !Array.isArray(given)) {
    return h(
      tag,
      {},
      h(
        "dl",
        { class: "arguments" },
        Object.entries(given).map(([name, item]) => [h("dt", {}, quoted(name)), h("dd", {}, quoted(plain(item)))]),
      ),
    );
  }
  return h(tag, {}, quoted(plain(given)));
}

function plain(item) {
  return typeof item === "string" ? item || '""' : JSON.stringify(item);
}
