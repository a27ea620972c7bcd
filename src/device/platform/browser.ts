/**
 * The platform of a browser. A worker is better than the page itself: it may block, and the page stays
 * responsive.
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import type { Platform, WorkerSetup } from "../platform.js";

export const platform: Platform = {
  cores: navigator.hardwareConcurrency,
  unshared: crossOriginIsolated
    ? null
    : "the page is not isolated: serve it with Cross-Origin-Opener-Policy same-origin and Cross-Origin-Embedder-Policy require-corp",
  maySleep: !("document" in globalThis),
  readFile(url) {
    const request = new XMLHttpRequest();
    request.open("GET", url, false);
    // A synchronous request in a page returns only text. In this character set each character holds one byte.
    request.overrideMimeType("text/plain; charset=x-user-defined");
    request.send();
    if (request.status !== 200) throw new Error(`${url}: HTTP ${request.status}`);
    return Uint8Array.from(request.responseText, (character) => character.charCodeAt(0));
  },
  // Browsers that support it need no flag.
  allowRelaxedSimd() {},
  startWorker(setup, onError) {
    const worker = new Worker(new URL("../worker.js", import.meta.url), { type: "module" });
    let failed = false;
    worker.addEventListener("error", ({ message }) => {
      failed = true;
      onError(message);
    });
    worker.postMessage(setup);
    return { terminate: async () => worker.terminate(), isAlive: () => !failed };
  },
  receiveSetup(serve) {
    addEventListener("message", ({ data }: MessageEvent<WorkerSetup>) => serve(data), { once: true });
  },
  // A message is used because browsers slow down nested timers.
  pause() {
    const { port1, port2 } = new MessageChannel();
    return new Promise((resolve) => {
      port1.onmessage = () => {
        port1.close();
        resolve();
      };
      port2.postMessage(null);
    });
  },
  warn: (message) => console.warn(message),
  sha256() {
    const hash = sha256.create();
    return {
      update: (bytes) => void hash.update(typeof bytes === "string" ? utf8ToBytes(bytes) : bytes),
      digest: () => bytesToHex(hash.digest()),
    };
  },
};
