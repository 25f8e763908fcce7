// How the pipeline changed itself: yield by generation with intervals, what each changed, and the patches that were tried.

import { drawing } from "./drawing.js";
import { diffView } from "./diff.js";
import { atWidth, freshId, h, quoted } from "./dom.js";
import { estimate, gain } from "./numbers.js";
import { dialoguesHash } from "./route.js";
import { part, section } from "./section.js";
import { atMost, table } from "./tables.js";
import { whiskers } from "./whiskers.js";

/** The generations, or the one workflow of a run that did not evolve, or null. */
export function generations({ generations: rows, candidates, workflow }) {
  if (!rows.length && !candidates.length) {
    return workflow
      ? section("generations", "Workflow", "The pipeline that made every dialogue of this run.", picture(workflow))
      : null;
  }
  const unit = rows.find((row) => row.cost_unit)?.cost_unit || "unit of cost";
  return section(
    "generations",
    "Generations",
    "A generation is a pipeline whose patch passed a paired test. ★ marks the champion; whiskers are 95% intervals.",
    rows.length
      ? h(
          "div",
          { class: "pair" },
          chart("Yield: accepted of those tried", rows, "yield", true),
          rows.some((row) => row.per_cost) ? chart(`Accepted per ${unit}`, rows, "per_cost", false) : null,
        )
      : null,
    rows.length ? comparison(rows, unit) : null,
    rows.map(details),
    candidates.length
      ? part(`Patches that were proposed (${candidates.length})`, atMost(12, candidates, patches, "patches"))
      : null,
  );
}

function chart(title, rows, value, share) {
  const star = rows.findIndex((row) => row.champion);
  const told = `${title}: ${rows.map((row) => `generation ${row.number} ${estimate(row[value] ?? {})}`).join("; ")}`;
  return part(
    title,
    atWidth(
      (width) =>
        whiskers({
          width,
          groups: rows.map((row) => `g${row.number}`),
          series: [{ name: title, points: rows.map((row) => row[value]) }],
          label: told,
          share,
          star: star < 0 ? null : star,
        }),
      { class: "chart-holder" },
    ),
  );
}

function comparison(rows, unit) {
  return table({
    caption: "Generations compared",
    className: "cards",
    head: [
      "Generation",
      "From",
      ["Tried", "number"],
      ["Accepted", "number"],
      ["Yield [95%]", "number"],
      [`Per ${unit} [95%]`, "number"],
      ["Gain on its parent [95%]", "number"],
      ["What changed", "wide"],
    ],
    rows: rows.map((row) => [
      h(
        "a",
        { href: dialoguesHash({ source: "run", generation: row.number }) },
        `g${row.number}`,
        row.champion ? " ★ champion" : "",
      ),
      row.parent === null ? "–" : `g${row.parent}`,
      row.tried.toLocaleString("en"),
      row.accepted.toLocaleString("en"),
      estimate(row.yield ?? {}),
      estimate(row.per_cost ?? {}),
      row.gain ? gainInPercent(row.gain) : "–",
      quoted(row.summary || (row.parent === null ? "the first" : "")),
    ]),
  });
}

/** A relative gain, per cost and on the same fresh tasks, as its confirmation measured it. */
function gainInPercent({ value, low, high }) {
  const [bare, ...ends] = [value, low, high].map((share) => (100 * (share ?? 0)).toFixed(1).replace("-", "−"));
  return `${value > 0 ? "+" : ""}${bare}%${low === null ? "" : ` [${ends.join(", ")}]`}`;
}

function details(row) {
  if (!row.workflow && !row.prompts.length && !row.changes.length) return null;
  return h(
    "details",
    { class: "generation", open: row.champion && row.parent !== null },
    h(
      "summary",
      {},
      h("b", {}, `Generation ${row.number}${row.champion ? " ★" : ""}`),
      " ",
      quoted(row.summary || "as bundled", "soft"),
    ),
    row.changes.length
      ? h(
          "div",
          {},
          h("h4", {}, "What its patch does"),
          h(
            "ul",
            {},
            row.changes.map((change) => h("li", {}, quoted(change))),
          ),
        )
      : null,
    row.prompts.map(({ prompt, diff }) =>
      h("div", {}, h("h4", {}, "Prompt ", h("code", {}, prompt)), diffView(diff, `Changes to the prompt ${prompt}`)),
    ),
    row.workflow ? picture(row.workflow) : null,
  );
}

function picture({ title, svg }) {
  const drawn = drawing(svg, title, freshId("drawing"));
  return h(
    "figure",
    { class: "workflow" },
    h(
      "div",
      { class: "scrolled", tabindex: "0", role: "region", "aria-label": title },
      drawn ?? h("p", { class: "callout" }, "The drawing cannot be read."),
    ),
    h("figcaption", {}, title),
  );
}

function patches(rows) {
  return table({
    caption: "Patches that were proposed",
    className: "cards",
    head: [
      "Round",
      ["Patch", "wide"],
      "Fate",
      ["Gain on known seeds", "number"],
      ["Gain on fresh seeds", "number"],
      ["Why", "wide"],
    ],
    rows: rows.map((row) => [
      row.round.toLocaleString("en"),
      [quoted(row.summary), h("div", { class: "soft small" }, row.id)],
      h(
        "span",
        { class: `badge ${row.fate === "accepted" ? "good" : "plain"}` },
        `${row.fate === "accepted" ? "✓ " : ""}${row.fate}`,
      ),
      gain(row.screened),
      gain(row.confirmed),
      [
        quoted(row.reason),
        row.guards.length
          ? h(
              "ul",
              { class: "guards" },
              row.guards.map((guard) => h("li", {}, quoted(guard))),
            )
          : null,
      ],
    ]),
  });
}
