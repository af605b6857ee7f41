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
    this.siteOf = new Int32Array(stacks.node.length); // by stack: its site when threads are folded
    this.first = []; // by folded site: its first stack
    stacks.node.forEach((node, i) => {
      if (!i || node !== stacks.node[i - 1]) this.first.push(i);
      this.siteOf[i] = this.first.length - 1;
    });
  }

  // The sites and their values. thread: 0 = all, else only what this one allocated. present: flags by site, or null: all.
  take(thread, split) {
    const { stacks, metrics } = this;
    const siteOf = split ? Int32Array.from(stacks.node, (_, i) => i) : this.siteOf;
    const first = split ? siteOf : this.first;
    const sites = { skip: [], own: [], node: [], truncated: [] };
    for (const key of Object.keys(sites)) sites[key] = Array.from(first, (i) => stacks[key][i]);
    const count = new Float64Array(first.length);
    const values = Object.fromEntries(metrics.map((key) => [key, new Float64Array(first.length)]));
    for (let i = 0; i < siteOf.length; i++) {
      const site = siteOf[i];
      if (thread && stacks.thread[i] !== thread) continue;
      for (const key of metrics) {
        const value = this.values[key][i];
        if (!count[site] || !(SMALLEST.has(key) || LARGEST.has(key))) values[key][site] += value;
        else values[key][site] = SMALLEST.has(key) ? Math.min(values[key][site], value) : Math.max(values[key][site], value);
      }
      count[site]++;
    }
    return { sites, siteOf, values: { ...values, threads: count }, present: thread ? Uint8Array.from(count, (number) => (number ? 1 : 0)) : null };
  }

  // Is the stack on the thread? 0: any
  isOn(stack, thread) {
    return !thread || this.stacks.thread[stack] === thread;
  }
}
