// The browser of dialogues: filters and list on one side, the dialogue on the other, the address in between.

import { dialogueAt, field, pieces, rowOf, total, Unreadable } from "./data.js";
import { DialogueView } from "./dialogue.js";
import { count, fill, h } from "./dom.js";
import { Filters } from "./filters.js";
import { saying } from "./fulltext.js";
import { List } from "./list.js";
import { matching } from "./matching.js";
import { dialoguesHash, go, here } from "./route.js";

/** The browser, in an element of the page. */
export class Browser {
  constructor(element) {
    this.element = element;
    this.filters = {};
    this.asked = 0;
    this.list = new List((row) => dialoguesHash(this.filters, field("id", row)));
    this.controls = new Filters((filters, { typing = false }) =>
      go(dialoguesHash(filters, here().id ?? null), { replace: typing }),
    );
    this.status = h("p", { class: "status", role: "status" });
    this.view = new DialogueView(
      (by) => this.step(by),
      () => this.close(),
    );
    const hint = h(
      "p",
      { class: "keys-hint" },
      h("kbd", {}, "j"),
      " ",
      h("kbd", {}, "k"),
      " move  ",
      h("kbd", {}, "Enter"),
      " open  ",
      h("kbd", {}, "Esc"),
      " close  ",
      h("kbd", {}, "/"),
      " search",
    );
    fill(
      element,
      h(
        "div",
        { class: "side" },
        h("h2", { class: "unseen" }, "Dialogues"),
        this.controls.element,
        this.status,
        this.list.element,
        hint,
      ),
      this.view.element,
    );
  }

  /** Show the place that the address names. */
  async show({ id, filters }) {
    const key = JSON.stringify(filters);
    if (key !== this.key) {
      this.key = key;
      this.filters = filters;
      this.controls.show(filters);
      this.narrow(filters);
    }
    const opened = id !== null && this.shown === null;
    const closed = id === null && Boolean(this.shown);
    this.shown = id;
    this.element.classList.toggle("reading", id !== null);
    const row = id === null ? null : rowOf(id);
    this.list.mark(row);
    if (id === null) this.view.nothing(total);
    else if (row === null) this.view.missing(id, "There is no dialogue of this id in the report.");
    else await this.read(id, row);
    if (opened) this.view.focus();
    else if (closed) this.focusBack();
  }

  async read(id, row) {
    const turn = (this.asked += 1);
    try {
      const dialogue = await dialogueAt(row);
      if (turn === this.asked && here().id === id) this.view.show(dialogue, row, this.place(row));
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      if (turn === this.asked) this.view.missing(id, `${error.message} The rest of the report is not touched by this.`);
    }
  }

  place(row) {
    const at = this.list.rows.indexOf(row);
    return { at, of: this.list.rows.length };
  }

  narrow(filters) {
    const rows = matching(filters);
    const search = (this.searching = {});
    if (filters.in !== "messages" || !filters.q) {
      this.list.show(rows);
      this.say(rows.length);
      return;
    }
    this.list.show([]);
    this.status.textContent = `Reading ${count(pieces, "piece")}…`;
    const stopped = () => this.searching !== search;
    const heard = (done, found) =>
      stopped() || (this.status.textContent = `${found} found, ${done} of ${rows.length} read…`);
    saying(filters.q, rows, heard, stopped).then((found) => {
      if (stopped()) return;
      this.list.show(found);
      this.list.mark(here().id === null ? null : rowOf(here().id));
      this.say(found.length);
    });
  }

  say(shown) {
    this.status.textContent =
      shown === total ? count(total, "dialogue") : `${shown.toLocaleString("en")} of ${count(total, "dialogue")}`;
    this.list.element.classList.toggle("empty", shown === 0);
  }

  /** To the next dialogue or the one before: the cursor, and what is open with it. */
  step(by) {
    const open = here().id !== null;
    const row = this.list.step(by);
    if (open && row !== null) go(dialoguesHash(this.filters, field("id", row)), { replace: true });
    else if (!open) this.list.focus();
  }

  /** After a dialogue was closed: to its row, or to the search if that was asked for. */
  focusBack() {
    if (this.wantsSearch) this.search();
    else this.list.focus();
    this.wantsSearch = false;
  }

  search() {
    this.controls.search.focus();
    this.controls.search.select();
  }

  close() {
    go(dialoguesHash(this.filters));
  }

  /** What a key does here; whether it did something. */
  press(event) {
    const typing = event.target.closest?.("input, select, textarea");
    if (event.key === "Escape") {
      if (typing) event.target.blur();
      if (here().id !== null) this.close();
      else this.list.focus();
      return true;
    }
    if (event.key === "/" && !typing) {
      if (this.list.element.checkVisibility()) this.search();
      else {
        this.wantsSearch = true;
        this.close();
      }
      return true;
    }
    if (typing && !(event.target === this.controls.search && event.key === "ArrowDown")) return false;
    const inList = this.list.focused || event.target === document.body || event.target === this.controls.search;
    if (event.key === "j" || (event.key === "ArrowDown" && inList)) this.step(1);
    else if (event.key === "k" || (event.key === "ArrowUp" && inList)) this.step(-1);
    else if (event.key === "PageDown" && this.list.focused) this.step(8);
    else if (event.key === "PageUp" && this.list.focused) this.step(-8);
    else if (event.key === "Home" && this.list.focused) this.step(-total);
    else if (event.key === "End" && this.list.focused) this.step(total);
    else return false;
    return true;
  }
}
