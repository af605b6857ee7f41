// SPDX-License-Identifier: MIT
// Which sites keep free memory on their pages: the share of each, and what would come back if its live blocks went away.
import { make } from "./dom.js";
import { exact } from "./numbers.js";
import { Table, columnsOf } from "./table.js";

const COLUMNS = ["shareBytes", "pinnedBytes", "residentBytes", "endBytes", "endBlocks", "untouchedBytes"];

class Pinning extends Table {
  tell() {
    const { profile, sites } = this;
    this.status.textContent = `${exact(sites.length)} of ${exact(profile.siteCount)} ${profile.siteCount === 1 ? "site" : "sites"} keep free memory on their pages: each has its share of what is free but pinned`;
  }
}

export class Pins {
  // on.show(site), on.line(frame)
  constructor(profile, on) {
    this.profile = profile;
    if (profile.values.shareBytes) this.table = new Pinning(profile, on, { prefix: "pins-", label: "Who pins pages", columns: columnsOf(profile, COLUMNS), second: "residentBytes" });
    this.element = this.table?.element ?? make("p", { class: "empty" }, "Which sites pin pages is not known of a sample, which does not have all blocks.");
  }

  set({ sites }) {
    const { shareBytes } = this.profile.values;
    this.table?.set({ sites: sites.filter((site) => shareBytes[site]), extra: [] });
  }
}
