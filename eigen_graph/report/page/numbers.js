// Numbers in words: one way to write a share, an interval, a duration.

/** 0.734 -> "0.73"; 12.3 -> "12.3"; 1234 -> "1,234". */
export function short(value, digits = 2) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  const size = Math.abs(value);
  if (size >= 100 || Number.isInteger(value)) return Math.round(value).toLocaleString("en");
  if (size > 0 && size < 0.5 * 10 ** -digits) return value.toExponential(1);
  return value.toFixed(size >= 10 ? 1 : digits);
}

/** A share as a percentage; what is not quite all is never called 100%. */
export function percent(value) {
  if (value === null || value === undefined) return "–";
  const whole = value === 0 || value === 1 || (value > 0.005 && value < 0.995);
  return `${(100 * value).toFixed(whole ? 0 : value > 0.9995 || value < 0.0005 ? 2 : 1)}%`;
}

/** "0.62 [0.51, 0.72]"; without an interval, the value alone. As many places as the largest of the three needs. */
export function estimate({ value, low, high } = {}) {
  if (value === null || value === undefined) return "–";
  const given = [value, low, high].filter((one) => one !== null && one !== undefined);
  const most = Math.max(...given.map(Math.abs));
  const places =
    most >= 1000 ? 0 : most >= 100 ? 1 : most > 0 && most < 0.1 ? Math.min(1 - Math.floor(Math.log10(most)), 8) : 2;
  const [bare, ...ends] = given.map((one) => signed(one, places));
  return ends.length === 2 ? `${bare} [${ends.join(", ")}]` : bare;
}

/** The same of a difference: what is gained has its sign too. */
export function gain(given) {
  return given && given.value > 0 ? `+${estimate(given)}` : estimate(given ?? {});
}

function signed(value, places) {
  return value.toLocaleString("en", { minimumFractionDigits: places, maximumFractionDigits: places }).replace("-", "−");
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

/** Even marks that span a range, three at least: [0, 0.25, 0.5, 0.75, 1]. */
export function ticks(low, high, about = 4) {
  const rough = (high - low || 1) / about;
  const power = 10 ** Math.floor(Math.log10(rough) + 1e-9);
  const steps = [0.5, 1, 2, 2.5, 5, 10].map((times) => times * power);
  let at = steps.findIndex((size) => size >= rough * 0.999);
  while (at > 0 && marksOf(low, high, steps[at]).length < 3) at -= 1;
  return marksOf(low, high, steps[Math.max(at, 0)]);
}

function marksOf(low, high, step) {
  const marks = [];
  for (let at = Math.ceil(low / step - 1e-9); at * step <= high + step * 1e-6; at += 1)
    marks.push(Number((at * step).toPrecision(12)));
  return marks;
}

/** A mark with as many places as its neighbours need. */
export function tickText(value, marks) {
  const most = Math.max(...marks.map(Math.abs));
  if (most > 0 && (most >= 1e6 || most < 1e-3)) return value === 0 ? "0" : value.toExponential(0);
  const places = Math.max(...marks.map((mark) => (String(mark).split(".")[1] ?? "").length));
  return value.toLocaleString("en", { minimumFractionDigits: places, maximumFractionDigits: places });
}
