/** What the self-test is run with: the adapters that the other commands use, and checks of this machine. */
import { certificateReadBack } from '../adapters/certificate-read-back.ts';
import { monotonicReadings, tryMemoryDatabase, withTlsServer } from '../adapters/environment-checks.ts';
import { openAge } from '../adapters/age.ts';
import { openJwe, verifyJws } from '../adapters/jose.ts';
import { pinnedTls } from '../adapters/pinned-tls.ts';
import { portableKeys } from '../adapters/portable-keys.ts';
import { systemRandom } from '../adapters/random.ts';
import { rawPrimitives } from '../adapters/raw-primitives.ts';
import { secretSharing } from '../adapters/shamir.ts';
import { verifySignature } from '../adapters/signatures.ts';
import type { EnvironmentCheck } from '../app/run-selftest.ts';
import { equalBytes, toPem } from '../core/encoding.ts';
import type { Keychain, PortableKey } from '../core/key-ports.ts';
import type { Clock } from '../core/ports.ts';
import { Secret } from '../core/secret.ts';
import type { SelftestTools } from '../core/selftest/known-answer.ts';
import { formatInstant, type Instant, parseInstant, plus } from '../core/time.ts';
import { checkPinnedChain } from '../core/token/pin.ts';
import { type Certificate, parseCertificate } from '../core/x509/certificate.ts';
import { issueCertificate } from '../core/x509/issue.ts';
import { writeName } from '../core/x509/name-text.ts';
import { caTemplate, LEAF_PROFILES, leafTemplate, newSerialNumber } from '../core/x509/template.ts';

export const selftestTools: SelftestTools = {
  verifySignature,
  verifyJws,
  primitives: rawPrimitives,
  openJwe,
  openAge,
  sharing: secretSharing,
  openKey: async (pem, passphrase) => (await portableKeys.open(pem, 'key', () => Promise.resolve(new Secret(passphrase)))).spki,
};

/** @throws an error that the report shows */
function expectThat(holds: boolean, expected: string): void {
  if (!holds) throw new Error(`expected ${expected}, found something else`);
}

export function environmentChecks(clock: Clock, openKeychain: () => Promise<Keychain>): readonly EnvironmentCheck[] {
  return [
    { id: 'random', what: 'the random number generator gives new octets', informational: false, run: tryRandom },
    {
      id: 'clock',
      what: 'the clock tells a time of this age, and the monotonic clock never goes back',
      informational: false,
      run: () => tryClocks(clock),
    },
    { id: 'sqlite', what: 'SQLite writes and reads', informational: false, run: tryMemoryDatabase },
    {
      id: 'tls',
      what: 'a TLS 1.3 handshake on the loopback address, with the right pin and with a wrong one',
      informational: false,
      run: () => tryTls(clock),
    },
    {
      id: 'keychain',
      // Not asked for anything: it could ask the person to unlock it.
      what: 'a library for the keychain of the operating system can be loaded (optional)',
      informational: true,
      run: async () => (await openKeychain()).library,
    },
  ];
}

const DRAWS = 64;
const DRAW_OCTETS = 32;

/** A generator that is stuck, or repeats itself: more is for those who make it (NIST SP 800-90B). */
function tryRandom(): string {
  const draws = Array.from({ length: DRAWS }, () => Buffer.from(systemRandom.bytes(DRAW_OCTETS)).toString('hex'));
  expectThat(new Set(draws).size === DRAWS, 'different octets in every draw');
  const octets = new Set(draws.join('').match(/../g));
  expectThat(octets.size > 200, 'octets of nearly all values');
  return `${DRAWS * DRAW_OCTETS} octets`;
}

/** When this was written: a clock before it is wrong. */
const EARLIEST = parseInstant('2026-11-01T00:00:00Z') as Instant;

function tryClocks(clock: Clock): string {
  const now = clock.now();
  expectThat(now >= EARLIEST, `a time after ${formatInstant(EARLIEST)}`);
  const readings = monotonicReadings(1000);
  expectThat(
    readings.every((reading, index) => index === 0 || reading >= (readings[index - 1] as number)),
    'a monotonic clock',
  );
  return formatInstant(now);
}

interface Issued {
  readonly key: PortableKey;
  readonly certificate: Certificate;
}

/** A root and a certificate for 127.0.0.1 below it, made here and forgotten. */
async function issue(now: Instant, issuer?: Issued): Promise<Issued> {
  const key = portableKeys.generate('p256');
  const validity = { notBefore: plus(now, -60), notAfter: plus(now, 3600) };
  const request = {
    subject: writeName([['CN', issuer === undefined ? 'joinery selftest root' : 'joinery selftest']]),
    spki: key.spki,
    validity,
    serialNumber: newSerialNumber(systemRandom),
    signer: 'p256' as const,
  };
  const names = [{ kind: 'ip', bytes: Uint8Array.of(127, 0, 0, 1) }] as const;
  const template =
    issuer === undefined
      ? caTemplate(request)
      : leafTemplate({ ...request, issuer: issuer.certificate, profile: LEAF_PROFILES.server, names });
  const signing = (issuer?.key ?? key).signing();
  const certificates = certificateReadBack;
  return {
    key,
    certificate: await issueCertificate({ template, issuer: issuer?.certificate, key: signing, certificates, verifySignature }),
  };
}

/** The first contact of a node with its server: look, find the pinned authority, prove. */
async function tryTls(clock: Clock): Promise<string> {
  const now = clock.now();
  const root = await issue(now);
  const leaf = await issue(now, root);
  const stranger = await issue(now);
  const cert = [leaf, root].map(({ certificate }) => toPem('CERTIFICATE', certificate.der)).join('');
  return withTlsServer({ key: await leaf.key.toPem(undefined), cert }, async (port) => {
    const server = { host: '127.0.0.1', port, name: '127.0.0.1' };
    const shown = (await pinnedTls.presentedChain(server)).map((der) => parseCertificate(der)) as [Certificate, ...Certificate[]];
    const identity = { kind: 'ip', bytes: Uint8Array.of(127, 0, 0, 1) } as const;
    const chain = { certificates: shown, at: clock.now(), identity, verifySignature };
    const { anchor } = checkPinnedChain(chain, { kind: 'key', pins: [root.certificate.pin] });
    const [proven] = (await pinnedTls.provenChain(server, [anchor.der])) as [Uint8Array];
    expectThat(equalBytes(proven, leaf.certificate.der), 'the certificate of the server');
    expectThat(
      await isRefused(() => checkPinnedChain(chain, { kind: 'key', pins: [stranger.certificate.pin] })),
      'a wrong pin to be refused',
    );
    expectThat(await isRefused(() => pinnedTls.provenChain(server, [stranger.certificate.der])), 'a wrong authority to be refused');
    return 'TLS 1.3';
  });
}

async function isRefused(attempt: () => unknown): Promise<boolean> {
  try {
    await attempt();
    return false;
  } catch {
    // Whatever is said against it: it is refused.
    return true;
  }
}
