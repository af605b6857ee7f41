// SPDX-License-Identifier: MIT
// The report: holds the user's choices and passes them to the parts that show them.
import { totalCards } from "./cards.js";
import { graphSvg, save } from "./copy.js";
import { base, profileOf, readProfile } from "./data.js";
import { ChangeKinds, changeCards, changeColumns, changeHelp } from "./diff.js";
import { make } from "./dom.js";
import { Filters, KINDS, exactly, matchingFunctions, patternOf } from "./filters.js";
import * as findings from "./findings.js";
import { Functions } from "./functions.js";
import { Graph, ROW } from "./graph.js";
import { Grew } from "./grew.js";
import { header, nothing, notices } from "./head.js";
import { addressFor, keep, restoreKept } from "./keep.js";
import { Leaks } from "./leaks.js";
import { Pins } from "./pins.js";
import { ledger } from "./ledger.js";
import { exact, percent, time } from "./numbers.js";
import { SHADES } from "./shade.js";
import { Source } from "./source.js";
import * as state from "./state.js";
import { Table } from "./table.js";
import { Tabs } from "./tabs.js";
import { NO_TAG, Tags, tagFilter } from "./tags.js";
import { listenToTheme } from "./theme.js";
import { Threads } from "./threads.js";
import { Timeline } from "./timeline.js";
import { Tree } from "./tree.js";
import { whatIf } from "./what_if.js";

const MOMENT = "moment"; // stands for the metric while a moment or range is chosen

const section = (id, title, ...children) => make("section", { id, "aria-labelledby": `${id}-title` }, make("h2", { id: `${id}-title` }, title), children);

class Report {
  constructor(profile) {
    this.profile = profile;
    this.metric = profile.values[profile.metric] ? profile.metric : profile.main;
    this.range = null;
    this.matches = null;
    this.reversed = false;
    this.filters = new Filters(profile, () => this.filter());
    if (profile.old) this.kinds = new ChangeKinds(profile, () => this.filter());
    this.graph = new Graph(profile, { zoom: () => this.zoomed() });
    this.table = new Table(profile, { show: (site) => this.showInGraph(site), line: (frame) => this.showLine(frame) });
    this.functions = new Functions(profile);
    this.leaks = new Leaks(profile, { show: (site) => this.showInGraph(site), line: (frame) => this.showLine(frame), showFinding: (finding) => this.showFinding(finding), metric: (key) => this.showMetricInGraph(key) });
    this.threads = new Threads(profile, { choose: (name) => this.chooseThread(name) });
    if (profile.hasTags) this.tags = new Tags(profile, { choose: (name) => this.chooseTag(name) });
    if (profile.memory && !profile.old) this.pins = new Pins(profile, { show: (site) => this.showInGraph(site), line: (frame) => this.showLine(frame) });
    this.source = new Source(profile, { file: (name) => this.chooseFile(name) });
    if (profile.timeline.time.length)
      this.timeline = new Timeline(profile, { range: (range) => this.setRange(range), describe: (range) => this.describeRange(range) });
    if (profile.moments.length) this.grew = new Grew(profile, { choose: (id) => this.showFunction(id) });
  }

  start(main) {
    const { profile } = this;
    document.title = `${base(profile.program) || profile.command || "report"}${profile.old ? ", changes" : ""} – ctrace`;
    this.theme = make("button", { type: "button", id: "theme" }, "Dark");
    main.replaceChildren(header(profile, this.theme), ...notices(profile));
    if (!profile.siteCount) {
      main.append(nothing(profile));
      main.removeAttribute("aria-busy");
      return;
    }
    const cards = this.cards();
    this.makeTabs();
    main.append(cards, this.tabs.list, this.tabs.panel);
    main.append(make("footer", {}, `Written by ${profile.writtenBy}. Keys: / search, arrow keys in chart and graph, Enter zooms, Esc goes back.`));
    main.removeAttribute("aria-busy");
    document.onkeydown = (event) => this.key(event);
    listenToTheme(this.theme, (paper) => this.graph.render(paper));
    this.timeline?.start();
    window.onpopstate = () => this.restore();
    this.restore();
  }

  // The sections of the page, and the tabs that show them.
  makeTabs() {
    const { profile } = this;
    const found = findings.overview(profile, (finding) => this.showFinding(finding), () => this.setTab("findings"));
    const all = {
      first: found && section("findings", "Findings", ...found),
      timeline: this.timeline && section("timeline", "Live over time", this.timeline.element),
      grew: this.grew && section("grew", "Who grew", this.grew.element),
      memory: profile.memory && section("memory", "Where the memory is", ledger(profile)),
      view: make("section", { id: "view", "aria-label": "What is shown" }, this.controls()),
      calls: section("calls", profile.old ? "What changed" : "Who allocates", this.graph.element, this.saver()),
      sites: section("sites", "Sites", this.below, this.table.element),
      functions: section("functions", "Functions", this.functions.element),
      leaks: section("leaks", "Leaks", this.leaks.element),
      threads: section("threads", "Threads", this.threads.element),
      tags: this.tags && section("tags", "Tags", this.tags.element),
      pins: this.pins && section("pins", "Who pins pages", this.pins.element),
      findings: section("every-finding", "Findings", findings.all(profile, (finding) => this.showFinding(finding))),
      whatIf: profile.whatIf && section("what-if", "Other allocators, other sizes", whatIf(profile, (site) => this.showInGraph(site))),
      source: section("source", "Source", this.source.element),
    };
    const tab = (key, title, ...parts) => [key, title, parts.map((part) => all[part])];
    this.tabs = new Tabs(
      "Parts of the report",
      [
        tab("overview", "Overview", "first", "timeline", "grew", "memory", "view", "calls", "sites"),
        tab("sites", "Sites", "view", "sites"),
        tab("functions", "Functions", "view", "functions"),
        tab("leaks", "Leaks", "view", "leaks"),
        tab("threads", "Threads", "view", "threads"),
        ...(this.tags ? [tab("tags", "Tags", "view", "tags")] : []),
        ...(this.pins ? [tab("memory", "Memory", "memory", "view", "pins")] : []),
        tab("findings", "Findings", "findings", "whatIf"),
        tab("source", "Source", "view", "source"),
      ],
      Object.values(all).filter(Boolean),
      (key) => this.setTab(key),
    );
  }

  // --- the view in the page's address ---

  view() {
    const { graph, range, filters } = this;
    return {
      metric: this.metric === MOMENT ? "" : this.metric,
      order: this.reversed ? "leaf" : "",
      from: range?.from,
      to: range?.to,
      search: this.search.value.trim(),
      only: this.only.checked ? 1 : "",
      changes: this.kinds?.list,
      shade: this.shade.value === SHADES[0] ? "" : this.shade.value,
      split: this.split && this.split.checked !== this.profile.splitThreads ? Number(this.split.checked) : "",
      file: this.file,
      tab: this.tabs.shown === "overview" ? "" : this.tabs.shown,
      zoom: state.path(graph.tree.path(graph.zoomed).map((node) => node.function)),
      ...Object.fromEntries(KINDS.map((kind) => [kind, filters.get(kind)])),
    };
  }

  restore() {
    const view = state.read();
    const { profile } = this;
    const metric = view.get("metric");
    if (metric && profile.values[metric]) this.metric = metric;
    this.reversed = view.get("order") === "leaf";
    this.direction.value = this.reversed ? "leaf" : "root";
    this.search.value = view.get("search") ?? "";
    this.only.checked = view.has("only");
    this.tabs.show(view.get("tab"));
    this.kinds?.set(view.getAll("changes"));
    this.shade.value = SHADES.includes(view.get("shade")) ? view.get("shade") : SHADES[0];
    this.file = view.get("file") ?? undefined;
    if (this.split) this.split.checked = view.has("split") ? view.get("split") === "1" : this.profile.splitThreads;
    this.matches = this.matching();
    this.filters.set(KINDS.flatMap((kind) => view.getAll(kind).map((text) => ({ kind, text }))));
    const [from, to] = ["from", "to"].map((end) => (view.has(end) ? Number(view.get(end)) : NaN));
    const range = this.timeline && profile.moments[from] && profile.moments[to] ? { from, to } : null;
    if (range) this.metricBefore = this.metric;
    else if (this.metric === MOMENT) this.metric = this.metricBefore ?? this.profile.main;
    this.range = range;
    if (range) this.metric = MOMENT;
    if (this.timeline) {
      this.timeline.range = range;
      this.timeline.showSelection();
    }
    this.apply();
    this.show(true);
    this.graph.zoom(this.graph.tree.find(state.functionsOf(view.get("zoom"))));
  }

  // --- filters ---

  // What passes the filters has changed.
  apply() {
    const hidden = this.filters.hidden();
    this.chooseThreads();
    if (hidden || this.hidden) this.profile.findStacks(hidden);
    this.hidden = hidden;
    this.sites = this.filters.sites(this.only.checked ? this.matches : null);
    if (this.kinds) this.sites = this.kinds.filter(this.sites, this.metric);
    this.trees = [null, null];
    this.choice = null;
    this.showCards();
    this.grew?.set(this.sites);
  }

  // Fold the threads, or show them split, or show only one.
  chooseThreads() {
    const { profile, filters } = this;
    const thread = filters.thread();
    const split = this.split?.checked ?? false;
    if (!profile.fold || (thread === profile.thread && split === profile.split)) return;
    if (split !== profile.split) this.table.open.clear();
    if (split !== profile.split) for (const { open } of [this.leaks.candidates, this.pins?.table].filter(Boolean)) open.clear();
    profile.chooseThreads(thread, split);
  }

  chooseThread(name) {
    const [before] = this.filters.get("thread");
    if (name !== before) return this.filters.add("thread", name);
    this.filters.remove(this.filters.list.find(({ kind }) => kind === "thread"));
  }

  chooseTag(name) {
    const text = tagFilter(name);
    const filter = this.filters.list.find((one) => one.kind === "focus" && one.text === text);
    if (filter) this.filters.remove(filter);
    else if (name !== NO_TAG) this.filters.add("focus", text);
  }

  // The line of a frame in Source.
  showLine(frame) {
    const { profile } = this;
    this.file = profile.texts[profile.functions.file[profile.frames.function[frame]]];
    this.setTab("source");
    this.source.reveal(profile.frames.line[frame]);
  }

  chooseFile(name) {
    this.file = name;
    this.show(false);
  }

  filter() {
    this.apply();
    this.show(false);
  }

  saver() {
    const name = `${base(this.profile.program) || "report"}.svg`;
    const write = () => save(name, "image/svg+xml", graphSvg(this.graph, ROW, `${document.title}: ${this.chosen().label}, ${this.graph.numbers(this.graph.zoomed)}`));
    return make("div", { class: "actions" }, make("button", { type: "button", id: "save-svg", onclick: write }, "Save graph as SVG"));
  }

  cards() {
    this.cardBox = make("div", { class: "cards", id: "summary", role: "group", "aria-label": "Summary; each chooses what the graph shows" });
    return this.cardBox;
  }

  // The cards of the sites that pass the filters.
  showCards() {
    const { profile } = this;
    const cards = profile.old ? changeCards(profile, this.sites) : totalCards(profile, this.sites);
    this.cardButtons = cards.map(([key, name, number, detail]) =>
      make("button", { type: "button", class: "card", "data-metric": key, onclick: () => this.setMetric(key) }, make("span", { class: "name" }, name), make("span", { class: "figure" }, number), make("span", { class: "detail" }, detail)),
    );
    this.cardBox.replaceChildren(...this.cardButtons);
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
    if (this.profile.fold) this.split = make("input", { type: "checkbox", id: "split", onchange: () => this.filter() });
    this.only = make("input", { type: "checkbox", id: "only", onchange: () => this.filter() });
    const filterBy = (kind, help) => make("button", { type: "button", id: kind, title: help, onclick: () => this.filterBySearch(kind) }, kind[0].toUpperCase() + kind.slice(1));
    this.shade = make("select", { id: "shade", onchange: () => this.show(false) }, make("option", { value: "relative" }, "relative change"), make("option", { value: "absolute" }, "absolute change"));
    this.shadeLabel = make("label", { class: "of-graph" }, "Colour ", this.shade);
    this.reset = make("button", { type: "button", id: "reset", onclick: () => this.resetView() }, "Reset");
    this.found = make("span", { class: "found", role: "status", id: "found" });
    this.help = make("p", { class: "status of-metric", id: "metric-help" });
    this.below = make("p", { class: "below", hidden: "" });
    return make(
      "div",
      {},
      make("div", { class: "controls" }, make("label", { class: "of-metric" }, "Show ", this.select), make("label", { class: "of-graph" }, "Order ", this.direction), this.shadeLabel, this.split ? make("label", { title: "Equal stacks of several threads are not one site" }, this.split, " Split threads") : "", this.search, make("label", {}, this.only, " Only matches"), this.found, this.reset),
      make(
        "div",
        { class: "controls", role: "group", "aria-label": "Filter by what is searched" },
        filterBy("focus", "keep only stacks in which a call matches the search"),
        filterBy("ignore", "drop stacks in which a call matches the search"),
        filterBy("hide", "take calls that match the search out of the stacks"),
        this.filters.element,
      ),
      this.kinds?.element ?? "",
      this.help,
    );
  }

  setMetric(key) {
    if (key !== MOMENT && this.range) this.timeline.choose(null);
    this.metric = key;
    if (this.kinds) this.apply();
    this.show(true);
  }

  setTab(key) {
    this.tabs.show(key);
    this.show(false);
  }

  zoomed() {
    this.showSites();
    state.show(this.view());
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

  // Flags by function for the search; null: nothing is searched.
  matching() {
    const text = this.search.value.trim();
    this.isPlain = false;
    if (!text) return null;
    const { pattern, plain } = patternOf(text);
    this.isPlain = plain;
    return matchingFunctions(this.profile, pattern);
  }

  setSearch() {
    this.matches = this.matching();
    if (this.only.checked) this.apply();
    this.show(false, true);
  }

  // The search becomes a filter.
  filterBySearch(kind) {
    const text = this.search.value.trim();
    if (!text) {
      this.search.focus();
      return;
    }
    this.search.value = "";
    this.matches = null;
    this.filters.add(kind, text);
  }

  // The search is empty, and these filters are the only ones.
  setFilters(list) {
    this.search.value = "";
    this.matches = null;
    this.only.checked = false;
    this.kinds?.set([]);
    this.filters.set(list);
    this.apply();
  }

  resetView() {
    this.setFilters([]);
    this.graph.zoomed = null;
    this.graph.box.scrollTop = 0;
    if (this.range) this.timeline.choose(null);
    else this.show(false);
  }

  describeRange({ from, to }) {
    const { moments, timeUnit } = this.profile;
    const name = (moment) => (moment.name === "peak" || moment.name === "end" ? `the ${moment.name}` : time(moment.time, timeUnit));
    return from === to ? `Live at ${name(moments[to])}` : `Growth from ${name(moments[from])} to ${name(moments[to])}`;
  }

  // The chosen number for each site, and a description of it. It stays the same object as long as the choice does.
  chosen() {
    const key = `${this.metric} ${this.range?.from} ${this.range?.to}`;
    if (this.choice?.key !== key) this.choice = { key, ...this.choose() };
    return this.choice;
  }

  choose() {
    const { profile, range } = this;
    if (this.metric !== MOMENT) {
      const metric = profile.metrics.find(({ key }) => key === this.metric);
      const values = profile.values[this.metric];
      if (!profile.old) return { ...metric, values };
      return { ...metric, values, before: profile.changes[this.metric].old, signed: true, help: `${metric.help}; ${changeHelp(profile, values)}` };
    }
    const [from, to] = [profile.moments[range.from], profile.moments[range.to]];
    if (from === to) return { label: this.describeRange(range), kind: "bytes", values: profile.live(to), help: this.helpOfSum(profile.live(to), to.bytes, false) };
    const before = profile.live(from);
    const values = profile.live(to).map((value, site) => value - before[site]);
    return { label: this.describeRange(range), kind: "bytes", values, before, signed: true, help: `${this.helpOfSum(values, to.bytes - from.bytes, true)}; calls are as wide as what changed in them, up or down` };
  }

  // The sum of the sites that are shown, as the graph has it. whole: that of the process, with the small sites that the
  // report does not list for this moment.
  helpOfSum(values, whole, signed) {
    const { profile, sites } = this;
    const format = signed ? profile.formatSigned : profile.format;
    const sum = sites.reduce((total, site) => total + values[site], 0);
    const rest = sites.length === profile.siteCount && !profile.thread ? whole - sum : 0;
    return `${format.call(profile, "bytes", sum)} in all${rest ? `, without ${format.call(profile, "bytes", rest)} in small sites that the report does not list` : ""}`;
  }

  // sort: sort the table by the chosen number; typing: the view will change again at the next key
  show(sort, typing) {
    const { profile } = this;
    const chosen = this.chosen();
    const tree = (this.trees[Number(this.reversed)] ??= new Tree(profile, this.reversed, this.sites));
    if (tree.values !== chosen.values) tree.setValues(chosen.values, chosen.before);
    this.showMetric(chosen);
    const show = (value) => (chosen.signed ? profile.formatSigned : profile.format).call(profile, chosen.kind, value);
    this.graph.set({ tree, signed: chosen.signed, show, matches: this.matches, shade: this.shade.value });
    this.showTab({ sites: this.sites, values: chosen.values, show, signed: chosen.signed });
    this.showSites(sort ? chosen : null);
    state.show(this.view(), typing);
  }

  showTab(view) {
    const { shown } = this.tabs;
    if (shown === "functions") this.functions.set(view);
    if (shown === "leaks") this.leaks.set(view);
    if (shown === "memory") this.pins.set(view);
    if (shown === "threads") this.threads.set({ passing: this.filters.passing(this.only.checked ? this.matches : null), thread: this.filters.get("thread")[0] });
    if (shown === "tags") this.tags.set({ sites: this.sites, focus: this.filters.get("focus") });
    if (shown === "source") this.source.set({ ...view, blocks: this.metric.endsWith("Bytes") ? this.profile.values[this.metric.replace("Bytes", "Blocks")] : undefined, chosen: this.file });
  }

  showMetric(chosen) {
    this.select.querySelector(`[value=${MOMENT}]`)?.remove();
    if (this.range) this.select.prepend(make("option", { value: MOMENT }, chosen.label));
    this.select.value = this.metric;
    this.shadeLabel.hidden = !chosen.signed;
    this.help.textContent = `${chosen.label}: ${chosen.help}.`;
    for (const card of this.cardButtons) card.setAttribute("aria-pressed", String(card.dataset.metric === this.metric));
  }

  // Show the sites below the graph's node; if there is a search, only those that match.
  showSites(chosen) {
    const { profile, graph, matches } = this;
    const node = graph.zoomed;
    const sites = matches ? node.sites.filter((site) => graph.matchingSites[site]) : node.sites;
    this.showFound(sites, node);
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

  showFound(sites, node) {
    const { matches, graph } = this;
    const functions = matches?.reduce((count, match) => count + match, 0) ?? 0;
    const sum = sites.reduce((total, site) => total + Math.abs(graph.tree.values[site]), 0);
    const words = [
      this.isPlain ? "not a regular expression, searched as text" : "",
      functions ? `${exact(functions)} ${functions === 1 ? "function" : "functions"}, ${percent(sum, graph.tree.value(node))} found` : "no function, file or module matches",
    ];
    this.found.textContent = matches ? words.filter(Boolean).join("; ") : this.sites.length ? "" : "no site passes the filters";
  }

  momentColumns({ label, signed, values }) {
    if (this.metric !== MOMENT) return [];
    return [{ key: MOMENT, heading: signed ? "Growth" : "Live then", help: label, kind: "bytes", signed, value: (site) => values[site] }];
  }

  // A finding is about a function, over all of its stacks.
  showFinding(finding) {
    const { profile } = this;
    const id = profile.frames.function[profile.ownFrame[profile.siteOfFinding(finding)]];
    this.tabs.show("overview");
    this.setFilters([{ kind: "focus", text: exactly(profile.functionFullName(id)) }]);
    if (this.range) this.timeline.choose(null);
    if (profile.values[finding.metric]) this.metric = finding.metric;
    this.setReversed(false);
    this.show(true);
    const { tree } = this.graph;
    this.graph.zoom(tree.root);
    const path = tree.path(tree.find(this.functionsOf(profile.siteOfFinding(finding))));
    this.reveal(path.find((node) => node.function === id) ?? tree.root);
  }

  // A layer of the chart of functions: its function's stacks alone, and what was live at the chosen moment or at the peak.
  showFunction(id) {
    const { profile } = this;
    this.setFilters([{ kind: "focus", text: exactly(profile.functionFullName(id)) }]);
    if (!this.range && profile.values.peakBytes) this.metric = "peakBytes";
    this.show(true);
    this.graph.zoom(this.graph.tree.root);
  }

  functionsOf(site) {
    const { profile } = this;
    return profile.stackFunctions.subarray(profile.stackStart[site], profile.stackStart[site + 1]);
  }

  reveal(node) {
    this.graph.box.focus();
    this.graph.select(node);
    this.graph.box.scrollIntoView({ block: "center" });
  }

  showMetricInGraph(key) {
    this.tabs.show("overview");
    if (this.profile.values[key]) this.setMetric(key);
    this.reveal(this.graph.zoomed);
  }

  showInGraph(site) {
    this.tabs.show("overview");
    if (!this.sites.includes(site)) this.resetView();
    if (this.reversed) this.setReversed(false);
    if (!this.graph.tree.values[site]) this.setMetric(this.profile.main); // the site has no width with the shown metric
    const node = this.graph.tree.find(this.functionsOf(site));
    this.graph.zoom(node.parent ?? node);
    this.reveal(node);
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
let report;

function begin(profile) {
  report = new Report(profile);
  report.start(main);
}

// Shows new data in place of the old. The view stays: choices, filters, zoom, moment, open rows, focus and scrolling.
function show(data) {
  const profile = profileOf(data);
  const kept = report.profile.siteCount ? keep({ ...report, view: report.view() }) : null;
  document.querySelectorAll(".tooltip").forEach((box) => box.remove());
  if (kept) history.replaceState(null, "", addressFor(profile, kept));
  begin(profile);
  if (kept && profile.siteCount) restoreKept(report, kept);
}

readProfile(document.getElementById("data").textContent)
  .then((profile) => {
    begin(profile);
    window.ctrace = { show }; // for a page that is live
  })
  .catch((error) => {
    main.replaceChildren(make("p", { class: "notice", role: "alert" }, `The report cannot be shown: ${error.message}`));
    throw error;
  });
