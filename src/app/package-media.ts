import type { Files } from '../core/ports.ts';

/**
 * FAT keeps no modes, and says nothing when it is asked for one.
 * @param written a file that should be its owner's alone. @returns a warning, or none.
 */
export async function exposureOf(
  files: Files,
  out: string,
  written: { readonly path: string; readonly mode: number },
): Promise<readonly string[]> {
  const info = await files.stat(`${out}/${written.path}`);
  if (info === undefined || (info.mode & ~written.mode) === 0) return [];
  return [
    `${out}: the medium keeps no file modes (FAT?): everybody who holds it, and every user of a machine that it is mounted on, can read what is in the package`,
  ];
}
