/** Stops a run between two steps: after each step it passes here, and waits when its allowance is used up. */
export class Gate {
  #left: number;
  #open: (() => void) | null = null;

  constructor(steps: number) {
    this.#left = steps;
  }

  /** From now on so many steps may be made; 0 stops the run after the step under way. */
  allow(steps: number): void {
    this.#left = steps;
    if (steps <= 0) return;
    this.#open?.();
    this.#open = null;
  }

  /** Called after a step. `paused` is called if the run has to wait. */
  async pass(paused: () => void): Promise<void> {
    this.#left--;
    if (this.#left > 0) return;
    paused();
    await new Promise<void>((open) => {
      this.#open = open;
    });
  }
}
