/** The closed table of audit events (FORMATS 7). `docs/reference/audit-events.md` is generated from it. */
export const AUDIT_EVENTS = {
  'realm.create': 'a realm was created',
  'realm.backup': 'a backup of the realm was written',
  'realm.restore': 'the realm was restored from a backup',
  'realm.upgrade': 'the state of the realm was upgraded to a newer format',
  'audit.checkpoint': 'a checkpoint of the audit log was signed',
  'ca.create': 'a certificate authority was created',
  'token.key': 'a token signing key was created',
  'token.mint': 'a join token was minted',
  'bootstrap_trust.signer': 'a signer of trust manifests was created',
  'bootstrap_trust.publish': 'a trust bundle version was published',
  'bootstrap_trust.activate': 'a trust bundle version was activated',
} as const satisfies Record<string, string>;

export type AuditEventName = keyof typeof AUDIT_EVENTS;
