// Numbers in words: one way to write a share, an interval, a duration.

/** 0.734 -> "0.73"; 12.3 -> "12.3"; 1234 -> "1,234". */
export function short(value, digits = 2) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  const size = Math.abs(value);
  if (size >= 100 || Number.isInteger(value)) return Math.round(value).toLocaleString("en");
  if (size > 0 && size < 0.5 * 10 ** -digits) return value.toExponential(1);
  return value.toFixed(size >= 10 ? 1 : digits);
}

/** A share as a percentage. */
export function percent(value, digits = 0) {
  return value === null || value === undefined ? "–" : `${(100 * value).toFixed(digits)} %`;
}

/** "0.62 [0.51, 0.72]"; without an interval, the value alone. */
export function estimate({ value, low, high } = {}, digits = 2) {
  if (value === null || value === undefined) return "–";
  const bare = fixed(value, digits);
  return low === null || low === undefined ? bare : `${bare} [${fixed(low, digits)}, ${fixed(high, digits)}]`;
}

function fixed(value, digits) {
  const size = Math.abs(value);
  if (size > 0 && size < 0.01) return value.toPrecision(2);
  return size >= 1000 ? Math.round(value).toLocaleString("en") : value.toFixed(digits);
}

/** Seconds as "42 s", "3 min 20 s", "1 h 05 min". */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 10) return `${short(seconds, 1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return whole % 60 ? `${minutes} min ${whole % 60} s` : `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
}

/** Even marks that span a range: [0, 0.25, 0.5, 0.75, 1]. */
export function ticks(low, high, about = 4) {
  const span = high - low || 1;
  const rough = span / about;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((times) => times * power).find((size) => size >= rough * 0.999) ?? rough;
  const marks = [];
  for (let at = Math.ceil(low / step - 1e-9) * step; at <= high + step * 1e-6; at += step) {
    marks.push(Math.abs(at) < step * 1e-6 ? 0 : Number(at.toPrecision(12)));
  }
  return marks;
}
