// How well checkers tell right from wrong: the mutants that each failed, by kind, and those that it let pass.

import { atWidth, h, quoted, s } from "./dom.js";
import { percent } from "./numbers.js";
import { dialoguesHash } from "./route.js";
import { part, section } from "./section.js";
import { atMost, table } from "./tables.js";

const BINS = 10;

/** Kill rates and survivors, or null. */
export function checkers({ kills, kill_rates: rates, survivors }) {
  if (!kills.length && !rates.length && !survivors.length) return null;
  const whole = rates.filter((rate) => rate === 1).length;
  return section(
    "checkers",
    "How good the checkers are",
    "Every checker was tried on wrong versions of its own reference dialogue (mutants). The kill rate is the share that it failed, as it should.",
    h(
      "div",
      { class: "pair" },
      rates.length
        ? part(
            `Kill rate of ${rates.length.toLocaleString("en")} proven checkers`,
            atWidth((width) => histogram(width, rates), { class: "chart-holder" }),
            h(
              "p",
              { class: "note" },
              `${whole.toLocaleString("en")} of ${rates.length.toLocaleString("en")} (${percent(whole / rates.length)}) kill every mutant.`,
            ),
          )
        : null,
      kills.length ? part("By kind of mutant", kinds(kills)) : null,
    ),
    survivors.length
      ? part(
          "Mutants that survived",
          atMost(
            10,
            survivors,
            (shown) =>
              table({
                caption: "Mutants that survived",
                className: "cards",
                head: ["Dialogue", "Kind", ["What was wrong and passed", "wide"]],
                rows: shown.map((one) => [
                  h("a", { href: dialoguesHash({}, one.instance) }, one.instance),
                  one.kind,
                  quoted(one.description),
                ]),
              }),
            "survivors",
          ),
        )
      : null,
  );
}

function kinds(kills) {
  const sum = kills.reduce((all, one) => ({ mutants: all.mutants + one.mutants, killed: all.killed + one.killed }), {
    mutants: 0,
    killed: 0,
  });
  const cells = (name, { mutants, killed }) => [
    name,
    killed.toLocaleString("en"),
    mutants.toLocaleString("en"),
    percent(mutants ? killed / mutants : null),
  ];
  return table({
    caption: "Mutants killed, by kind",
    head: ["Kind", ["Killed", "number"], ["Of", "number"], ["Share", "number"]],
    rows: [...kills].sort((a, b) => b.mutants - a.mutants).map((one) => cells(one.kind, one)),
    foot: cells("all", sum),
  });
}

function histogram(width, rates) {
  const height = 190;
  const [left, top, bottom] = [8, 18, 26];
  const bins = Array.from({ length: BINS + 1 }, () => 0);
  for (const rate of rates) bins[rate >= 1 ? BINS : Math.floor(rate * BINS)] += 1;
  const most = Math.max(...bins);
  const slot = (width - 2 * left) / bins.length;
  const name = (bin) => (bin === BINS ? "100%" : `${bin * 10}–${bin * 10 + 10}`);
  const label = `Kill rates: ${bins
    .map((number, bin) => (number ? `${name(bin)}: ${number}` : ""))
    .filter(Boolean)
    .join("; ")}`;
  const chart = s("svg", {
    viewBox: `0 0 ${width} ${height}`,
    width,
    height,
    role: "img",
    "aria-label": label,
    class: "chart",
  });
  bins.forEach((number, bin) => {
    const tall = ((height - top - bottom) * number) / most;
    const x = left + slot * bin;
    const few = slot < 44 && bin % 2 === 1;
    chart.append(
      s("rect", {
        class: bin === BINS ? "column whole" : "column",
        x: x + 2,
        width: slot - 4,
        y: height - bottom - tall,
        height: Math.max(tall, number ? 2 : 0),
      }),
    );
    if (number)
      chart.append(
        s(
          "text",
          { class: "tick strong", x: x + slot / 2, y: height - bottom - tall - 5, "text-anchor": "middle" },
          number.toLocaleString("en"),
        ),
      );
    if (!few)
      chart.append(
        s(
          "text",
          { class: "tick", x: x + slot / 2, y: height - 8, "text-anchor": "middle" },
          bin === BINS ? "100%" : slot < 44 ? `${bin * 10}` : name(bin),
        ),
      );
  });
  chart.append(s("line", { class: "base", x1: left, x2: width - left, y1: height - bottom, y2: height - bottom }));
  return chart;
}
