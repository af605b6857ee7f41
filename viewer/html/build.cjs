// SPDX-License-Identifier: MIT
// build.cjs NODE_MODULES OUT: writes page, style and script into one file, without data.
// The content security policy allows only this script and this style, by their hashes.
const crypto = require("crypto");
const fs = require("fs");
const path = require("path");
const [modules, out] = process.argv.slice(2).map((name) => path.resolve(name));
const esbuild = require(path.join(modules, "esbuild"));

function bundle(entry) {
  const result = esbuild.buildSync({
    entryPoints: [path.join(__dirname, entry)],
    nodePaths: [modules],
    bundle: true,
    minify: true,
    charset: "utf8",
    format: "iife",
    target: "es2022",
    write: false,
  });
  const text = result.outputFiles[0].text.trim();
  if (/<\/(script|style)/i.test(text)) throw new Error(`${entry}: would end its element`);
  return text;
}

const hash = (text) => `'sha256-${crypto.createHash("sha256").update(text).digest("base64")}'`;
const script = bundle("src/main.js");
const style = bundle("style.css");
const parts = {
  POLICY: `default-src 'none'; script-src ${hash(script)}; style-src ${hash(style)}; base-uri 'none'; form-action 'none'`,
  LICENCE: fs.readFileSync(path.join(modules, "uplot", "LICENSE"), "utf8").trim(),
  SCRIPT: script,
  STYLE: style,
};
const page = fs.readFileSync(path.join(__dirname, "page.html"), "utf8");
fs.mkdirSync(path.dirname(out), { recursive: true });
fs.writeFileSync(out, page.replace(/@(POLICY|LICENCE|SCRIPT|STYLE)@/g, (_, part) => parts[part]));
