// SPDX-License-Identifier: MIT
// Formats numbers as `ctrace top` does (viewer/names/number.c).

const digits = (value) => value.toFixed(value < 9.995 ? 2 : value < 99.95 ? 1 : 0);

function scaled(value, step, most, units) {
  let unit = 0;
  while (value >= most && unit + 1 < units.length) {
    value /= step;
    unit++;
  }
  return `${digits(value)} ${units[unit]}`;
}

export const exact = (value) => String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ",");

const signed = (show) => (value) => (value < 0 ? "−" + show(-value) : show(value));

export const bytes = signed((value) =>
  value < 1024 ? `${Math.round(value)} B` : scaled(value / 1024, 1024, 1023.5, ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]),
);

const short = (value, unit) =>
  value < 999.5
    ? `${Number.isInteger(value) ? value : digits(value)}${unit && " " + unit}`
    : scaled(value / 1000, 1000, 999.5, ["k", "M", "G", "T", "P", "E"].map((prefix) => prefix + (unit && " " + unit)));

// Nanoseconds of each unit of time; other units are no time of the clock, such as instructions.
export const NS = { ns: 1, "µs": 1e3, us: 1e3, ms: 1e6, s: 1e9 };

export function time(value, unit) {
  if (value < 0) return "−" + time(-value, unit);
  const ns = value * (NS[unit] ?? 0);
  if (!(unit in NS)) return short(value, unit);
  if (value === 0) return "0 s";
  for (const [most, size, name] of [[999.5, 1, "ns"], [999.5e3, 1e3, "µs"], [999.5e6, 1e6, "ms"], [599.5e9, 1e9, "s"], [7200e9, 60e9, "min"]])
    if (ns < most) return `${digits(ns / size)} ${name}`;
  return `${digits(ns / 3600e9)} h`;
}

export const percent = (part, whole) => (whole > 0 ? (part / whole) * 100 : 0).toFixed(1) + " %";
