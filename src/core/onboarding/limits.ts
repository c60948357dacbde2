/** How much user-data a platform takes, from the vendors' documentation, counted as each counts it. */
import { JoineryError } from '../errors.ts';
import { type FormatName, takesGzip } from './formats/table.ts';

/** @returns what gzip packed, at most so many bytes. @throws ERR_PACKAGE_MALFORMED */
export type Gunzip = (bytes: Uint8Array, maxBytes: number) => Uint8Array;

export const TARGETS = ['ec2', 'gcp', 'azure', 'openstack', 'vsphere', 'maas', 'nocloud'] as const;
export type Target = (typeof TARGETS)[number];

interface UserDataLimit {
  readonly bytes: number;
  /** What is counted: the text itself, or its base64. */
  readonly counts: 'raw' | 'base64';
}

/** Of MAAS and NoCloud no limit is documented. */
const USER_DATA_LIMITS: Readonly<Partial<Record<Target, UserDataLimit>>> = {
  ec2: { bytes: 16384, counts: 'raw' },
  openstack: { bytes: 65535, counts: 'base64' },
  azure: { bytes: 65535, counts: 'raw' },
  gcp: { bytes: 262144, counts: 'raw' },
  vsphere: { bytes: 524288, counts: 'base64' },
};

export interface UserDataSize {
  readonly raw: number;
  readonly base64: number;
  /** Compressed, where the platform's cloud-init would unpack it. */
  readonly gzip?: number;
  /** Platforms that would refuse it as it is. */
  readonly tooLargeFor: readonly Target[];
  /** Of these, the ones that would take it compressed. */
  readonly fitsCompressed: readonly Target[];
}

function inBase64(raw: number): number {
  return Math.ceil(raw / 3) * 4;
}

/** @param raw bytes, compressed or not. */
export function fits(target: Target, raw: number): boolean {
  const limit = USER_DATA_LIMITS[target];
  return limit === undefined || (limit.counts === 'raw' ? raw : inBase64(raw)) <= limit.bytes;
}

/** @param raw bytes of user-data. @param gzip bytes when compressed, where that is of use. */
export function userDataSize(raw: number, gzip?: number): UserDataSize {
  const tooLargeFor = TARGETS.filter((target) => !fits(target, raw));
  const fitsCompressed = gzip === undefined ? [] : tooLargeFor.filter((target) => fits(target, gzip));
  return { raw, base64: inBase64(raw), ...(gzip !== undefined && { gzip }), tooLargeFor, fitsCompressed };
}

/** The size in a sentence: which platforms would refuse the text as it is is a note where nobody said where it goes. */
export function describeSize({ raw, base64, gzip, tooLargeFor, fitsCompressed }: UserDataSize): string {
  const compressed = gzip === undefined ? '' : `, ${gzip} compressed`;
  const size = `${raw} bytes, ${base64} in base64${compressed}`;
  if (tooLargeFor.length === 0) return size;
  const remedy = fitsCompressed.length === 0 ? '' : ` (--target ${fitsCompressed.join(' or ')} compresses it)`;
  return `${size}; over the limit of ${tooLargeFor.join(', ')}${remedy}`;
}

/**
 * How user-data goes to a platform.
 * @returns true when it has to be compressed.
 * @throws ERR_PACKAGE_SIZE
 */
export function compressFor(target: Target, format: FormatName, size: UserDataSize): boolean {
  if (!size.tooLargeFor.includes(target)) return false;
  if (takesGzip(format) && size.fitsCompressed.includes(target)) return true;
  const { bytes, counts } = USER_DATA_LIMITS[target] as UserDataLimit;
  const found = `${counts === 'raw' ? size.raw : size.base64}${size.gzip === undefined ? '' : ` (compressed ${size.gzip})`}`;
  const unit = counts === 'raw' ? 'bytes' : 'bytes of base64';
  throw new JoineryError('ERR_PACKAGE_SIZE', `--target ${target}: expected at most ${bytes} ${unit} of user-data, found ${found}`, {
    hint: 'give --trust url, --agent none, or fewer seed peers; or boot with nocloud-iso',
    details: { target, limit: bytes, raw: size.raw, base64: size.base64, gzip: size.gzip },
  });
}
