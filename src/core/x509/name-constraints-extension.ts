/** The nameConstraints extension (RFC 5280 section 4.2.1.10). */
import { contextTag, derError, type DerReader, enterDer, TAG } from './der.ts';
import { type GeneralName, maskBits, readGeneralName } from './general-names.ts';

export interface NameConstraints {
  readonly permitted: readonly GeneralName[];
  readonly excluded: readonly GeneralName[];
}

/** @throws ERR_DER_MALFORMED, also for `minimum` and `maximum`, which RFC 5280 does not allow, and for a mask with holes. */
export function readNameConstraints(value: Uint8Array, where: string): NameConstraints {
  const reader = enterDer(value, TAG.sequence, where);
  const permitted = reader.optional(contextTag(0), 'permittedSubtrees');
  const excluded = reader.optional(contextTag(1), 'excludedSubtrees');
  reader.end();
  if (permitted === undefined && excluded === undefined) throw derError(where, 'expected permitted or excluded subtrees, found none');
  return {
    permitted: permitted === undefined ? [] : subtrees(reader.inside(permitted, 'permittedSubtrees'), where),
    excluded: excluded === undefined ? [] : subtrees(reader.inside(excluded, 'excludedSubtrees'), where),
  };
}

function subtrees(list: DerReader, where: string): GeneralName[] {
  return list.all((item) => {
    const reader = item.enter(TAG.sequence, 'generalSubtree');
    const base = readGeneralName(reader, where);
    if (!reader.done) throw derError(where, 'expected no minimum and maximum of a subtree, found one');
    if (base.kind === 'ip' && !isSubnet(base.bytes)) throw derError(where, 'expected an address and a mask without holes, found another');
    return base;
  }, 1);
}

/** RFC 4632: address and mask of 4 or 16 octets each, the mask ones and then zeros. */
function isSubnet(bytes: Uint8Array): boolean {
  if (bytes.length !== 8 && bytes.length !== 32) return false;
  return /^1*0*$/.test(maskBits(bytes.subarray(bytes.length / 2)));
}
