// Values with their intervals: a mark and a whisker each, side by side within a group.

import { s } from "./dom.js";
import { mark } from "./marks.js";
import { estimate, ticks, tickText } from "./numbers.js";

const HEIGHT = 250;
const EDGE = { top: 22, right: 12, bottom: 42, left: 46 };

/**
 * groups: what stands along the bottom. series: [{name, points}], a point {value, low, high} or null for each group.
 * share: values are shares of one. floors: [{label, value}], drawn across the first group. star: a group to point out.
 */
export function whiskers({ width, groups, series, label, below = "", share = false, floors = [], star = null }) {
  const points = series.flatMap((one) => one.points).filter((point) => point && point.value !== null);
  const highest = Math.max(
    ...points.map((point) => point.high ?? point.value),
    ...floors.map((floor) => floor.value),
    0,
  );
  const lowest = Math.min(...points.map((point) => point.low ?? point.value), 0);
  const marks = share && lowest >= 0 ? [0, 0.25, 0.5, 0.75, 1] : ticks(lowest, highest || 1);
  const [bottom, top] = [Math.min(lowest, marks[0]), Math.max(highest, marks.at(-1))];
  const inner = width - EDGE.left - EDGE.right;
  const y = (value) => EDGE.top + (HEIGHT - EDGE.top - EDGE.bottom) * (1 - (value - bottom) / (top - bottom || 1));
  const slot = inner / Math.max(groups.length, 1);
  const middle = (group) => EDGE.left + slot * (group + 0.5);
  const step = Math.min(22, (slot * 0.7) / Math.max(series.length, 1));
  const chart = s("svg", {
    viewBox: `0 0 ${width} ${HEIGHT}`,
    width,
    height: HEIGHT,
    role: "img",
    "aria-label": label,
    class: "chart",
  });
  for (const at of marks) {
    chart.append(
      s("line", { class: "grid", x1: EDGE.left, x2: width - EDGE.right, y1: y(at), y2: y(at) }),
      s("text", { class: "tick", x: EDGE.left - 8, y: y(at) + 4, "text-anchor": "end" }, tickText(at, marks)),
    );
  }
  const every = Math.ceil((groups.length * 34) / inner);
  groups.forEach((name, group) => {
    if (group % every && group !== star) return;
    chart.append(
      s("text", { class: "tick", x: middle(group), y: HEIGHT - EDGE.bottom + 18, "text-anchor": "middle" }, name),
    );
  });
  if (below) {
    chart.append(s("text", { class: "axis", x: EDGE.left + inner / 2, y: HEIGHT - 6, "text-anchor": "middle" }, below));
  }
  for (const { value, label: name } of floors) {
    chart.append(
      s(
        "line",
        { class: "floor", x1: middle(0) - slot * 0.45, x2: middle(0) + slot * 0.45, y1: y(value), y2: y(value) },
        s("title", {}, name),
      ),
    );
  }
  if (floors.length) {
    const best = Math.max(...floors.map((floor) => floor.value));
    chart.append(s("text", { class: "tick", x: middle(0) - slot * 0.45, y: y(best) - 5 }, "floor"));
  }
  series.forEach(({ name, points: row }, number) => {
    row.forEach((point, group) => {
      if (!point || point.value === null) return;
      const x = middle(group) + step * (number - (series.length - 1) / 2);
      const told = `${name}, ${groups[group]}: ${estimate(point)}`;
      const drawn = s("g", { class: `whisker c${number % 6}` }, s("title", {}, told));
      if (point.low !== null && point.low !== undefined) {
        drawn.append(
          s("path", {
            class: "interval",
            d: `M${x} ${y(point.low)}V${y(point.high)}M${x - 4} ${y(point.low)}h8M${x - 4} ${y(point.high)}h8`,
          }),
        );
      }
      drawn.append(mark(number, x, y(point.value)));
      chart.append(drawn);
      if (group === star) {
        chart.append(
          s(
            "text",
            { class: "star", x, y: Math.max(y(point.high ?? point.value) - 8, 14), "text-anchor": "middle" },
            "★",
          ),
        );
      }
    });
  });
  return chart;
}
