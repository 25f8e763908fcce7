// What the models cost, by role.

import { duration } from "./numbers.js";
import { section } from "./section.js";
import { table } from "./tables.js";

/** The costs, or null. */
export function spending({ spending: rows }) {
  if (!rows.length) return null;
  const priced = rows.some((row) => row.usd !== null);
  const timed = rows.some((row) => row.seconds !== null);
  const head = ["Role", "Model", ["Calls", "number"], ["Tokens in", "number"], ["Tokens out", "number"]];
  if (priced) head.push(["US$", "number"]);
  if (timed) head.push(["Model time", "number"]);
  const cells = (role, model, row) => {
    const line = [
      role,
      model,
      row.calls.toLocaleString("en"),
      row.input_tokens.toLocaleString("en"),
      row.output_tokens.toLocaleString("en"),
    ];
    if (priced) line.push(row.usd === null ? "unpriced" : money(row.usd));
    if (timed) line.push(duration(row.seconds));
    return line;
  };
  const sum = (name) =>
    rows.every((row) => row[name] === null) ? null : rows.reduce((all, row) => all + (row[name] ?? 0), 0);
  const whole = Object.fromEntries(
    ["calls", "input_tokens", "output_tokens", "usd", "seconds"].map((name) => [name, sum(name)]),
  );
  const unpriced = priced && rows.some((row) => row.usd === null);
  return section(
    "cost",
    "Cost",
    priced ? null : "No prices are known for these models: tokens only.",
    table({
      caption: "Cost by role and model",
      head,
      rows: rows.map((row) => cells(row.role, row.model, row)),
      foot: cells(unpriced ? "all (priced)" : "all", "", whole),
    }),
  );
}

function money(value) {
  return value.toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: value < 1 ? 4 : 2 });
}
