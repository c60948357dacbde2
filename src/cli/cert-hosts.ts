/** Which hosts `cert issue` is for: one, a series, or a file. */
import { decodeUtf8 } from '../core/encoding.ts';
import { JoineryError } from '../core/errors.ts';
import { parseName } from '../core/names.ts';
import type { Files } from '../core/ports.ts';
import { type Host, MAX_HOSTS, parseHosts } from '../core/x509/hosts.ts';
import { alternativeNames } from './cert-flags.ts';
import { nameOfInput, readInput } from './input.ts';

const MAX_HOSTS_BYTES = 64 * 1024 * 1024;

export interface HostFlags {
  readonly dns: readonly string[];
  readonly ip: readonly string[];
  readonly uri: readonly string[];
  readonly email: readonly string[];
  readonly count?: number | undefined;
  readonly from?: string | undefined;
  readonly 'from-format'?: 'csv' | 'jsonl' | undefined;
}

/**
 * With `--count` every `{n}` in the name and in the names is the number of the certificate, from 1.
 * @throws ERR_USAGE, ERR_CERTIFICATE_HOSTS, ERR_CERTIFICATE_NAME
 */
export async function hostsOf(files: Pick<Files, 'read'>, name: string | undefined, flags: HostFlags): Promise<readonly Host[]> {
  if (flags.from !== undefined) return hostFile(files, flags.from, flags, name);
  if (name === undefined)
    throw new JoineryError('ERR_USAGE', 'NAME: expected the name of the certificate, or --from with a list of hosts, found neither');
  const { count } = flags;
  if (count === undefined) return [{ name: parseName(name, 'NAME'), names: alternativeNames(flags) }];
  if (!name.includes('{n}')) throw new JoineryError('ERR_USAGE', 'NAME: expected {n} in the name with --count, as in node-{n}, found none');
  return Array.from({ length: count }, (_, index) => numbered(name, flags, index + 1));
}

function numbered(name: string, flags: HostFlags, n: number): Host {
  const fill = (text: string): string => text.replaceAll('{n}', String(n));
  const [dns, ip, uri, email] = [flags.dns, flags.ip, flags.uri, flags.email].map((texts) => texts.map(fill)) as [
    string[],
    string[],
    string[],
    string[],
  ];
  return { name: parseName(fill(name), 'NAME'), names: alternativeNames({ dns, ip, uri, email }) };
}

async function hostFile(files: Pick<Files, 'read'>, path: string, flags: HostFlags, name: string | undefined): Promise<readonly Host[]> {
  const given = [flags.dns, flags.ip, flags.uri, flags.email].some((texts) => texts.length > 0);
  if (given || name !== undefined)
    throw new JoineryError('ERR_USAGE', '--from: expected names in the file only, found some on the command line too');
  const format = flags['from-format'] ?? (/\.(?:jsonl|ndjson)$/i.test(path) ? 'jsonl' : 'csv');
  return parseHosts(decodeUtf8(await readInput(files, path, MAX_HOSTS_BYTES), path), format, nameOfInput(path));
}

export const MOST_HOSTS = MAX_HOSTS;
