/** What a server forgets by itself: nobody runs `token gc` and `enrollment gc` beside one that is never looked at. */
import { collectEnrollments } from '../app/collect-enrollments.ts';
import { collectTokens } from '../app/collect-tokens.ts';
import type { Realm } from '../app/realm.ts';
import type { Logger } from '../core/telemetry.ts';

/** @throws ERR_CLOCK_BEHIND, ERR_STORE_CONFLICT where somebody else collects, too: what was removed before is removed */
export async function collectJob(realm: Realm, logger: Logger): Promise<void> {
  const tokens = await collectTokens(realm);
  const { certificates, evidence } = await collectEnrollments(realm);
  const removed = { tokens: tokens.removed, certificates: certificates.removed, evidence: evidence.removed };
  if (Object.values(removed).some((count) => count > 0)) logger.log('info', 'records that ended were removed', removed);
}
