// Builds the widget and the two pages into agentflow/web/static/, with a .gz beside every text file.
import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build, transform } from "esbuild";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const out = here("../agentflow/web/static/");

/** A style sheet imported from TypeScript becomes a minified string, for adoptedStyleSheets. */
const styleText = {
  name: "style-text",
  setup(plugin) {
    plugin.onLoad({ filter: /\.css$/ }, async ({ path }) => {
      const { code } = await transform(await readFile(path, "utf8"), { loader: "css", minify: true });
      return { contents: code.trim(), loader: "text" };
    });
  },
};

const shared = { bundle: true, minify: true, charset: "utf8", target: "es2022", legalComments: "none", outdir: out };

await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });
await build({ ...shared, format: "iife", entryPoints: { widget: here("widget/src/main.ts") }, plugins: [styleText] });
await build({ ...shared, format: "esm", entryPoints: { demo: here("pages/src/demo.ts"), admin: here("pages/src/admin.ts") } });
await build({ ...shared, entryPoints: { demo: here("pages/demo.css"), admin: here("pages/admin.css") } });
for (const page of ["demo.html", "admin.html", "favicon.svg"]) {
  await writeFile(out + page, await readFile(here(`pages/${page}`)));
}
// The page at /api/docs must work without a network.
for (const part of ["swagger-ui-bundle.js", "swagger-ui.css"]) {
  await writeFile(out + part, await readFile(here(`node_modules/swagger-ui-dist/${part}`)));
}
for (const name of await readdir(out)) {
  const bytes = await readFile(out + name);
  const packed = gzipSync(bytes, { level: 9 });
  await writeFile(`${out}${name}.gz`, packed);
  console.log(`${name.padEnd(12)} ${bytes.length} bytes, ${packed.length} gzip`);
}
