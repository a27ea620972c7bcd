/** `comet decompress` and `comet inspect`: read what `comet compress` wrote, one section at a time. */

import type { Command } from "commander";
import { decode, inspect } from "../codec/index.js";
import { anatomy } from "../codec/reference.js";
import { FrameError } from "../error.js";
import { Content, section, sectionsOf } from "./archive.js";
import { ByteBar } from "./progress.js";
import { Sink } from "./sink.js";
import { Source } from "./source.js";

async function decompress(path: string, { output }: { output: string }): Promise<void> {
  const source = await Source.open(path);
  const sink = new Sink(output);
  const content = new Content();
  let read = 0;
  const progress = new ByteBar("decompress", (await source.bytes()) ?? 0);
  try {
    for await (const { kind, bytes } of sectionsOf(source)) {
      if (kind === section.end) {
        const view = new DataView(bytes.buffer, bytes.byteOffset);
        if (view.getUint32(0, true) !== content.checksum() || view.getFloat64(4, true) !== content.bytes) {
          throw new FrameError({
            where: `${path}: content checksum`,
            expected: view.getUint32(0, true).toString(16),
            got: content.checksum().toString(16),
            remedy: "compress the file again: this one is damaged",
          });
        }
        continue;
      }
      const piece = kind === section.bytes ? bytes : new Uint8Array(decode(bytes).buffer);
      content.add(piece);
      await sink.write(piece);
      read += bytes.length;
      progress.update(read);
    }
    sink.commit();
  } catch (error) {
    sink.abandon();
    throw error;
  } finally {
    progress.stop();
    await source.close();
  }
}

/** The bytes of each field, the bits of a value beside the entropy of the decoded values, and their distribution. */
async function inspectFile(path: string): Promise<void> {
  const source = await Source.open(path);
  const out: string[] = [];
  try {
    for await (const { kind, bytes } of sectionsOf(source)) {
      if (kind === section.bytes) out.push(`bytes as they are: ${bytes.length}`);
      if (kind !== section.frame) continue;
      const about = inspect(bytes);
      const { fields, escapes, entropy, histogram } = anatomy(bytes);
      out.push(
        `frame [${about.shape.join(", ")}] ${about.quantizer} ${about.mode}, bound ${about.bound}, ratio ${about.ratio.toFixed(2)}`,
        `  bytes: ${[...fields].map(([field, count]) => `${field} ${count}`).join(", ")}`,
        `  kept raw: ${escapes}; bits a value: ${(32 / about.ratio).toFixed(3)}, entropy of the decoded values ${entropy.toFixed(3)}`,
        ...histogram.map(
          ({ from, share }) => `  ${from.toPrecision(4).padStart(11)} ${"█".repeat(Math.round(60 * share))}`,
        ),
      );
    }
  } finally {
    await source.close();
  }
  process.stdout.write(`${out.join("\n")}\n`);
}

export function registerDecompress(program: Command): void {
  program
    .command("decompress")
    .description("the inverse: the file as it was, its tensors within their bound")
    .argument("<file>", 'the compressed file, or "-" for standard input')
    .requiredOption("-o, --output <file>", 'where the result goes, or "-" for standard output')
    .addHelpText("after", "\nExample:\n  comet decompress activations.cmt -o activations.npy")
    .action(decompress);
  program
    .command("inspect")
    .description("print what a compressed file holds")
    .argument("<file>", "the compressed file")
    .addHelpText("after", "\nExample:\n  comet inspect activations.cmt")
    .action(inspectFile);
}
