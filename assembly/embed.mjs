/**
 * build/codec.wasm → src/codec/binary.ts, a module that holds its bytes as text: a page, a bundler or require() then
 * needs no file beside the codec. Hexadecimal, since it compresses by a third better than base64 (32 and 43 kB by
 * gzip; the bytes themselves 28 kB).
 */
import { readFileSync, writeFileSync } from "node:fs";

const hex = readFileSync(new URL("../build/codec.wasm", import.meta.url)).toString("hex");
const text = `/** The bytes of build/codec.wasm; assembly/embed.mjs writes this file. */\nexport const hex: string =\n  "${hex}";\n`;
writeFileSync(new URL("../src/codec/binary.ts", import.meta.url), text);
