/** Name constraints as a reviewed file says them: by kind, as on the command line. */
import type { JoineryError } from '../errors.ts';
import { array, object, optional, type Parser, refine, string } from '../parse.ts';
import type { NameKind } from '../x509/alternative-names.ts';
import { emptySubtree } from '../x509/constraint-inheritance.ts';
import { parseSubtree } from '../x509/constraint-names.ts';
import type { GeneralName } from '../x509/general-names.ts';
import type { NameConstraints } from '../x509/name-constraints-extension.ts';

const subtreesOf = (kind: NameKind) =>
  optional(
    array(
      refine(string({ minLength: 1, maxLength: 255 }), (text): { value: GeneralName } | { issue: string } => {
        try {
          return { value: parseSubtree(kind, text, kind) };
        } catch (error) {
          return { issue: (error as JoineryError).message };
        }
      }),
      { minItems: 1, maxItems: 100 },
    ),
  );

const subtrees = object({ dns: subtreesOf('dns'), uri: subtreesOf('uri'), email: subtreesOf('email'), ip: subtreesOf('ip') });

/** In the order dns, uri, email, ip, each as it is written. */
export const nameConstraintsMember: Parser<NameConstraints> = refine(
  object({ permitted: optional(subtrees), excluded: optional(subtrees) }),
  ({ permitted, excluded }) => {
    const value = { permitted: listed(permitted), excluded: listed(excluded) };
    if (value.permitted.length + value.excluded.length === 0) return { issue: 'expected a permitted or an excluded subtree, found none' };
    const issue = emptySubtree(value);
    return issue === undefined ? { value } : { issue };
  },
);

type Subtrees = { readonly [Kind in NameKind]?: readonly GeneralName[] | undefined };

function listed({ dns = [], uri = [], email = [], ip = [] }: Subtrees = {}): readonly GeneralName[] {
  return [...dns, ...uri, ...email, ...ip];
}
