/** The adapters of this machine that need no realm and no flags: the same for a command and for a server. */
import { certificateReadBack } from '../adapters/certificate-read-back.ts';
import { systemClock } from '../adapters/clock.ts';
import { systemFiles } from '../adapters/files.ts';
import { verifyJws } from '../adapters/jose.ts';
import { systemRandom } from '../adapters/random.ts';
import { verifySignature } from '../adapters/signatures.ts';

export const systemWorld = {
  files: systemFiles,
  clock: systemClock,
  random: systemRandom,
  verifySignature,
  certificates: certificateReadBack,
  verifyJws,
};
