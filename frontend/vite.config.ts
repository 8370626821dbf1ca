import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { defineConfig, type Plugin } from "vite";

const OUT = "../muxboard/web/static";

/** The font's licence asks to travel with the font; it is not a JavaScript import, so no bundler lists it. */
function fontLicence(): Plugin {
  return {
    name: "font-licence",
    generateBundle() {
      const source = readFileSync("node_modules/@fontsource/jetbrains-mono/LICENSE", "utf8");
      this.emitFile({ type: "asset", fileName: "licences/jetbrains-mono.txt", source });
    },
  };
}

/** Writes NAME.gz beside every compressible file, so that the server never compresses at request time. */
function precompress(): Plugin {
  const walk = (folder: string): string[] =>
    readdirSync(folder).flatMap((name) => {
      const path = join(folder, name);
      return statSync(path).isDirectory() ? walk(path) : [path];
    });
  let folder = OUT;
  return {
    name: "precompress",
    configResolved(config) {
      folder = config.build.outDir;
    },
    closeBundle() {
      for (const path of walk(folder)) {
        // index.html is filled in per response (base path, nonce): a fixed .gz of it would be wrong.
        if (/\.(js|css|svg|txt|md)$/.test(path)) {
          writeFileSync(`${path}.gz`, gzipSync(readFileSync(path), { level: 9 }));
        }
      }
    },
  };
}

export default defineConfig({
  base: "./",
  build: {
    outDir: OUT,
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0, // font-src is 'self': no data: URLs
    modulePreload: { polyfill: false },
    license: { fileName: "licences/packages.md" },
    chunkSizeWarningLimit: 600,
    rollupOptions: {
      // The second is for other sites' pages, which know it by this name for ever.
      input: { index: "index.html", embed: "src/embed/muxboard-terminal.ts" },
      output: { entryFileNames: ({ name }) => (name === "embed" ? "embed.js" : "assets/[name]-[hash].js") },
    },
  },
  plugins: [fontLicence(), precompress()],
});
