/** Fetches what the site keeps in its folder `data`. It runs in a page or a worker. */

/** The bytes of a file of the site. `base` is the address of the site's folder: `document.baseURI` of any page. */
export async function fetchBytes(name: string, base: string): Promise<Uint8Array<ArrayBuffer>> {
  const answer = await fetch(new URL(`data/${name}`, base));
  if (!answer.ok)
    throw new Error(`${name}: expected a file of the site, got HTTP ${answer.status}; load the page again`);
  return new Uint8Array(await answer.arrayBuffer());
}
