/** Flags that bound the names below an authority. */
import * as Flags from '@oclif/core/flags';
import type { NameKind } from '../core/x509/alternative-names.ts';
import { parseSubtree } from '../core/x509/constraint-names.ts';
import type { NameConstraints } from '../core/x509/name-constraints-extension.ts';

const subtree = (description: string, helpValue: string) =>
  Flags.string({ multiple: true, default: [], description: `${description} (repeatable)`, helpGroup: 'NAME CONSTRAINTS', helpValue });

export const constraintFlags = {
  'permit-dns': subtree('DNS names below it: this one and those under it, and no others', 'NAME'),
  'permit-uri': subtree('hosts of URIs below it; of SPIFFE IDs, the trust domain', 'HOST'),
  'permit-email': subtree('mailboxes below it: a host, a .domain, or one mailbox', 'HOST|MAILBOX'),
  'permit-ip': subtree('addresses below it', 'CIDR'),
  'exclude-dns': subtree('DNS names that may not stand below it; * is every one', 'NAME'),
  'exclude-uri': subtree('hosts of URIs that may not stand below it; * is every one', 'HOST'),
  'exclude-email': subtree('mailboxes that may not stand below it; * is every one', 'HOST|MAILBOX'),
  'exclude-ip': subtree('addresses that may not stand below it', 'CIDR'),
};

const KINDS = ['dns', 'uri', 'email', 'ip'] as const satisfies readonly NameKind[];
type ConstraintFlags = Readonly<Record<keyof typeof constraintFlags, readonly string[]>>;

/** undefined where no flag is given. @throws ERR_CERTIFICATE_NAME */
export function constraintsOf(flags: ConstraintFlags): NameConstraints | undefined {
  const subtrees = (which: 'permit' | 'exclude') =>
    KINDS.flatMap((kind) => flags[`${which}-${kind}`].map((text) => parseSubtree(kind, text, `--${which}-${kind}`)));
  const constraints = { permitted: subtrees('permit'), excluded: subtrees('exclude') };
  return constraints.permitted.length + constraints.excluded.length === 0 ? undefined : constraints;
}
