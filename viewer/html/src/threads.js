// SPDX-License-Identifier: MIT
// What each thread allocated. A click shows only that thread, in the whole page.
import { make } from "./dom.js";
import { exact } from "./numbers.js";
import { Sums } from "./sums.js";

export class Threads extends Sums {
  // on.choose(name): show only this thread, or all again
  constructor(profile, on) {
    super(profile, "thread", on.choose);
    if (!profile.fold) this.element = make("div", {}, this.nothing());
  }

  says({ length: count }) {
    return `${exact(count)} ${count === 1 ? "thread" : "threads"}. A click on a name shows only what this thread allocated, in the whole page except the chart.`;
  }

  nothing() {
    const { profile } = this;
    const code = (text) => make("code", {}, text);
    if (profile.old) return make("p", { class: "empty" }, "A page of two recordings folds threads. ", code("ctrace html --split-threads OLD NEW"), " keeps them apart in the stacks, and ", code("ctrace html NEW"), " shows the threads of the new one.");
    if (profile.foreign) return make("p", { class: "empty" }, "The file does not say which thread allocated. ", code("ctrace record --threads PROGRAM"), " records it.");
    return make("p", { class: "empty" }, "The recording does not keep threads apart. ", code("ctrace record --threads PROGRAM"), " does.");
  }

  // passing: the sites that pass the filters on functions, whatever their threads; thread: the chosen one's name
  set({ passing, thread }) {
    const { profile } = this;
    if (!profile.fold) return;
    const { thread: threads, values } = profile.fold;
    const passes = new Uint8Array(profile.siteCount);
    for (const site of passing) passes[site] = 1;
    const each = (add) => {
      for (let stack = 0; stack < threads.length; stack++) if (threads[stack] && passes[profile.siteOf[stack]]) add(threads[stack] - 1, stack, values);
    };
    this.sum(profile.threads.map(({ name }) => name), each, thread);
  }
}
