// How fates and blames are shown: a sign, a word and a tone, never a colour alone.

import { h } from "./dom.js";

const FATES = {
  accepted: ["✓", "good"],
  solved: ["✓", "good"],
  rejected: ["✗", "bad"],
  failed: ["✗", "bad"],
  dropped: ["⊘", "warn"],
  infrastructure: ["⊘", "warn"],
  unjudged: ["?", "warn"],
};

/** Whose fault it can be, each with a number for its colour and pattern. */
export const BLAMES = ["task", "user", "agent", "tool", "checker", "infrastructure"];

/** A fate as a badge. */
export function fateBadge(fate) {
  const [sign, tone] = FATES[fate] ?? ["•", "plain"];
  return h("span", { class: `badge ${tone}` }, h("span", { "aria-hidden": "true" }, sign), ` ${fate || "unknown"}`);
}

/** The class of a blame's colour. */
export function blameClass(blame) {
  const at = BLAMES.indexOf(blame);
  return at < 0 ? "b-other" : `b${at}`;
}

/** A blame as a badge; nothing where nobody is to blame. */
export function blameBadge(blame) {
  return blame ? h("span", { class: `blame ${blameClass(blame)}` }, blame) : null;
}
