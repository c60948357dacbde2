/** Names of the authorities of a cluster. */

/** A free name for the next authority of a cluster: `prod-ca-2`, `prod-ca-3`, ... */
export function nextCaName(cluster: string, known: readonly string[]): string {
  let number = 2;
  while (known.includes(`${cluster}-ca-${number}`)) number += 1;
  return `${cluster}-ca-${number}`;
}
