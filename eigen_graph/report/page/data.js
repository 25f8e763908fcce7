// What the file holds: the page's data at once, dialogues from their packed pieces when they are asked for.

/** Everything but the dialogues. */
export const page = JSON.parse(document.getElementById("page-data").textContent);

const columns = page.listing;

/** How many dialogues there are. */
export const total = columns.id.length;

const places = new Map(columns.id.map((id, place) => [id, place]));
const unpacked = new Map();
const KEPT = 12;

/** A dialogue's row of the listing, or null. */
export function rowOf(id) {
  return places.has(id) ? places.get(id) : null;
}

/** One field of a row; the field's empty value where the column is short. */
export function field(name, row) {
  return columns[name]?.[row] ?? "";
}

/** What a row is called: its title, or its id where it has none. */
export function titleOf(row) {
  return field("title", row) || field("id", row);
}

/** Why a dialogue cannot be shown. */
export class Unreadable extends Error {}

/** The dialogue of a row. Throws `Unreadable`. */
export async function dialogueAt(row) {
  const number = Math.floor(row / page.piece_size);
  const dialogues = await piece(number);
  const found = dialogues.find((dialogue) => dialogue?.id === field("id", row));
  if (!found) throw new Unreadable(`Piece ${number} of this file does not hold it.`);
  return found;
}

/** All dialogues of the given rows in turn, as [row, dialogue]; what cannot be read is passed over. */
export async function* dialoguesOf(rows) {
  for (const row of rows) {
    try {
      yield [row, await dialogueAt(row)];
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
    }
  }
}

/** How many pieces a search through all dialogues has to read. */
export const pieces = Math.ceil(total / page.piece_size);

async function piece(number) {
  if (!unpacked.has(number)) {
    unpacked.set(number, read(number));
    if (unpacked.size > KEPT) unpacked.delete(unpacked.keys().next().value);
  }
  return unpacked.get(number);
}

async function read(number) {
  if (typeof DecompressionStream === "undefined") {
    throw new Unreadable(
      "This browser cannot unpack dialogues: it has no DecompressionStream (any browser since 2023 does).",
    );
  }
  await parsed();
  const packed = document.getElementById(`piece-${number}`);
  if (!packed) throw new Unreadable(`Piece ${number} is missing from this file: it was cut short or changed.`);
  try {
    const bytes = Uint8Array.from(atob(packed.textContent), (letter) => letter.charCodeAt(0));
    const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    const dialogues = JSON.parse(await new Response(plain).text());
    if (!Array.isArray(dialogues)) throw new TypeError("not a list");
    return dialogues;
  } catch (error) {
    throw new Unreadable(`Piece ${number} of this file is damaged (${error.message || error.name}).`);
  }
}

/** Resolves once the whole file is parsed: the pieces stand behind the script. */
function parsed() {
  if (document.readyState !== "loading") return Promise.resolve();
  return new Promise((done) => document.addEventListener("DOMContentLoaded", done, { once: true }));
}
