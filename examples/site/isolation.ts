/**
 * Threads share memory only on a page that is isolated. A host can send the headers for that. Where it does not, the
 * service worker adds them, but only to what is loaded after it has started: so the page is loaded once more.
 */
const mark = "comet-ts reloaded";

/** Returns whether threads can share memory here, after loading the page anew if that makes it so. */
export async function isolation(): Promise<boolean> {
  if (crossOriginIsolated) {
    sessionStorage.removeItem(mark);
    return true;
  }
  if (!("serviceWorker" in navigator) || sessionStorage.getItem(mark) !== null) return false;
  const worker = await Promise.race([
    navigator.serviceWorker.ready,
    new Promise<null>((r) => setTimeout(r, 10_000, null)),
  ]);
  if (worker === null) return false;
  sessionStorage.setItem(mark, "1");
  location.reload();
  return new Promise(() => {});
}
