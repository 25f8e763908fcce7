// A section of the overview.

import { h } from "./dom.js";

/** A section under a heading, with one line that says what is to be seen. */
export function section(id, title, lead, ...content) {
  return h(
    "section",
    { id: `s-${id}`, "aria-labelledby": `h-${id}` },
    h("h2", { id: `h-${id}`, tabindex: "-1" }, title),
    lead ? h("p", { class: "lead" }, lead) : null,
    content,
  );
}

/** A part of a section. */
export function part(title, ...content) {
  return h("div", { class: "part" }, h("h3", {}, title), content);
}
