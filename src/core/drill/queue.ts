/**
 * What happens next, for a fixed set of events that each happen at most once at a time: one list for every second, in typed arrays, so
 * that millions of events cost no allocation. Putting in, moving and taking out cost the same however many there are.
 */
const NONE = -1;

export class BucketQueue {
  readonly #horizon: number;
  /** First event of each second. */
  readonly #head: Int32Array;
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  /** Second of an event, NONE when it is in no list. */
  readonly #due: Int32Array;
  #now = 0;

  /** @param events are numbered from 0. @param horizon last second; what would happen later never does. */
  constructor(events: number, horizon: number) {
    this.#horizon = horizon;
    this.#head = new Int32Array(horizon + 1).fill(NONE);
    this.#next = new Int32Array(events).fill(NONE);
    this.#previous = new Int32Array(events).fill(NONE);
    this.#due = new Int32Array(events).fill(NONE);
  }

  /** Puts an event to a second, never to one that is over; takes it from where it was. */
  schedule(event: number, at: number): void {
    this.cancel(event);
    const second = Math.max(Math.ceil(at), this.#now);
    if (second > this.#horizon) return;
    const first = this.#head[second] as number;
    this.#next[event] = first;
    this.#previous[event] = NONE;
    if (first !== NONE) this.#previous[first] = event;
    this.#head[second] = event;
    this.#due[event] = second;
  }

  cancel(event: number): void {
    const second = this.#due[event] as number;
    if (second === NONE) return;
    const [next, previous] = [this.#next[event] as number, this.#previous[event] as number];
    if (previous === NONE) this.#head[second] = next;
    else this.#next[previous] = next;
    if (next !== NONE) this.#previous[next] = previous;
    this.#due[event] = NONE;
  }

  /** The second of the event that was taken last, or up to which there was none. */
  get now(): number {
    return this.#now;
  }

  /** Takes the next event before second `end`; -1 when there is none, and then it is `end`. */
  take(end: number): number {
    const limit = Math.min(end, this.#horizon + 1);
    while (this.#now < limit) {
      const event = this.#head[this.#now] as number;
      if (event !== NONE) {
        this.cancel(event);
        return event;
      }
      this.#now += 1;
    }
    return NONE;
  }
}
