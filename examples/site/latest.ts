/** Runs one job at a time. While one runs, only the newest of the jobs that arrive is kept. */
export class Latest {
  #running = false;
  #next: (() => Promise<void>) | null = null;

  run(job: () => Promise<void>): void {
    this.#next = job;
    if (!this.#running) void this.#drain();
  }

  async #drain(): Promise<void> {
    this.#running = true;
    while (this.#next) {
      const job = this.#next;
      this.#next = null;
      await job();
    }
    this.#running = false;
  }
}
