// Search in what was said: every piece is unpacked in turn, a few milliseconds each, and can be stopped at any time.

import { dialoguesOf } from "./data.js";
import { plain } from "./matching.js";

/** Of the given rows, those whose messages hold every word. `heard(done, found)` hears how far it has come. */
export async function saying(text, rows, heard, stopped) {
  const words = plain(text).split(/\s+/).filter(Boolean);
  const found = [];
  let done = 0;
  for await (const [row, dialogue] of dialoguesOf(rows)) {
    if (stopped()) return found;
    done += 1;
    const said = plain(spoken(dialogue));
    if (words.every((word) => said.includes(word))) found.push(row);
    if (done % 50 === 0) heard(done, found.length);
  }
  return found;
}

function spoken({ id, title, reason, said }) {
  const lines = said.map((one) =>
    [one.content, ...one.calls.map((call) => `${call.name} ${JSON.stringify(call.arguments)}`)].join("\n"),
  );
  return [id, title, reason, ...lines].join("\n");
}
