// SPDX-License-Identifier: MIT
// The findings of `ctrace advise`: the first of them for the overview, and all of them with their evidence.
import { make } from "./dom.js";
import { linkOfFrame, place } from "./links.js";
import { exact } from "./numbers.js";

const FIRST = 5;
const LEAKS = ["lost", "leak"];

// "score server.cpp:41 < handle", with the place as a link.
function where(profile, finding) {
  const frame = profile.ownFrame[profile.siteOfFinding(finding)];
  const [text, link] = [` ${profile.place(frame)}`, linkOfFrame(profile, frame)];
  const at = finding.where.indexOf(text);
  if (!link || at < 0) return make("bdi", {}, finding.where);
  return make("bdi", {}, finding.where.slice(0, at + 1), place(text.slice(1), link), finding.where.slice(at + text.length));
}

const facts = (profile, finding) => {
  const line = (name, text) => (text ? make("div", {}, make("dt", {}, name), make("dd", {}, typeof text === "string" ? make("bdi", {}, text) : text)) : "");
  return make("dl", {}, line("Where", where(profile, finding)), line("Because", finding.because), line("Saves", finding.saves), line("Try", finding.try));
};

const heading = (finding) => [make("b", {}, finding.title), " ", make("bdi", { class: "place" }, finding.where)];

const capital = (text) => text[0].toUpperCase() + text.slice(1);

// Why there is no finding about leaks; "": there is one, or the file cannot show any.
export const whyNoLeak = (profile) => (profile.noLeak ? `${capital(profile.noLeak)}.` : "");

export const leakFindings = (profile) => profile.findings.filter(({ kind }) => LEAKS.includes(kind));

// show(finding) shows it in the graph; all() shows all of them.
export function overview(profile, show, all) {
  const { findings } = profile;
  if (!findings.length) return null;
  const items = findings.slice(0, FIRST).map((finding) =>
    make("li", {}, make("details", {}, make("summary", {}, heading(finding)), facts(profile, finding), button(finding, show))),
  );
  const more = findings.length > FIRST ? make("button", { type: "button", id: "all-findings", onclick: all }, `All ${exact(findings.length)} findings`) : "";
  return [make("ol", {}, items), more];
}

const button = (finding, show) => make("button", { type: "button", onclick: () => show(finding) }, "Show in graph");

// An open list of findings.
export function list(profile, findings, show) {
  return make("ol", { class: "findings" }, findings.map((finding) => make("li", { "data-kind": finding.kind }, make("p", {}, make("b", {}, finding.title)), facts(profile, finding), button(finding, show))));
}

// All findings, or why there is none.
export function all(profile, show) {
  const { findings } = profile;
  const code = (text) => make("code", {}, text);
  if (findings.length)
    return make("div", {}, make("p", { class: "status" }, `${exact(findings.length)} ${findings.length === 1 ? "finding" : "findings"} of ctrace advise, the largest first. What a change saves is an upper bound.`), list(profile, findings, show), note(whyNoLeak(profile)));
  if (profile.old) return note("Findings are about one recording: ", code("ctrace html NEW"), " or ", code("ctrace advise NEW"), " shows those of the new one.");
  if (!profile.values.totalBytes || !profile.values.totalBlocks) return note("The file has only what was live. Advice needs all allocations: ", code("ctrace record PROGRAM"), " records them.");
  if (profile.mode !== "heap") return note("Findings are about allocations, and this is not a heap profile.");
  return note("Nothing in this recording is large enough for a finding. ", whyNoLeak(profile), " ", code("man ctrace-advise"), " lists the thresholds.");
}

const note = (...parts) => (parts.some((part) => part) ? make("p", { class: "empty" }, parts) : "");
