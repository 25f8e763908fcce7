// Long text: its beginning, and the rest when asked for.

import { h } from "./dom.js";

const LINES = 5;
const LETTERS = 320;

/** Text that folds itself when it is long. */
export function folded(text, name) {
  const lines = text.split("\n");
  if (lines.length <= LINES && text.length <= LETTERS)
    return text ? h("pre", { class: "plain", dir: "auto" }, text) : h("p", { class: "soft" }, "(nothing)");
  const start = [...lines.slice(0, 3).join(" ").replace(/\s+/g, " ").slice(0, 120)].join("");
  const size =
    lines.length > LINES
      ? `${lines.length.toLocaleString("en")} lines`
      : `${text.length.toLocaleString("en")} characters`;
  return h(
    "details",
    { class: "folded" },
    h(
      "summary",
      { "aria-label": `${name}, ${size}` },
      h("bdi", { class: "start" }, start),
      h("span", { class: "soft" }, ` … ${size}`),
    ),
    h("pre", { class: "plain", dir: "auto" }, text),
  );
}
