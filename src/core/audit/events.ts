/** The closed table of audit events (FORMATS 7). `docs/reference/audit-events.md` is generated from it. */
export const AUDIT_EVENTS = {
  'realm.create': 'a realm was created',
  'realm.backup': 'a backup of the realm was written',
  'realm.restore': 'the realm was restored from a backup',
  'realm.upgrade': 'the state of the realm was upgraded to a newer format',
  'audit.key': 'the key that signs checkpoints of the audit log was created',
  'audit.checkpoint': 'a checkpoint of the audit log was signed',
  'ca.create': 'a certificate authority was created',
  'token.key': 'a token signing key was created',
  'token.key_activate': 'a token signing key became the one that signs',
  'token.mint': 'a join token was minted',
  'token.use': 'a join token was used by a node',
  'token.revoke': 'a join token, or every earlier token of a node, was revoked',
  'token.collect': 'records of expired join tokens were removed',
  'bootstrap_trust.signer': 'a signer of trust manifests was created',
  'bootstrap_trust.publish': 'a trust bundle version was published',
  'bootstrap_trust.activate': 'a trust bundle version was activated',
  'bootstrap_trust.rollback': 'a trust bundle version with the content of an earlier one was published',
  'bootstrap_trust.retire': 'a trust bundle version without the anchors that were phasing out was published',
  'package.render': 'an onboarding package was rendered',
} as const satisfies Record<string, string>;

export type AuditEventName = keyof typeof AUDIT_EVENTS;
