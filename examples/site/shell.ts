/** What every page does: it installs the service worker, and tells when it can be used without a network. */

/** Resolves once the site's files are kept on this machine; never where browsers keep none. */
async function installed(): Promise<void> {
  await navigator.serviceWorker.register(new URL("sw.js", document.baseURI));
  await navigator.serviceWorker.ready;
  document.documentElement.dataset.offline = "ready";
}

// Plain http elsewhere than on this machine has no service workers. The site then works without them.
if ("serviceWorker" in navigator) installed().catch(() => {});
