// Every task of the evaluations, the hardest first: how many of its trials each evaluation solved.

import { h, quoted } from "./dom.js";
import { key } from "./marks.js";
import { dialoguesHash } from "./route.js";
import { part } from "./section.js";
import { atMost } from "./tables.js";

/** The grid, or null. */
export function taskGrid(rows) {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row.tasks)))];
  if (!names.length) return null;
  const share = (name) => {
    const trials = rows.map((row) => row.tasks[name]).filter(Boolean);
    return (
      trials.reduce((sum, [solved]) => sum + solved, 0) /
      Math.max(
        trials.reduce((sum, [, judged]) => sum + judged, 0),
        1,
      )
    );
  };
  const sorted = names
    .map((name) => [name, share(name)])
    .sort((a, b) => a[1] - b[1])
    .map(([name]) => name);
  return part(
    `Every task, the hardest first (${names.length})`,
    h(
      "p",
      { class: "note" },
      "Solved of judged trials",
      rows.length > 1 ? ", one number for each evaluation." : ".",
      " Choose a number to read its dialogues.",
    ),
    atMost(
      120,
      sorted,
      (shown) =>
        h(
          "ul",
          { class: "tasks" },
          shown.map((name) =>
            h(
              "li",
              {},
              h("span", { class: "task-name", title: name }, quoted(name)),
              h(
                "span",
                { class: "trials" },
                rows.map((row, at) => trial(row, name, at, rows.length > 1)),
              ),
            ),
          ),
        ),
      "tasks",
    ),
  );
}

function trial(row, name, at, many) {
  const sign = many ? key(at) : null;
  if (!row.tasks[name]) return h("span", { class: "trial none", title: `${row.name}: not played` }, sign, "–");
  const [solved, judged] = row.tasks[name];
  const kind = !judged ? "none" : solved === judged ? "all" : solved ? "some" : "hole";
  return h(
    "a",
    {
      class: `trial ${kind}`,
      href: dialoguesHash({ source: row.name, q: name }),
      "aria-label": `${name}, ${row.name}: solved ${solved} of ${judged}`,
    },
    sign,
    `${solved}/${judged}`,
  );
}
