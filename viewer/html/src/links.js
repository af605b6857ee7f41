// SPDX-License-Identifier: MIT
// Places as links that open an editor, for files that were there when the page was made.
import { make } from "./dom.js";

const NONE = "none";
const escaped = (path) => path.replace(/[^A-Za-z0-9/._~-]+/g, (part) => encodeURIComponent(part).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`));

// The link to a line of a file, which is an index of the profile's texts; "": there is none.
export function linkOf(profile, file, line) {
  return linkTo(profile, profile.paths[file], line);
}

function linkTo(profile, path, line) {
  if (!path || profile.editorLink === NONE) return "";
  return profile.editorLink.replaceAll("{path}", escaped(path)).replaceAll("{line}", String(line || 1));
}

export function linkOfFrame(profile, frame) {
  return linkOf(profile, profile.functions.file[profile.frames.function[frame]], profile.frames.line[frame]);
}

// The link to the place in the program's own code where a site allocates.
export function linkOfSite(profile, site) {
  const { path, paths, line } = profile.sites;
  return profile.old ? linkTo(profile, paths[path[site] - 1], line[site]) : linkOfFrame(profile, profile.ownFrame[site]);
}

// A place, as a link if there is one.
export function place(text, link, title) {
  if (!link) return make("bdi", { class: "place", title }, text);
  return make("a", { class: "place", href: link, title: title ?? "Open in the editor", rel: "noreferrer" }, make("bdi", {}, text));
}
