/**
 * Name constraints of an authority under another: never wider. RFC 5280 section 6.1.4 (g) intersects them along a path anyway; written out
 * in every authority, the nearest one says all, and what it issues is valid for whoever starts at the top.
 */
import { type GeneralName, generalNameText } from './general-names.ts';
import { isSubtreeWithin } from './name-constraints.ts';
import type { NameConstraints } from './name-constraints-extension.ts';

/**
 * The constraints of an authority: its own, with the issuer's permitted subtrees of the kinds that it does not name, and those excluded
 * subtrees of the issuer that its own do not hold.
 * @returns undefined for none.
 */
export function inheritConstraints(
  own: NameConstraints = { permitted: [], excluded: [] },
  issuer: NameConstraints = { permitted: [], excluded: [] },
): NameConstraints | undefined {
  const kinds = new Set(own.permitted.map(({ kind }) => kind));
  const permitted = [...own.permitted, ...issuer.permitted.filter(({ kind }) => !kinds.has(kind))];
  const excluded = [...own.excluded, ...issuer.excluded.filter((base) => !own.excluded.some((kept) => isSubtreeWithin(base, kept)))];
  return permitted.length + excluded.length === 0 ? undefined : { permitted, excluded };
}

/** Why constraints are wider than the issuer's, or undefined. */
export function inheritanceViolation(own: NameConstraints | undefined, issuer: NameConstraints): string | undefined {
  const { permitted, excluded } = own ?? { permitted: [], excluded: [] };
  const wide = permitted.find((base) => {
    const above = issuer.permitted.filter(({ kind }) => kind === base.kind);
    return above.length > 0 && !above.some((outer) => isSubtreeWithin(base, outer));
  });
  if (wide !== undefined)
    return `expected permitted subtrees inside ${textOf(issuer.permitted, wide.kind)}, found ${generalNameText(wide)}`;
  const open = issuer.permitted.find(({ kind }) => !permitted.some((base) => base.kind === kind));
  if (open !== undefined) return `expected a permitted subtree inside ${textOf(issuer.permitted, open.kind)}, found none`;
  const lost = issuer.excluded.find((base) => !excluded.some((kept) => isSubtreeWithin(base, kept)));
  return lost && `expected ${generalNameText(lost)} excluded, found it not`;
}

function textOf(bases: readonly GeneralName[], kind: GeneralName['kind']): string {
  return bases
    .filter((base) => base.kind === kind)
    .map(generalNameText)
    .join(' or ');
}

/** Why the constraints of one authority make no sense together, or undefined. */
export function emptySubtree({ permitted, excluded }: NameConstraints): string | undefined {
  const never = permitted.find((base) => excluded.some((outer) => isSubtreeWithin(base, outer)));
  return never && `expected permitted subtrees outside the excluded ones, found ${generalNameText(never)} in both`;
}
