// SPDX-License-Identifier: MIT
// The program's own lines with what they allocate, by file: alone, and together with what they call. The text of the
// lines is in the page only if its maker asked for it (ctrace html --source).
import { make } from "./dom.js";
import { linkOf, place } from "./links.js";
import { exact, percent } from "./numbers.js";

const LINES = 1000; // shown at a time
const FILES = 8; // at first

export class Source {
  // on.file(name): another file is chosen
  constructor(profile, on) {
    this.profile = profile;
    this.on = on;
    this.lines = LINES;
    this.files = make("tbody");
    this.allFiles = make("button", { type: "button", id: "all-files", onclick: () => this.showAllFiles() });
    this.status = make("p", { class: "status", id: "source-status", role: "status" });
    this.code = make("div", { id: "source-code" });
    this.element = make("div", {}, this.status);
    this.findPlaces();
    if (!this.places.length) {
      this.element.append(this.nothing());
      return;
    }
    const head = make("tr", {}, make("th", { scope: "col", class: "where" }, "File"), ["Self", "Total"].map((text) => make("th", { scope: "col", class: "number plain" }, text)));
    this.element.append(make("div", { class: "wide" }, make("table", { "aria-label": "Files" }, make("thead", {}, head), this.files)), this.allFiles, this.code);
  }

  // Each line of own code, once: {file, line}; by frame: its number, or -1.
  findPlaces() {
    const { frames, functions } = this.profile;
    const numbers = new Map();
    this.places = [];
    this.ofFrame = Int32Array.from(frames.function, (id, frame) => {
      const [file, line] = [functions.file[id], frames.line[frame]];
      if (!file || !line || this.profile.isLibrary(id)) return -1;
      const key = `${file}:${line}`;
      if (!numbers.has(key)) numbers.set(key, this.places.push({ file, line }) - 1);
      return numbers.get(key);
    });
    this.embedded = new Map((this.profile.source ?? []).map((entry) => [entry.file, entry]));
  }

  nothing() {
    const code = (text) => make("code", {}, text);
    if (this.profile.old) return make("p", { class: "empty" }, "A page of two recordings has no lines of source: ", code("ctrace html --source NEW"), " shows those of the new one.");
    return make("p", { class: "empty" }, "No line of the program's own code is known. Build it with -g, or install its debug information; ", code("ctrace doctor PROGRAM"), " says which file lacks it.");
  }

  // chosen: the file's name, or undefined
  set({ sites, values, blocks, show, signed, chosen }) {
    if (!this.places.length) return;
    if (chosen !== this.chosen) this.lines = LINES;
    Object.assign(this, { show, signed, chosen });
    this.count(sites, values, blocks);
    this.draw();
  }

  // A site counts once for each line and file, however often they are in its stack.
  count(sites, values, blocks) {
    const { profile, places, ofFrame } = this;
    for (const entry of places) Object.assign(entry, { self: 0, total: 0, blocks: 0, seen: -1 });
    this.sums = new Map();
    this.all = 0;
    this.hasBlocks = Boolean(blocks);
    const files = new Map();
    for (const { file } of places) files.set(file, { file, self: 0, total: 0, seen: -1 });
    for (const site of sites) {
      const value = values[site];
      if (!value && !blocks?.[site]) continue;
      this.all += Math.abs(value);
      for (let node = profile.sites.node[site]; node >= 0; node = profile.nodeParent[node]) {
        const entry = places[ofFrame[profile.nodeFrame[node]]];
        if (!entry || entry.seen === site) continue;
        entry.seen = site;
        entry.total += value;
        entry.blocks += blocks?.[site] ?? 0;
        const file = files.get(entry.file);
        if (file.seen !== site) file.total += value;
        file.seen = site;
      }
      const own = places[ofFrame[profile.ownFrame[site]]];
      if (!own) continue;
      own.self += value;
      files.get(own.file).self += value;
    }
    this.rows = [...files.values()].sort((a, b) => Math.abs(b.self) - Math.abs(a.self) || Math.abs(b.total) - Math.abs(a.total) || a.file - b.file);
  }

  name(file) {
    return this.profile.texts[file];
  }

  draw() {
    const { profile, rows } = this;
    this.shown = rows.find(({ file }) => this.name(file) === this.chosen) ?? rows.find(({ file }) => this.embedded.get(file)?.parts) ?? rows[0];
    const lines = profile.source ? "" : " Their text is not in this page: ctrace html --source puts it in.";
    this.status.textContent = `${exact(rows.length)} ${rows.length === 1 ? "file" : "files"} of the program's own code.${lines}`;
    this.drawFiles();
    this.drawCode();
  }

  // The largest files, and the shown one.
  drawFiles() {
    const { rows } = this;
    const few = !this.every && rows.length > FILES;
    this.files.replaceChildren(...rows.filter((row, i) => !few || i < FILES || row === this.shown).map((row) => this.fileRow(row)));
    this.allFiles.hidden = !few;
    this.allFiles.textContent = `Show all ${exact(rows.length)} files`;
  }

  showAllFiles() {
    this.every = true;
    this.drawFiles();
  }

  cell(heading, value, format = this.show) {
    const share = heading === "Blocks" || !value ? "" : make("span", { class: "share" }, percent(Math.abs(value), this.all));
    return make("td", { class: value ? "number" : "number zero", "data-value": value, "data-heading": heading }, value ? [format(value), share] : "–");
  }

  fileRow({ file, self, total }) {
    const shown = file === this.shown.file;
    const button = make("button", { type: "button", class: "name", "aria-pressed": String(shown), onclick: () => this.on.file(this.name(file)) }, make("bdi", {}, this.name(file)));
    return make("tr", { class: shown ? "chosen" : undefined }, make("td", { class: "where" }, button), this.cell("Self", self), this.cell("Total", total));
  }

  // Why a file's lines are not in the page.
  why(entry) {
    if (!entry) return "Its lines are not in the page, since other files have more bytes.";
    if (entry.other) return "Its name is not that of source code, so its lines are not in the page.";
    return "The file was not found when the page was made: ctrace html --source-path names folders to look in.";
  }

  // What the reader must know about the shown file.
  notes() {
    const { profile, shown } = this;
    const entry = this.embedded.get(shown.file);
    const notes = [];
    if (profile.source && !entry?.parts) notes.push(this.why(entry));
    if (entry?.newer) notes.push("The file was changed after the recording began, so lines may have moved.");
    return notes.map((text) => make("p", { class: "notice", role: "note" }, text));
  }

  // [line number, text or undefined, its place or undefined, is it the first of a run?]
  rowsOf(file) {
    const places = this.places.filter((entry) => entry.file === file).sort((a, b) => a.line - b.line);
    const byLine = new Map(places.map((entry) => [entry.line, entry]));
    const rows = [];
    for (const { first, lines } of this.embedded.get(file)?.parts ?? []) lines.forEach((text, i) => rows.push([first + i, text, byLine.get(first + i), i === 0]));
    const known = new Set(rows.map(([line]) => line));
    for (const entry of places) if (!known.has(entry.line) && (entry.total || entry.blocks)) rows.push([entry.line, undefined, entry, false]);
    return rows.sort((a, b) => a[0] - b[0]);
  }

  drawCode() {
    const { profile, shown } = this;
    const title = make("h3", {}, place(this.name(shown.file), linkOf(profile, shown.file, 0)));
    const headings = ["Self", "Total", ...(this.hasBlocks ? ["Blocks"] : []), "Line"];
    const head = make("tr", {}, headings.map((text) => make("th", { scope: "col", class: "number plain", "data-heading": text }, text)), make("th", { scope: "col", class: "text" }, "Source"));
    const rows = this.rowsOf(shown.file);
    const body = make("tbody", {}, rows.slice(0, this.lines).map((row, i) => this.lineRow(row, i)));
    const left = rows.length - this.lines;
    const more = left > 0 ? make("button", { type: "button", onclick: () => this.showMore() }, `Show ${exact(Math.min(left, LINES))} more lines of ${exact(left)}`) : "";
    this.code.replaceChildren(title, ...this.notes(), make("div", { class: "wide", tabindex: "0", role: "region", "aria-label": "Lines of the file" }, make("table", { class: "code", "aria-label": "Lines" }, make("thead", {}, head), body)), more);
  }

  showMore() {
    this.lines += LINES;
    this.drawCode();
  }

  // Scroll to a line of the shown file.
  reveal(line) {
    const at = this.rowsOf(this.shown.file).findIndex(([number]) => number === line);
    if (at >= this.lines) {
      this.lines = at + LINES;
      this.drawCode();
    }
    const row = this.code.querySelector(`[data-line="${line}"]`);
    row?.classList.add("shown");
    row?.scrollIntoView({ block: "center" });
    this.code.querySelector("[role=region]").focus({ preventScroll: true });
  }

  lineRow([line, text, entry, first], i) {
    const link = linkOf(this.profile, this.shown.file, line);
    const number = link ? make("a", { href: link, rel: "noreferrer", title: "Open in the editor" }, String(line)) : String(line);
    const empty = (heading) => make("td", { class: "number zero", "data-heading": heading });
    const numbers = entry
      ? [this.cell("Self", entry.self), this.cell("Total", entry.total), this.hasBlocks ? this.cell("Blocks", entry.blocks, exact) : ""]
      : [empty("Self"), empty("Total"), this.hasBlocks ? empty("Blocks") : ""];
    const classes = [entry && (entry.total || entry.blocks) ? "counts" : "", first && i ? "gap" : ""].filter(Boolean).join(" ");
    return make("tr", { class: classes || undefined, "data-line": line }, numbers, make("td", { class: "number" }, number), make("td", { class: "text" }, make("code", { dir: "ltr" }, make("bdi", {}, text ?? ""))));
  }
}
