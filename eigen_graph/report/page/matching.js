// Which dialogues a set of filters lets through, and how many each further choice would leave.

import { field, page, total } from "./data.js";
import { FIELDS } from "./route.js";

const COLUMN = { clause: "clauses", tool: "tools" };

/** The value by which "nobody" or "none" is asked for. */
export const NONE = "none";

const several = new Map();

/** What each row has in a field: a list, for a clause or a tool several. */
function columnOf(name) {
  if (!several.has(name)) {
    several.set(
      name,
      Array.from({ length: total }, (_, row) => {
        const value = String(field(COLUMN[name] ?? name, row) ?? "");
        if (value === "") return [NONE];
        return name in COLUMN ? value.split(" ") : [value];
      }),
    );
  }
  return several.get(name);
}

/** The rows that pass, in order. */
export function matching(filters) {
  const tests = testsOf(filters);
  const rows = [];
  for (let row = 0; row < total; row += 1) {
    if (tests.every(([, test]) => test(row))) rows.push(row);
  }
  return rows;
}

/** For each field, its values with how many rows each would leave, were the other filters kept. */
export function facets(filters) {
  const tests = testsOf(filters);
  const found = FIELDS.map((name) => [name, columnOf(name), new Map()]);
  for (let row = 0; row < total; row += 1) {
    const failed = tests.filter(([, test]) => !test(row));
    for (const [name, column, counts] of found) {
      const passes = failed.length === 0 || (failed.length === 1 && failed[0][0] === name);
      for (const value of column[row]) counts.set(value, (counts.get(value) ?? 0) + (passes ? 1 : 0));
    }
  }
  const inOrder = new Intl.Collator("en", { numeric: true }).compare;
  return new Map(found.map(([name, , counts]) => [name, [...counts].sort(([a], [b]) => inOrder(a, b))]));
}

function testsOf(filters) {
  const tests = FIELDS.filter((name) => filters[name]).map((name) => [name, valueTest(columnOf(name), filters[name])]);
  if (filters.q && filters.in !== "messages") {
    const words = plain(filters.q).split(/\s+/).filter(Boolean);
    tests.push(["q", (row) => words.every((word) => textOf(row).includes(word))]);
  }
  return tests;
}

function valueTest(column, asked) {
  return (row) => column[row].includes(asked);
}

const texts = new Array(total);

function textOf(row) {
  texts[row] ??= plain(["id", "title", "persona", "tools"].map((name) => page.listing[name]?.[row] ?? "").join(" "));
  return texts[row];
}

/** Text as it is searched: without case, accents put together. */
export function plain(text) {
  return String(text).normalize("NFKC").toLowerCase();
}
