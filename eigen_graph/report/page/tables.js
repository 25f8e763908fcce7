// Tables with scoped heads, in a box that scrolls by itself where the screen is narrow.

import { h } from "./dom.js";

/**
 * head: texts, or [text, class]. rows: lists of cells (text, an element, or a list of them); the first cell heads its row.
 */
export function table({ caption, head, rows, className = "", foot = null }) {
  const classes = head.map((cell) => (Array.isArray(cell) ? cell[1] : null));
  const names = head
    .map((cell) => (Array.isArray(cell) ? cell[0] : cell))
    .map((name) => (typeof name === "string" ? name : null));
  const line = (cells) =>
    h(
      "tr",
      {},
      cells.map((cell, at) => {
        const props = { class: classes[at], "data-label": names[at] };
        return at === 0 ? h("th", { scope: "row", class: props.class }, cell) : h("td", props, cell);
      }),
    );
  return scrolled(
    caption,
    h(
      "table",
      { class: className || null },
      h("caption", { class: "unseen" }, caption),
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          head.map((cell, at) => h("th", { scope: "col", class: classes[at] }, Array.isArray(cell) ? cell[0] : cell)),
        ),
      ),
      h(
        "tbody",
        {},
        rows.map((cells) => line(cells)),
      ),
      foot ? h("tfoot", {}, line(foot)) : null,
    ),
  );
}

/** Something wide, in a box of its own that the keyboard can scroll. */
export function scrolled(label, ...content) {
  const box = h("div", { class: "scrolled" }, content);
  new ResizeObserver(() => {
    const wide = box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight + 1;
    if (wide) {
      box.tabIndex = 0;
      box.setAttribute("role", "region");
      box.setAttribute("aria-label", label);
    } else {
      box.removeAttribute("tabindex");
      box.removeAttribute("role");
      box.removeAttribute("aria-label");
    }
  }).observe(box);
  return box;
}

/** The first rows, and a button for the rest. `make` gives an element for a list of rows. */
export function atMost(limit, rows, make, what) {
  if (rows.length <= limit) return make(rows);
  const holder = h("div", { class: "more" }, make(rows.slice(0, limit)));
  const more = h(
    "button",
    { type: "button", class: "quiet", onclick: () => holder.replaceChildren(make(rows)) },
    `Show all ${rows.length.toLocaleString("en")} ${what}`,
  );
  holder.append(more);
  return holder;
}
