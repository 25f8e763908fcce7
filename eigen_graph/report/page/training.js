// Training: what a stage came to, against its floors, and its curves.

import { curves } from "./curves.js";
import { atWidth, h } from "./dom.js";
import { duration, estimate, gain } from "./numbers.js";
import { section } from "./section.js";
import { tree } from "./tree.js";
import { whiskers } from "./whiskers.js";
import { shareOf } from "./evaluations.js";

/** The stages of a training, or null. */
export function training(stages) {
  if (!stages.length) return null;
  return section(
    "training",
    "Training",
    "Noisy curves are drawn faint with their running mean over them. Whiskers are 95% intervals.",
    stages.map(stage),
  );
}

function stage({ stage: name, state, seconds, series, before, after, difference, floors, fidelity }) {
  const points = [
    ["before", before],
    ["after", after],
  ].filter(([, point]) => point);
  return h(
    "div",
    { class: "part stage" },
    h("h3", {}, name, h("span", { class: "soft" }, ` ${state}, ${duration(seconds)}`)),
    points.length || floors.length
      ? h(
          "div",
          { class: "beside" },
          points.length ? passBeforeAfter(points, floors) : null,
          h(
            "div",
            {},
            points.length
              ? h(
                  "dl",
                  { class: "facts" },
                  points.map(([when, point]) => [h("dt", {}, `pass^1 ${when}`), h("dd", {}, estimate(point))]),
                  difference ? [h("dt", {}, "difference, task by task"), h("dd", {}, gain(difference))] : null,
                )
              : null,
            floors.length
              ? h(
                  "dl",
                  { class: "facts" },
                  floors.map(({ label, value, note }) => [
                    h("dt", {}, label),
                    h("dd", {}, value, note ? h("span", { class: "soft" }, ` ${note}`) : null),
                  ]),
                )
              : null,
          ),
        )
      : null,
    curves(series),
    fidelity
      ? h("details", { class: "aside", open: true }, h("summary", {}, "Fidelity of the user model"), tree(fidelity))
      : null,
  );
}

function passBeforeAfter(points, floors) {
  return atWidth(
    (width) =>
      whiskers({
        width: Math.min(width, 340),
        groups: points.map(([when]) => when),
        series: [{ name: "pass^1", points: points.map(([, point]) => point) }],
        floors: floors
          .map((floor) => ({ label: `${floor.label}: ${floor.value}`, value: shareOf(floor.value) }))
          .filter((floor) => floor.value !== null),
        label: points.map(([when, point]) => `pass^1 ${when}: ${estimate(point)}`).join("; "),
        share: true,
      }),
    { class: "chart-holder" },
  );
}
