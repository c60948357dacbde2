/** What commands about shared cluster certificates need beside a realm. Libraries load when they are first used. */
import { openJwe, sealJwe } from '../adapters/jose.ts';
import { portableKeys } from '../adapters/portable-keys.ts';
import type { ClusterWorld } from '../app/cluster-answers.ts';
import type { MemberWorld } from '../app/unseal-answer.ts';
import type { StageDirectory } from '../core/ports.ts';
import type { World } from './context.ts';

const stageDirectory: StageDirectory = async (path, files) => (await import('../adapters/staged-directory.ts')).stageDirectory(path, files);

export function clusterWorld(): ClusterWorld {
  return { sealJwe, stageDirectory };
}

export function memberWorld({ files, clock, verifyJws, verifySignature }: World): MemberWorld {
  return { files, clock, verifyJws, verifySignature, openJwe, portableKeys, stageDirectory };
}
