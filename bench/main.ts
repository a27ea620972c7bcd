/** `npm run bench -- NAME [options]` runs bench/NAME.ts. */
const [name = "kernels", ...args] = process.argv.slice(2);
const { bench } = (await import(`./${name}.js`)) as { bench(args: string[]): Promise<void> };
await bench(args);
