// SPDX-License-Identifier: MIT
// What was allocated under each tag of the program (ctrace_tag_push). A click shows only that tag, in the whole page.
import { exactly } from "./filters.js";
import { exact } from "./numbers.js";
import { Sums } from "./sums.js";

export const NO_TAG = "(no tag)";

// The focus on a tag.
export const tagFilter = (name) => exactly(`[tag ${name}]`);

export class Tags extends Sums {
  // on.choose(name): show only this tag, or all again
  constructor(profile, on) {
    super(profile, "tag", on.choose);
  }

  says(rows) {
    const count = rows.filter(({ name }) => name !== NO_TAG).length;
    return `${exact(count)} ${count === 1 ? "tag" : "tags"}. A click on a name shows only what was allocated under it.`;
  }

  // sites: those that are shown; focus: the filters of this kind
  set({ sites, focus }) {
    const { profile } = this;
    const rows = new Map();
    for (const site of sites) {
      const name = profile.tagOf(site) || NO_TAG;
      if (!rows.has(name)) rows.set(name, []);
      rows.get(name).push(site);
    }
    const each = (add) => [...rows.values()].forEach((list, row) => list.forEach((site) => add(row, site, profile.values)));
    const names = [...rows.keys()];
    this.sum(names, each, names.find((name) => focus.includes(tagFilter(name))));
  }
}
