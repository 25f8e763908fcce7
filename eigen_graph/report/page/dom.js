// Elements from code. Whatever comes from data becomes a text node: there is no way from a string to markup in here.

const SVG = "http://www.w3.org/2000/svg";

/** An HTML element: `h("a", {href: "#/", onclick: go, "aria-label": "Home"}, "text", element, [more])`. */
export function h(tag, props, ...children) {
  return filled(document.createElement(tag), props, children);
}

/** An SVG element, in the same way. */
export function s(tag, props, ...children) {
  return filled(document.createElementNS(SVG, tag), props, children);
}

function filled(element, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(
    ...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false),
  );
  return element;
}

/** Put other children into an element. */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
}

/** Text that somebody else wrote: it runs in its own direction and cannot reorder what stands around it. */
export function quoted(text, className = "") {
  return h("bdi", { class: className || null, dir: "auto" }, String(text));
}

/** A number of things, in words. */
export function count(number, one, many = `${one}s`) {
  return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}

let ids = 0;

/** A fresh id. */
export function freshId(stem) {
  ids += 1;
  return `${stem}-${ids}`;
}

/** Draw into an element at its real width, and again whenever that changes. */
export function atWidth(draw, props) {
  const holder = h("div", props);
  let drawn = 0;
  new ResizeObserver(([entry]) => {
    const width = Math.floor(entry.contentRect.width);
    if (width === drawn || width === 0) return;
    drawn = width;
    fill(holder, draw(width));
  }).observe(holder);
  return holder;
}
