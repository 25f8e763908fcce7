// What was said: bubbles for the two speakers, calls with their arguments, answers, and what each call changed.

import { changes } from "./changes.js";
import { h, quoted } from "./dom.js";
import { folded } from "./folded.js";

const WHO = { assistant: ["Agent", "A"], user: ["User", "U"], system: ["System", "S"], tool: ["Tool", "T"] };

/** The conversation as a list; every answer stands under the call that it answers. */
export function messages(said) {
  const answers = new Map();
  said.forEach((one, at) => {
    if (one.role === "tool" && one.call_id) answers.set(one.call_id, [...(answers.get(one.call_id) ?? []), at]);
  });
  const shown = new Set();
  const take = (id) => {
    const at = answers.get(id)?.shift();
    if (at === undefined) return null;
    shown.add(at);
    return at;
  };
  const items = said.map((one, at) => {
    if (shown.has(at)) return null;
    const calls = one.calls.map((call) => {
      const place = call.id ? take(call.id) : null;
      return callCard(call, place === null ? null : { ...said[place], at: place });
    });
    return message(one, at, calls);
  });
  return h("ol", { class: "said" }, items.filter(Boolean));
}

function message(one, at, calls) {
  const [who, letter] = WHO[one.role] ?? [one.role, "?"];
  const evidence = one.evidence.length > 0;
  return h(
    "li",
    {
      class: `message ${one.role}${evidence ? " evidence" : ""}`,
      "data-message": at,
      tabindex: evidence ? "-1" : null,
    },
    h(
      "div",
      { class: "speaker" },
      h("span", { class: "letter", "aria-hidden": "true" }, letter),
      h("span", {}, who),
      h("span", { class: "soft" }, `#${at}`),
    ),
    evidence ? pointer(one.evidence) : null,
    one.role === "tool"
      ? answer({ ...one, at })
      : one.role === "system"
        ? folded(one.content, "System prompt")
        : one.content
          ? h("div", { class: "bubble" }, h("p", { dir: "auto" }, one.content))
          : null,
    calls,
    one.role === "tool" || !one.changes.length ? null : changes(one.changes),
  );
}

function pointer(reasons) {
  return h(
    "div",
    { class: "pointer" },
    h("b", {}, "▶ Evidence"),
    reasons.filter(Boolean).map((reason) => h("div", {}, quoted(reason))),
  );
}

function callCard({ name, arguments: given, writes }, reply) {
  const pairs = given && typeof given === "object" && !Array.isArray(given) ? Object.entries(given) : null;
  return h(
    "div",
    { class: `call${writes ? " writes" : ""}` },
    h(
      "div",
      { class: "call-name" },
      h("span", { class: "soft" }, "calls "),
      h("code", {}, quoted(name)),
      writes ? h("span", { class: "badge warn" }, "✎ writes") : null,
    ),
    pairs
      ? pairs.length
        ? h(
            "dl",
            { class: "arguments" },
            pairs.map(([key, value]) => [
              h("dt", {}, quoted(key)),
              h("dd", {}, quoted(typeof value === "string" ? value : JSON.stringify(value))),
            ]),
          )
        : null
      : h("pre", { class: "plain" }, quoted(typeof given === "string" ? given : JSON.stringify(given))),
    reply
      ? [
          reply.evidence.length
            ? h(
                "div",
                { class: "evidence", "data-message": reply.at, tabindex: "-1" },
                pointer(reply.evidence),
                answer(reply),
              )
            : answer(reply),
        ]
      : null,
  );
}

function answer({ content, error, changes: changed, at, evidence }) {
  return h(
    "div",
    {
      class: `answer${error ? " error" : ""}`,
      "data-message": evidence.length ? null : at,
      tabindex: evidence.length ? null : "-1",
    },
    h(
      "div",
      { class: "answer-head" },
      error ? h("span", { class: "badge bad" }, "✗ refused") : h("span", { class: "soft" }, "answers"),
      h("span", { class: "soft" }, ` #${at}`),
    ),
    folded(pretty(content), "Answer"),
    changed.length ? changes(changed) : null,
  );
}

/** JSON is laid out, other text stays as it is. */
function pretty(text) {
  if (!/^\s*[[{]/.test(text)) return text;
  try {
    return JSON.stringify(JSON.parse(text), null, 1).replace(/^ +/gm, (blank) => blank + blank);
  } catch {
    return text;
  }
}
