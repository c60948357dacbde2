/** Names and bounds of names, for people and for `--json`. */
import type { JsonObject } from '../../core/canonical-json.ts';
import { type GeneralName, generalNameText } from '../../core/x509/general-names.ts';
import type { NameConstraints } from '../../core/x509/name-constraints-extension.ts';

/** undefined for none, so that the line is left out. */
export function namesText(names: readonly GeneralName[] | undefined): string | undefined {
  return names === undefined || names.length === 0 ? undefined : names.map(generalNameText).join(', ');
}

export function constraintsData(constraints: NameConstraints | undefined): JsonObject | null {
  if (constraints === undefined) return null;
  const { permitted, excluded } = constraints;
  return { permitted: permitted.map(generalNameText), excluded: excluded.map(generalNameText) };
}
