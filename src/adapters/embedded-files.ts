/** The files that the single executable holds inside; none, where joinery runs on an installed Node.js. */
import { getAsset, getAssetKeys, isSea } from 'node:sea';

/** @param name of a file that the executable holds, as `templates/joinery-join.sh`. undefined outside of the executable. */
export function embeddedFile(name: string): Uint8Array | undefined {
  // A copy: what is inside lies in memory that cannot be written.
  return isSea() ? new Uint8Array(getAsset(name)) : undefined;
}

/** As {@link embeddedFile}, in UTF-8. */
export function embeddedText(name: string): string | undefined {
  return isSea() ? getAsset(name, 'utf8') : undefined;
}

/** Names of the files directly in a directory that the executable holds, without it; undefined outside of the executable. */
export function embeddedNames(directory: string): readonly string[] | undefined {
  if (!isSea()) return undefined;
  const names = getAssetKeys().filter((key) => key.startsWith(`${directory}/`));
  return names.map((key) => key.slice(directory.length + 1)).filter((name) => !name.includes('/'));
}
