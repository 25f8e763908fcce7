// What was exercised: clause by tool, for one difficulty or all. A hole is a combination that was planned and gave nothing.

import { count, fill, freshId, h, quoted } from "./dom.js";
import { roving } from "./roving.js";
import { dialoguesHash } from "./route.js";
import { section } from "./section.js";
import { scrolled } from "./tables.js";

const LEVELS = 5;
const EASY_FIRST = ["easy", "medium", "hard"];

/** The map of coverage, or null. */
export function coverage({ coverage: cells, clauses }) {
  if (!cells.length) return null;
  const texts = new Map(clauses.map((clause) => [clause.number, clause.text]));
  const difficulties = distinct(cells.map((cell) => cell.difficulty)).sort((a, b) => rank(a) - rank(b));
  const holes = cells.filter((cell) => cell.planned > 0 && cell.accepted === 0);
  const told = h("p", { class: "told", "aria-live": "polite" });
  const map = h("div", {});
  const hint = "Point at a cell or a clause to read about it; choose a cell to see its dialogues.";
  const show = (difficulty) => {
    fill(told, hint);
    fill(
      map,
      grid(
        cells.filter((cell) => !difficulty || cell.difficulty === difficulty),
        difficulty,
        texts,
        told,
      ),
    );
  };
  show("");
  return section(
    "coverage",
    "Coverage",
    [
      `Accepted dialogues by clause of the policy and tool. `,
      holes.length
        ? [
            h("b", {}, count(holes.length, "hole")),
            ` of ${count(cells.length, "planned combination")} (clause, tool and difficulty) with nothing accepted.`,
          ]
        : `All ${cells.length.toLocaleString("en")} planned combinations have at least one.`,
    ],
    h("div", { class: "tools" }, difficulties.length > 1 ? choice(difficulties, show) : null, legend()),
    h("div", { class: distinct(cells.map((cell) => cell.tool)).length > 16 ? "map wide" : "map" }, map, told),
    holes.length ? holeList(holes) : null,
    clauses.length
      ? h(
          "details",
          { class: "aside" },
          h("summary", {}, "The clauses in full"),
          h(
            "dl",
            { class: "clauses" },
            clauses.map(({ number, text }) => [h("dt", {}, number), h("dd", {}, quoted(text))]),
          ),
        )
      : null,
  );
}

function choice(difficulties, show) {
  const name = freshId("difficulty");
  return h(
    "fieldset",
    { class: "choice" },
    h("legend", {}, "Difficulty"),
    ["", ...difficulties].map((difficulty) =>
      h(
        "label",
        {},
        h("input", {
          type: "radio",
          name,
          value: difficulty,
          checked: difficulty === "",
          onchange: () => show(difficulty),
        }),
        h("span", {}, difficulty || "all"),
      ),
    ),
  );
}

function legend() {
  return h(
    "p",
    { class: "legend" },
    h("span", { class: "cell hole", "aria-hidden": "true" }, "0"),
    " hole ",
    Array.from({ length: LEVELS }, (_, level) => h("span", { class: `cell heat${level + 1}`, "aria-hidden": "true" })),
    " more accepted",
  );
}

function grid(cells, difficulty, texts, told) {
  const clauses = distinct([...texts.keys(), ...cells.map((cell) => cell.clause)]).filter((clause) =>
    cells.some((cell) => cell.clause === clause),
  );
  const tools = distinct(cells.map((cell) => cell.tool));
  const sums = new Map();
  for (const cell of cells) {
    const name = JSON.stringify([cell.clause, cell.tool]);
    const sum = sums.get(name) ?? { planned: 0, accepted: 0 };
    sums.set(name, { planned: sum.planned + cell.planned, accepted: sum.accepted + cell.accepted });
  }
  // by rank: one clause that every dialogue touches would leave all others pale
  const ranks = distinct([...sums.values()].map((sum) => sum.accepted).filter(Boolean)).sort((a, b) => a - b);
  const tell = (clause, tool = null, sum = null) =>
    fill(
      told,
      sum
        ? [
            h("b", {}, `${sum.accepted} accepted of ${sum.planned} planned`),
            `: clause ${clause} with ${tool}${difficulty ? `, ${difficulty}` : ""}. `,
          ]
        : h("b", {}, `Clause ${clause}. `),
      quoted(texts.get(clause) ?? ""),
    );
  const cell = (clause, tool) => {
    const sum = sums.get(JSON.stringify([clause, tool]));
    if (!sum) return h("td", { class: "none" });
    const kind = sum.accepted ? `heat${1 + Math.floor((LEVELS * ranks.indexOf(sum.accepted)) / ranks.length)}` : "hole";
    const tells = () => tell(clause, tool, sum);
    return h(
      "td",
      {},
      h(
        "a",
        {
          class: `cell ${kind}`,
          href: dialoguesHash({ source: "run", clause, tool, difficulty }),
          "aria-label": `Clause ${clause}, ${tool}: ${sum.accepted ? "" : "hole, "}${sum.accepted} accepted of ${sum.planned} planned`,
          onfocus: tells,
          onpointerenter: tells,
        },
        sum.accepted,
      ),
    );
  };
  const row = (clause) =>
    h(
      "tr",
      {},
      h(
        "th",
        { scope: "row" },
        h(
          "button",
          {
            type: "button",
            class: "cell-head",
            "aria-label": `Clause ${clause}: read it`,
            onclick: () => tell(clause),
            onfocus: () => tell(clause),
            onpointerenter: () => tell(clause),
          },
          clause,
        ),
      ),
      tools.map((tool) => cell(clause, tool)),
    );
  const made = h(
    "table",
    { class: "heat" },
    h("caption", { class: "unseen" }, "Accepted dialogues by clause and tool; arrow keys move between cells"),
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        h("th", { scope: "col", class: "corner" }, "Clause"),
        tools.map((tool) => h("th", { scope: "col", class: "upright" }, h("span", {}, tool))),
      ),
    ),
    h("tbody", {}, clauses.map(row)),
  );
  roving(made, "a, button");
  return scrolled("Coverage by clause and tool", made);
}

function holeList(holes) {
  return h(
    "details",
    { class: "aside" },
    h("summary", {}, `The ${count(holes.length, "hole")} as a list`),
    h(
      "ul",
      { class: "columns" },
      holes.map((cell) =>
        h(
          "li",
          {},
          `clause ${cell.clause} × ${cell.tool}, ${cell.difficulty} `,
          h("span", { class: "soft" }, `(${cell.planned} planned)`),
        ),
      ),
    ),
  );
}

function distinct(values) {
  return [...new Set(values)];
}

function rank(difficulty) {
  const at = EASY_FIRST.indexOf(difficulty);
  return at < 0 ? EASY_FIRST.length : at;
}
