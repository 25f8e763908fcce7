// The controls above the list: a search and a choice for each field that has more than one value.

import { freshId, h } from "./dom.js";
import { facets, NONE } from "./matching.js";
import { FIELDS } from "./route.js";

const LABELS = {
  source: "Of",
  fate: "Fate",
  stage: "Stage",
  blame: "Blame",
  generation: "Generation",
  difficulty: "Difficulty",
  persona: "Persona",
  clause: "Clause",
  tool: "Tool",
};

/** The controls; `changed(filters, {typing})` hears every change. */
export class Filters {
  constructor(changed) {
    this.changed = changed;
    this.current = {};
    this.selects = {};
    this.search = h("input", {
      type: "search",
      id: freshId("search"),
      placeholder: "Search ids, titles, tools",
      autocomplete: "off",
      spellcheck: "false",
      oninput: () => this.set({ q: this.search.value }, true),
    });
    this.deep = h("input", { type: "checkbox", onchange: () => this.set({ in: this.deep.checked ? "messages" : "" }) });
    this.boxes = h("div", { class: "selects" });
    const more = h("summary", {}, "Filters ", (this.active = h("span", { class: "soft" })));
    this.details = h("details", { class: "filters" }, more, this.boxes);
    this.clear = h("button", { type: "button", class: "quiet", onclick: () => this.changed({}, {}) }, "Clear");
    this.element = h(
      "search",
      {},
      h(
        "div",
        { class: "search" },
        h("label", { for: this.search.id, class: "unseen" }, "Search dialogues"),
        this.search,
        h("label", { class: "deep" }, this.deep, " in messages"),
      ),
      this.details,
    );
    for (const name of FIELDS) this.add(name);
  }

  add(name) {
    const id = freshId(`filter-${name}`);
    const select = h("select", { id, onchange: () => this.set({ [name]: select.value }) });
    this.selects[name] = { select, box: h("div", { class: "field" }, h("label", { for: id }, LABELS[name]), select) };
    this.boxes.append(this.selects[name].box);
  }

  set(change, typing = false) {
    this.changed({ ...this.current, ...change }, { typing });
  }

  /** Show what is filtered by now. */
  show(filters) {
    this.current = filters;
    if (this.search.value !== (filters.q ?? "")) this.search.value = filters.q ?? "";
    this.deep.checked = filters.in === "messages";
    const active = FIELDS.filter((name) => filters[name]);
    this.active.textContent = active.map((name) => `${LABELS[name].toLowerCase()} ${filters[name]}`).join(" · ");
    if (active.length || filters.q) this.boxes.append(this.clear);
    else this.clear.remove();
    for (const [name, values] of facets(filters)) {
      const { select, box } = this.selects[name];
      const asked = filters[name] ?? "";
      box.hidden = values.length < 2 && !asked;
      const known = !asked || values.some(([value]) => value === asked);
      const options = [["", null], ...(known ? values : [...values, [asked, 0]])];
      select.replaceChildren(
        ...options.map(([value, number]) =>
          h("option", { value }, value ? `${value === NONE ? "(none)" : value} (${number})` : "any"),
        ),
      );
      select.value = asked;
    }
  }
}
