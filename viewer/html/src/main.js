// SPDX-License-Identifier: MIT
// The report: holds the user's choices and passes them to the parts that show them.
import { base, readProfile } from "./data.js";
import { changeCards, changeColumns, changeHelp, sides } from "./diff.js";
import { make } from "./dom.js";
import { Graph } from "./graph.js";
import { exact, percent, time } from "./numbers.js";
import { Table } from "./table.js";
import { Timeline } from "./timeline.js";
import { Tree } from "./tree.js";

const MOMENT = "moment"; // stands for the metric while a moment or range is chosen

const section = (id, title, ...children) => make("section", { id, "aria-labelledby": `${id}-title` }, make("h2", { id: `${id}-title` }, title), children);

class Report {
  constructor(profile) {
    this.profile = profile;
    this.metric = profile.values[profile.metric] ? profile.metric : profile.main;
    this.range = null;
    this.matches = null;
    this.trees = [null, null];
    this.reversed = false;
    this.graph = new Graph(profile, { zoom: () => this.showSites() });
    this.table = new Table(profile, { show: (site) => this.showInGraph(site) });
    if (profile.timeline.time.length)
      this.timeline = new Timeline(profile, { range: (range) => this.setRange(range), describe: (range) => this.describeRange(range) });
  }

  start(main) {
    const { profile } = this;
    document.title = `${base(profile.program) || profile.command || "report"}${profile.old ? ", changes" : ""} – ctrace`;
    main.replaceChildren(this.header(), ...this.notices(), this.cards(), ...this.findings());
    if (this.timeline) main.append(section("timeline", "Live over time", this.timeline.element));
    main.append(section("calls", profile.old ? "What changed" : "Who allocates", this.controls(), this.graph.element), section("sites", "Sites", this.siteFilter(), this.table.element));
    main.append(make("footer", {}, `Written by ${profile.writtenBy}. Keys: / search, arrow keys in chart and graph, Enter zooms, Esc goes back.`));
    main.removeAttribute("aria-busy");
    document.onkeydown = (event) => this.key(event);
    this.listenToTheme();
    this.timeline?.start();
    this.show(true);
  }

  header() {
    const { profile } = this;
    const facts = [
      profile.pid ? `pid ${profile.pid}` : "",
      profile.startUnixMs ? new Date(profile.startUnixMs).toLocaleString() : "",
      profile.endTime || !profile.foreign ? `ran ${time(profile.endTime, profile.timeUnit)}` : "",
      profile.producer === "unknown" ? "" : profile.foreign ? `from a file of ${profile.producer}` : `recorded by ${profile.producer}`,
    ];
    this.theme = make("button", { type: "button", id: "theme", onclick: () => this.toggleTheme() }, "Dark");
    return make(
      "header",
      {},
      make(
        "div",
        {},
        make("h1", {}, make("bdi", {}, base(profile.program) || profile.command || "Heap profile")),
        profile.old
          ? sides(profile)
          : [make("p", { class: "command" }, make("bdi", {}, profile.command)), make("p", { class: "facts-line" }, facts.filter(Boolean).join(" · "))],
      ),
      this.theme,
    );
  }

  notices() {
    const { profile } = this;
    if (!profile.old) return this.noticesOf(profile, "");
    return [...this.noticesOf(profile.old, "Old: "), ...this.noticesOf(profile, "New: ")];
  }

  noticesOf({ losses, sampleBytes, ended, torn }, which) {
    const words = { dropped: "events dropped", early: "calls before start-up was done", truncated: "events with stacks cut at the depth limit", unrooted: "events with stacks that do not reach their root", otherSites: "allocations in [other sites]" };
    const lost = Object.entries(words).filter(([key]) => losses[key]).map(([key, text]) => `${exact(losses[key])} ${text}`);
    const lines = [];
    if (torn) lines.push("The store was copied while it was written: the numbers do not add up");
    if (lost.length) lines.push(`Incomplete: ${lost.join(", ")}`);
    if (sampleBytes) lines.push(`Sampled, mean interval ${this.profile.format("bytes", sampleBytes)}: all numbers are estimates`);
    if (!ended) lines.push("The program was killed, or was still running");
    return lines.map((line) => make("p", { class: "notice", role: "note" }, which + line));
  }

  cards() {
    const { profile } = this;
    const cards = profile.old ? changeCards(profile) : this.totalCards();
    this.cardButtons = cards.map(([key, name, number, detail]) =>
      make("button", { type: "button", class: "card", "data-metric": key, onclick: () => this.setMetric(key) }, make("span", { class: "name" }, name), make("span", { class: "figure" }, number), make("span", { class: "detail" }, detail)),
    );
    return make("div", { class: "cards", id: "summary", role: "group", "aria-label": "Summary; each chooses what the graph shows" }, this.cardButtons);
  }

  // [metric, name, figure, detail]
  totalCards() {
    const { profile } = this;
    const { totals, values } = profile;
    const blocks = (count) => (count === undefined ? "" : `${exact(count)} ${profile.blocksUnit}`);
    const words = (...texts) => texts.filter((text) => text).join(" ");
    const sites = `at ${exact(profile.siteCount)} ${profile.siteCount === 1 ? "site" : "sites"}`;
    const cards = [];
    if (values.totalBytes)
      cards.push(["totalBytes", profile.verb === "Allocated" ? "Total" : profile.verb, profile.format("bytes", totals.totalBytes), words(blocks(totals.totalBlocks), sites)]);
    if (values.peakBytes) {
      const when = profile.peakTime ? `at ${time(profile.peakTime, profile.timeUnit)}` : "";
      cards.push(["peakBytes", "Peak", profile.format("bytes", totals.peakBytes), [blocks(totals.peakBlocks), when].filter((text) => text).join(", ")]);
    }
    if (values.endBytes) cards.push(["endBytes", "At end", profile.format("bytes", totals.endBytes), words(blocks(totals.endBlocks), "still live")]);
    if (values.lifetime) {
      cards.push(["lifetime", "Average lifetime", totals.totalBlocks ? time(totals.lifetime / totals.totalBlocks, profile.timeUnit) : "–", "from allocation to free"]);
    }
    if (values.temporaryBlocks)
      cards.push(["temporaryBlocks", "Temporary", percent(totals.temporaryBlocks, totals.totalBlocks), `${blocks(totals.temporaryBlocks)} freed at once`]);
    if (values.copiedBytes) cards.push(["copiedBytes", "Copied by realloc", profile.format("bytes", totals.copiedBytes), `in ${exact(totals.moves)} moves`]);
    if (values.slackBytes) cards.push(["slackBytes", "Slack", profile.format("bytes", totals.slackBytes), `${percent(totals.slackBytes, totals.totalBytes)} beyond what was asked for`]);
    return cards;
  }

  // The findings of `ctrace advise`; finding.site is the site that contributes most.
  findings() {
    const { findings } = this.profile;
    if (!findings?.length) return [];
    const line = (name, text) => (text ? make("div", {}, make("dt", {}, name), make("dd", {}, make("bdi", {}, text))) : "");
    const items = findings.map((finding) => {
      const show = make("button", { type: "button", onclick: () => this.showInGraph(finding.site) }, "Show in graph");
      const lines = [line("Where", finding.where), line("Because", finding.because), line("Saves", finding.saves), line("Try", finding.try)];
      return make("li", {}, make("details", {}, make("summary", {}, make("b", {}, finding.title), " ", make("bdi", { class: "place" }, finding.where)), make("dl", {}, lines), show));
    });
    return [section("findings", "Findings", make("ol", {}, items))];
  }

  controls() {
    const options = this.profile.metrics.map(({ key, label }) => make("option", { value: key }, label));
    this.select = make("select", { id: "metric", onchange: () => this.setMetric(this.select.value) }, options);
    this.direction = make(
      "select",
      { id: "direction", onchange: () => this.setReversed(this.direction.value === "leaf") },
      make("option", { value: "root" }, "root first"),
      make("option", { value: "leaf" }, "allocating function first"),
    );
    this.search = make("input", {
      id: "search",
      type: "search",
      placeholder: "Function, file or module  (/)",
      spellcheck: "false",
      "aria-label": "Search function, file or module; a regular expression",
      oninput: () => this.setSearch(),
    });
    this.reset = make("button", { type: "button", id: "reset", onclick: () => this.resetView() }, "Reset");
    this.found = make("span", { class: "found", role: "status", id: "found" });
    this.help = make("p", { class: "status", id: "metric-help" });
    return make(
      "div",
      {},
      make("div", { class: "controls" }, make("label", {}, "Show ", this.select), make("label", {}, "Order ", this.direction), this.search, this.found, this.reset),
      this.help,
    );
  }

  siteFilter() {
    this.below = make("p", { class: "below", hidden: "" });
    return this.below;
  }

  listenToTheme() {
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const show = () => {
      const root = document.documentElement;
      this.theme.textContent = (root.dataset.theme ?? (dark.matches ? "dark" : "light")) === "dark" ? "Light" : "Dark";
      this.theme.setAttribute("aria-label", `${this.theme.textContent} colours`);
      if (this.timeline?.plot) this.timeline.draw();
    };
    this.toggleTheme = () => {
      const now = document.documentElement.dataset.theme ?? (dark.matches ? "dark" : "light");
      document.documentElement.dataset.theme = now === "dark" ? "light" : "dark";
      show();
    };
    dark.onchange = show;
    let before;
    window.onbeforeprint = () => {
      before = document.documentElement.dataset.theme;
      document.documentElement.dataset.theme = "light";
      show();
      this.graph.render(true);
    };
    window.onafterprint = () => {
      if (before) document.documentElement.dataset.theme = before;
      else delete document.documentElement.dataset.theme;
      show();
      this.graph.render();
    };
    show();
  }

  setMetric(key) {
    if (key !== MOMENT && this.range) this.timeline.choose(null);
    this.metric = key;
    this.show(true);
  }

  setReversed(reversed) {
    this.reversed = reversed;
    this.direction.value = reversed ? "leaf" : "root";
    this.show(false);
  }

  setRange(range) {
    if (range && this.metric !== MOMENT) this.metricBefore = this.metric;
    this.range = range;
    this.metric = range ? MOMENT : this.metricBefore ?? this.metric;
    this.show(true);
  }

  setSearch() {
    const { profile } = this;
    const text = this.search.value.trim();
    this.matches = null;
    if (text) {
      let pattern;
      try {
        pattern = new RegExp(text, "i");
      } catch {
        pattern = { test: (name) => name.toLowerCase().includes(text.toLowerCase()) };
      }
      this.matches = profile.functions.short.map((short, id) =>
        [short, profile.functionFullName(id), profile.texts[profile.functions.file[id]], profile.functionModule(id)].some((name) => pattern.test(name)),
      );
    }
    this.show(false);
  }

  resetView() {
    this.search.value = "";
    this.matches = null;
    this.graph.zoomed = this.graph.selected = this.graph.tree.root;
    this.graph.box.scrollTop = 0;
    if (this.range) this.timeline.choose(null);
    else this.show(false);
  }

  describeRange({ from, to }) {
    const { moments, timeUnit } = this.profile;
    const name = (moment) => (moment.name === "peak" || moment.name === "end" ? `the ${moment.name}` : time(moment.time, timeUnit));
    return from === to ? `Live at ${name(moments[to])}` : `Growth from ${name(moments[from])} to ${name(moments[to])}`;
  }

  // The chosen number for each site, and a description of it.
  chosen() {
    const { profile, range } = this;
    if (this.metric !== MOMENT) {
      const metric = profile.metrics.find(({ key }) => key === this.metric);
      const values = profile.values[this.metric];
      if (!profile.old) return { ...metric, values };
      return { ...metric, values, signed: true, help: `${metric.help}; ${changeHelp(profile, values)}` };
    }
    const [from, to] = [profile.moments[range.from], profile.moments[range.to]];
    if (from === to) return { label: this.describeRange(range), kind: "bytes", values: to.values, help: this.helpOfMoment(to) };
    const values = to.values.map((value, site) => value - from.values[site]);
    const sum = to.bytes - from.bytes;
    return { label: this.describeRange(range), kind: "bytes", values, signed: true, help: `${sum < 0 ? "shrunk" : "grown"} by ${profile.format("bytes", Math.abs(sum))} in all; calls are as wide as what changed in them, up or down` };
  }

  helpOfMoment(moment) {
    const known = moment.values.reduce((sum, value) => sum + value, 0);
    const rest = moment.bytes - known;
    return `${this.profile.format("bytes", moment.bytes)}${rest > 0 ? `, of which ${this.profile.format("bytes", rest)} is in small sites that the report does not list` : ""}`;
  }

  // sort: sort the table by the chosen number
  show(sort) {
    const { profile } = this;
    const chosen = this.chosen();
    const tree = (this.trees[Number(this.reversed)] ??= new Tree(profile, this.reversed));
    if (tree.values !== chosen.values) tree.setValues(chosen.values);
    this.showMetric(chosen);
    this.graph.set({ tree, signed: chosen.signed, show: (value) => (chosen.signed ? profile.formatSigned : profile.format).call(profile, chosen.kind, value), matches: this.matches });
    this.showSites(sort ? chosen : null);
  }

  showMetric(chosen) {
    this.select.querySelector(`[value=${MOMENT}]`)?.remove();
    if (this.range) this.select.prepend(make("option", { value: MOMENT }, chosen.label));
    this.select.value = this.metric;
    this.help.textContent = `${chosen.label}: ${chosen.help}.`;
    for (const card of this.cardButtons) card.setAttribute("aria-pressed", String(card.dataset.metric === this.metric));
  }

  // Show the sites below the graph's node; if there is a search, only those that match.
  showSites(chosen) {
    const { profile, graph, matches } = this;
    const node = graph.zoomed;
    const sites = matches ? this.matching(node.sites) : node.sites;
    if (matches) {
      const sum = sites.reduce((total, site) => total + Math.abs(graph.tree.values[site]), 0);
      this.found.textContent = `${percent(sum, graph.tree.value(node))} found`;
    } else this.found.textContent = "";
    this.below.hidden = !node.parent;
    if (node.parent) {
      const all = make("button", { type: "button", onclick: () => graph.zoom(graph.tree.root) }, "Show all");
      this.below.replaceChildren("Those ", this.reversed ? "that end in " : "below ", make("bdi", {}, graph.name(node)), " ", all);
    }
    const now = this.chosen();
    const extra = profile.old ? changeColumns(profile, now) : this.momentColumns(now);
    const key = chosen && (extra[0]?.key ?? (this.table.has(this.metric) ? this.metric : undefined));
    this.table.set({ sites, extra, key });
  }

  momentColumns({ label, signed, values }) {
    if (this.metric !== MOMENT) return [];
    return [{ key: MOMENT, heading: signed ? "Growth" : "Live then", help: label, kind: "bytes", signed, value: (site) => values[site] }];
  }

  matching(sites) {
    const { profile, matches } = this;
    const found = new Uint8Array(profile.nodeParent.length);
    for (let node = 0; node < found.length; node++)
      found[node] = (profile.nodeParent[node] >= 0 && found[profile.nodeParent[node]]) || matches[profile.frames.function[profile.nodeFrame[node]]] ? 1 : 0;
    return sites.filter((site) => found[profile.sites.node[site]]);
  }

  showInGraph(site) {
    const { profile } = this;
    if (this.reversed) this.setReversed(false);
    if (!this.graph.tree.values[site]) this.setMetric(this.profile.main); // the site has no width with the shown metric
    const { tree } = this.graph;
    const functions = profile.stackFunctions.subarray(profile.stackStart[site], profile.stackStart[site + 1]);
    const node = tree.find(functions);
    this.graph.zoom(node.parent ?? node);
    this.graph.select(node);
    this.graph.box.focus();
    this.graph.box.scrollIntoView({ block: "nearest" });
  }

  key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key === "/" && event.target !== this.search) {
      this.search.focus();
      event.preventDefault();
    } else if (event.key === "Escape" && (this.search.value || event.target === this.search)) {
      this.search.value = "";
      this.setSearch();
      this.graph.box.focus();
    }
  }
}

const main = document.getElementById("report");
readProfile(document.getElementById("data").textContent)
  .then((profile) => new Report(profile).start(main))
  .catch((error) => {
    main.replaceChildren(make("p", { class: "notice", role: "alert" }, `The report cannot be shown: ${error.message}`));
    throw error;
  });
