// From plan to accepted: how many came to each step, and who is to blame for those that went no further.

import { h } from "./dom.js";
import { percent } from "./numbers.js";
import { dialoguesHash } from "./route.js";
import { section } from "./section.js";
import { scrolled } from "./tables.js";
import { blameBadge, blameClass } from "./words.js";

/** The funnel, or null. */
export function funnel({ funnel: steps }) {
  if (!steps.length) return null;
  const planned = Math.max(steps[0].count, ...steps.map((step) => step.count), 1);
  const head = ["Step", "Came to it", "", "Lost there, by blame"].map((text, at) =>
    h(
      "th",
      { scope: "col", class: ["", "number", "wide", ""][at] || null },
      text || h("span", { class: "unseen" }, "Share"),
    ),
  );
  return section(
    "funnel",
    "From plan to accepted",
    "Each bar is what came to a step; its coloured end is what was lost there, by who is to blame.",
    scrolled(
      "From plan to accepted",
      h(
        "table",
        { class: "funnel" },
        h("caption", { class: "unseen" }, "How many came to each step and how many were lost there"),
        h("thead", {}, h("tr", {}, head)),
        h(
          "tbody",
          {},
          steps.map((step) => row(step, planned)),
        ),
      ),
    ),
  );
}

function row({ label, count, lost }, planned) {
  const losses = Object.entries(lost)
    .filter(([, number]) => number > 0)
    .sort((a, b) => b[1] - a[1]);
  const kept = count - losses.reduce((sum, [, number]) => sum + number, 0);
  const bar = h(
    "div",
    { class: "bar-track", "aria-hidden": "true" },
    segment("kept", kept, planned),
    losses.map(([blame, number]) => segment(blameClass(blame), number, planned)),
  );
  return h(
    "tr",
    {},
    h("th", { scope: "row" }, label),
    h(
      "td",
      { class: "number" },
      h("b", {}, count.toLocaleString("en")),
      h("span", { class: "soft" }, ` ${percent(count / planned)}`),
    ),
    h("td", { class: "wide" }, bar),
    h(
      "td",
      { class: "losses" },
      losses.map(([blame, number]) =>
        h(
          "a",
          { href: dialoguesHash({ blame, source: "run" }), class: "loss" },
          blameBadge(blame),
          ` ${number.toLocaleString("en")}`,
        ),
      ),
    ),
  );
}

function segment(kind, number, planned) {
  const piece = h("span", { class: `segment ${kind}` });
  piece.style.width = `${(100 * Math.max(number, 0)) / planned}%`;
  return number > 0 ? piece : null;
}
