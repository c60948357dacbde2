/** Signals that end a command in the middle of something that it has to clean up. */

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** A signal ends what is under way, not the process. @returns the signal, and what leaves later ones to the process */
export function endOnSignal(): { readonly signal: AbortSignal; off(): void } {
  const ending = new AbortController();
  const end = (): void => ending.abort();
  for (const signal of SIGNALS) process.on(signal, end);
  return { signal: ending.signal, off: () => SIGNALS.forEach((signal) => process.off(signal, end)) };
}

/** Removes something, and lets the signal end the process. @returns what calls it off */
export function removeWhenStopped(remove: () => void): () => void {
  const stop = (signal: NodeJS.Signals): void => {
    forget();
    remove();
    process.kill(process.pid, signal);
  };
  const forget = (): void => SIGNALS.forEach((signal) => process.off(signal, stop));
  for (const signal of SIGNALS) process.on(signal, stop);
  return forget;
}
