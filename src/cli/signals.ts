/** Signals that end a command in the middle of something that it has to clean up. */

/** A signal ends what is under way, not the process. @returns the signal, and what leaves later ones to the process */
export function endOnSignal(): { readonly signal: AbortSignal; off(): void } {
  const ending = new AbortController();
  const end = (): void => ending.abort();
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, end);
  return { signal: ending.signal, off: () => signals.forEach((signal) => process.off(signal, end)) };
}
