/** The training steps that every peer runs: forward, backward, SGD with momentum 0.9, on the same kind of data. */
export const workloads = {
  lenet: { batch: 64, channels: 1, size: 28, classes: 10 },
  resnet20: { batch: 32, channels: 3, size: 32, classes: 10 },
};

/**
 * Makes a process a peer: `create(workload, name)` returns the step. Each line on standard input asks for so many
 * steps and is answered with the milliseconds of one, in CPU and in wall time, and the last loss.
 */
export async function serve(create) {
  const [name] = process.argv.slice(2);
  const step = await create(workloads[name], name);
  const { createInterface } = await import("node:readline");
  for await (const line of createInterface({ input: process.stdin })) {
    const steps = Number(line);
    const cpu = process.cpuUsage();
    const wall = performance.now();
    let loss = Number.NaN;
    for (let i = 0; i < steps; i++) loss = step();
    const { user, system } = process.cpuUsage(cpu);
    const answer = { cpu: (user + system) / 1000 / steps, wall: (performance.now() - wall) / steps, loss };
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
}
