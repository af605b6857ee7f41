// SPDX-License-Identifier: MIT
// The stacks of a recording with threads, of which the data has one for each thread. Folded, equal stacks are one site,
// whatever their threads; split, each is a site of its own.

const SMALLEST = new Set(["smallestBytes", "firstTime"]);
const LARGEST = new Set(["largestBytes", "latestTime"]);
const SHARED = new Set(["node", "skip", "own", "truncated", "thread"]);

export class Fold {
  // stacks: the data's `sites`, in which equal stacks are adjacent and have the same node
  constructor(stacks) {
    this.stacks = stacks;
    this.metrics = Object.keys(stacks).filter((key) => !SHARED.has(key));
    this.values = Object.fromEntries(this.metrics.map((key) => [key, Float64Array.from(stacks[key])]));
    this.thread = Int32Array.from(stacks.thread);
    this.all = Int32Array.from(stacks.node, (_, i) => i);
    this.siteOf = new Int32Array(stacks.node.length); // by stack: its site when threads are folded
    this.first = []; // by folded site: its first stack
    stacks.node.forEach((node, i) => {
      if (!i || node !== stacks.node[i - 1]) this.first.push(i);
      this.siteOf[i] = this.first.length - 1;
    });
  }

  // The sites and their values. thread: 0 = all, else only what this one allocated. present: flags by site, or null: all.
  take(thread, split) {
    const { stacks } = this;
    const siteOf = split ? this.all : this.siteOf;
    const first = split ? this.all : this.first;
    const sites = {};
    for (const key of ["node", "skip", "own", "truncated"]) sites[key] = Int32Array.from(first, (i) => stacks[key][i]);
    const threads = this.count(siteOf, first.length, thread);
    const values = { threads };
    for (const key of this.metrics) values[key] = split ? this.values[key] : this.sum(key, thread);
    return { sites, siteOf, values, present: thread ? Uint8Array.from(threads, (number) => (number ? 1 : 0)) : null };
  }

  // By site: its stacks on the thread.
  count(siteOf, sites, thread) {
    const counts = new Float64Array(sites);
    for (let i = 0; i < siteOf.length; i++) if (this.isOn(i, thread)) counts[siteOf[i]]++;
    return counts;
  }

  // By folded site: the sum, or the smallest or largest, of its stacks on the thread.
  sum(key, thread) {
    const { siteOf, values, first } = this;
    const sums = new Float64Array(first.length);
    const list = values[key];
    if (first.length === list.length && !thread) return list;
    if (!SMALLEST.has(key) && !LARGEST.has(key)) {
      for (let i = 0; i < list.length; i++) if (this.isOn(i, thread)) sums[siteOf[i]] += list[i];
      return sums;
    }
    const better = SMALLEST.has(key) ? Math.min : Math.max;
    const seen = new Uint8Array(first.length);
    for (let i = 0; i < list.length; i++) {
      const site = siteOf[i];
      if (!this.isOn(i, thread)) continue;
      sums[site] = seen[site] ? better(sums[site], list[i]) : list[i];
      seen[site] = 1;
    }
    return sums;
  }

  // Is the stack on the thread? 0: any
  isOn(stack, thread) {
    return !thread || this.thread[stack] === thread;
  }
}
