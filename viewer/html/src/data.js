// SPDX-License-Identifier: MIT
// The data of the page, which viewer/write/html.c writes, and what is derived from it.
import { Fold } from "./fold.js";
import * as numbers from "./numbers.js";

const VERSION = 1;
const KEPT = 4; // lists of what was live at a moment

async function unpack(text) {
  const plain = atob(text);
  const packed = new Uint8Array(plain.length); // Uint8Array.from is ten times slower
  for (let i = 0; i < packed.length; i++) packed[i] = plain.charCodeAt(i);
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

// The metrics: their names, kinds and help.
const METRICS = [
  ["totalBytes", "Total bytes", "bytes", "allocated over the whole run"],
  ["totalBlocks", "Total blocks", "count", "allocated over the whole run"],
  ["peakBytes", "Bytes at peak", "bytes", "live at the moment of most live bytes"],
  ["peakBlocks", "Blocks at peak", "count", "live at the moment of most live bytes"],
  ["endBytes", "Bytes at end", "bytes", "still live when the program ended"],
  ["endBlocks", "Blocks at end", "count", "still live when the program ended"],
  ["maxBytes", "Own maximum, bytes", "bytes", "each site's own maximum; a sum of several is an upper bound"],
  ["maxBlocks", "Own maximum, blocks", "count", "blocks at each site's own maximum"],
  ["lifetime", "Lifetime, sum", "time", "summed over all blocks"],
  ["temporaryBlocks", "Temporary blocks", "count", "freed before their thread's next allocation"],
  ["resizes", "Resizes", "count", "blocks that realloc changed in size"],
  ["moves", "Moves", "count", "resizes that gave another address"],
  ["copiedBytes", "Copied bytes", "bytes", "copied by moves"],
  ["lostBytes", "Lost bytes", "bytes", "live at the end, and nothing pointed to the block"],
  ["lostBlocks", "Lost blocks", "count", "live at the end, and nothing pointed to them"],
  ["indirectBytes", "Indirectly lost bytes", "bytes", "only lost blocks pointed to the block"],
  ["possibleBytes", "Possibly lost bytes", "bytes", "only the middle of the block was pointed to"],
  ["reachableBytes", "Reachable bytes", "bytes", "live at the end, and something pointed to the block"],
  ["residentBytes", "Resident bytes", "bytes", "of live blocks, in memory at the end"],
  ["untouchedBytes", "Untouched bytes", "bytes", "of live blocks, in pages that the program never wrote to"],
  ["pinnedBytes", "Pinned bytes", "bytes", "of pages that hold live blocks of this site only"],
  ["shareBytes", "Share of pinned bytes", "bytes", "the site's part of the free bytes on heap pages with live blocks"],
  ["slackBytes", "Slack bytes", "bytes", "given by the allocator beyond what was asked for"],
].map(([key, label, kind, help]) => ({ key, label, kind, help }));

class Profile {
  constructor(data) {
    Object.assign(this, data);
    this.siteCount = data.sites.node.length;
    this.values = {};
    // By function: what is in "[tag checkout]", a frame without a module at the root.
    this.tags = new Map();
    data.functions.short.forEach((name, id) => {
      if (name.startsWith("[tag ") && name.endsWith("]")) this.tags.set(id, name.slice(5, -1));
    });
    this.hasTags = this.tags.size > 0 && !data.old;
    this.fold = data.threads.length ? new Fold(data.sites) : null;
    if (!this.fold) for (const [key, list] of Object.entries(data.sites)) this.values[key] = Float64Array.from(list);
    // Behind the nodes of stacks is one for the label of each thread.
    this.labels = data.nodes.frame.length;
    this.nodeParent = Int32Array.from([...data.nodes.up.map((up, node) => (up ? node - up : -1)), ...data.threads.map(() => -1)]);
    this.nodeFrame = Int32Array.from([...data.nodes.frame, ...data.threads.map(({ frame }) => frame)]);
    this.chooseThreads(0, this.splitThreads);
    if (this.old) this.findChanges();
    this.metrics = METRICS.filter((metric) => this.values[metric.key]);
    // Files of other tools may know only what was live.
    this.main = ["totalBytes", "peakBytes", "endBytes"].find((key) => this.values[key]);
    this.moments = this.findMoments();
  }

  // thread: show only what this one allocated, 0: all; split: equal stacks of several threads are not one site
  chooseThreads(thread, split) {
    if (!this.fold) {
      this.findStacks();
      return;
    }
    const { sites, siteOf, values, present } = this.fold.take(thread, split);
    this.siteCount = sites.node.length;
    Object.assign(this.values, values);
    Object.assign(this, { sites, siteOf, present, thread, split });
    this.findStacks();
    if (this.moments) this.moments = this.findMoments();
  }

  // The node of the label of a site's thread; -1: threads are folded, or the thread is not known.
  label(site) {
    const thread = this.split ? this.fold.thread[site] : 0;
    return thread ? this.labels + thread - 1 : -1;
  }

  // The name of a site's thread, "" if threads are folded.
  threadOf(site) {
    return this.split ? this.threads[this.fold.thread[site] - 1]?.name ?? "" : "";
  }

  // The name of the program's tag for a site, "" if it has none.
  tagOf(site) {
    const [start, end] = [this.stackStart[site], this.stackStart[site + 1]];
    for (let at = start; at < end && at < start + 2; at++) {
      const tag = this.tags.get(this.stackFunctions[at]);
      if (tag !== undefined) return tag;
    }
    return "";
  }

  // In a diff, the values are changes; `changes` has the old and the new values.
  findChanges() {
    for (const [key, { old, new: now }] of Object.entries(this.changes)) this.values[key] = Float64Array.from(now, (value, site) => value - old[site]);
  }

  // In a diff: "new", "gone", or "" if both sides have the site.
  state(site) {
    if (!this.old) return "";
    return this.sites.onlyNew[site] ? "new" : this.sites.onlyOld[site] ? "gone" : "";
  }

  // The functions of each site from root to leaf, all in one list. Those of site s start at index stackStart[s].
  // Allocators are left out, as everywhere except in whole stacks.
  findStacks(hidden = null) {
    const { node, skip, own } = this.sites;
    const depth = new Int32Array(this.nodeParent.length);
    for (let n = 0; n < depth.length; n++) depth[n] = this.nodeParent[n] < 0 ? 1 : depth[this.nodeParent[n]] + 1;
    this.stackStart = new Int32Array(this.siteCount + 1);
    let total = 0;
    for (let s = 0; s < this.siteCount; s++) total += depth[node[s]] - skip[s] + 1;
    const functions = new Int32Array(total);
    const nodes = new Int32Array(total);
    this.ownFrame = new Int32Array(this.siteCount);
    let end = 0;
    for (let s = 0; s < this.siteCount; s++) {
      let at = node[s];
      for (let i = 0; i < skip[s]; i++) at = this.nodeParent[at];
      const start = end;
      for (; at >= 0; at = this.nodeParent[at]) {
        const id = this.frames.function[this.nodeFrame[at]];
        if (hidden?.[id]) continue;
        functions[end] = id;
        nodes[end++] = at;
      }
      const label = this.label(s);
      if (label >= 0) {
        functions[end] = this.frames.function[this.nodeFrame[label]];
        nodes[end++] = label;
      }
      functions.subarray(start, end).reverse();
      nodes.subarray(start, end).reverse();
      this.stackStart[s + 1] = end;
      at = node[s];
      for (let i = 0; i < own[s]; i++) at = this.nodeParent[at];
      this.ownFrame[s] = this.nodeFrame[at];
    }
    this.stackFunctions = functions.subarray(0, end);
    this.stackNodes = nodes;
  }

  // The frame id at an index of a site's stack, counted from the root or, if reversed, from the leaf; -1: none.
  frameAt(site, index, reversed) {
    const [start, end] = [this.stackStart[site], this.stackStart[site + 1]];
    const at = reversed ? end - 1 - index : start + index;
    return at >= start && at < end ? this.nodeFrame[this.stackNodes[at]] : -1;
  }

  // The sums over some sites; those of all are known.
  sums(sites) {
    if (sites.length === this.siteCount && !this.thread) return this.totals;
    const sums = {};
    for (const key of Object.keys(this.totals)) {
      sums[key] = 0;
      if (this.values[key]) for (const site of sites) sums[key] += this.values[key][site];
    }
    return sums;
  }

  // A flag for each site: does its stack have one of the flagged functions?
  sitesWith(flags) {
    const found = new Uint8Array(this.nodeParent.length);
    for (let node = 0; node < found.length; node++)
      found[node] = (this.nodeParent[node] >= 0 && found[this.nodeParent[node]]) || flags[this.frames.function[this.nodeFrame[node]]] ? 1 : 0;
    return Uint8Array.from(this.sites.node, (node, site) => found[node] || found[this.label(site)] || 0);
  }

  // The moments for which live bytes are known by site: the snapshots, the start, the peak and the end. Each has `values`,
  // a number for each site, or `snapshot`, which lists the largest stacks.
  findMoments() {
    this.liveAt = new Map();
    if (!this.snapshots.length || !this.timeline.time.length) return [];
    const moments = [
      { name: "start", time: 0, bytes: 0, values: new Float64Array(this.siteCount) },
      { name: "peak", time: this.peakTime, bytes: this.totals.peakBytes, values: this.values.peakBytes },
      { name: "end", time: this.endTime, bytes: this.totals.endBytes, values: this.values.endBytes },
    ].filter(({ values }) => values); // massif's files may not know the end
    for (const snapshot of this.snapshots) moments.push({ name: "", time: snapshot.time, bytes: snapshot.bytes, snapshot });
    return moments.sort((a, b) => a.time - b.time);
  }

  // Calls add(site, bytes) for what is known of a moment. A site whose threads are folded may come several times.
  eachLive({ values, snapshot }, add) {
    if (values) return values.forEach((bytes, site) => add(site, bytes));
    snapshot.site.forEach((stack, i) => {
      if (!this.fold) add(stack, snapshot.siteBytes[i]);
      else if (this.fold.isOn(stack, this.thread)) add(this.siteOf[stack], snapshot.siteBytes[i]);
    });
  }

  // What was live at a moment, for each site. Lists for all moments would be large, so only the latest ones are kept.
  live(moment) {
    if (moment.values) return moment.values;
    let values = this.liveAt.get(moment);
    if (values) return values;
    values = new Float64Array(this.siteCount);
    this.eachLive(moment, (site, bytes) => (values[site] += bytes));
    if (this.liveAt.size >= KEPT) this.liveAt.delete(this.liveAt.keys().next().value);
    this.liveAt.set(moment, values);
    return values;
  }

  // The frame ids of a whole stack, leaf first.
  stack(site) {
    const frames = [];
    for (let node = this.sites.node[site]; node >= 0; node = this.nodeParent[node]) frames.push(this.nodeFrame[node]);
    if (this.label(site) >= 0) frames.push(this.nodeFrame[this.label(site)]);
    return frames;
  }

  // The site that contributes most to a finding. Its number depends on whether threads are folded.
  siteOfFinding(finding) {
    return this.fold ? this.siteOf[finding.site] : finding.site;
  }

  functionName(id) {
    return this.functions.short[id];
  }

  functionFullName(id) {
    return this.texts[this.functions.name[id]] || this.functions.short[id];
  }

  // Is it a function of the C, C++ or Rust library?
  isLibrary(id) {
    return this.functions.call[id] !== "";
  }

  // The function of a library that the site's own code has called, "" if it called the allocator itself.
  siteCall(site) {
    const { skip, own } = this.sites;
    const inner = this.stack(site)[own[site] - 1];
    return own[site] > skip[site] && !this.isLibrary(this.frames.function[this.ownFrame[site]]) ? this.functions.call[this.frames.function[inner]] : "";
  }

  // The site's own callers, innermost first; in a stack of libraries alone, all of them.
  siteCallers(site) {
    const functions = this.stack(site).slice(this.sites.own[site]).map((frame) => this.frames.function[frame]);
    return functions.slice(1).filter((id) => !this.tags.has(id) && (this.isLibrary(functions[0]) || !this.isLibrary(id)));
  }

  // Is the frame's line in the page?
  hasLines(frame) {
    const id = this.frames.function[frame];
    const line = this.frames.line[frame];
    const file = this.source?.find((entry) => entry.file === this.functions.file[id]);
    return line > 0 && Boolean(file?.parts?.some(({ first, lines }) => line >= first && line < first + lines.length));
  }

  functionModule(id) {
    return this.texts[this.functions.module[id]];
  }

  // The place in the program's own code where the site allocates.
  sitePlace(site) {
    return this.old ? this.sites.place[site] : this.place(this.ownFrame[site]);
  }

  // "list.c:24", "[libc.so.6]", or "".
  place(frame, whole = false) {
    const id = this.frames.function[frame];
    const file = this.texts[this.functions.file[id]];
    const line = this.frames.line[frame];
    if (file) return (whole ? file : base(file)) + (line ? ":" + line : "");
    const module = this.functionModule(id);
    return module && this.functions.name[id] ? (whole ? module : `[${base(module)}]`) : this.texts[this.frames.text[frame]];
  }

  isBytes() {
    return this.bytesUnit === "bytes";
  }

  // A change, with its sign.
  formatSigned(kind, value) {
    return (value > 0 ? "+" : "") + this.format(kind, value);
  }

  format(kind, value) {
    if (kind === "time") return numbers.time(value, this.timeUnit);
    if (kind === "bytes" && this.isBytes()) return numbers.bytes(value);
    return (value < 0 ? "−" : "") + numbers.exact(Math.abs(value));
  }
}

export const base = (path) => path.slice(path.lastIndexOf("/") + 1);

export const readProfile = async (text) => profileOf(await unpack(text));

export function profileOf(data) {
  if (data.version !== VERSION) throw new Error(`data of version ${data.version}, and this page knows ${VERSION}`);
  return new Profile(data);
}
