/** `comet evaluate`: the accuracy of weights from a file. */
import type { Command } from "commander";
import { openDataset } from "../data/open.js";
import { loadWeights } from "../models/weights.js";
import { createSession, defaults } from "../session.js";
import { evaluate } from "../train.js";

interface EvaluateOptions {
  model: string;
  data: string;
  batch: string;
  memory: string;
}

export function registerEvaluate(program: Command): void {
  program
    .command("evaluate")
    .description("classify a data set's test images with weights from a safetensors file")
    .argument("<weights>", "a .safetensors file with PyTorch's names")
    .option("--model <name>", "network (e.g. --model resnet20)", defaults.model)
    .option("--data <name|path>", "data (e.g. --data cifar10)", "fashion-mnist")
    .option("--batch <N>", "images at a time (e.g. --batch 100)", "100")
    .option("--memory <bytes>", "the device's budget (e.g. --memory 512MiB)", defaults.memory)
    .addHelpText(
      "after",
      "\nExample:\n  comet evaluate resnet20-cifar10.safetensors --model resnet20 --data cifar10",
    )
    .action(async (weights: string, { model, data, batch, memory }: EvaluateOptions) => {
      const dataset = await openDataset(data);
      const settings = { ...defaults, model, batch: Number(batch), memory, store: "plain" as const };
      const session = createSession(settings, dataset);
      await loadWeights(session.model, weights);
      const { loss, accuracy } = await evaluate(session, dataset.test);
      await dataset.close();
      process.stdout.write(
        `${(100 * accuracy).toFixed(2)} % of ${dataset.test.length} test images right, mean loss ${loss.toFixed(4)}\n`,
      );
    });
}
