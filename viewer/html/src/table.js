// SPDX-License-Identifier: MIT
// The sites as a table. It can be sorted by any column, shows part of the rows at a time, and the whole stack below an
// open row.
import { make } from "./dom.js";
import { copy, rowMarkdown, stackText, tableCsv } from "./copy.js";
import { base } from "./data.js";
import { changesOf, isSlight } from "./diff.js";
import { histograms } from "./histogram.js";
import { linkOfFrame, linkOfSite, place } from "./links.js";
import { exact, percent } from "./numbers.js";

const ROWS = 50;
const CALLERS = 4;

// The columns that the profile has; keys: only these, in this order.
export function columnsOf(profile, keys) {
  const columns = allColumns(profile);
  return keys ? keys.map((wanted) => columns.find(({ key }) => key === wanted)).filter(Boolean) : columns.filter(({ alone }) => !alone);
}

// [key, heading, help, kind, value of a site, metrics that the column needs, is it only for tables that ask for it?]
function allColumns(profile) {
  const { values } = profile;
  if (profile.old) return []; // in a diff, all columns belong to the chosen metric
  const ratio = (a, b) => (site) => (values[b][site] ? values[a][site] / values[b][site] : 0);
  const plain = (key) => (site) => values[key][site];
  return [
    ["totalBytes", "Total", "bytes allocated over the whole run", "bytes", plain("totalBytes"), ["totalBytes"]],
    ["totalBlocks", "Blocks", "allocated over the whole run", "count", plain("totalBlocks"), ["totalBlocks"]],
    ["average", "Avg", "average size of a block", "bytes", ratio("totalBytes", "totalBlocks"), ["totalBytes", "totalBlocks"]],
    ["maxBytes", "Max", "the site's own maximum of live bytes", "bytes", plain("maxBytes"), ["maxBytes"]],
    ["peakBytes", "Peak", "live at the peak of the process", "bytes", plain("peakBytes"), ["peakBytes"]],
    ["endBytes", "End", "still live at the end", "bytes", plain("endBytes"), ["endBytes"]],
    ["lifetime", "Lifetime, avg", "average over the site's blocks", "time", ratio("lifetime", "totalBlocks"), ["lifetime"]],
    ["lostBytes", "Lost", "live at the end, and nothing pointed to the block", "bytes", plain("lostBytes"), ["lostBytes"]],
    ["temporaryBlocks", "Temporary", "blocks freed before their thread's next allocation", "count", plain("temporaryBlocks"), ["temporaryBlocks"]],
    ["copiedBytes", "Copied", "bytes that realloc copied", "bytes", plain("copiedBytes"), ["copiedBytes"]],
    ["threads", "Threads", "threads on which this stack allocated", "count", plain("threads"), ["threads"]],
    ["residentBytes", "Resident", "of the live blocks, in memory at the end", "bytes", plain("residentBytes"), ["residentBytes"]],
    ["untouchedBytes", "Untouched", "of the live blocks, in pages that the program never wrote to", "bytes", plain("untouchedBytes"), ["untouchedBytes"]],
    ["pinnedBytes", "Pinned", "pages that hold live blocks of this site only", "bytes", plain("pinnedBytes"), ["pinnedBytes"]],
    ["shareBytes", "Share", "the site's part of what is free but pinned", "bytes", plain("shareBytes"), ["shareBytes"]],
    ["slackBytes", "Slack", "bytes that the allocator gave beyond what was asked for", "bytes", plain("slackBytes"), ["slackBytes"]],
    ["endBlocks", "Blocks", "still live at the end", "count", plain("endBlocks"), ["endBlocks"], true],
    ["indirectBytes", "Indirect", "only lost blocks pointed to the block", "bytes", plain("indirectBytes"), ["indirectBytes"], true],
    ["possibleBytes", "Possible", "only the middle of the block was pointed to", "bytes", plain("possibleBytes"), ["possibleBytes"], true],
    ["reachableBytes", "Reachable", "a pointer led to the block", "bytes", plain("reachableBytes"), ["reachableBytes"], true],
  ]
    .filter(([, , , , , needs]) => needs.every((key) => values[key]))
    .map(([key, heading, help, kind, value, , alone]) => ({ key, heading, help, kind, value, alone }));
}

// The sites with the largest values, in order; second: what decides between equal ones. Sorting all of 100,000 would take
// as long as everything else.
function largest(sites, values, second, count) {
  const inOrder = (list) => list.sort((a, b) => values[b] - values[a] || second[b] - second[a] || a - b);
  if (count >= sites.length) return inOrder([...sites]);
  const least = Float64Array.from(sites, (site) => values[site]).sort()[sites.length - count];
  const above = sites.filter((site) => values[site] > least);
  const equal = inOrder(sites.filter((site) => values[site] === least)).slice(0, count - above.length);
  return inOrder(above).concat(equal);
}

export class Table {
  // prefix: of the ids of its elements; second: the metric by which rows with equal values are sorted
  constructor(profile, on, { prefix = "", label = "Sites", columns = columnsOf(profile), second = profile.main } = {}) {
    this.profile = profile;
    this.on = on;
    this.prefix = prefix;
    this.second = second;
    this.columns = columns;
    this.hidden = new Set(columns.filter((column) => this.isEmpty(column)).map(({ key }) => key)); // at first, and then as the user wants
    this.extra = [];
    this.sort = this.firstSort();
    this.open = new Set();
    this.rows = ROWS;
    this.status = make("p", { class: "status", id: `${prefix}table-status`, role: "status" });
    this.head = make("thead");
    this.body = make("tbody");
    this.more = make("button", { type: "button", id: `${prefix}more`, onclick: () => this.showMore() }, "Show more");
    this.element = make(
      "div",
      {},
      make("div", { class: "table-top" }, this.status, make("button", { type: "button", class: "copy-csv", id: `${prefix}copy-csv`, onclick: () => this.copyCsv() }, "Copy as CSV"), this.chooser()),
      make("div", { class: "wide" }, make("table", { "aria-label": label }, this.head, this.body)),
      this.more,
    );
  }

  // Has no site a value?
  isEmpty({ value }) {
    for (let site = 0; site < this.profile.siteCount; site++) if (value(site)) return false;
    return true;
  }

  // At first, changes are sorted by their size, whatever their sign.
  firstSort(key = this.all()[0]?.key) {
    return { key, down: true, size: this.all().some((column) => column.key === key && column.signed) };
  }

  // sites: those to show; extra: the columns of the chosen number; key: the column to sort by, unless undefined
  set({ sites, extra, key }) {
    this.extra = extra;
    this.sites = sites;
    this.rows = ROWS;
    if (key) this.sort = this.firstSort(key);
    if (!this.all().some((column) => column.key === this.sort.key)) this.sort = this.firstSort();
    this.draw();
  }

  all() {
    return [...this.extra, ...this.columns.filter(({ key }) => !this.hidden.has(key))];
  }

  // Which columns are shown.
  chooser() {
    if (!this.columns.length) return "";
    const boxes = this.columns.map(({ key, heading, help }) => {
      const box = make("input", { type: "checkbox", "data-key": key, onchange: () => this.choose(key, box.checked) });
      box.checked = !this.hidden.has(key);
      return make("label", { title: help }, box, ` ${heading}`);
    });
    return make("details", { class: "columns", id: `${this.prefix}columns` }, make("summary", {}, "Columns"), make("div", {}, boxes));
  }

  wholeOrder() {
    return this.parts.flatMap((sites) => largest(sites, this.values, this.profile.values[this.second], sites.length));
  }

  copyCsv() {
    const count = this.sites.length;
    copy(tableCsv(this.profile, this.wholeOrder(), this.all()), `${exact(count)} ${count === 1 ? "row" : "rows"}`);
  }

  hide(key) {
    const box = this.element.querySelector(`.columns [data-key="${key}"]`);
    if (!box) return;
    box.checked = false;
    this.hidden.add(key);
  }

  choose(key, shown) {
    if (shown) this.hidden.delete(key);
    else this.hidden.add(key);
    if (this.hidden.has(this.sort.key)) this.sort = this.firstSort(this.all()[0]?.key);
    this.draw();
  }

  has(key) {
    return this.all().some((column) => column.key === key);
  }

  draw() {
    const column = this.all().find(({ key }) => key === this.sort.key) ?? { value: () => 0 };
    this.values = new Float64Array(this.profile.siteCount);
    for (const site of this.sites) this.values[site] = (this.sort.down ? 1 : -1) * (this.sort.size ? Math.abs(column.value(site)) : column.value(site));
    // What has not changed comes last, and is folded.
    const isFolded = (site) => this.profile.old && !this.extra[0].value(site);
    const [shown, folded] = [[], []];
    for (const site of this.sites) (isFolded(site) ? folded : shown).push(site);
    this.parts = [shown, folded];
    this.changed = shown.length;
    this.rows = Math.min(this.rows, this.changed);
    this.order = largest(shown, this.values, this.profile.values[this.second], this.rows);
    this.head.replaceChildren(this.heading());
    this.body.replaceChildren();
    this.addRows(0);
    this.tell();
  }

  tell() {
    const { siteCount, main, values } = this.profile;
    const all = this.sites.length === siteCount;
    let sum = 0;
    if (this.profile.old) return this.tellChanges();
    for (const site of this.sites) sum += values[main][site];
    const whole = this.profile.totals[main];
    const count = `${exact(siteCount)} ${siteCount === 1 ? "site" : "sites"}`;
    this.status.textContent = all
      ? count
      : `${exact(this.sites.length)} of ${count}, ${this.profile.format("bytes", sum)} of ${this.profile.format("bytes", whole)} in total (${percent(sum, whole)})`;
  }

  // Includes rows that are not shown: the sum is over all sites below the graph's call.
  tellChanges() {
    const [change] = this.extra;
    let sum = 0;
    let changed = 0;
    for (const site of this.sites) {
      sum += change.value(site);
      if (change.value(site)) changed++;
    }
    this.status.textContent = `${exact(changed)} of ${exact(this.sites.length)} sites changed, together ${this.profile.formatSigned(change.kind, sum)}`;
    this.status.dataset.sum = sum;
  }

  arrow() {
    if (this.sort.size) return "↕";
    return this.sort.down ? "▾" : "▴";
  }

  heading() {
    const cells = this.all().map((column) => {
      const sorted = column.key === this.sort.key;
      const button = make("button", { type: "button", title: column.help, onclick: () => this.sortBy(column.key) }, column.heading);
      button.append(make("span", { class: "arrow", "aria-hidden": "true" }, sorted ? this.arrow() : ""));
      const order = this.sort.size ? "other" : this.sort.down ? "descending" : "ascending";
      return make("th", { scope: "col", class: "number", "aria-sort": sorted ? order : "none", "data-key": column.key }, button);
    });
    return make("tr", {}, make("th", { scope: "col", class: "where" }, "Where"), cells);
  }

  sortBy(key) {
    if (key !== this.sort.key) this.sort = this.firstSort(key);
    else this.sort = { key, down: this.sort.size || !this.sort.down, size: false };
    this.draw();
    this.head.querySelector(`[data-key="${key}"] button`).focus();
  }

  showMore() {
    const from = this.rows;
    this.order = this.wholeOrder();
    this.rows = from < this.changed ? Math.min(from + ROWS * 4, this.changed) : from + ROWS * 4;
    this.addRows(from);
  }

  addRows(from) {
    const columns = this.all();
    const most = columns.map((column) => {
      let value = 0;
      if (column.key === this.sort.key) for (const site of this.sites) value = Math.max(value, Math.abs(column.value(site)));
      return value;
    });
    for (const site of this.order.slice(from, this.rows)) {
      const row = this.row(site, columns, most);
      this.body.append(row);
      if (this.open.has(site)) row.after(this.details(site));
    }
    const folded = this.sites.length - this.changed;
    const left = (this.rows < this.changed ? this.changed : this.sites.length) - this.rows;
    this.more.hidden = left <= 0;
    if (this.rows === this.changed && folded) this.more.textContent = folded === 1 ? "Show the row that has not changed" : `Show ${exact(Math.min(folded, ROWS * 4))} of ${exact(folded)} rows that have not changed`;
    else this.more.textContent = `Show ${exact(Math.min(left, ROWS * 4))} more of ${exact(left)}`;
  }

  format({ kind, signed }, value) {
    return signed ? this.profile.formatSigned(kind, value) : this.profile.format(kind, value);
  }

  row(site, columns, most) {
    const cells = columns.map((column, i) => {
      const value = column.value(site);
      const cell = make("td", { class: value ? "number" : "number zero", "data-value": value, "data-heading": column.heading }, value ? this.format(column, value) : "–");
      if (most[i]) {
        const bar = make("span", { class: column.signed ? `bar ${this.direction(site, value)}` : "bar", "aria-hidden": "true" });
        bar.style.width = `${(Math.abs(value) / most[i]) * 100}%`;
        cell.append(bar);
      }
      return cell;
    });
    // The whole row opens, unless text in it is being selected.
    const open = (event) => {
      if (!event.target.closest("button, a") && getSelection().isCollapsed) row.querySelector(".open").click();
    };
    const row = make("tr", { "data-site": site, onclick: open }, this.where(site), cells);
    return row;
  }

  direction(site, change) {
    const old = this.extra.find(({ key }) => key === "old")?.value(site);
    return isSlight(change, old) ? "slight" : change < 0 ? "less" : "more";
  }

  where(site) {
    const { profile } = this;
    const id = profile.frames.function[profile.ownFrame[site]];
    const call = profile.siteCall(site);
    const callers = profile.siteCallers(site).slice(0, CALLERS).map((caller) => profile.functionName(caller));
    const button = make(
      "button",
      { type: "button", class: "open", "aria-expanded": String(this.open.has(site)), title: profile.functionFullName(id), onclick: () => this.toggle(site, button) },
      make("bdi", {}, profile.functionName(id)),
    );
    return make(
      "td",
      { class: "where" },
      button,
      profile.tagOf(site) ? make("span", { class: "state" }, "tag ", make("bdi", {}, profile.tagOf(site))) : "",
      profile.threadOf(site) ? make("span", { class: "state" }, "thread ", make("bdi", {}, profile.threadOf(site))) : "",
      place(profile.sitePlace(site), linkOfSite(profile, site)),
      call ? make("bdi", { class: "call" }, `(${call})`) : "",
      profile.state(site) ? make("span", { class: "state" }, profile.state(site)) : "",
      callers.length ? make("div", { class: "callers" }, make("bdi", {}, "← " + callers.join(" ← "))) : "",
    );
  }

  toggle(site, button) {
    const row = button.closest("tr");
    const open = !this.open.has(site);
    button.setAttribute("aria-expanded", String(open));
    if (open) {
      this.open.add(site);
      row.after(this.details(site));
    } else {
      this.open.delete(site);
      row.nextElementSibling.remove();
    }
  }

  facts(site) {
    const { values } = this.profile;
    if (this.profile.old) return changesOf(this.profile, site);
    const facts = this.profile.metrics.map(({ key, label, kind }) => [label, this.profile.format(kind, values[key][site])]);
    if (values.smallestBytes)
      facts.push(
        ["Sizes", `${this.profile.format("bytes", values.smallestBytes[site])} to ${this.profile.format("bytes", values.largestBytes[site])}`],
        ["Allocates from", `${this.profile.format("time", values.firstTime[site])} to ${this.profile.format("time", values.latestTime[site])}`],
      );
    return make("dl", { class: "facts" }, facts.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))));
  }

  details(site) {
    const { profile } = this;
    const skip = profile.sites.skip[site];
    const frames = profile.stack(site).map((frame, i) => {
      const id = profile.frames.function[frame];
      const module = profile.functionModule(id);
      return make(
        "li",
        { class: i < skip || profile.isLibrary(id) ? "library" : undefined },
        make("bdi", { class: "function" }, profile.functionFullName(id)),
        place(profile.place(frame), linkOfFrame(profile, frame), profile.place(frame, true)),
        profile.hasLines(frame) ? make("button", { type: "button", class: "line", title: "The line in Source", onclick: () => this.on.line(frame) }, "source") : "",
        profile.frames.inlined[frame] ? make("span", { class: "note" }, "inlined") : "",
        profile.texts[profile.functions.file[id]] && module ? make("bdi", { class: "note" }, base(module)) : "",
      );
    });
    const show = make("button", { type: "button", onclick: () => this.on.show(site) }, "Show in graph");
    const cut = profile.sites.truncated[site] ? make("p", { class: "note" }, "The stack was cut here.") : "";
    const copyStack = make("button", { type: "button", class: "copy-stack", onclick: () => copy(stackText(profile, site), "the stack") }, "Copy stack");
    const copyRow = make("button", { type: "button", class: "copy-row", onclick: () => copy(rowMarkdown(profile, site, this.all(), (column, value) => this.format(column, value)), "the row") }, "Copy row as Markdown");
    const cell = make("td", { colspan: this.all().length + 1 }, this.facts(site), histograms(profile, site), make("ol", { class: "stack" }, frames), cut, make("div", { class: "actions" }, show, copyStack, copyRow));
    return make("tr", { class: "details" }, cell);
  }
}
