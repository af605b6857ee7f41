// SPDX-License-Identifier: MIT
// How the graph colours a change: by its size beside what was there before, or beside all that changed.

const LEVELS = {
  relative: { strong: 0.5, slight: 0.01, words: ["grown by half or more, or new", "grown", "changed by less than 1 %", "shrunk", "shrunk by half or more, or gone"] },
  absolute: { strong: 0.1, slight: 0.01, words: ["grown by a tenth of all that changed, or more", "grown", "less than 1 % of all that changed", "shrunk", "shrunk by a tenth of all that changed, or more"] },
};
const CLASSES = ["grown", "grown-some", "even", "shrunk-some", "shrunk"];

export const SHADES = Object.keys(LEVELS);

// [class, text] for each colour
export const shadeLegend = (shade) => CLASSES.map((name, i) => [name, LEVELS[shade].words[i]]);

// The class of a change, beside `whole`.
export function shadeOf(shade, change, whole) {
  const { strong, slight } = LEVELS[shade];
  const part = whole > 0 ? Math.abs(change) / whole : change ? Infinity : 0;
  if (part < slight) return "even";
  return (change > 0 ? "grown" : "shrunk") + (part < strong ? "-some" : "");
}
