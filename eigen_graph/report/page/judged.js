// Beside the conversation: the verdict and its parts, the review, the proof of the checker, the scenario, the solution.

import { h, quoted } from "./dom.js";
import { short } from "./numbers.js";
import { tree } from "./tree.js";

const SIGNS = new Map([
  [true, ["✓", "good", "passed"]],
  [false, ["✗", "bad", "failed"]],
  [null, ["–", "soft", "not judged"]],
]);

/**
 * The panels that there is something for; `beside`: there is room beside the conversation. `point(at)`
 * goes to a message.
 */
export function judged({ reward, parts, review, proof, scenario, solution, said, attempts }, beside, point) {
  const pointed = said.flatMap((one, at) => (one.evidence.length ? [at] : []));
  return [
    reward !== null || parts.length
      ? panel(
          `Verdict${reward === null ? "" : `: reward ${short(reward)}`}`,
          true,
          h("ul", { class: "parts" }, parts.map(verdict)),
        )
      : null,
    Object.keys(review).length || pointed.length ? panel("Review", true, reviewed(review, pointed, point)) : null,
    Object.keys(scenario).length
      ? panel(
          "What the user was told",
          beside,
          h(
            "dl",
            { class: "stacked" },
            Object.entries(scenario).map(([name, text]) => [
              h("dt", {}, name.replaceAll("_", " ")),
              h("dd", {}, quoted(text)),
            ]),
          ),
        )
      : null,
    solution.length
      ? panel(
          "Reference solution",
          beside,
          h(
            "ol",
            { class: "solution" },
            solution.map((call) => h("li", {}, h("code", {}, breakable(call)))),
          ),
        )
      : null,
    attempts.length
      ? panel(
          "Earlier tries",
          beside,
          h(
            "ol",
            { class: "solution" },
            attempts.map((text) => h("li", {}, quoted(text))),
          ),
        )
      : null,
    Object.keys(proof).length ? panel("Proof of its checker", beside, tree(proof)) : null,
  ].filter(Boolean);
}

function panel(title, open, ...content) {
  return h("details", { class: "panel", open }, h("summary", {}, h("h3", {}, title)), content);
}

function verdict({ name, passed, reason }) {
  const [sign, tone, word] = SIGNS.get(passed);
  return h(
    "li",
    {},
    h("span", { class: `sign ${tone}`, "aria-hidden": "true" }, sign),
    h("b", {}, quoted(name)),
    h("span", { class: "unseen" }, ` ${word}`),
    reason ? h("div", {}, quoted(reason)) : null,
  );
}

function reviewed(review, pointed, point) {
  const { evidence: _, ...rest } = review;
  return [
    tree(rest),
    pointed.length
      ? h(
          "p",
          { class: "evidence-links" },
          "Points at ",
          pointed.map((at) => h("button", { type: "button", class: "quiet", onclick: () => point(at) }, `#${at}`)),
        )
      : null,
  ];
}

/** A call, with places where a line may end. */
function breakable(call) {
  return h(
    "bdi",
    { dir: "auto" },
    call.split(/(?<=[(,])/).map((part) => [part, h("wbr")]),
  );
}
