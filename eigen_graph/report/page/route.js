// Where the reader is, in the address: #/ , #/section, #/dialogues?filters, #/d/ID?filters.

/** What the browser of dialogues filters by. */
export const FIELDS = ["source", "fate", "stage", "blame", "generation", "difficulty", "persona", "clause", "tool"];

const PARAMS = [...FIELDS, "q", "in"];

/** The place that an address names: {view: "overview", section} or {view: "browser", id, filters}. */
export function parse(hash) {
  const [path, query = ""] = split(hash.replace(/^#/, ""), "?");
  const steps = path.split("/").filter(Boolean).map(decoded);
  const filters = {};
  const given = new URLSearchParams(query);
  for (const name of PARAMS) {
    if (given.has(name)) filters[name] = given.get(name);
  }
  if (steps[0] === "d" && steps.length > 1) return { view: "browser", id: steps.slice(1).join("/"), filters };
  if (steps[0] === "dialogues") return { view: "browser", id: null, filters };
  return { view: "overview", section: steps[0] ?? "" };
}

/** The address of the list, or of one dialogue of it. */
export function dialoguesHash(filters = {}, id = null) {
  const query = new URLSearchParams();
  for (const name of PARAMS) {
    const value = filters[name];
    if (value !== undefined && value !== null && value !== "") query.set(name, value);
  }
  const path = id === null ? "#/dialogues" : `#/d/${encodeURIComponent(id)}`;
  return query.size ? `${path}?${query}` : path;
}

/** The place the reader is at. */
export function here() {
  return parse(location.hash);
}

/** Go to an address; `replace` leaves no step to come back to. */
export function go(hash, { replace = false } = {}) {
  if (location.hash === hash) return;
  if (replace) {
    history.replaceState(null, "", hash);
    dispatchEvent(new HashChangeEvent("hashchange"));
  } else {
    location.hash = hash;
  }
}

function split(text, mark) {
  const at = text.indexOf(mark);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

function decoded(step) {
  try {
    return decodeURIComponent(step);
  } catch {
    return step;
  }
}
