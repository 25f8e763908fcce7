// One dialogue: what was said on one side; what was asked, judged, reviewed and proven on the other.

import { field, titleOf } from "./data.js";
import { count, fill, h, quoted } from "./dom.js";
import { judged } from "./judged.js";
import { messages } from "./messages.js";
import { blameBadge, fateBadge } from "./words.js";

/** The place for a dialogue; `step(by)` goes to another one, `close()` back to the list. */
export class DialogueView {
  constructor(step, close) {
    this.step = step;
    this.close = close;
    this.element = h("article", { class: "dialogue", "aria-label": "Dialogue" });
  }

  /** Show one. `place` is where it stands in the list: {at, of}, at -1 when the filters leave it out. */
  show(dialogue, row, place) {
    const title = dialogue.title || titleOf(row);
    this.put(
      this.bar(place),
      h(
        "header",
        {},
        h("h2", { tabindex: "-1" }, quoted(title)),
        h(
          "p",
          { class: "under" },
          fateBadge(dialogue.fate || field("fate", row)),
          blameBadge(dialogue.blame),
          h("code", {}, dialogue.id),
          this.tags(row),
          dialogue.termination
            ? h("span", { class: "soft" }, `ended: ${dialogue.termination.replaceAll("_", " ")}`)
            : null,
        ),
        dialogue.reason ? h("p", { class: "why" }, quoted(dialogue.reason)) : null,
        dialogue.note ? h("p", { class: "callout" }, quoted(dialogue.note)) : null,
      ),
      h(
        "div",
        { class: "columns-2" },
        h(
          "section",
          { class: "conversation", "aria-label": "Conversation" },
          dialogue.said.length
            ? messages(dialogue.said)
            : h("p", { class: "callout" }, "Nothing was said: it ended before the dialogue was played."),
        ),
        h(
          "aside",
          { "aria-label": "Task and judgement" },
          judged(dialogue, this.element.clientWidth > 800, (at) => this.point(at)),
        ),
      ),
    );
  }

  /** Say why a dialogue cannot be shown. */
  missing(id, why) {
    this.put(
      this.bar({ at: -1, of: 0 }),
      h("header", {}, h("h2", { tabindex: "-1" }, quoted(id))),
      h("p", { class: "callout", role: "alert" }, why),
    );
  }

  /** Nothing is open. */
  nothing(total) {
    this.element.dataset.open = "";
    fill(
      this.element,
      h("p", { class: "nothing" }, total ? "Choose a dialogue to read it." : "This report holds no dialogues."),
    );
  }

  /** Put the focus on what is open. */
  focus() {
    this.element.querySelector("h2")?.focus({ preventScroll: true });
  }

  put(...content) {
    const focused = this.element.contains(document.activeElement);
    this.element.dataset.open = "yes";
    fill(this.element, content);
    this.element.scrollTop = 0;
    if (focused) this.focus();
  }

  bar({ at, of }) {
    const turn = (by, sign, word, off) =>
      h(
        "button",
        {
          type: "button",
          class: "quiet",
          disabled: off,
          "aria-label": `${word} dialogue`,
          onclick: () => this.step(by),
        },
        sign,
        h("span", { class: "word" }, ` ${word}`),
      );
    return h(
      "div",
      { class: "dialogue-bar" },
      h(
        "button",
        { type: "button", class: "quiet", onclick: () => this.close() },
        "← All",
        h("span", { class: "word" }, " dialogues"),
      ),
      h("span", { class: "soft" }, at < 0 ? "" : `${(at + 1).toLocaleString("en")} of ${of.toLocaleString("en")}`),
      turn(-1, "↑", "Previous", at <= 0),
      turn(1, "↓", "Next", at < 0 || at >= of - 1),
    );
  }

  tags(row) {
    const several = (name, word) => (field(name, row) ? `${word} ${field(name, row).split(" ").join(", ")}` : "");
    const told = [
      field("difficulty", row),
      field("persona", row),
      several("clauses", "clauses"),
      field("generation", row) === "" ? "" : `g${field("generation", row)}`,
      count(field("messages", row) || 0, "message"),
    ];
    return h("span", { class: "soft" }, told.filter(Boolean).join(" · "));
  }

  point(at) {
    const target = this.element.querySelector(`[data-message="${at}"]`);
    target?.scrollIntoView({ block: "center" });
    target?.focus({ preventScroll: true });
  }
}
