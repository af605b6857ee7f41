// SPDX-License-Identifier: MIT
// Parts of the page to paste elsewhere: text for the clipboard, and the graph as a file. Names come from untrusted files,
// so they are quoted for Markdown, XML and spreadsheets.
import { make, shape } from "./dom.js";
import { base } from "./data.js";

// What importers strip from the start of a cell, then what they take for the start of a formula (viewer/view/csv.c).
const STRIPPED = /^[ \t\r\n\v\f"'\u00a0\u00ad\u1680\u180e\u2000-\u200f\u2028\u2029\u202f\u205f\u2060\u3000\ufeff\ufffd]+/;
const FORMULA = /^[=+\-@\uff1d\uff0b\uff0d\uff20]/;

function csvCell(text) {
  const marked = text.startsWith("'") || FORMULA.test(text.replace(STRIPPED, "")) ? `'${text}` : text;
  return /[,;"\r\n\t]/.test(marked) ? `"${marked.replaceAll('"', '""')}"` : marked;
}

const TICK = "\u0060";
const markdownCode = (text) => TICK + text.replaceAll("|", "\\|").replaceAll(TICK, "'").replace(/[\0-\x1f\x7f]/g, " ") + TICK;

const status = make("p", { class: "copied", id: "copied", role: "status" });

function tell(text) {
  if (!status.isConnected) document.body.append(status);
  status.textContent = text;
}

// A page from a server without TLS has no clipboard object, but may answer the event of a copy.
function copyByEvent(text) {
  const answer = (event) => {
    event.clipboardData.setData("text/plain", text);
    event.preventDefault();
  };
  document.addEventListener("copy", answer, { once: true });
  const copied = document.execCommand("copy");
  document.removeEventListener("copy", answer);
  return copied;
}

export async function copy(text, what) {
  let copied = copyByEvent(text);
  if (!copied)
    copied = await navigator.clipboard?.writeText(text).then(
      () => true,
      () => false,
    );
  tell(copied ? `Copied: ${what}.` : "Not copied: the browser does not allow it.");
}

// Writes a file to the browser's folder of downloads.
export function save(name, type, text) {
  const link = make("a", { href: URL.createObjectURL(new Blob([text], { type })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  tell(`Saved: ${name}.`);
}

// A line for each frame, innermost first.
export function stackText(profile, site) {
  return profile
    .stack(site)
    .map((frame) => {
      const id = profile.frames.function[frame];
      const file = profile.texts[profile.functions.file[id]];
      const module = profile.functionModule(id);
      return [profile.functionFullName(id), profile.place(frame, true), file && module ? `[${base(module)}]` : ""].filter(Boolean).join(" ");
    })
    .map((line) => `${line}\n`)
    .join("");
}

function where(profile, site) {
  const callers = profile.siteCallers(site).slice(0, 2).map((id) => profile.functionName(id));
  return [profile.functionName(profile.frames.function[profile.ownFrame[site]]), profile.sitePlace(site), ...callers.map((name) => `← ${name}`)].filter(Boolean).join(" ");
}

// A table of one row: the columns as they are shown.
export function rowMarkdown(profile, site, columns, show) {
  const heads = [...columns.map(({ heading }) => heading), "Where"];
  const cells = [...columns.map((column) => show(column, column.value(site))), markdownCode(where(profile, site))];
  const rule = [...columns.map(() => "---:"), "---"];
  return [heads, rule, cells].map((row) => `| ${row.join(" | ")} |\n`).join("");
}

// All rows in the order of the table, with plain numbers.
export function tableCsv(profile, sites, columns) {
  const unit = { time: profile.timeUnit, bytes: profile.bytesUnit };
  const heads = ["Function", "Place", ...columns.map(({ heading, kind }) => (unit[kind] ? `${heading} (${unit[kind]})` : heading))];
  const lines = [heads.map(csvCell).join(",")];
  for (const site of sites) {
    const names = [profile.functionFullName(profile.frames.function[profile.ownFrame[site]]), profile.sitePlace(site)];
    lines.push([...names.map(csvCell), ...columns.map((column) => Number(column.value(site).toFixed(3)))].join(","));
  }
  return lines.map((line) => `${line}\r\n`).join("");
}

// The graph as it is zoomed, with all of its rows, in the colours of the page.
export function graphSvg(graph, row, title) {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(`--${name}`).trim();
  const svg = shape("svg", { xmlns: "http://www.w3.org/2000/svg", width: graph.width, height: graph.rows.length * row + 24, "font-family": "system-ui, sans-serif", "font-size": 12 });
  svg.append(shape("rect", { width: "100%", height: "100%", fill: colour("page") }), shape("text", { x: 4, y: 16, fill: colour("text") }, title));
  graph.rows.forEach((rects, level) => {
    for (const { node, left, wide } of rects) {
      // An inner image cuts off what does not fit.
      const frame = shape("svg", { x: left, y: 24 + level * row, width: wide, height: row });
      const matches = node && graph.matches?.[node.function];
      const fill = !node ? "line" : matches ? "found" : node.function < 0 && !graph.signed ? "panel" : graph.colour(node);
      frame.append(shape("title", {}, node ? graph.describe(node) : "calls too narrow to show"), shape("rect", { width: Math.max(wide - 1, 0.5), height: row - 1, rx: 2, fill: colour(fill) }));
      if (node) frame.append(shape("text", { x: 4, y: 14, fill: colour(matches ? "found-text" : "text") }, (graph.signed ? graph.sign(node) : "") + graph.name(node)));
      svg.append(frame);
    }
  });
  return new XMLSerializer().serializeToString(svg);
}
