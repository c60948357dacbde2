/** Takes the answer that somebody carried back into the node directory, after the same checks as a server's reply. */
import { equalBytes } from '../core/encoding.ts';
import { JoineryError } from '../core/errors.ts';
import type { Digest } from '../core/digest.ts';
import type { JoinReply } from '../core/join/messages.ts';
import { identityLayout } from '../core/join/node-directory.ts';
import { readAnswerFile, spkiOf } from '../core/join/offline.ts';
import { nodeLayout } from '../core/onboarding/layout.ts';
import type { Purpose } from '../core/trust/purpose.ts';
import { installIdentity, type InstalledIdentity, type InstallWorld } from './install-identity.ts';
import { type NodeIdentity, readNodeIdentity } from './node-identity.ts';
import { readOnboarding, writeOnboarding } from './node-settings.ts';
import { pendingKey } from './pending-key.ts';

export interface OfflineAnswer {
  /** Names the file. */
  readonly what: string;
  readonly bytes: Uint8Array;
}

export interface InstallOffline {
  /** Of the node, absolute. */
  readonly directory: string;
  /** All that lie on the stick; the one for the key of this node is taken. */
  readonly answers: readonly OfflineAnswer[];
  /** Of the first manifests, for a node that no package has set up. */
  readonly firstDigests: Partial<Record<Purpose, Digest>>;
  /** Where such a node will renew. */
  readonly urls: readonly string[];
}

export type InstalledOffline =
  | ({ readonly state: 'installed' } & InstalledIdentity)
  /** The identity in use is that of the answer: an earlier run has installed it. */
  | { readonly state: 'already-installed'; readonly identity: NodeIdentity };

/**
 * @throws ERR_NODE_NOT_JOINED without a request of this node, ERR_REPLY_KEY without an answer for its key, and what
 * {@link installIdentity} throws. After a refusal the identity is as it was.
 */
export async function installOffline(world: InstallWorld, input: InstallOffline): Promise<InstalledOffline> {
  const { directory, answers, firstDigests, urls } = input;
  const onboarding = await readOnboarding(world, directory);
  if ((await world.files.stat(identityLayout(directory).pendingKey)) === undefined) return installedBefore(world, input);
  const pending = await pendingKey(world, directory, 'join');
  const reply = answerFor(answers, pending.key.spki);
  const environment = onboarding && { environment_name: onboarding.environment.name, environment_domain: onboarding.environment.domain };
  const installed = await installIdentity(world, {
    directory,
    operation: 'install',
    reply,
    key: { spki: pending.key.spki, pem: pending.pem },
    expected: { cluster: onboarding?.cluster, role: onboarding?.role, node: onboarding?.node },
    firstDigests,
    environment,
    tokenFile: onboarding && nodeLayout(onboarding).token,
  });
  if (urls.length > 0) await writeOnboarding(world, directory, { reply, urls, node: onboarding?.node });
  return { state: 'installed', ...installed };
}

/** Without a pending key: either nothing was asked, or all is done. */
async function installedBefore(world: InstallWorld, { directory, answers }: InstallOffline): Promise<InstalledOffline> {
  const identity = await readNodeIdentity(world, directory);
  if (identity === undefined) {
    throw new JoineryError('ERR_NODE_NOT_JOINED', `${directory}: expected the key of a request, found none`, {
      hint: 'joinery node request makes one; an answer is for the key that asked',
    });
  }
  answerFor(answers, identity.certificate.spki);
  return { state: 'already-installed', identity };
}

/** What cannot be read among the files of a stick is no answer to anybody; alone, it is what there is to say. */
function answerFor(answers: readonly OfflineAnswer[], spki: Uint8Array): JoinReply {
  const failures: JoineryError[] = [];
  const replies = answers.flatMap(({ what, bytes }) => {
    try {
      const reply = readAnswerFile(bytes, what);
      return [{ reply, spki: spkiOf(reply, what) }];
    } catch (error) {
      // Reading throws nothing else.
      failures.push(error as JoineryError);
      return [];
    }
  });
  // The last one: the same key is answered with the same certificate.
  const found = replies.findLast((answer) => equalBytes(answer.spki, spki));
  if (found !== undefined) return found.reply;
  const [failure] = failures;
  if (failure !== undefined) throw failure;
  throw new JoineryError('ERR_REPLY_KEY', `answers: expected one for the key of this node, found ${answers.length} for other keys`, {
    hint: 'an answer is for the key that asked: was the request made again after it was carried away?',
  });
}
