/** The training steps that every peer runs: forward, backward and SGD with momentum 0.9, on similar data. */
export const workloads = {
  lenet: { batch: 64, channels: 1, size: 28, classes: 10 },
  resnet20: { batch: 32, channels: 3, size: 32, classes: 10 },
  alexnet: { batch: 4, channels: 3, size: 224, classes: 1000 },
  resnet18: { batch: 2, channels: 3, size: 224, classes: 1000 },
};

const cpuMs = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

/**
 * Makes a process a peer; `create(workload, name)` returns the step. Each line on standard input is a number
 * of milliseconds. The process runs steps for that time, at least one. It answers with the milliseconds of
 * one step in CPU and in wall time, the last loss, and the peak of the resident memory above its value before
 * `create`.
 */
export async function serve(create) {
  const [name] = process.argv.slice(2);
  const idle = process.memoryUsage().rss;
  const step = await create(workloads[name], name);
  const { createInterface } = await import("node:readline");
  for await (const line of createInterface({ input: process.stdin })) {
    const [cpu, wall] = [cpuMs(), performance.now()];
    let loss = Number.NaN;
    let steps = 0;
    for (; steps === 0 || performance.now() - wall < Number(line); steps++) loss = await step();
    const answer = {
      cpu: (cpuMs() - cpu) / steps,
      wall: (performance.now() - wall) / steps,
      loss,
      residentBytes: process.resourceUsage().maxRSS * 1024 - idle,
    };
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
}
