// The list of dialogues. Only the rows in sight exist, so ten thousand are as quick as ten.

import { field, titleOf } from "./data.js";
import { h, quoted } from "./dom.js";
import { blameBadge, fateBadge } from "./words.js";

const TALL = 86;
const SPARE = 6;

/** A list; `hrefOf(row)` is a dialogue's address. */
export class List {
  constructor(hrefOf) {
    this.hrefOf = hrefOf;
    this.rows = [];
    this.cursor = 0;
    this.open = null;
    this.inner = h("ul", { class: "rows" });
    this.element = h("div", { class: "list", role: "region", "aria-label": "Dialogues" }, this.inner);
    this.element.addEventListener("scroll", () => this.draw(), { passive: true });
    new ResizeObserver(() => this.draw()).observe(this.element);
    this.inner.addEventListener("focusin", (event) => {
      const place = Number(event.target.closest("li")?.dataset.place);
      if (!Number.isNaN(place)) this.cursor = place;
    });
  }

  /** Show other rows; the cursor stays on its dialogue where that is still among them. */
  show(rows) {
    const before = this.rows[this.cursor];
    this.rows = rows;
    const again = before === undefined ? -1 : rows.indexOf(before);
    this.cursor = Math.max(again, 0);
    this.inner.style.height = `${rows.length * TALL}px`;
    if (again < 0) this.element.scrollTop = 0;
    this.draw(true);
  }

  /** Mark the dialogue that is open; null: none is. */
  mark(row) {
    this.open = row;
    const place = row === null ? -1 : this.rows.indexOf(row);
    if (place >= 0) {
      this.cursor = place;
      this.reveal();
    }
    this.draw(true);
  }

  /** Move the cursor; the row it comes to, or null at an end. */
  step(by) {
    const place = Math.min(Math.max(this.cursor + by, 0), this.rows.length - 1);
    if (place < 0) return null;
    const moved = place !== this.cursor;
    this.cursor = place;
    this.reveal();
    this.draw(true);
    return moved ? this.rows[place] : null;
  }

  /** Put the focus on the cursor's row. */
  focus() {
    this.reveal();
    this.draw(true);
    this.inner.querySelector('a[tabindex="0"]')?.focus({ preventScroll: true });
  }

  /** Whether the focus is in the list. */
  get focused() {
    return this.inner.contains(document.activeElement);
  }

  reveal() {
    const top = this.cursor * TALL;
    const box = this.element;
    if (top < box.scrollTop) box.scrollTop = top;
    else if (top + TALL > box.scrollTop + box.clientHeight) box.scrollTop = top + TALL - box.clientHeight;
  }

  draw(anew = false) {
    const first = Math.max(0, Math.floor(this.element.scrollTop / TALL) - SPARE);
    const last = Math.min(
      this.rows.length,
      Math.ceil((this.element.scrollTop + this.element.clientHeight) / TALL) + SPARE,
    );
    if (!anew && first === this.first && last === this.last) return;
    [this.first, this.last] = [first, last];
    const focused = this.focused;
    const places = Array.from({ length: Math.max(last - first, 0) }, (_, at) => first + at);
    if ((this.cursor < first || this.cursor >= last) && this.rows.length) places.push(this.cursor);
    this.inner.replaceChildren(...places.map((place) => this.item(place)));
    if (focused) this.inner.querySelector('a[tabindex="0"]')?.focus({ preventScroll: true });
  }

  item(place) {
    const row = this.rows[place];
    const item = h(
      "li",
      { "data-place": place, "aria-setsize": this.rows.length, "aria-posinset": place + 1 },
      h(
        "a",
        {
          href: this.hrefOf(row),
          tabindex: place === this.cursor ? 0 : -1,
          "aria-current": row === this.open ? "true" : null,
        },
        h("span", { class: "title" }, quoted(titleOf(row))),
        h(
          "span",
          { class: "under" },
          fateBadge(field("fate", row)),
          h("span", { class: "id" }, field("id", row)),
          blameBadge(field("blame", row)),
          h("span", { class: "right" }, field("messages", row) === "" ? "" : `${field("messages", row)} msg`),
        ),
      ),
    );
    item.style.top = `${place * TALL}px`;
    return item;
  }
}
