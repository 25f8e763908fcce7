// Which dialogues a set of filters lets through, and how many each further choice would leave.

import { field, page, total } from "./data.js";
import { FIELDS } from "./route.js";

const COLUMN = { clause: "clauses", tool: "tools" };

/** The value by which "nobody" or "none" is asked for. */
export const NONE = "none";

/** What a row has in a field: a list, for a clause or a tool several. */
export function valuesOf(name, row) {
  if (name in COLUMN) {
    const several = field(COLUMN[name], row);
    return several ? several.split(" ") : [NONE];
  }
  const value = field(name, row);
  return [value === "" || value === null ? NONE : String(value)];
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
  const found = new Map();
  for (const name of FIELDS) {
    const others = tests.filter(([own]) => own !== name);
    const counts = new Map();
    for (let row = 0; row < total; row += 1) {
      const passes = others.every(([, test]) => test(row));
      for (const value of valuesOf(name, row)) counts.set(value, (counts.get(value) ?? 0) + (passes ? 1 : 0));
    }
    found.set(
      name,
      [...counts].sort(([a], [b]) => a.localeCompare(b, "en", { numeric: true })),
    );
  }
  return found;
}

function testsOf(filters) {
  const tests = FIELDS.filter((name) => filters[name]).map((name) => [
    name,
    (row) => valuesOf(name, row).includes(filters[name]),
  ]);
  if (filters.q && filters.in !== "messages") {
    const words = plain(filters.q).split(/\s+/).filter(Boolean);
    tests.push(["q", (row) => words.every((word) => textOf(row).includes(word))]);
  }
  return tests;
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
