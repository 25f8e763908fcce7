// Beside the conversation: the verdict and its parts, the review, the proof of the checker, the scenario, the solution.

import { h, quoted } from "./dom.js";
import { short } from "./numbers.js";
import { tree } from "./tree.js";

const SIGNS = new Map([[true, ["✓", "good", "passed"]], [false, ["✗", "bad", "failed"]], [null, ["–", "soft", "not judged"]]]);

/** The panels that there is something for; `point(at)` goes to a message. */
export function judged({ reward, parts, review, proof, scenario, solution, said }, point) {
  const pointed = said.flatMap((one, at) => (one.evidence.length ? [at] : []));
  return [
    reward !== null || parts.length ? panel(`Verdict${reward === null ? "" : `: reward ${short(reward)}`}`, h("ul", { class: "parts" }, parts.map(verdict))) : null,
    Object.keys(review).length || pointed.length ? panel("Review", reviewed(review, pointed, point)) : null,
    Object.keys(scenario).length ? panel("What the user was told", h("dl", { class: "stacked" }, Object.entries(scenario).map(([name, text]) => [h("dt", {}, name.replaceAll("_", " ")), h("dd", {}, quoted(text))]))) : null,
    solution.length ? panel("Reference solution", h("ol", { class: "solution" }, solution.map((call) => h("li", {}, h("code", {}, quoted(call)))))) : null,
    Object.keys(proof).length ? panel("Proof of its checker", tree(proof)) : null,
  ].filter(Boolean);
}

function panel(title, ...content) {
  return h("details", { class: "panel", open: true }, h("summary", {}, h("h3", {}, title)), content);
}

function verdict({ name, passed, reason }) {
  const [sign, tone, word] = SIGNS.get(passed);
  return h("li", {}, h("span", { class: `sign ${tone}`, "aria-hidden": "true" }, sign), h("b", {}, quoted(name)), h("span", { class: "unseen" }, ` ${word}`), reason ? h("div", {}, quoted(reason)) : null);
}

function reviewed(review, pointed, point) {
  const { evidence: _, ...rest } = review;
  return [
    tree(rest),
    pointed.length ? h("p", { class: "evidence-links" }, "Points at ", pointed.map((at) => h("button", { type: "button", class: "quiet", onclick: () => point(at) }, `#${at}`))) : null,
  ];
}
