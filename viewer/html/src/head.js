// SPDX-License-Identifier: MIT
// The top of the page: what was recorded, and what the reader must know about it.
import { copy } from "./copy.js";
import { base } from "./data.js";
import { sides } from "./diff.js";
import { make } from "./dom.js";
import { exact, time } from "./numbers.js";

export function header(profile, theme) {
  const facts = [
    profile.pid ? `pid ${profile.pid}` : "",
    profile.startUnixMs ? new Date(profile.startUnixMs).toLocaleString() : "",
    profile.endTime || !profile.foreign ? `ran ${time(profile.endTime, profile.timeUnit)}` : "",
    profile.producer === "unknown" ? "" : profile.foreign ? `from a file of ${profile.producer}` : `recorded by ${profile.producer}`,
  ];
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
    make("div", { class: "actions" }, make("button", { type: "button", id: "copy-link", title: "the address of this view", onclick: () => copy(location.href, "the link") }, "Copy link"), theme),
  );
}

export function notices(profile) {
  if (!profile.old) return [...noticesOf(profile, profile, ""), ...sourceNotice(profile)];
  return [...noticesOf(profile, profile.old, "Old: "), ...noticesOf(profile, profile, "New: ")];
}

const notice = (text) => make("p", { class: "notice", role: "note" }, text);

function noticesOf(profile, { losses, sampleBytes, ended, torn, processState }, which) {
  const words = { dropped: "events dropped", early: "calls before start-up was done", bypassed: "allocator functions not recorded", truncated: "events with stacks cut at the depth limit", unrooted: "events with stacks that do not reach their root", otherSites: "allocations in [other sites]" };
  const lost = Object.entries(words).filter(([key]) => losses[key]).map(([key, text]) => `${exact(losses[key])} ${text}`);
  const lines = [];
  if (torn) lines.push("The store was copied while it was written: the numbers do not add up");
  if (lost.length) lines.push(`Incomplete: ${lost.join(", ")}`);
  if (sampleBytes) lines.push(`Sampled, mean interval ${profile.format("bytes", sampleBytes)}: all numbers are estimates`);
  const states = { runs: "The program is running", stopped: "The program is running, but its recording has stopped", closed: "The recording has ended, and the program is exiting or runs another one", killed: "The program was killed", oom: "The program was killed for lack of memory" };
  if (!ended) lines.push(states[processState] ?? "The program was killed, or was still running");
  return lines.map((line) => notice(which + line));
}

// The page may be passed on, and source may not.
function sourceNotice({ source }) {
  const files = (source ?? []).filter(({ parts }) => parts);
  const lines = files.reduce((sum, { parts }) => parts.reduce((more, part) => more + part.lines.length, sum), 0);
  if (!lines) return [];
  return [notice(`Source is inside this page: ${exact(lines)} ${lines === 1 ? "line" : "lines"} of ${exact(files.length)} ${files.length === 1 ? "file" : "files"}. Pass it on only to readers who may see them.`)];
}

// What to do about a recording without an allocation.
export function nothing(profile) {
  const doctor = make("code", {}, "ctrace doctor --run PROGRAM");
  if (profile.old) return make("p", { class: "notice", role: "note" }, "Neither recording has an allocation.");
  return make("p", { class: "notice", role: "note" }, "No allocation was recorded. The program may be linked statically, may have an allocator of its own, or may have started another program. ", doctor, " says which.");
}
