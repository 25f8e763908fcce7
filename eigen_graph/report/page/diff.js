// A unified diff, line by line, with its signs.

import { h } from "./dom.js";

const TAGS = { added: "ins", removed: "del" };

/** The diff as text whose lines are told apart by sign and by tone. */
export function diffView(text, label) {
  const lines = text.replace(/\n$/, "").split("\n");
  return h(
    "pre",
    { class: "diff", tabindex: "0", role: "group", "aria-label": label },
    h(
      "code",
      {},
      lines.map((line, at) => {
        const kind = kindOf(line, at);
        return h(TAGS[kind] ?? "span", { class: `line ${kind}`, dir: "auto" }, `${line}\n`);
      }),
    ),
  );
}

function kindOf(line, at) {
  if (at < 2 && (line.startsWith("--- ") || line.startsWith("+++ "))) return "file";
  if (line.startsWith("@@")) return "hunk";
  if (line.startsWith("+")) return "added";
  return line.startsWith("-") ? "removed" : "same";
}
