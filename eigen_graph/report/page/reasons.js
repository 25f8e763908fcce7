// Why instances were refused: one row for each place and fault, the most frequent first.

import { h, quoted } from "./dom.js";
import { dialoguesHash } from "./route.js";
import { section } from "./section.js";
import { atMost, table } from "./tables.js";
import { blameBadge } from "./words.js";

/** The reasons, or null. */
export function reasons({ reasons: rows }) {
  if (!rows.length) return null;
  const most = Math.max(...rows.map((row) => row.count));
  const sorted = [...rows].sort((a, b) => b.count - a.count);
  return section(
    "reasons",
    "Why dialogues were refused",
    "Each place and fault, with the words of one of them. Choose one to read its dialogues.",
    atMost(
      12,
      sorted,
      (shown) =>
        table({
          caption: "Why dialogues were refused",
          className: "reasons cards",
          head: ["Where", "Blame", ["How many", "number"], ["In the words of one", "wide"], "Examples"],
          rows: shown.map((row) => [
            h(
              "a",
              { class: "whole-row", href: dialoguesHash({ source: "run", stage: row.stage, blame: row.blame }) },
              row.stage,
            ),
            blameBadge(row.blame),
            share(row.count, most),
            quoted(row.reason, "clamped"),
            h(
              "span",
              { class: "examples" },
              row.examples.map((id) =>
                h("a", { href: dialoguesHash({ source: "run", stage: row.stage, blame: row.blame }, id) }, id),
              ),
            ),
          ]),
        }),
      "reasons",
    ),
  );
}

function share(count, most) {
  const bar = h("span", { class: "small-bar", "aria-hidden": "true" });
  bar.style.width = `${(100 * count) / most}%`;
  return [count.toLocaleString("en"), bar];
}
