// A curve over steps. A noisy one is drawn faint, with its running mean over it.

import { s } from "./dom.js";
import { ticks, tickText } from "./numbers.js";

const HEIGHT = 170;
const EDGE = { top: 10, right: 10, bottom: 24, left: 46 };
const FEW = 15;

/** One curve; `points` are (step, value). */
export function lines({ width, points, label }) {
  const xs = points.map(([step]) => step);
  const ys = points.map(([, value]) => value);
  const left = Math.min(...xs);
  const right = Math.max(...xs);
  const [low, high] = padded(Math.min(...ys), Math.max(...ys));
  const x = (step) => EDGE.left + ((width - EDGE.left - EDGE.right) * (step - left)) / (right - left || 1);
  const y = (value) => EDGE.top + (HEIGHT - EDGE.top - EDGE.bottom) * (1 - (value - low) / (high - low));
  const chart = s("svg", {
    viewBox: `0 0 ${width} ${HEIGHT}`,
    width,
    height: HEIGHT,
    role: "img",
    "aria-label": label,
    class: "chart",
  });
  const rows = ticks(low, high, 4);
  for (const at of rows) {
    chart.append(
      s("line", { class: "grid", x1: EDGE.left, x2: width - EDGE.right, y1: y(at), y2: y(at) }),
      s("text", { class: "tick", x: EDGE.left - 8, y: y(at) + 4, "text-anchor": "end" }, tickText(at, rows)),
    );
  }
  const columns = ticks(left, right, 4);
  for (const at of columns) {
    const anchor = x(at) > width - 24 ? "end" : "middle";
    chart.append(
      s(
        "text",
        { class: "tick", x: anchor === "end" ? width - 2 : x(at), y: HEIGHT - 6, "text-anchor": anchor },
        tickText(at, columns),
      ),
    );
  }
  const path = (row) =>
    row.map(([step, value], at) => `${at ? "L" : "M"}${x(step).toFixed(1)} ${y(value).toFixed(1)}`).join("");
  const smooth = noisy(ys);
  chart.append(s("path", { class: smooth ? "line raw c0" : "line c0", d: path(points) }));
  if (smooth) chart.append(s("path", { class: "line c0", d: path(smoothed(points)) }));
  if (points.length <= FEW) {
    for (const [step, value] of points)
      chart.append(s("circle", { class: "dot c0", cx: x(step), cy: y(value), r: 2.5 }));
  }
  return chart;
}

/** The running mean of a curve, each value counting half after `half` steps. */
export function smoothed(points, half = Math.max(2, points.length / 25)) {
  const keep = 0.5 ** (1 / half);
  let mean = 0;
  let weight = 0;
  return points.map(([step, value]) => {
    mean = keep * mean + (1 - keep) * value;
    weight = keep * weight + (1 - keep);
    return [step, mean / weight];
  });
}

/** Whether neighbours differ by much of what the curve spans. */
export function noisy(values) {
  if (values.length <= FEW) return false;
  const span = Math.max(...values) - Math.min(...values);
  const jumps = values.slice(1).reduce((sum, value, at) => sum + Math.abs(value - values[at]), 0);
  return span > 0 && jumps / (values.length - 1) > 0.06 * span;
}

function padded(low, high) {
  if (low === high) return [low - (Math.abs(low) || 1) * 0.1, high + (Math.abs(high) || 1) * 0.1];
  const room = (high - low) * 0.06;
  return [low >= 0 && low - room < 0 ? 0 : low - room, high + room];
}
