/** How much user-data a platform takes, from the vendors' documentation, counted as each counts it. */
interface UserDataLimit {
  readonly target: string;
  readonly bytes: number;
  /** What is counted: the text itself, or its base64. */
  readonly counts: 'raw' | 'base64';
}

const USER_DATA_LIMITS: readonly UserDataLimit[] = [
  { target: 'ec2', bytes: 16384, counts: 'raw' },
  { target: 'openstack', bytes: 65535, counts: 'base64' },
  { target: 'azure', bytes: 65535, counts: 'raw' },
  { target: 'gcp', bytes: 262144, counts: 'raw' },
  { target: 'vsphere', bytes: 524288, counts: 'base64' },
];

export interface UserDataSize {
  readonly raw: number;
  readonly base64: number;
  /** Platforms that would refuse it. */
  readonly tooLargeFor: readonly string[];
}

/** @param raw bytes of user-data. */
export function userDataSize(raw: number): UserDataSize {
  const base64 = Math.ceil(raw / 3) * 4;
  const tooLarge = USER_DATA_LIMITS.filter(({ bytes, counts }) => (counts === 'raw' ? raw : base64) > bytes);
  return { raw, base64, tooLargeFor: tooLarge.map(({ target }) => target) };
}

/** The size in a sentence: which platforms would refuse the text as it is is a note, because nobody said yet where it goes. */
export function describeSize({ raw, base64, tooLargeFor }: UserDataSize): string {
  const size = `${raw} bytes, ${base64} in base64`;
  return tooLargeFor.length === 0 ? size : `${size}; over the limit of ${tooLargeFor.join(', ')} unless compressed (gzip -n9)`;
}
