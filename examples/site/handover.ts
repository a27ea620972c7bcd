/**
 * Hands tensors from one page of the site to another: a safetensors file in a cache of the browser. The codec bench opens
 * it when its address ends in #handed-over.
 */
const cacheName = "handover of comet-ts";
const address = "handover.safetensors";

export const handedOver = "#handed-over";

export async function keepTensors(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  await (await caches.open(cacheName)).put(`/${address}`, new Response(bytes));
}

/** What was handed over last; null if nothing was. */
export async function keptTensors(): Promise<Uint8Array<ArrayBuffer> | null> {
  const answer = await (await caches.open(cacheName)).match(`/${address}`);
  return answer ? new Uint8Array(await answer.arrayBuffer()) : null;
}
