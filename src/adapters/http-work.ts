/** The requests that are open on a listener: all of them, to be waited for at a stop, and how many there are of each address. */
export class OpenRequests {
  readonly #all = new Set<Promise<void>>();
  readonly #perGroup = new Map<string, number>();

  get size(): number {
    return this.#all.size;
  }

  /** How many a group of addresses has open. */
  of(group: string): number {
    return this.#perGroup.get(group) ?? 0;
  }

  /** Counts a request until it is done, which must never reject. */
  add(group: string, done: Promise<void>): void {
    this.#all.add(done);
    this.#perGroup.set(group, this.of(group) + 1);
    void done.finally(() => {
      this.#all.delete(done);
      const left = this.of(group) - 1;
      if (left === 0) this.#perGroup.delete(group);
      else this.#perGroup.set(group, left);
    });
  }

  /** Resolves when there is none left, those included that come in the meantime. */
  async idle(): Promise<void> {
    while (this.#all.size > 0) await Promise.all(this.#all);
  }
}
