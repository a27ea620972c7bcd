/** From what a user types after `--data` to a data set: a known name, or the path of a folder. */
import { stat } from "node:fs/promises";
import { DataError } from "../error.js";
import { suggestion } from "../nearest.js";
import type { Dataset } from "./dataset.js";
import { openFashionMnist } from "./mnist.js";

export const datasetNames = ["fashion-mnist"] as const;

export async function openDataset(nameOrPath: string): Promise<Dataset> {
  if (nameOrPath === "fashion-mnist") {
    return openFashionMnist();
  }
  const found = await stat(nameOrPath).catch(() => null);
  throw new DataError({
    where: "--data",
    expected: `a data set's name or a folder`,
    got: `"${nameOrPath}"${found ? ", which is no folder of images" : ""}`,
    remedy: suggestion(nameOrPath, datasetNames),
  });
}
