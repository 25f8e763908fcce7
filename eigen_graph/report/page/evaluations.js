// Evaluations side by side: pass^k with intervals and floors, who is to blame, and every task.

import { atWidth, h, quoted } from "./dom.js";
import { key } from "./marks.js";
import { estimate } from "./numbers.js";
import { dialoguesHash } from "./route.js";
import { part, section } from "./section.js";
import { table } from "./tables.js";
import { taskGrid } from "./tasks.js";
import { whiskers } from "./whiskers.js";
import { blameBadge } from "./words.js";

/** The evaluations, or null. */
export function evaluations(rows) {
  if (!rows.length) return null;
  const ks = [...new Set(rows.flatMap((row) => row.pass_hats.map((hat) => hat.k)))].sort((a, b) => a - b);
  const hat = (row, k) => row.pass_hats.find((one) => one.k === k) ?? null;
  const floors = rows.flatMap((row) =>
    row.floors.map((floor) => ({
      label: `${row.name}, floor: ${floor.label} ${floor.value}`,
      value: shareOf(floor.value),
    })),
  );
  const label = rows
    .map((row) => `${row.name}: ${row.pass_hats.map((one) => `pass^${one.k} ${estimate(one)}`).join(", ")}`)
    .join("; ");
  return section(
    "evaluations",
    rows.length > 1 ? "Evaluations" : "Evaluation",
    "pass^k: the chance that k trials of a task are all solved. Whiskers are 95% intervals over tasks; dashed lines are floors: what agents get that look at nothing.",
    ks.length
      ? h(
          "div",
          { class: "part" },
          h(
            "ul",
            { class: "legend keys" },
            rows.map((row, at) => h("li", {}, key(at), " ", quoted(row.name))),
          ),
          atWidth(
            (width) =>
              whiskers({
                width: Math.min(width, 200 + ks.length * Math.max(110, rows.length * 40)),
                groups: ks.map((k) => `pass^${k}`),
                series: rows.map((row) => ({ name: row.name, points: ks.map((k) => hat(row, k)) })),
                floors: distinct(floors.filter((floor) => floor.value !== null)),
                label,
                share: true,
              }),
            { class: "chart-holder" },
          ),
        )
      : null,
    comparison(rows, ks, hat),
    taskGrid(rows),
  );
}

function comparison(rows, ks, hat) {
  const all = (what, cell) => [what, ...rows.map(cell)];
  const lines = [
    all("Domain", (row) => row.domain),
    all("Agent", (row) => quoted(row.agent)),
    all("User", (row) => quoted(row.user)),
    ...ks.map((k) => all(`pass^${k} [95%]`, (row) => withTasks(hat(row, k)))),
    all("Against the first", (row) => quoted(row.against_first || "–")),
    all("Floors, pass^1", (row) =>
      row.floors.map(({ label, value, note }) =>
        h("div", {}, `${label}: ${value}`, note ? h("div", { class: "soft small" }, note) : null),
      ),
    ),
    all("Episodes", (row) => h("a", { href: dialoguesHash({ source: row.name }) }, row.episodes.toLocaleString("en"))),
    all("Not judged", (row) => row.unjudged.toLocaleString("en")),
    all("Lost to infrastructure", (row) => row.infrastructure.toLocaleString("en")),
    all("To blame", (row) =>
      counts(row.blames, (blame, number) =>
        h("a", { class: "loss", href: dialoguesHash({ source: row.name, blame }) }, blameBadge(blame), ` ${number}`),
      ),
    ),
    all("How they ended", (row) =>
      counts(row.terminations, (name, number) => `${name.replaceAll("_", " ")} ${number}`),
    ),
    all("Cost", (row) => row.cost || "–"),
  ].filter((line, at) => at < 3 || line.slice(1).some((cell) => !empty(cell)));
  return table({
    caption: "Evaluations compared",
    className: "compare",
    head: [
      h("span", { class: "unseen" }, "What"),
      ...rows.map((row, at) => h("span", {}, key(at), " ", quoted(row.name))),
    ],
    rows: lines,
  });
}

function empty(cell) {
  return cell === "–" || (Array.isArray(cell) && !cell.length) || cell?.textContent === "–";
}

function withTasks(hat) {
  return hat
    ? h(
        "div",
        {},
        h("b", {}, hat.value.toFixed(2)),
        ` [${hat.low.toFixed(2)}, ${hat.high.toFixed(2)}]`,
        h("div", { class: "soft small" }, `${hat.tasks} tasks`),
      )
    : "–";
}

function counts(numbers, show) {
  return Object.entries(numbers)
    .filter(([, number]) => number > 0)
    .sort((a, b) => b[1] - a[1])
    .map(([name, number]) => h("div", {}, show(name, number)));
}

/** The share that a floor's text begins with: "0.12", "12 %"; null where it begins with none. */
export function shareOf(text) {
  const found = /^\s*([\d.]+)\s*(%?)/.exec(text);
  const value = found ? Number(found[1]) / (found[2] ? 100 : 1) : Number.NaN;
  return value >= 0 && value <= 1 ? value : null;
}

function distinct(floors) {
  return [...new Map(floors.map((floor) => [`${floor.value} ${floor.label}`, floor])).values()];
}
