// A training's curves: those that are looked at first, the others behind a fold, and what was measured only once.

import { atWidth, count, h, quoted } from "./dom.js";
import { lines } from "./lines.js";
import { short } from "./numbers.js";
import { table } from "./tables.js";

const FIRST = [
  /^(eval_)?loss$/,
  /^reward/,
  /^rewards\/.*mean$/,
  /^(eval_)?entropy$/,
  /^kl$/,
  /^(eval_)?mean_token_accuracy$/,
  /^completions\/mean_length$/,
  /^groups\/(all_passed|all_failed|kept|mixed_share)$/,
  /^episodes\/(played|user_fault_rate)$/,
  /^grad_norm$/,
];
const FEW = 9;

/** All curves of a stage. */
export function curves(series) {
  const all = series.map(({ name, points }) => ({
    name,
    points: points.filter((point) => point.every(Number.isFinite)),
  }));
  const drawn = all.filter(({ points }) => points.length > 1);
  const single = all.filter(({ points }) => points.length === 1);
  const rank = ({ name }) => FIRST.findIndex((pattern) => pattern.test(name));
  const known = drawn.filter((one) => rank(one) >= 0).sort((a, b) => rank(a) - rank(b));
  const first = drawn.length <= FEW || !known.length ? drawn : known;
  const rest = drawn.filter((one) => !first.includes(one));
  return [
    first.length ? multiples(first) : null,
    rest.length ? folded(count(rest.length, "more curve"), () => multiples(rest)) : null,
    single.length
      ? folded(`${count(single.length, "quantity", "quantities")} measured once`, () => once(single))
      : null,
  ];
}

function multiples(series) {
  return h("div", { class: "multiples" }, series.map(curve));
}

function once(series) {
  return h(
    "dl",
    { class: "facts" },
    series.map(({ name, points: [[step, value]] }) => [
      h("dt", {}, quoted(name)),
      h("dd", {}, short(value, 4), h("span", { class: "soft" }, ` at step ${short(step)}`)),
    ]),
  );
}

function curve({ name, points }) {
  const [start, last] = [points[0], points.at(-1)];
  const label = `${name}: from ${short(start[1])} at step ${start[0]} to ${short(last[1])} at step ${last[0]}`;
  return h(
    "figure",
    { class: "multiple" },
    h("figcaption", {}, quoted(name), h("span", { class: "soft" }, ` last ${short(last[1], 3)}`)),
    atWidth((width) => lines({ width, points, label }), { class: "chart-holder" }),
    folded("Values", () => values(name, points), "values"),
  );
}

function values(name, points) {
  const every = Math.ceil(points.length / 100);
  const shown = points.filter((_, at) => at % every === 0 || at === points.length - 1);
  return table({
    caption: name,
    head: [
      ["Step", "number"],
      ["Value", "number"],
    ],
    rows: shown.map(([step, value]) => [short(step), short(value, 4)]),
  });
}

/** A fold whose content is made when it is first opened. */
function folded(title, make, className = "aside") {
  const fold = h("details", { class: className }, h("summary", {}, title));
  fold.addEventListener("toggle", () => fold.append(make()), { once: true });
  return fold;
}
